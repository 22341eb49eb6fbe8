"""Who a request is from: the viewer that its bearer token speaks for."""

from typing import Any

from sqlalchemy import ARRAY, Text, column, select, table

from runtime.database import Tally
from runtime.faults import Unauthenticated
from runtime.process import Process
from runtime.rights import Role
from runtime.tokens import InvalidToken, issuer_of
from runtime.viewer import Viewer

DEMO = "demo:"
"""Tokens of demo accounts start so: they are no secret."""

# Named here rather than imported: the table belongs to a domain, the question to every request.
DEMO_ACCOUNT = table(
    "demo_account",
    column("name", Text),
    column("role", Text),
    column("person_id", Text),
    column("district_ids", ARRAY(Text)),
    column("provider_id", Text),
    column("department_id", Text),
    column("purposes", ARRAY(Text)),
)


async def viewer_of(authorization: str | None, process: Process) -> Viewer:
    """Anonymous without a token. Raises Unauthenticated for one that proves nothing: a client
    that believes it is signed in must not be answered as if it were not. Raises what `is_outage`
    knows where that cannot be told now."""
    if authorization is None:
        return Viewer()
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send `Authorization: Bearer` and a token, or nothing.")
    if token.startswith(DEMO) and process.settings.development:
        return await demo_viewer(token.removeprefix(DEMO), process)
    issuer, officials = issuer_of(token), process.officials
    try:
        if issuer == process.settings.issuer:
            viewer = viewer_from(process.keys.claims(token))
            if viewer.role is Role.PARTNER:
                return await process.partners.viewer(viewer)
            return viewer
        if officials is not None and issuer == officials.issuer:
            return await officials.viewer(token)
    except InvalidToken as error:
        raise Unauthenticated(str(error)) from None
    raise Unauthenticated("The token is from nobody we know.")


def claims_of(viewer: Viewer) -> dict[str, Any]:
    """What our own tokens say of a viewer; what does not apply is left out."""
    said = {
        "sub": viewer.id,
        "role": viewer.role.value,
        "sid": viewer.session_id,
        "districts": list(viewer.districts),
        "provider": viewer.provider_id,
        "department": viewer.department_id,
        "purposes": list(viewer.purposes),
        "client_id": viewer.id if viewer.role is Role.PARTNER else None,
    }
    return {name: value for name, value in said.items() if value}


def viewer_from(claims: dict[str, Any]) -> Viewer:
    return Viewer(
        role=Role(claims["role"]),
        id=claims["sub"],
        districts=tuple(claims.get("districts", ())),
        provider_id=claims.get("provider"),
        department_id=claims.get("department"),
        purposes=tuple(claims.get("purposes", ())),
        session_id=claims.get("sid"),
    )


async def demo_viewer(name: str, process: Process) -> Viewer:
    found = await process.database.rows(
        select(DEMO_ACCOUNT).where(DEMO_ACCOUNT.c.name == name), {}, Tally()
    )
    if not found:
        raise Unauthenticated("There is no demo account of this name.")
    (account,) = found
    return Viewer(
        role=Role(account.role),
        id=account.person_id,
        districts=tuple(account.district_ids),
        provider_id=account.provider_id,
        department_id=account.department_id,
        purposes=tuple(account.purposes),
    )
