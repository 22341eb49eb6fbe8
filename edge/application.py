"""Starlette's application, with a way straight to the path that nearly all requests are for."""

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type

from edge.negotiation import GRAPHQL

add_compress_type(GRAPHQL)

ASKED_WITH = (
    "Authorization",
    "Content-Type",
    "X-Request-Id",
    "If-None-Match",
    "traceparent",
    "tracestate",
    "apollographql-client-name",
    "apollographql-client-version",
    "graphql-client-name",
    "graphql-client-version",
)
TOLD_WITH = (
    "Deprecated-Fields",
    "ETag",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Server-Timing",
    "X-Request-Id",
)
PREFLIGHT_SECONDS = 7200
"""For how long a browser need not ask again; none remembers it for longer."""


class Application(Starlette):
    """Middleware and the search for a route cost as much as authenticating; `direct` is spared
    both, and answers for its own faults."""

    def __init__(
        self, direct: Route, *others: BaseRoute, origins: Sequence[str] = (), **given: Any
    ) -> None:
        """Pages of the `origins`, and no others, may read the answers."""
        super().__init__(routes=[direct, *others], **given)
        self._path = direct.path
        self._direct = direct.app
        self._compressed = CompressMiddleware(self._plain)
        self._entry: ASGIApp = self._packed
        if origins:
            self._entry = CORSMiddleware(
                self._packed,
                allow_origins=origins,
                allow_methods=["GET", "POST", "PUT"],
                allow_headers=ASKED_WITH,
                expose_headers=TOLD_WITH,
                max_age=PREFLIGHT_SECONDS,
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._entry(scope, receive, send)

    async def _packed(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Looking into each message of those who did not ask for it would be all it did.
        asked = scope["type"] == "http" and any(
            n == b"accept-encoding" for n, _ in scope["headers"]
        )
        await (self._compressed if asked else self._plain)(scope, receive, send)

    async def _plain(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == self._path:
            await self._direct(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
