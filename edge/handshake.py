"""From HTTP to a WebSocket, and how that is refused: in JSON with a code, as everything is."""

from asyncio import Handle
from http import HTTPStatus
from typing import Any

import orjson
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Response
from websockets.server import ServerProtocol

from runtime.faults import Coded
from runtime.http import JSON

PIECE = 16_384
"""Bytes that are read at once; then others have their turn."""
FRAMES = 256
"""Of one message: its bytes alone bound nothing, since a frame may be empty."""
VERSION = "Sec-WebSocket-Version"
CODES = {403: "FORBIDDEN", 431: "LIMIT_EXCEEDED", 500: "INTERNAL"}
"""Of the statuses with a code other than BAD_INPUT."""


class Handshake(ServerProtocol):
    def reject(self, status: Any, text: str) -> Response:
        is_version = getattr(self.handshake_exc, "name", None) == VERSION
        status = HTTPStatus.UPGRADE_REQUIRED if is_version else HTTPStatus(status)
        error = Coded(CODES.get(status, "BAD_INPUT"), text.strip() or f"{status.phrase}.")
        response = super().reject(status, orjson.dumps({"errors": [error.formatted]}).decode())
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = f"{JSON}; charset=utf-8"
        if is_version:
            response.headers[VERSION] = "13"
            response.headers["Upgrade"] = "websocket"
        return response


class Socket(WebSocketsSansIOProtocol):
    """Uvicorn's, with that; read a piece at a time, and with a bound of frames."""

    _next: Handle | None = None

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._unread = bytearray()
        self.conn = Handshake(
            extensions=self.conn.available_extensions,
            max_size=self.config.ws_max_size,
            logger=self.conn.logger,
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._unread.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.handshake_initiated:
            self._unread += data
            self._read()
            return
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():
            # All of it is there; and it is more than is taken of one.
            self.handshake_complete = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    async def receive(self) -> Any:
        message = await super().receive()
        if self._unread:
            self._go_on()
        return message

    @property
    def _may_read(self) -> bool:
        """Not while there are messages that nobody has taken."""
        return self.queue.empty() or self.close_sent

    def _read(self) -> None:
        self._next = None
        if self._may_read and not self.transport.is_closing():
            piece = bytes(self._unread[:PIECE])
            del self._unread[:PIECE]
            super().data_received(piece)
        self._go_on()

    def _go_on(self) -> None:
        """With what has come already, before more is taken in."""
        if self.transport.is_closing():
            self._unread.clear()
        elif self._unread:
            self.read_paused = True
            self.transport.pause_reading()
            if self._next is None and self._may_read:
                self._next = self.loop.call_soon(self._read)
        elif self.read_paused and self._may_read:
            self.read_paused = False
            self.transport.resume_reading()

    def handle_cont(self, event: Frame) -> None:
        if self.close_sent:
            return
        if len(self.frames) < FRAMES:
            super().handle_cont(event)
            return
        self.conn.fail(CloseCode.MESSAGE_TOO_BIG, f"A message may have {FRAMES} frames.")
        self.handle_parser_exception()
