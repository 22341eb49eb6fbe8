"""One connection as HTTP/1.1: how it is read, and what it may cost whether or not it asks."""

import re
from asyncio import TimerHandle
from collections import Counter
from collections.abc import Collection, Sequence
from http import HTTPStatus
from typing import Any

import httptools
import orjson
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from edge.handshake import Socket
from runtime.faults import BadInput, Coded, LimitExceeded

HEADER_SECONDS = 10.0
"""How long a client may take to send the line and the headers of a request."""
HEADER_LIMIT = 16_384
"""Bytes of the line and the headers together, and of what a body brings that is not body."""
HEADERS = 100
FRAMING_EACH = 8
"""Bytes more of it for each byte of the body: one that comes byte by byte has five."""
PIECE = 16_384
"""Bytes that are read at once: so exactly is known what belongs to which message."""
UNREAD = 65_536
"""Bytes that may have come behind a request that waits, before no more are taken in. (Until then
it is read, since nobody would be seen to leave otherwise.)"""
HOST = re.compile(rb"[\w.~!$&'()*+;=%:\[\]-]+")

RawHeaders = Sequence[tuple[bytes, bytes]]


class Flow(FlowControl):
    """Uvicorn's, that goes on for nobody while it is held: each request that wants to hear of its
    client's end has it go on."""

    _is_held = False

    def hold(self, is_held: bool) -> None:
        was_held, self._is_held = self._is_held, is_held
        if is_held:
            self.pause_reading()
        elif was_held:
            self.resume_reading()

    def resume_reading(self) -> None:
        if not self._is_held:
            super().resume_reading()


