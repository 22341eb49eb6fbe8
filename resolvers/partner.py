"""The systems of partner departments: which there are, what each may read and use up, and when
that ends. The state's office keeps them; the command line does the same."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import orjson

from loaders import partner as load
from models.account import ConsentPurpose
from models.base import new_id
from models.partner import AccessEnded, ContractEnds, PartnerClient, PartnerUsage, SignsItself
from runtime.contract import VERSIONS, is_served
from runtime.faults import BadInput, NotFound
from runtime.geography import day_of
from runtime.rights import PURPOSES
from runtime.secret import hashed
from runtime.tokens import public_keys
from runtime.transaction import Transaction
from runtime.words import Exact, Words, refuse_identity_numbers

NAME_LIMIT = 200
DAYS_LIMIT = 3 * 366
QUOTA_LIMIT = 10**9
OVERLAP_HOURS = 24
OVERLAP_LIMIT = 30 * 24
QUOTAS = ("points_per_minute", "points_per_day", "rows_per_minute", "rows_per_day")

Name = Annotated[Words, "Whose system it is, as auditors will read it."]
Contact = Annotated[
    Words, "Where those who run it are told of things: an office's address, never one person's."
]
PurposeList = Annotated[list[ConsentPurpose], "What it may use data for."]
DistrictCodes = Annotated[list[int], "The LGD codes of the districts whose people it may read."]
Days = Annotated[int, "For how many days from now; at most three years."]
ClientId = Annotated[str, "Which client."]
Why = Annotated[Words, "Why, for those who run it to read."]
Version = Annotated[str | None, "The version of its contract; the newest if left out."]
PointsPerMinute = Annotated[int | None, "Points it may use in a minute."]
PointsPerDay = Annotated[int | None, "Points it may use in a day."]
RowsPerMinute = Annotated[int | None, "Rows that may be read for it in a minute."]
RowsPerDay = Annotated[int | None, "Rows that may be read for it in a day."]


@dataclass(frozen=True)
class Registered:
    client_id: str
    secret: str | None
    """Told once: only its hash is kept. None for a client that signs."""


async def register_partner_client(
    tx: Transaction,
    *,
    name: Name,
    contact: Contact,
    purposes: PurposeList,
    district_codes: DistrictCodes,
    days: Days = 365,
    public_keys_json: Annotated[
        Exact | None, "A JWK set of its public keys, as JSON: it signs instead of having a secret."
    ] = None,
    contract_version: Version = None,
    points_per_minute: PointsPerMinute = None,
    points_per_day: PointsPerDay = None,
    rows_per_minute: RowsPerMinute = None,
    rows_per_day: RowsPerDay = None,
) -> Registered:
    """Refuses: ContractEnds."""
    keys = keys_in(public_keys_json)
    secret = None if keys else secrets.token_urlsafe(32)
    quotas = (points_per_minute, points_per_day, rows_per_minute, rows_per_day)
    client = PartnerClient(
        id=new_id(PartnerClient.prefix),
        name=name,
        contact=contact,
        secret_hash=await hashed(secret) if secret else None,
        public_keys=keys,
        purposes=known_purposes(purposes),
        district_ids=await districts(tx, district_codes),
        contract_version=served(tx, contract_version),
        expires_at=tx.now + timedelta(days=within(days, "days", DAYS_LIMIT)),
        **{
            name: at_least_one(name, value)
            for name, value in zip(QUOTAS, quotas, strict=True)
            if value is not None
        },
    )
    await tx.add(client)
    await tx.emit("PartnerClientRegistered", client.id)
    return Registered(client.id, secret)


async def change_partner_client(
    tx: Transaction,
    *,
    client_id: ClientId,
    name: Annotated[Words | None, "Whose system it is."] = None,
    contact: Annotated[Words | None, "Where those who run it are told of things."] = None,
    purposes: Annotated[list[ConsentPurpose] | None, "What it may use data for."] = None,
    district_codes: Annotated[list[int] | None, "The LGD codes of its districts."] = None,
    days: Annotated[int | None, "For how many days from now it goes on."] = None,
    contract_version: Annotated[str | None, "The version of its contract."] = None,
    points_per_minute: PointsPerMinute = None,
    points_per_day: PointsPerDay = None,
    rows_per_minute: RowsPerMinute = None,
    rows_per_day: RowsPerDay = None,
) -> str:
    """Refuses: AccessEnded, ContractEnds. What is left out stays. Tokens that are out lose at once
    what was taken away, and gain nothing."""
    client = await open_client(tx, client_id)
    if name is not None:
        client.name = name
    if contact is not None:
        client.contact = contact
    if purposes is not None:
        client.purposes = known_purposes(purposes)
    if district_codes is not None:
        client.district_ids = await districts(tx, district_codes)
    if days is not None:
        client.expires_at = tx.now + timedelta(days=within(days, "days", DAYS_LIMIT))
    if contract_version is not None:
        client.contract_version = served(tx, contract_version)
    quotas = (points_per_minute, points_per_day, rows_per_minute, rows_per_day)
    for quota, value in zip(QUOTAS, quotas, strict=True):
        if value is not None:
            setattr(client, quota, at_least_one(quota, value))
    await tx.emit("PartnerClientChanged", client.id)
    return client.id


async def rotate_partner_secret(
    tx: Transaction,
    *,
    client_id: ClientId,
    overlap_hours: Annotated[
        int, "For how many hours the secret it has goes on beside the new one; 0 after a leak."
    ] = OVERLAP_HOURS,
) -> Registered:
    """Refuses: AccessEnded, SignsItself."""
    client = await open_client(tx, client_id)
    if client.secret_hash is None:
        raise SignsItself
    if not 0 <= overlap_hours <= OVERLAP_LIMIT:
        told = f"`overlapHours` must be 0 to {OVERLAP_LIMIT}."
        raise BadInput(told, argument="overlapHours")
    secret = secrets.token_urlsafe(32)
    client.previous_secret_hash = client.secret_hash if overlap_hours else None
    client.previous_secret_until = (
        tx.now + timedelta(hours=overlap_hours) if overlap_hours else None
    )
    client.secret_hash = await hashed(secret)
    await tx.emit("PartnerSecretRotated", client.id)
    return Registered(client.id, secret)


async def suspend_partner_client(tx: Transaction, *, client_id: ClientId, reason: Why) -> str:
    """Refuses: AccessEnded. Tokens that are out stop within seconds; see runtime/partner.py."""
    client = await open_client(tx, client_id)
    client.suspended_at = client.suspended_at or tx.now
    client.reason = reason
    await tx.emit("PartnerClientSuspended", client.id)
    return client.id


async def resume_partner_client(tx: Transaction, *, client_id: ClientId) -> str:
    """Refuses: AccessEnded."""
    client = await open_client(tx, client_id)
    client.suspended_at = client.reason = None
    await tx.emit("PartnerClientResumed", client.id)
    return client.id


async def revoke_partner_client(tx: Transaction, *, client_id: ClientId, reason: Why) -> str:
    """Once and for all."""
    client = await tx.the(load.partner_client_to_change(client_id), "clientId")
    if client.revoked_at is None:
        client.revoked_at, client.reason = tx.now, reason
        await tx.emit("PartnerClientRevoked", client.id)
    return client.id


async def used_by(
    tx: Transaction, *, client_id: str, days: int
) -> tuple[PartnerClient, list[PartnerUsage]]:
    """For the command line: the latest day first."""
    client = await tx.the(load.partner_client(client_id), "clientId")
    return client, await tx.every(load.usage_since(client_id, tx.now - timedelta(days=days)))


async def open_client(tx: Transaction, client_id: str) -> PartnerClient:
    client = await tx.the(load.partner_client_to_change(client_id), "clientId")
    if client.revoked_at is not None:
        raise AccessEnded
    return client


def keys_in(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        keys = public_keys(orjson.loads(text))
    except (ValueError, KeyError, TypeError):
        keys = None
    if not keys:
        told = "`publicKeysJson` is not a JWK set that holds a public key."
        raise BadInput(told, argument="publicKeysJson")
    kept = dict(keys.as_dict())
    refuse_identity_numbers(orjson.dumps(kept).decode())
    return kept


def known_purposes(purposes: Sequence[ConsentPurpose]) -> list[str]:
    if not purposes or not set(purposes) <= PURPOSES:
        told = f"`purposes` must name at least one of {', '.join(sorted(PURPOSES))}, and no other."
        raise BadInput(told, argument="purposes")
    return sorted({str(purpose) for purpose in purposes})


async def districts(tx: Transaction, codes: Sequence[int]) -> list[str]:
    wanted = sorted(set(codes))
    found = await tx.every(load.districts_with_codes(wanted))
    if not wanted or len(found) < len(wanted):
        raise NotFound("districtCodes")
    return sorted(found)


def served(tx: Transaction, version: str | None) -> str | None:
    if version is not None and not is_served(version, day_of(tx.now)):
        raise ContractEnds(version=version, versions=", ".join(VERSIONS))
    return version


def within(value: int, name: str, most: int) -> int:
    if not 1 <= value <= most:
        raise BadInput(f"`{name}` must be 1 to {most}.", argument=name)
    return value


def at_least_one(name: str, value: int) -> int:
    first, *others = name.split("_")
    return within(value, first + "".join(map(str.capitalize, others)), QUOTA_LIMIT)


def contract_of(client: PartnerClient) -> str:
    return client.contract_version or max(VERSIONS)


def signs(client: PartnerClient) -> bool:
    return client.secret_hash is None
