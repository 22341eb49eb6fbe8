"""What a connection may cost, and how a process ends: over real sockets."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import httpx
import pytest
from starlette.applications import Starlette

from edge import connection
from edge.connection import Connection
from edge.serving import Server, config_for
from runtime.draining import draining
from runtime.settings import Settings
from tests.patience import PATIENCE

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
        answer = await asyncio.wait_for(reader.read(), timeout=PATIENCE)
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
    monkeypatch.setattr(connection, "HEADER_SECONDS", 0.2)
    async with served(app, settings) as running:
        answer = await running.send(before + begun)

    assert answer.count(b"HTTP/1.1 ") == 1 + bool(before)
    assert b"HTTP/1.1 408 " in answer
    assert b'"code":"BAD_INPUT"' in answer


async def test_who_says_nothing_at_all_is_let_go(
    app: Starlette, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEADER_SECONDS", 0.2)
    async with served(app, settings) as running:
        assert b"HTTP/1.1 408 " in await running.send(b"")


async def test_a_kept_connection_may_rest_for_longer(
    app: Starlette, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEADER_SECONDS", 0.1)
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
        answer = await asyncio.wait_for(reader.read(), timeout=PATIENCE)
        writer.close()

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b'"code":"LIMIT_EXCEEDED"' in answer


async def test_a_long_address_is_refused(app: Starlette, settings: Settings) -> None:
    async with served(app, settings) as running:
        sent = b"GET /graphql?query=" + b"x" * 30_000 + b" HTTP/1.1\r\nHost: gateway\r\n\r\n"
        assert (await running.send(sent)).startswith(b"HTTP/1.1 431 ")


LINE = b"POST /graphql HTTP/1.1\r\n"
POST = LINE + b"Host: gateway\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
SMUGGLED = {
    "two hosts": b"Host: gateway\r\n\r\n",
    "two hosts that differ": b"Host: elsewhere\r\n\r\n",
    "a coding before chunked": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "codings in two headers": b"Transfer-Encoding: gzip\r\n" + CHUNKED + b"0\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked and nothing": b"Transfer-Encoding: , chunked\r\n\r\n0\r\n\r\n",
    "no coding": b"Transfer-Encoding: identity\r\n\r\n",
    "a length before chunked": b"Content-Length: 5\r\n" + CHUNKED + b"0\r\n\r\n",
    "chunked before a length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths in one": b"Content-Length: 0, 0\r\n\r\n",
    "the same length twice": b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a header that goes on": b"X-A: 1\r\n 2\r\n\r\n",
    "a header that begins below": b"X-A:\r\n 2\r\n\r\n",
    "a coding that goes on": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a tab before the colon": b"Content-Length\t: 0\r\n\r\n",
    "a line that ends in LF": b"X-A: 1\nContent-Length: 0\r\n\r\n",
    "a line that ends in CR": b"X-A: 1\rContent-Length: 0\r\n\r\n",
    "a CR more": b"X-A: 1\r\r\nContent-Length: 0\r\n\r\n",
    "headers that end in LF": b"X-A: 1\r\n\n",
    "a chunk that ends in LF": CHUNKED + b"1\nx\r\n0\r\n\r\n",
    "an extension that ends in LF": CHUNKED + b"1;a\nx\r\n0\r\n\r\n",
    "a space behind a chunk's size": CHUNKED + b"1 \r\nx\r\n0\r\n\r\n",
    "a chunk with 0x": CHUNKED + b"0x1\r\nx\r\n0\r\n\r\n",
    "a chunk of too many": CHUNKED + b"fffffffffffffffff\r\nx\r\n0\r\n\r\n",
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


HEADS = {
    "no host": LINE + b"\r\n",
    "a host without a name": LINE + b"Host:\r\n\r\n",
    "a list of hosts": LINE + b"Host: gateway, elsewhere\r\n\r\n",
    "a host with a path": LINE + b"Host: gateway/graphql\r\n\r\n",
    "a space before the first header": LINE + b" Host: gateway\r\n\r\n",
    "a line in LF": b"GET /healthz HTTP/1.1\nHost: gateway\n\n",
    "chunked in HTTP/1.0": b"POST /graphql HTTP/1.0\r\nHost: gateway\r\n" + CHUNKED + b"0\r\n\r\n",
    "two hosts in HTTP/1.0": b"GET /healthz HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/2 without being asked": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2.0": b"GET /healthz HTTP/2.0\r\nHost: gateway\r\n\r\n",
    "HTTP/1.2": b"GET /healthz HTTP/1.2\r\nHost: gateway\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
async def test_what_is_not_http_1_is_not_read(
    app: Starlette, settings: Settings, head: bytes
) -> None:
    async with served(app, settings) as running:
        answer = await running.send(head + ASK)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b'"code":"BAD_INPUT"' in answer


async def test_http_1_0_without_a_host_is_answered(app: Starlette, settings: Settings) -> None:
    async with served(app, settings) as running:
        answer = await running.send(b"GET /healthz HTTP/1.0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 ")


QUERY = b'{"query": "{ __typename }"}'
MEGABYTE = 1_000_000
PADDED = {
    "an extension": [b"1b;a=" + b"x" * MEGABYTE + b"\r\n" + QUERY + b"\r\n0\r\n\r\n"],
    "an extension without end": [b"1b;a=", *[b"x" * 50_000] * 200],
    "an extension of the last": [b"1b\r\n" + QUERY + b"\r\n0;a=", *[b"x" * 50_000] * 20],
    "extensions of tiny chunks": [b"1;a=" + b"x" * 1_000 + b"\r\n \r\n"] * 1_000,
    "trailers": [b"1b\r\n" + QUERY + b"\r\n0\r\n", *[b"X-A: " + b"x" * 5_000 + b"\r\n"] * 200],
}


@pytest.mark.parametrize("pieces", PADDED.values(), ids=PADDED)
async def test_what_comes_around_a_body_is_bounded(
    app: Starlette, settings: Settings, pieces: list[bytes]
) -> None:
    async with served(app, settings) as running:
        reader, writer = await running.open()
        writer.write(POST + CHUNKED)
        for piece in pieces:
            writer.write(piece)
        answer = await asyncio.wait_for(reader.readuntil(b"}]}"), timeout=5)
        writer.close()

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"LIMIT_EXCEEDED"' in answer


async def test_a_body_that_comes_byte_by_byte_is_read(app: Starlette, settings: Settings) -> None:
    query = b'{"query": "{ __typename }%s"}' % (b" " * 50_000)
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in query)
    async with served(app, settings) as running:
        reader, writer = await running.open()
        writer.write(POST + CHUNKED + chunks + b"0\r\n\r\n")
        answer = await asyncio.wait_for(reader.readuntil(b"}}"), timeout=5)
        writer.close()

    assert answer.endswith(b'{"data":{"__typename":"Query"}}')


@pytest.mark.parametrize("head", [b"Content-Length: 100000000\r\n\r\n", CHUNKED + b"5f5e100\r\n"])
async def test_a_body_that_nobody_takes_is_not_read_to_its_end(
    app: Starlette, settings: Settings, head: bytes
) -> None:
    settings = replace(settings, document_limit=MEGABYTE, subgraph_body_limit=MEGABYTE)
    sent = 0
    async with served(app, settings) as running:
        _, writer = await running.open()
        writer.write(POST + head)
        with suppress(ConnectionError):
            while sent < 100 * MEGABYTE:
                writer.write(b" " * 100_000)
                await asyncio.wait_for(writer.drain(), timeout=5)
                sent += 100_000
        writer.close()

    assert sent < 50 * MEGABYTE


async def test_trailers_are_no_headers(app: Starlette, settings: Settings) -> None:
    trailers = b"X-Request-Id: from-a-trailer\r\nAuthorization: Bearer nonsense\r\n\r\n"
    sent = POST + CHUNKED + b"1b\r\n" + QUERY + b"\r\n0\r\n" + trailers
    last = ASK.replace(b"X-Request-Id: smuggled-1", b"Connection: close")
    async with served(app, settings) as running:
        answer = await running.send(sent + last)

    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert b"from-a-trailer" not in answer


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
        await asyncio.wait_for(running.task, timeout=PATIENCE)
        with pytest.raises(httpx.TransportError):
            await client.get("/readyz")

    assert (before.status_code, during.status_code) == (200, 503)
    assert during.json() == {"ready": False, "draining": True}
    assert answer.json() == {"data": {"__typename": "Query"}}


async def test_told_twice_it_goes_at_once(app: Starlette, settings: Settings) -> None:
    async with served(app, replace(settings, drain_seconds=3600)) as running:
        running.server.handle_exit(signal.SIGTERM, None)
        running.server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(running.task, timeout=PATIENCE)


SHORT = b"GET /healthz HTTP/1.1\r\nHost:a\r\n\r\n"
FLOODED = {
    "short": SHORT * 2,
    "with a length": POST + b"Content-Length: 27\r\n\r\n" + QUERY + SHORT,
    "in chunks": POST + CHUNKED + b"1b\r\n" + QUERY + b"\r\n0\r\n\r\n" + SHORT,
}


@pytest.mark.parametrize("pair", FLOODED.values(), ids=FLOODED)
async def test_one_request_at_most_waits_behind_the_one_that_is_answered(
    app: Starlette, settings: Settings, monkeypatch: pytest.MonkeyPatch, pair: bytes
) -> None:
    """However many come at once; and others are answered between them."""
    begun = answered = most = 0
    begin, complete = Connection.on_message_begin, Connection.on_response_complete

    def counted_begin(self: Connection) -> None:
        nonlocal begun, most
        begun += 1
        most = max(most, begun - answered)
        begin(self)

    def counted_complete(self: Connection) -> None:
        nonlocal answered
        answered += 1
        complete(self)

    monkeypatch.setattr(Connection, "on_message_begin", counted_begin)
    monkeypatch.setattr(Connection, "on_response_complete", counted_complete)
    async with served(app, settings) as running:
        reader, writer = await running.open()
        writer.write(pair * 500)
        await reader.readuntil(b"HTTP/1.1 200 ")
        await running.send(ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        meanwhile = answered
        async with asyncio.timeout(PATIENCE):
            for _ in range(999):
                await reader.readuntil(b"HTTP/1.1 200 ")
        writer.close()

    assert meanwhile < 900
    # The other client's is one of them.
    assert most <= 3
