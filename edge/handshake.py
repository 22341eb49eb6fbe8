"""From HTTP to a WebSocket, and how that is refused: in JSON with a code, as everything is."""

from http import HTTPStatus
from typing import Any

import orjson
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Response
from websockets.server import ServerProtocol

from runtime.faults import Coded
from runtime.http import JSON

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
    """Uvicorn's, with that."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn = Handshake(
            extensions=self.conn.available_extensions,
            max_size=self.config.ws_max_size,
            logger=self.conn.logger,
        )

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():
            # All of it is there; and it is more than is taken of one.
            self.handshake_complete = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
