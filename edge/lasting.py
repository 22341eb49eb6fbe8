"""Connections that stay: how many there may be, whose they are, and why they end."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog
from graphql import GraphQLError

from runtime import clock
from runtime.context import Context
from runtime.faults import Coded, LimitExceeded, Unauthenticated, is_outage
from runtime.household import household
from runtime.identity import viewer_of
from runtime.language import Language
from runtime.process import Process
from runtime.reason import Reason
from runtime.settings import Settings
from runtime.standing import fallen
from runtime.tokens import unverified
from runtime.viewer import ANYONE, Viewer

log = structlog.get_logger()

LOOK_SECONDS = 5.0
"""How often it is looked whether people still may, of all of them at once."""


@dataclass(frozen=True)
class Ending:
    """`code` is the WebSocket's: in the hundreds from 4400, as graphql-transport-ws has it."""

    code: int
    error: GraphQLError


CROWDED = 1013
RESTART = Ending(1012, Coded("UNAVAILABLE", "The server restarts: connect again."))
TOO_SLOW = Ending(1013, LimitExceeded("You read more slowly than there is to tell."))
SIGNED_OUT = Ending(4401, Unauthenticated("You are signed out, or may not be told any more."))
TOKEN_ENDED = Unauthenticated("The token has ended: connect again with a new one.")


class Connection:
    """One of them, and for whom."""

    def __init__(
        self, among: "Lasting", process: Process, address: str, id: str, language: Language | None
    ) -> None:
        """In the viewer's own language, if there is None."""
        self.process, self.address, self.id = process, address, id
        self.language = language
        self.viewer: Viewer = ANYONE
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._among = among
        self._authorization: str | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def sign_in(self, authorization: str | None) -> None:
        """Raises Unauthenticated, LimitExceeded, or what `is_outage` knows."""
        viewer = await viewer_of(authorization, self.process)
        if await fallen(self.process.database, self.ids_of(viewer)):
            raise SIGNED_OUT.error
        self._among.seat(self, viewer)
        self._authorization, self.viewer = authorization, viewer
        _, _, token = (authorization or "").partition(" ")
        ends_at = unverified(token.strip(), 1).get("exp")
        if isinstance(ends_at, int | float):
            ending, loop = Ending(4403, TOKEN_ENDED), asyncio.get_running_loop()
            self._timer = loop.call_later(max(0, ends_at - clock.timestamp()), self.end, ending)

    async def look(self) -> None:
        """Whether the token still speaks for the same."""
        try:
            self.viewer = await viewer_of(self._authorization, self.process)
        except Unauthenticated as error:
            self.end(Ending(4403, error))

    def context(self, headers: Mapping[bytes, bytes], reason: Reason | None = None) -> Context:
        """For one answer: what was read for the one before is out of date."""
        viewer = self.viewer if reason is None else replace(self.viewer, reason=reason)
        language = self.language or viewer.language or Language.EN
        return Context(viewer, language, self.process, self.id, self.address, headers)

    def end(self, ending: Ending) -> None:
        if not self.ended.done():
            self.ended.set_result(ending)

    def leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._among.leave(self)

    @staticmethod
    def ids_of(viewer: Viewer) -> set[str]:
        return {id for id in (viewer.session_id, viewer.id, viewer.provider_id) if id is not None}


class Lasting:
    """Those of this process."""

    def __init__(self, settings: Settings) -> None:
        self._per_address = settings.live_each
        self._per_viewer = settings.live_per_viewer
        self._connections: set[Connection] = set()
        self._addresses: Counter[str] = Counter()
        self._viewers: Counter[str] = Counter()
        self._looking: asyncio.Task[None] | None = None
        self.draining = False

    def enter(
        self, process: Process, address: str, id: str, language: Language | None
    ) -> Connection:
        """To be left. Raises LimitExceeded where the address has too many, and Coded where the
        server is about to stop."""
        if self.draining:
            raise RESTART.error
        address = household(address)
        if self._addresses[address] >= self._per_address:
            told = f"There may be {self._per_address} connections from one address."
            raise LimitExceeded(told, limit=self._per_address)
        connection = Connection(self, process, address, id, language)
        self._connections.add(connection)
        self._addresses[address] += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(process))
        return connection

    def seat(self, connection: Connection, viewer: Viewer) -> None:
        """Raises LimitExceeded."""
        if viewer.id is None:
            return
        if self._viewers[viewer.id] >= self._per_viewer:
            told = f"You may have {self._per_viewer} connections at once."
            raise LimitExceeded(told, limit=self._per_viewer)
        self._viewers[viewer.id] += 1

    def leave(self, connection: Connection) -> None:
        self._connections.discard(connection)
        free(self._addresses, household(connection.address))
        if connection.viewer.id is not None:
            free(self._viewers, connection.viewer.id)

    def drain(self, seconds: float) -> None:
        """Lets nobody in any more, and ends them all within so long, one by one: their clients are
        not to come back together."""
        self.draining = True
        loop = asyncio.get_running_loop()
        for connection in self._connections:
            if seconds:
                loop.call_later(random.uniform(0, seconds), connection.end, RESTART)
            else:
                connection.end(RESTART)

    async def _look(self, process: Process) -> None:
        while self._connections:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look_once(process)
            except Exception as error:
                # Who cannot be looked for stays: everything they are told is read under its rules.
                log.error("connections", error=repr(error), exc_info=not is_outage(error))

    async def _look_once(self, process: Process) -> None:
        connections = list(self._connections)
        ids = {id for each in connections for id in Connection.ids_of(each.viewer)}
        gone = await fallen(process.database, ids)
        for connection in connections:
            if Connection.ids_of(connection.viewer) & gone:
                connection.end(SIGNED_OUT)
            else:
                await connection.look()


def free(taken: Counter[str], name: str) -> None:
    taken[name] -= 1
    if not taken[name]:
        del taken[name]
