"""Serving an application: what its connections are held to, and how a process ends."""

import os
import socket
import time
from collections import Counter
from types import FrameType
from typing import Any

import uvicorn
from starlette.routing import WebSocketRoute

from edge.connection import Connection
from edge.handshake import Socket
from edge.lasting import Lasting
from runtime.draining import draining
from runtime.settings import Settings

KEEP_ALIVE_SECONDS = 75
"""Longer than the proxies in front of us keep a connection: who ends it must be the client."""
BACKLOG = 2_048
ENDED_EARLY = 0.8
"""Of the time until the process ends: by then those that stayed are to be somewhere else."""
ENDING_SECONDS = 10
"""For what is under way when the process is to end; then it is cut off."""


class Server(uvicorn.Server):
    """Uvicorn's, that says for a while that it is about to go before it does: whoever spreads the
    load has to notice first, and connections that stay are ended meanwhile, one by one. Told
    twice, it goes at once."""

    def __init__(
        self, config: uvicorn.Config, drain_seconds: float, lasting: Lasting | None = None
    ) -> None:
        super().__init__(config)
        self._lasting = lasting
        self._drain_seconds = drain_seconds
        self._ends_at: float | None = None
        self._parent = os.getppid()

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
        "largest": max(settings.body_limit, settings.subgraph_body_limit, settings.document_limit),
        "sockets": {
            route.path.encode()
            for route in getattr(app, "routes", ())
            if isinstance(route, WebSocketRoute)
        },
    }
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=type("BoundConnection", (Connection,), bounds),
        ws=Socket,
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


def serve(app: Any, settings: Settings, descriptor: int | None = None) -> None:
    """Until told to end; on the socket of that descriptor, if there is one already."""
    sockets = None if descriptor is None else [socket.socket(fileno=descriptor)]
    lasting = getattr(app.state, "lasting", None)
    Server(config_for(app, settings), settings.drain_seconds, lasting).run(sockets)


def family_of(settings: Settings) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in settings.host else socket.AF_INET


def listening(settings: Settings) -> socket.socket:
    """For several processes. Raises OSError."""
    at = settings.host, settings.port
    made = socket.create_server(at, family=family_of(settings), backlog=BACKLOG)
    made.set_inheritable(True)
    return made