class Connection(HttpToolsProtocol):
    """Uvicorn's, with bounds. It leaves slow senders, endless headers and any number of
    connections to a proxy, and not everybody has one. What it would upgrade to nothing is
    answered as if nothing had been said of it (RFC 9110, 7.8). Behind the request that is
    answered one waits; what comes behind that is kept as it came."""

    flow: Flow

    limit: int
    limit_each: int
    """From one address."""
    from_each: Counter[str]
    largest: int
    """Bytes of a body that anything here takes."""
    sockets: Collection[bytes]
    """The paths that have a WebSocket."""

    _address: str | None = None
    _answered: RequestResponseCycle | None = None
    """The request that was begun with last."""
    _to_come = 0
    """Bytes of the body that are still to be read, where its headers say how many."""
    _in_headers = False
    _header_timer: TimerHandle | None = None
    _is_new = False
    """Whether the message has begun in the piece that is read."""
    _framing = 0
    """Bytes of the message that are not its body, without the piece that it began in."""
    _body = 0
    """Bytes of its body."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.flow = Flow(transport)
        self._unread = bytearray()
        address = self.client[0] if self.client else ""
        if len(self.connections) > self.limit or self.from_each[address] >= self.limit_each:
            self.refuse(503, Coded("UNAVAILABLE", "There are too many connections. Try again."))
            return
        self._address = address
        self.from_each[address] += 1
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_headers()
        self._give_place_back()
        # Uvicorn tells the request that came last; the one that is answered may be another.
        self.pipeline.clear()
        self._unread.clear()
        if self._answered is not None:
            self._answered.disconnected = True
            self._answered.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        super()._start_asgi_task(cycle, app)

    def handle_websocket_upgrade(self) -> None:
        """Sockets have bounds of their own, and nobody would tell us of their end."""
        self._give_place_back()
        super().handle_websocket_upgrade()

    def _give_place_back(self) -> None:
        if self._address is not None:
            self.from_each[self._address] -= 1
            if not self.from_each[self._address]:
                del self.from_each[self._address]
            self._address = None

    def data_received(self, data: bytes) -> None:
        self._unread += data
        self._read()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._read()

    def _read(self) -> None:
        """Until a request waits: the rest then comes when the one before it is answered."""
        while self._unread and not self.pipeline and not self.transport.is_closing():
            piece = self._piece()
            self._is_new, body = False, self._body
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:
                if self.transport.is_closing():
                    return
                (read,) = upgrade.args
                self._unread[:0] = piece[read:]
                if self._should_upgrade():
                    self._become_socket()
                    return
                self._unread[:0] = self._without_upgrade()
            except httptools.HttpParserError:
                self.send_400_response("This is not HTTP as RFC 9112 has it.")
            else:
                if not self._is_new:
                    self._framing += len(piece) - (self._body - body)
                self._hold_to_bounds()
        if not self.transport.is_closing():
            self.flow.hold(len(self._unread) > UNREAD)

    def _piece(self) -> bytes:
        """No more than one message, since the parser stops for none: headers and chunks end with
        an empty line, and of other bodies the length is known."""
        if self._to_come:
            end = min(PIECE, self._to_come)
            self._to_come -= min(end, len(self._unread))
        else:
            found = self._unread.find(b"\r\n\r\n", 0, PIECE)
            end = PIECE if found < 0 else found + 4
        piece = bytes(self._unread[:end])
        del self._unread[:end]
        return piece

    def _become_socket(self) -> None:
        rest = bytes(self._unread)
        self._unread.clear()
        self.flow.hold(False)
        self.handle_websocket_upgrade()
        socket = self.transport.get_protocol()
        if rest and isinstance(socket, Socket):
            socket.data_received(rest)

    def _without_upgrade(self) -> bytes:
        """The line and headers once more, for a parser that has not stopped at them."""
        self._make_parser()
        line = b"%s %s HTTP/%s" % (self._method, self.url, self._version.encode())
        lines = [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([line, *lines, b"", b""])

    def _make_parser(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        # As Uvicorn has it: what comes behind a last request keeps nobody from its answer.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def _hold_to_bounds(self) -> None:
        if self._in_headers:
            # Of most requests all comes at once, and costs nothing here.
            if self._framing > HEADER_LIMIT:
                self.refuse_headers()
            elif self._header_timer is None:
                self._await_headers()
        elif self._framing > HEADER_LIMIT + FRAMING_EACH * self._body:
            told = "There is too much around the body: extensions of chunks, or trailers."
            self.refuse(413, LimitExceeded(told, limit=HEADER_LIMIT))
        elif self._body > self.largest + HEADER_LIMIT:
            told = f"The body may have at most {self.largest} bytes."
            self.refuse(413, LimitExceeded(told, limit=self.largest))

    def on_message_begin(self) -> None:
        # What is left of a body that nobody waits for does not keep the connection.
        self._unset_keepalive_if_required()
        super().on_message_begin()
        self._in_headers = self._is_new = True
        self._framing = self._body = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        # Trailers say nothing of how a message is to be taken (RFC 9110, 6.5.1).
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._forget_headers()
        self._method: bytes = self.parser.get_method()
        self._version: str = self.parser.get_http_version()
        self._to_come = self._length()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if self.transport.is_closing():
            pass
        elif size > HEADER_LIMIT or len(self.headers) > HEADERS:
            self.refuse_headers()
        elif self._method == b"CONNECT":
            self.refuse(501, BadInput("This is no proxy."))
        elif told := malformed(self._version, self.headers):
            self.send_400_response(told)
        elif not self._is_to_come_again:
            super().on_headers_complete()

    def _length(self) -> int:
        """The parser takes one length at most, in digits; and it stops at an upgrade."""
        if self._is_to_come_again:
            return 0
        return next((int(value) for name, value in self.headers if name == b"content-length"), 0)

    @property
    def _is_to_come_again(self) -> bool:
        """Whether the parser stops here, for an upgrade that there is not."""
        return bool(self.parser.should_upgrade()) and not self._should_upgrade()

    def _should_upgrade(self) -> bool:
        return (
            self._method == b"GET"
            and self._version == "1.1"
            and self.url.partition(b"?")[0] in self.sockets
            and self.url.isascii()
            and self._get_upgrade() == b"websocket"
            and not any(name in BODIED for name, _ in self.headers)
            and (self.cycle is None or self.cycle.response_complete)
        )

    def _get_upgrade(self) -> bytes | None:
        """What the client would rather speak. (`Connection` names it, or the parser would not
        have stopped, whether in one header or in several.)"""
        named = [value.strip().lower() for name, value in self.headers if name == b"upgrade"]
        return b",".join(named) or None

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.transport.is_closing() and not self._is_to_come_again:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self.refuse(400, BadInput(msg))

    def refuse_headers(self) -> None:
        told = f"The headers may be {HEADERS} and have {HEADER_LIMIT:,} bytes at most."
        self.refuse(431, LimitExceeded(told, limit=HEADER_LIMIT))

    def refuse(self, status: int, error: Coded) -> None:
        """In JSON, as everything is refused; what comes after is not listened to."""
        if self.transport.is_closing():
            return
        is_answered = False
        if self.cycle is not None and not self.cycle.response_complete:
            is_answered = self.cycle.response_started
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        body = orjson.dumps({"errors": [error.formatted]})
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json;"
            f" charset=utf-8\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        if not is_answered:
            self.transport.write(head.encode() + body)
        self.transport.close()

    def _await_headers(self) -> None:
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self._dawdled)

    def _forget_headers(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _dawdled(self) -> None:
        told = f"The headers did not arrive within {HEADER_SECONDS:g} seconds."
        self.refuse(408, BadInput(told))


BODIED = b"content-length", b"transfer-encoding"


def malformed(version: str, headers: RawHeaders) -> str | None:
    """What RFC 9112 has refused and the parser has not: a proxy before us may have taken it for
    something else."""
    hosts = [value.strip() for name, value in headers if name == b"host"]
    codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    if version not in ("1.0", "1.1"):
        return "Speak HTTP/1.1."
    if len(hosts) > 1 or (version == "1.1" and not hosts):
        return "Say in one Host header whom you ask."
    if hosts and not HOST.fullmatch(hosts[0]):
        return "The Host header names no host."
    if codings and (version == "1.0" or codings != [b"chunked"]):
        return "The one Transfer-Encoding is chunked, and HTTP/1.0 has none."
    return None
