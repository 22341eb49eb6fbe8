"""Clients that ask to speak something else: over real sockets, by every path and method."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from edge.connection import Connection
from runtime.settings import Settings
from tests.test_serving import Running, served

JSON = b"application/json"
H2C = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
)
KEYED = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
SOCKET = b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" + KEYED
UPGRADES = {
    "none": b"",
    "h2c": H2C,
    "several": b"Connection: Upgrade\r\nConnection: close\r\nUpgrade: h2c, TLS/1.2\r\n",
    "websocket": SOCKET + b"Sec-WebSocket-Version: 13\r\n",
    "websocket, another version": SOCKET + b"Sec-WebSocket-Version: 8\r\n",
    "websocket, no version": SOCKET,
    "websocket, no key": SOCKET.replace(KEYED, b"Sec-WebSocket-Version: 13\r\n"),
    "websocket, no key of ours": SOCKET.replace(b"dGhl", b"eA==")
    + b"Sec-WebSocket-Version: 13\r\n",
    "websocket or another": SOCKET.replace(b": websocket", b": h2c, websocket"),
    "websocket, and a large cookie": SOCKET + b"Cookie: %s\r\n" % (b"x" * 9_000),
}
METHODS = "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"
BODIES = {
    "/graphql": (JSON, b'{"query": "{ __typename }"}'),
    "/oauth/token": (b"application/x-www-form-urlencoded", b"grant_type=client_credentials"),
}
SECONDS = 5


def paths_of(app: Starlette) -> list[str]:
    """One for each route, and one that leads nowhere."""
    routes = [route for route in app.routes if isinstance(route, Route | WebSocketRoute)]
    made = {route.path.partition("{")[0] for route in routes}
    return sorted({path + "none" if path.endswith("/") and path != "/" else path for path in made})


def asked(path: str, method: str, headers: bytes) -> bytes:
    media_type, body = BODIES.get(path, (b"application/pdf", b"%PDF-"))
    if method in ("GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "DELETE"):
        body = b""
    told = b"Content-Type: %s\r\nContent-Length: %d\r\n" % (media_type, len(body)) if body else b""
    line = f"{method} {path} HTTP/1.1\r\nHost: gateway\r\n".encode()
    return line + headers + told + b"\r\n" + body


async def answered(running: Running, sent: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    """The status, headers and body of the one answer. Fails where it does not come in time, or
    is no whole answer."""
    reader, writer = await running.open()
    try:
        async with asyncio.timeout(SECONDS):
            writer.write(sent)
            head = b"HTTP/1.1 100 "
            while head.startswith(b"HTTP/1.1 100 "):
                head = await reader.readuntil(b"\r\n\r\n")
            line, *lines = head.rstrip().split(b"\r\n")
            pairs = (each.partition(b":") for each in lines)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            length = 0 if sent.startswith(b"HEAD ") else int(headers.get(b"content-length", 0))
            return int(line.split()[1]), headers, await reader.readexactly(length)
    finally:
        writer.close()


def code_in(body: bytes) -> str:
    """OAuth has a form of its own (RFC 6749, 5.2)."""
    told = json.loads(body)
    return str(told["error"] if "error" in told else told["errors"][0]["extensions"]["code"])


async def test_every_path_answers_every_method_whatever_it_would_rather_speak(
    app: Starlette, settings: Settings
) -> None:
    seen = 0
    async with served(app, settings) as running:
        for path in [*paths_of(app), "/nowhere"]:
            for method in METHODS:
                plain = await answered(running, asked(path, method, b""))
                for name, headers in UPGRADES.items():
                    where = f"{method} {path}, {name}"
                    status, told, body = await answered(running, asked(path, method, headers))
                    if status >= 400 and method != "HEAD":
                        assert b"json" in told.get(b"content-type", b""), (
                            where,
                            status,
                            told,
                            body,
                        )
                        assert code_in(body), where
                    is_socket = (path, method) == ("/graphql", "GET")
                    if not is_socket or not name.startswith("websocket") or " or " in name:
                        assert (status, body) == (plain[0], plain[2]), where
                    seen += 1
    assert seen > 1_000


HANDSHAKES = {
    "websocket": 101,
    "websocket, another version": 426,
    "websocket, no version": 426,
    "websocket, no key": 400,
    "websocket, no key of ours": 400,
    "websocket, and a large cookie": 431,
}


@pytest.mark.parametrize(("name", "expected"), HANDSHAKES.items())
async def test_a_socket_is_had_by_its_handshake_alone(
    app: Starlette, settings: Settings, name: str, expected: int
) -> None:
    async with served(app, settings) as running:
        sent = asked("/graphql", "GET", UPGRADES[name])
        status, headers, body = await answered(running, sent)

    assert status == expected
    if expected == 101:
        return
    assert code_in(body) == ("LIMIT_EXCEEDED" if expected == 431 else "BAD_INPUT")
    assert (headers.get(b"sec-websocket-version") == b"13") == (expected == 426)


@pytest.mark.parametrize("origin", [b"https://elsewhere.example", b"http://[", b"http://[a]"])
async def test_a_page_that_is_not_welcome_is_told_so(
    app: Starlette, settings: Settings, origin: bytes
) -> None:
    async with served(app, settings) as running:
        headers = UPGRADES["websocket"] + b"Origin: %s\r\n" % origin
        status, _, body = await answered(running, asked("/graphql", "GET", headers))

    assert (status, code_in(body)) == (403, "FORBIDDEN")


REFUSED = {
    "no host": (b"Host: gateway\r\n", b"", 400),
    "two hosts": (b"Host: gateway\r\n", b"Host: gateway\r\nHost: gateway\r\n", 400),
    "a host without a name": (b"Host: gateway", b"Host: http://[", 400),
    "large headers": (b"Host: ", b"X-Large: %s\r\nHost: " % (b"x" * 17_000), 431),
}


@pytest.mark.parametrize(("old", "new", "expected"), REFUSED.values(), ids=REFUSED)
async def test_what_is_refused_does_not_become_a_socket(
    app: Starlette,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    old: bytes,
    new: bytes,
    expected: int,
) -> None:
    become: list[Connection] = []
    monkeypatch.setattr(Connection, "handle_websocket_upgrade", become.append)
    async with served(app, settings) as running:
        sent = asked("/graphql", "GET", UPGRADES["websocket"]).replace(old, new)
        status, _, _ = await answered(running, sent)

    assert (status, become) == (expected, [])


def frame(opcode: int, said: bytes = b"") -> bytes:
    """A whole message has 0x80 in its opcode."""
    length = bytes([0x80 | len(said)]) if len(said) < 126 else b"\xfe%s" % len(said).to_bytes(2)
    return bytes([opcode]) + length + bytes(4) + said


NESTED = b'{"type":"ping","payload":{"a":%s%s}}' % (b"[" * 300, b"]" * 300)
BROKEN = {
    "a message of empty frames": (frame(0x01) + frame(0x00) * 300_000, 1009),
    "a message that nests": (frame(0x81, NESTED), 4400),
}


@pytest.mark.parametrize(("sent", "code"), BROKEN.values(), ids=BROKEN)
async def test_a_message_is_bounded_in_frames_and_in_depth(
    app: Starlette, settings: Settings, sent: bytes, code: int
) -> None:
    headers = UPGRADES["websocket"] + b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
    async with served(app, settings) as running:
        reader, writer = await running.open()
        writer.write(asked("/graphql", "GET", headers))
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS)
        writer.write(sent)
        head = await asyncio.wait_for(reader.readexactly(4), SECONDS)
        writer.close()

    assert (head[0], int.from_bytes(head[2:])) == (0x88, code)


CONTINUE = b"Expect: 100-continue\r\n"


@pytest.mark.parametrize("cut", [None, 1, 40], ids=["at once", "byte by byte", "in pieces"])
@pytest.mark.parametrize("more", [b"", CONTINUE], ids=["", "and waits to be let"])
async def test_what_we_do_not_speak_is_ignored_and_the_body_is_read(
    app: Starlette, settings: Settings, cut: int | None, more: bytes
) -> None:
    first = asked("/graphql", "POST", H2C + more)
    second = asked("/graphql", "POST", H2C.replace(b"Upgrade, ", b"close, Upgrade, "))
    sent = first + second.replace(b"__typename", b"a:__typename").replace(b": 27", b": 29")
    async with served(app, settings) as running:
        reader, writer = await running.open()
        for begin in range(0, len(sent), cut or len(sent)):
            writer.write(sent[begin : begin + (cut or len(sent))])
            await asyncio.sleep(0)
        answer = await asyncio.wait_for(reader.read(), SECONDS)
        writer.close()

    assert b'{"data":{"__typename":"Query"}}' in answer
    assert b'{"data":{"a":"Query"}}' in answer


async def test_a_body_in_chunks_is_read_behind_an_upgrade(
    app: Starlette, settings: Settings
) -> None:
    head = H2C + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    sent = b"POST /graphql HTTP/1.1\r\nHost: gateway\r\n" + head
    sent += b'9\r\n{"query":\r\n12;a=b\r\n "{ __typename }"}\r\n0\r\n\r\n'
    async with served(app, settings) as running:
        _, _, body = await answered(running, sent)

    assert json.loads(body) == {"data": {"__typename": "Query"}}


async def test_what_is_said_right_behind_a_handshake_is_heard(
    app: Starlette, settings: Settings
) -> None:
    init = b'{"type":"connection_init"}'
    frame = bytes([0x81, 0x80 | len(init)]) + bytes(4) + init
    headers = UPGRADES["websocket"] + b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
    async with served(app, settings) as running:
        reader, writer = await running.open()
        writer.write(asked("/graphql", "GET", headers) + frame)
        answer = await asyncio.wait_for(reader.readuntil(b'"connection_ack"}'), SECONDS)
        writer.close()

    assert answer.startswith(b"HTTP/1.1 101 ")


async def test_a_socket_does_not_begin_in_the_middle_of_another_answer(
    app: Starlette, settings: Settings
) -> None:
    async with served(app, settings) as running:
        headers = UPGRADES["websocket"].replace(b"keep-alive", b"close")
        sent = asked("/graphql?query={__typename}", "GET", b"") + asked("/graphql", "GET", headers)
        answer = await running.send(sent)

    assert answer.count(b"HTTP/1.1 ") == 2
    assert b"HTTP/1.1 101 " not in answer


async def output_of(*command: str | Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        told, wrong = await asyncio.wait_for(process.communicate(), timeout=60)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, wrong.decode()
    return told.decode()


def lines_in(told: str) -> Sequence[tuple[int, Any]]:
    pairs = (line.split(" ", 1) for line in told.splitlines())
    return [(int(status), json.loads(body)) for status, body in pairs]


@pytest.mark.skipif(not shutil.which("javac"), reason="no JDK is installed")
async def test_a_java_client_is_answered_as_it_comes(app: Starlette, settings: Settings) -> None:
    async with served(app, settings) as running:
        source = Path(__file__).parent / "wire" / "Ask.java"
        told = await output_of("java", source, f"http://127.0.0.1:{running.port}")

    answers = lines_in(told)
    assert len(answers) == 10
    for waits in (answers[:5], answers[5:]):
        assert [status for status, _ in waits] == [200, 200, 401, 404, 200]
        assert waits[0][1] == waits[1][1] == {"data": {"__typename": "Query"}}
        assert waits[2][1]["error"] == "invalid_client"
        assert waits[4][1] == {"data": {"a": "Query"}}


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl is installed")
async def test_curl_that_asks_for_http_2_is_answered(app: Starlette, settings: Settings) -> None:
    async with served(app, settings) as running:
        address = f"http://127.0.0.1:{running.port}/graphql"
        sent = '{"query": "{ __typename }"}'
        headers = ("-H", "Content-Type: application/json", "-H", "Expect: 100-continue")
        told = await output_of("curl", "-sS", "--http2", *headers, "-d", sent, address)

    assert json.loads(told) == {"data": {"__typename": "Query"}}
