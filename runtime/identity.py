"""Who a request is from: the viewer that its bearer token speaks for."""

from sqlalchemy import ARRAY, Text, bindparam, column, select, table

from runtime.faults import Unauthenticated
from runtime.process import Process
from runtime.reads import Tally, compiled
from runtime.rights import Role
from runtime.tokens import InvalidToken, issuer_of
from runtime.viewer import ANYONE, Viewer

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
BY_NAME = compiled(select(DEMO_ACCOUNT).where(DEMO_ACCOUNT.c.name == bindparam("name")))


async def viewer_of(authorization: str | None, process: Process) -> Viewer:
    """Anonymous without a token. Raises Unauthenticated for one that proves nothing: a client
    that believes it is signed in must not be answered as if it were not. Raises what `is_outage`
    knows where that cannot be told now."""
    if authorization is None:
        return ANYONE
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("Send `Authorization: Bearer` and a token, or nothing.")
    if token.startswith(DEMO) and process.settings.development:
        return await demo_viewer(token.removeprefix(DEMO), process)
    try:
        viewer = process.bearers.known(token) or await verified(token, process)
        if viewer.session_id in process.revoked:
            raise InvalidToken("You are signed out on this device. Sign in again.")
        if viewer.role is Role.PARTNER:
            return await process.partners.viewer(viewer)
        return viewer
    except InvalidToken as error:
        raise Unauthenticated(str(error)) from None


async def verified(token: str, process: Process) -> Viewer:
    """Whom the token speaks for, according to whoever signed it. Raises InvalidToken."""
    issuer, officials = issuer_of(token), process.officials
    if issuer == process.settings.address:
        return process.bearers.viewer(token)
    if officials is not None and issuer == officials.issuer:
        return await officials.viewer(token)
    raise InvalidToken("The token is from nobody we know.")


async def demo_viewer(name: str, process: Process) -> Viewer:
    found = await process.database.reads.fetch(BY_NAME, {"name": name}, Tally())
    if not found:
        raise Unauthenticated("There is no demo account of this name.")
    (account,) = found
    return Viewer(
        role=Role(account["role"]),
        id=account["person_id"],
        districts=tuple(account["district_ids"]),
        provider_id=account["provider_id"],
        department_id=account["department_id"],
        purposes=tuple(account["purposes"]),
    )
