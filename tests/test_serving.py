"""What a connection may cost, and how a process ends: over real sockets."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import pytest
from starlette.applications import Starlette

from edge import serving
from edge.serving import Server, config_for
from runtime.draining import draining
from runtime.settings import Settings

ASK = b"GET /healthz HTTP/1.1\r\nHost: gateway\r\nX-Request-Id: smuggled-1\r\n\r\n"


@dataclass
class Running:
    server: Server
    port: int
    task: "asyncio.Task[None]"

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def send(self, sent: bytes) -> bytes:
        """All that comes back until the connection ends, which it must."""
        reader, writer = await self.open()
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), timeout=5)
        writer.close()
        return answer


@asynccontextmanager
async def served(app: Starlette, settings: Settings) -> AsyncIterator[Running]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(config_for(app, replace(settings, port=port)), settings.drain_seconds)
    # Without its own signal handlers, which would end the suite with it.
    task = asyncio.create_task(server._serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 (it has nothing to wait for)
            await asyncio.sleep(0.01)
    try:
        yield Running(server, port, task)
    finally:
        draining.clear()
        server.should_exit = True
        await task


@pytest.mark.parametrize(
    "before", [b"", b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n\r\n"], ids=["first", "second"]
)
@pytest.mark.parametrize("begun", [b"GET /hea", b"GET /healthz HTTP/1.1\r\nHost: gat"])
async def test_who_dawdles_over_headers_is_let_go(
    app: Starlette,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    before: bytes,
    begun: bytes,
) -> None:
    monkeypatch.setattr(serving, "HEADER_SECONDS", 0.2)
    async with served(app, settings) as running:
        answer = await running.send(before + begun)

    assert answer.count(b"HTTP/1.1 ") == 1 + bool(before)
    assert b"HTTP/1.1 408 " in answer
    assert b'"code":"BAD_INPUT"' in answer


async def test_who_says_nothing_at_all_is_let_go(
    app: Starlette, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HEADER_SECONDS", 0.2)
    async with served(app, settings) as running:
        assert b"HTTP/1.1 408 " in await running.send(b"")


async def test_a_kept_connection_may_rest_for_longer(
    app: Starlette, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HEADER_SECONDS", 0.1)
    async with served(app, settings) as running:
        reader, writer = await running.open()
        for _ in range(2):
            writer.write(ASK)
            assert (await reader.readuntil(b"true}")).startswith(b"HTTP/1.1 200 ")
            await asyncio.sleep(0.3)
        writer.close()


FLOODS = {
    "headers by the hundred": b"".join(b"X-%d: 1\r\n" % number for number in range(200)),
    "a header without end": b"X-Long: " + b"x" * 40_000,
    "large headers": b"".join(b"X-%d: %s\r\n" % (n, b"x" * 2_000) for n in range(20)),
}


@pytest.mark.parametrize("headers", FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("pieces", [1, 3])
async def test_a_flood_of_headers_is_refused(
    app: Starlette, settings: Settings, headers: bytes, pieces: int
) -> None:
    sent = b"GET /healthz HTTP/1.1\r\nHost: gateway\r\n" + headers + b"\r\n\r\n"
    async with served(app, settings) as running:
        reader, writer = await running.open()
        size = len(sent) // pieces + 1
        for begin in range(0, len(sent), size):
            writer.write(sent[begin : begin + size])
            await asyncio.sleep(0.02)
        answer = await asyncio.wait_for(reader.read(), timeout=5)
        writer.close()

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b'"code":"LIMIT_EXCEEDED"' in answer


async def test_a_long_address_is_refused(app: Starlette, settings: Settings) -> None:
    async with served(app, settings) as running:
        sent = b"GET /graphql?query=" + b"x" * 30_000 + b" HTTP/1.1\r\nHost: gateway\r\n\r\n"
        assert (await running.send(sent)).startswith(b"HTTP/1.1 431 ")


POST = b"POST /graphql HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
SMUGGLED = {
    "two ways to say how long": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 90\r\n\r\n",
    "a length with a sign": b"Content-Length: +0\r\n\r\n",
    "a coding after chunked": b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "a coding that looks like chunked": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Content-Length : 0\r\n\r\n",
    "a chunk of no number": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a chunk longer than it says": b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "a header without a name": b": x\r\n\r\n",
    "a zero in a header": b"X-A: \x00\r\n\r\n",
}


@pytest.mark.parametrize("rest", SMUGGLED.values(), ids=SMUGGLED)
async def test_what_can_be_read_in_two_ways_is_not_read(
    app: Starlette, settings: Settings, rest: bytes
) -> None:
    """What a proxy before us might take for part of it, nobody answers."""
    async with served(app, settings) as running:
        answer = await running.send(POST + rest + ASK)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"smuggled-1" not in answer
    assert b'"code":"BAD_INPUT"' in answer


async def test_requests_one_behind_the_other_are_answered_in_their_order(
    app: Starlette, settings: Settings
) -> None:
    async with served(app, settings) as running:
        last = ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        answer = await running.send(ASK * 3 + last)

    assert answer.count(b"HTTP/1.1 200 ") == 4


async def test_one_address_has_so_many_connections_and_the_next_is_refused(
    app: Starlette, settings: Settings
) -> None:
    async with served(app, replace(settings, connections_each=2)) as running:
        first, second = await running.open(), await running.open()
        for reader, writer in (first, second):
            writer.write(ASK)
            await reader.readuntil(b"true}")
        refused = await running.send(ASK)
        first[1].close()
        await asyncio.sleep(0.05)
        third = await running.open()
        third[1].write(ASK)
        answer = await third[0].readuntil(b"true}")
        second[1].close()
        third[1].close()

    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b'"code":"UNAVAILABLE"' in refused
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_it_says_that_it_is_about_to_go_and_answers_meanwhile(
    app: Starlette, settings: Settings
) -> None:
    async with (
        served(app, replace(settings, drain_seconds=0.5)) as running,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}") as client,
    ):
        before = await client.get("/readyz")
        running.server.handle_exit(signal.SIGTERM, None)
        during = await client.get("/readyz")
        answer = await client.post("/graphql", json={"query": "{ __typename }"})
        await asyncio.wait_for(running.task, timeout=5)
        with pytest.raises(httpx.TransportError):
            await client.get("/readyz")

    assert (before.status_code, during.status_code) == (200, 503)
    assert during.json() == {"ready": False, "draining": True}
    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_told_twice_it_goes_at_once(app: Starlette, settings: Settings) -> None:
    async with served(app, replace(settings, drain_seconds=60)) as running:
        running.server.handle_exit(signal.SIGTERM, None)
        running.server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(running.task, timeout=5)
