"""Serving an application: what a connection may cost before it has asked for anything, and how a
process ends."""

import os
import socket
import time
from asyncio import TimerHandle
from collections import Counter
from http import HTTPStatus
from types import FrameType
from typing import Any

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from edge.lasting import Lasting
from runtime.draining import draining
from runtime.faults import BadInput, Coded, LimitExceeded
from runtime.settings import Settings

KEEP_ALIVE_SECONDS = 75
"""Longer than the proxies in front of us keep a connection: who ends it must be the client."""
HEADER_SECONDS = 10.0
"""How long a client may take to send the line and the headers of a request."""
HEADER_LIMIT = 16_384
"""Bytes of the line and the headers together."""
HEADERS = 100
BACKLOG = 2_048
ENDED_EARLY = 0.8
"""Of the time until the process ends: by then those that stayed are to be somewhere else."""
ENDING_SECONDS = 10
"""For what is under way when the process is to end; then it is cut off."""


class Connection(HttpToolsProtocol):
    """Uvicorn's, with bounds. It leaves slow senders, endless headers and any number of
    connections to a proxy, and not everybody has one."""

    limit: int
    limit_each: int
    """From one address."""
    from_each: Counter[str]

    _address: str | None = None
    _in_headers = False
    _header_bytes = 0
    """After the first piece of them."""
    _header_timer: TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
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
        super().connection_lost(exc)

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
        if self.transport.is_closing():
            return
        began = not self._in_headers
        super().data_received(data)
        if self._in_headers:
            # More of them is to come. Of most requests all comes at once, and costs nothing here.
            self._header_bytes = 0 if began else self._header_bytes + len(data)
            if self._header_bytes > HEADER_LIMIT:
                self.refuse_headers()
            elif self._header_timer is None:
                self._await_headers()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._forget_headers()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEADER_LIMIT or len(self.headers) > HEADERS:
            self.refuse_headers()
        elif not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.transport.is_closing():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self.refuse(400, BadInput("This is not HTTP as RFC 9112 has it."))

    def refuse_headers(self) -> None:
        told = f"The headers may be {HEADERS} and have {HEADER_LIMIT:,} bytes at most."
        self.refuse(431, LimitExceeded(told, limit=HEADER_LIMIT))

    def refuse(self, status: int, error: Coded) -> None:
        """In JSON, as everything is refused; what comes after is not listened to."""
        body = orjson.dumps({"errors": [error.formatted]})
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json;"
            f" charset=utf-8\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        if not self.transport.is_closing():
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


class Server(uvicorn.Server):
    """Uvicorn's, that says for a while that it is about to go before it does: whoever spreads the
    load has to notice first, and connections that stay are ended meanwhile, one by one. Told
    twice, it goes at once."""

    def __init__(
        self,
        config: uvicorn.Config,
        drain_seconds: float,
        lasting: Lasting | None = None,
        parent: int | None = None,
    ) -> None:
        super().__init__(config)
        self._lasting = lasting
        self._drain_seconds = drain_seconds
        self._ends_at: float | None = None
        self._parent = parent or os.getppid()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        draining.set()
        if self._ends_at is None and self._drain_seconds and self.started:
            self._ends_at = time.monotonic() + self._drain_seconds
            self._captured_signals.append(sig)
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._end_lasting(0)
        await super().shutdown(sockets)
        # Uvicorn would raise them again: but what they asked for has been done, in good order.
        self._captured_signals.clear()

    def _end_lasting(self, seconds: float) -> None:
        if self._lasting is not None and not self._lasting.draining:
            self._lasting.drain(seconds)

    async def on_tick(self, counter: int) -> bool:
        if self._ends_at is not None:
            self._end_lasting(max(0, self._ends_at - time.monotonic()) * ENDED_EARLY)
        is_over = self._ends_at is not None and time.monotonic() >= self._ends_at
        if is_over or os.getppid() != self._parent:
            # Without whoever keeps it alive nobody would ever end it.
            self.should_exit = True
        return await super().on_tick(counter)


def config_for(app: Any, settings: Settings, **more: Any) -> uvicorn.Config:
    bounds = {
        "limit": settings.connection_limit,
        "limit_each": settings.connections_each,
        "from_each": Counter[str](),
    }
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=type("BoundConnection", (Connection,), bounds),
        ws="websockets-sansio",
        ws_max_size=settings.body_limit,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=ENDING_SECONDS,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        **more,
    )


def serve(
    app: Any, settings: Settings, descriptor: int | None = None, parent: int | None = None
) -> None:
    """Until told to end, or until the parent is gone: its process by that id, or else whoever
    started us; on the socket of that descriptor, if there is one already."""
    sockets = None if descriptor is None else [socket.socket(fileno=descriptor)]
    lasting = getattr(app.state, "lasting", None)
    Server(config_for(app, settings), settings.drain_seconds, lasting, parent).run(sockets)


def family_of(settings: Settings) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in settings.host else socket.AF_INET


def listening(settings: Settings) -> socket.socket:
    """For several processes. Raises OSError."""
    at = settings.host, settings.port
    made = socket.create_server(at, family=family_of(settings), backlog=BACKLOG)
    made.set_inheritable(True)
    return made
