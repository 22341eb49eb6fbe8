"""What a partner's client may do at this moment: less than its token says, if it lost some."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, DateTime, Text, bindparam, column, select, table

from runtime import clock
from runtime.database import Database
from runtime.reads import Tally, compiled
from runtime.rights import Role
from runtime.tokens import InvalidToken
from runtime.viewer import Viewer

KNOWN_SECONDS = 5
"""How long a revocation may take to reach every process."""

# Named here rather than imported: the table belongs to a domain, the question to every request.
CLIENT = table(
    "partner_client",
    column("id", Text),
    column("purposes", ARRAY(Text)),
    column("district_ids", ARRAY(Text)),
    column("contract_version", Text),
    column("points_per_minute", BigInteger),
    column("points_per_day", BigInteger),
    column("rows_per_minute", BigInteger),
    column("rows_per_day", BigInteger),
    column("expires_at", DateTime(timezone=True)),
    column("suspended_at", DateTime(timezone=True)),
    column("revoked_at", DateTime(timezone=True)),
)
BY_ID = compiled(select(CLIENT).where(CLIENT.c.id == bindparam("id")))


@dataclass(frozen=True)
class Quotas:
    """What a client may use up."""

    points_per_minute: int
    points_per_day: int
    rows_per_minute: int
    rows_per_day: int


@dataclass(frozen=True)
class Standing:
    """What was known of a client a moment ago."""

    known_at: float
    purposes: frozenset[str] = frozenset()
    districts: frozenset[str] = frozenset()
    until: datetime | None = None
    """Null for one without end."""
    contract: str | None = None
    quotas: Quotas | None = None
    """Null of one that nobody registered."""
    stopped: bool = False
    """For a while, or for good."""

    @property
    def is_open(self) -> bool:
        ended = self.until is not None and self.until <= clock.now()
        return not self.stopped and not ended


class Partners:
    """Remembers clients for seconds. Only ids out of tokens that we signed are asked about, so
    there are never more than clients were registered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Standing] = {}

    async def viewer(self, claimed: Viewer) -> Viewer:
        """The viewer of a token, as far as the client still has what it was given then."""
        standing = await self._standing(claimed.id or "")
        if not standing.is_open:
            raise InvalidToken("The client's access has ended.")
        return replace(
            claimed,
            purposes=kept(claimed.purposes, standing.purposes),
            districts=kept(claimed.districts, standing.districts),
            contract=claimed.contract or standing.contract,
        )

    async def client(self, id: str | None) -> Viewer:
        """The client itself, with all that it was given: with nothing, once its access has
        ended."""
        standing = await self._standing(id) if id is not None else Standing(0, stopped=True)
        if not standing.is_open:
            return Viewer(Role.PARTNER)
        return Viewer(
            Role.PARTNER,
            id,
            districts=tuple(sorted(standing.districts)),
            purposes=tuple(sorted(standing.purposes)),
            contract=standing.contract,
        )

    async def quotas(self, id: str) -> Quotas | None:
        return (await self._standing(id)).quotas

    async def _standing(self, id: str) -> Standing:
        standing = self._known.get(id)
        if standing is None or time.monotonic() - standing.known_at > KNOWN_SECONDS:
            standing = self._known[id] = await self._ask(id)
        return standing

    async def _ask(self, id: str) -> Standing:
        asked_at = time.monotonic()
        found = await self._database.reads.fetch(BY_ID, {"id": id}, Tally())
        if not found:
            return Standing(asked_at, stopped=True)
        (client,) = found
        return Standing(
            asked_at,
            frozenset(client["purposes"]),
            frozenset(client["district_ids"]),
            client["expires_at"],
            client["contract_version"],
            Quotas(**{field.name: client[field.name] for field in fields(Quotas)}),
            client["suspended_at"] is not None or client["revoked_at"] is not None,
        )


def kept(claimed: Iterable[str], granted: frozenset[str]) -> tuple[str, ...]:
    return tuple(one for one in claimed if one in granted)
