"""The gateway on a port of its own, and a client that speaks graphql-transport-ws to it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from edge.lasting import Lasting
from edge.serving import Server, config_for
from edge.websocket import PROTOCOL
from runtime.bearer import claims_of
from runtime.changes import sequence
from runtime.process import Process
from runtime.settings import Settings
from runtime.viewer import Viewer
from tests.patience import PATIENCE


@dataclass(frozen=True)
class Served:
    process: Process
    lasting: Lasting
    server: Server
    port: int

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    def token(self, viewer: Viewer, minutes: float = 10) -> str:
        return f"Bearer {self.process.keys.sign(minutes, **claims_of(viewer))}"  # type: ignore[arg-type]

    @asynccontextmanager
    async def opened(self, **more: Any) -> AsyncIterator["Socket"]:
        url = f"ws://127.0.0.1:{self.port}/graphql"
        more = {"subprotocols": [PROTOCOL], "proxy": None, **more}
        async with connect(url, **more) as connection:
            yield Socket(connection)

    @asynccontextmanager
    async def socket(self, viewer: Viewer | None = None, **more: Any) -> AsyncIterator["Socket"]:
        """One that has begun, for the viewer."""
        async with self.opened(**more) as socket:
            await socket.begin(self.token(viewer) if viewer else None)
            yield socket

    async def drained(self) -> None:
        self.lasting.drain(0.1)
        async with asyncio.timeout(PATIENCE):
            await self.all_left()

    async def all_left(self) -> None:
        """Nobody is being answered any more."""
        while self.server.server_state.tasks:
            await asyncio.wait(set(self.server.server_state.tasks))

    async def sequence(self) -> None:
        await sequence(self.process)


class Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, type_: str, **more: Any) -> None:
        await self.connection.send(json.dumps({"type": type_, **more}))

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            told: dict[str, Any] = json.loads(await self.connection.recv())
            return told

    async def begin(self, authorization: str | None, **more: str) -> None:
        await self.say("connection_init", payload={"authorization": authorization, **more})
        assert (await self.hear())["type"] == "connection_ack"

    async def subscribe(self, query: str, id: str = "1", **variables: Any) -> None:
        await self.say("subscribe", id=id, payload={"query": query, "variables": variables})
        # What comes after it in the same socket is answered after it has begun.
        await self.say("subscribe", id=f"{id}?", payload={"query": "{ __typename }"})
        for type_ in ("next", "complete"):
            told = await self.hear()
            assert (told["id"], told["type"]) == (f"{id}?", type_), told

    async def next(self, field: str) -> Any:
        told = await self.hear()
        assert told["type"] == "next", told
        return told["payload"]["data"][field]

    async def code(self) -> int:
        """With which it is closed."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    await self.connection.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


@asynccontextmanager
async def served(app: Starlette, port: int = 0) -> AsyncIterator[Served]:
    lasting: Lasting = app.state.lasting
    config = config_for(app, Settings(port=port))
    server = Server(config, 0, lasting)
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(PATIENCE):
            while not server.started:  # noqa: ASYNC110 (it has no event to wait for)
                await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Served(server.lifespan.state["process"], lasting, server, port)
    finally:
        server.should_exit = True
        await serving
