"""Access for the systems of partner departments: which client gets which token."""

from collections.abc import Iterable
from datetime import date, timedelta

from loaders import partner as load
from models.partner import PartnerClient
from runtime import clock
from runtime.bearer import claims_of
from runtime.contract import VERSIONS, is_served, newest
from runtime.geography import day_of
from runtime.oauth import TOKEN_PATH, Asked, Denied, Issued, UnknownClient
from runtime.process import Process
from runtime.rights import Role
from runtime.secret import NOBODYS_HASH, matches
from runtime.tokens import InvalidToken, public_keys, verified
from runtime.transaction import transaction
from runtime.viewer import Viewer

ASSERTION_SECONDS = 600
"""How far ahead an assertion may end: so long it must be remembered."""
JTI_LIMIT = 100
PURPOSE, DISTRICT, CONTRACT = "purpose:", "district:", "contract:"


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
    if client.suspended_at is not None:
        raise Denied("access_denied", f"The client is suspended: {client.reason}", 403)
    minutes = process.settings.access_minutes
    expires_at = tx.now + timedelta(minutes=minutes)
    if client.expires_at is not None:
        expires_at = min(expires_at, client.expires_at)
    if expires_at <= tx.now:
        raise UnknownClient
    viewer = narrowed(client, (asked.scope or "").split(), day_of(tx.now))
    return Issued(
        process.keys.sign(minutes, **claims_of(viewer), exp=int(expires_at.timestamp())),
        int((expires_at - tx.now).total_seconds()),
        " ".join([*scopes(viewer.purposes, viewer.districts), CONTRACT + (viewer.contract or "")]),
    )


async def knows_secret(client: PartnerClient | None, secret: str) -> bool:
    kept = client.secret_hash if client is not None else None
    if await matches(kept or NOBODYS_HASH, secret):
        return kept is not None
    if client is None or client.previous_secret_until is None:
        return False
    former = client.previous_secret_hash or NOBODYS_HASH
    return client.previous_secret_until > clock.now() and await matches(former, secret)


async def signed(process: Process, client: PartnerClient | None, assertion: str) -> bool:
    """Whether the client made the assertion (RFC 7523), for us, and has not shown it before."""
    if client is None or client.public_keys is None:
        return False
    issuer, leeway = process.settings.address, process.settings.clock_skew_seconds
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


def narrowed(client: PartnerClient, wanted: list[str], today: date) -> Viewer:
    """All that the client has, or of its purposes and of its districts those it asks for; in the
    version of its contract, or in the one that it asks for."""
    versions = [one.removeprefix(CONTRACT) for one in wanted if one.startswith(CONTRACT)]
    granted = scopes(client.purposes, client.district_ids)
    if beyond := sorted({one for one in wanted if not one.startswith(CONTRACT)} - set(granted)):
        raise Denied("invalid_scope", f"The client was not granted {' '.join(beyond)}.")
    version = versions[0] if versions else client.contract_version or newest()
    if len(versions) > 1 or not is_served(version, today):
        there = " ".join(CONTRACT + known for known in VERSIONS if is_served(known, today))
        told = f"{CONTRACT}{version} is not served, or not the only one asked for."
        raise Denied("invalid_scope", f"{told} There is {there}.")
    purposes = [one.removeprefix(PURPOSE) for one in wanted if one.startswith(PURPOSE)]
    districts = ["dt_" + one.removeprefix(DISTRICT) for one in wanted if one.startswith(DISTRICT)]
    return Viewer(
        Role.PARTNER,
        client.id,
        districts=tuple(districts or client.district_ids),
        purposes=tuple(purposes or client.purposes),
        contract=version,
    )


def scopes(purposes: Iterable[str], districts: Iterable[str]) -> list[str]:
    """Purposes by name and districts by LGD code: `purpose:JOB_MATCHING district:162`."""
    return [
        *(PURPOSE + purpose for purpose in purposes),
        *(DISTRICT + id.removeprefix("dt_") for id in districts),
    ]
