"""Access for the systems of partner departments: which client gets which token."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from loaders import partner_token as load
from models.account import ConsentPurpose, PartnerClient
from models.base import new_id
from runtime.bearer import claims_of
from runtime.oauth import TOKEN_PATH, Asked, Denied, Issued, UnknownClient
from runtime.process import Process
from runtime.rights import Role
from runtime.secret import HASHER, hashed, matches
from runtime.tokens import InvalidToken, public_keys, verified
from runtime.transaction import Transaction, transaction
from runtime.viewer import Viewer

NOBODYS_HASH = HASHER.hash(secrets.token_urlsafe())
"""What is compared with where there is no such client: it takes as long as the others."""
ASSERTION_SECONDS = 600
"""How far ahead an assertion may end: so long it must be remembered."""
JTI_LIMIT = 100
PURPOSE, DISTRICT = "purpose:", "district:"


async def issue(process: Process, asked: Asked) -> Issued:
    """A token, or Denied."""
    async with transaction(process) as tx:
        client = await tx.find(load.partner_client(asked.client_id))
    if asked.assertion is None:
        proved = await knows_secret(client, asked.secret or "")
    else:
        proved = await signed(process, client, asked.assertion)
    if client is None or not proved or client.revoked_at is not None:
        raise UnknownClient
    minutes = process.settings.access_minutes
    expires_at = tx.now + timedelta(minutes=minutes)
    if client.expires_at is not None:
        expires_at = min(expires_at, client.expires_at)
    if expires_at <= tx.now:
        raise UnknownClient
    viewer = narrowed(client, (asked.scope or "").split())
    return Issued(
        process.keys.sign(minutes, **claims_of(viewer), exp=int(expires_at.timestamp())),
        int((expires_at - tx.now).total_seconds()),
        " ".join(scopes(viewer.purposes, viewer.districts)),
    )


async def knows_secret(client: PartnerClient | None, secret: str) -> bool:
    kept = client.secret_hash if client is not None else None
    return await matches(kept or NOBODYS_HASH, secret) and kept is not None


async def signed(process: Process, client: PartnerClient | None, assertion: str) -> bool:
    """Whether the client made the assertion (RFC 7523), for us, and has not shown it before."""
    if client is None or client.public_keys is None:
        return False
    issuer, leeway = process.settings.issuer, process.settings.clock_skew_seconds
    try:
        claims = verified(
            assertion,
            public_keys(client.public_keys),
            leeway=leeway,
            iss={"essential": True, "value": client.id},
            sub={"essential": True, "value": client.id},
            aud={"essential": True, "values": [issuer, issuer + TOKEN_PATH]},
            jti={"essential": True},
        )
    except InvalidToken:
        return False
    async with transaction(process) as tx:
        ends_in = claims["exp"] - tx.now.timestamp()
        if ends_in > ASSERTION_SECONDS + leeway or len(claims["jti"]) > JTI_LIMIT:
            told = f"An assertion ends within {ASSERTION_SECONDS} seconds, its jti has at most"
            raise Denied("invalid_client", f"{told} {JTI_LIMIT} characters.", 401)
        await tx.change(load.forget_assertions(client.id, tx.now))
        until = tx.now + timedelta(seconds=ends_in + leeway)
        if await tx.value(load.spend_assertion(client.id, claims["jti"], until)) is None:
            raise Denied("invalid_client", "The assertion was shown before: make a new one.", 401)
    return True


def narrowed(client: PartnerClient, wanted: list[str]) -> Viewer:
    """All that the client has, or of its purposes and of its districts those it asks for."""
    granted = scopes(client.purposes, client.district_ids)
    if beyond := sorted(set(wanted) - set(granted)):
        raise Denied("invalid_scope", f"The client was not granted {' '.join(beyond)}.")

    purposes = [one.removeprefix(PURPOSE) for one in wanted if one.startswith(PURPOSE)]
    districts = ["dt_" + one.removeprefix(DISTRICT) for one in wanted if one.startswith(DISTRICT)]
    return Viewer(
        Role.PARTNER,
        client.id,
        districts=tuple(districts or client.district_ids),
        purposes=tuple(purposes or client.purposes),
    )


def scopes(purposes: Iterable[str], districts: Iterable[str]) -> list[str]:
    """Purposes by name and districts by LGD code: `purpose:JOB_MATCHING district:162`."""
    return [
        *(PURPOSE + purpose for purpose in purposes),
        *(DISTRICT + id.removeprefix("dt_") for id in districts),
    ]


@dataclass(frozen=True)
class Registered:
    client_id: str
    secret: str | None
    """Told once: only its hash is kept. None for a client that signs."""


async def register_client(
    tx: Transaction,
    name: str,
    purposes: Sequence[ConsentPurpose],
    district_ids: Sequence[str],
    days: int,
    keys: dict[str, Any] | None,
) -> Registered:
    """With `keys`, a JWK set of public keys, the client signs; otherwise it gets a secret."""
    secret = None if keys else secrets.token_urlsafe(32)
    client = PartnerClient(
        id=new_id(PartnerClient.prefix),
        name=name,
        secret_hash=await hashed(secret) if secret else None,
        public_keys=public_keys(keys).as_dict() if keys else None,
        purposes=sorted(set(purposes)),
        district_ids=sorted(set(district_ids)),
        expires_at=tx.now + timedelta(days=days),
    )
    await tx.add(client)
    return Registered(client.id, secret)


async def revoke_client(tx: Transaction, client_id: str) -> None:
    """Once and for all. Tokens that are out stop within seconds; see runtime/partner.py."""
    client = await tx.the(load.partner_client_to_change(client_id), "client_id")
    client.revoked_at = client.revoked_at or tx.now
