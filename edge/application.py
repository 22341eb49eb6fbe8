"""Starlette's application, with a way straight to the path that nearly all requests are for."""

from collections.abc import Awaitable, Sequence
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
        self,
        direct: Route,
        *others: BaseRoute,
        origins: Sequence[str] = (),
        local_origins: str | None = None,
        **given: Any,
    ) -> None:
        """Pages of the `origins` and of those that `local_origins` matches, and no others, may read
        the answers."""
        super().__init__(routes=[direct, *others], **given)
        self._path = direct.path
        self._direct = direct.app
        self._others = super().__call__
        self._compressed = CompressMiddleware(self._plain)
        self._entry: ASGIApp = self._packed
        if origins or local_origins:
            self._entry = CORSMiddleware(
                self._packed,
                allow_origins=origins,
                allow_origin_regex=local_origins,
                allow_methods=["GET", "POST", "PUT"],
                allow_headers=ASKED_WITH,
                expose_headers=TOLD_WITH,
                max_age=PREFLIGHT_SECONDS,
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._entry(scope, receive, send)

    # These only choose: a coroutine for each would cost more than the choice.

    def _packed(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # Looking into each message of those who did not ask for it would be all it did.
        if scope["type"] == "http":
            for name, _ in scope["headers"]:
                if name == b"accept-encoding":
                    return self._compressed(scope, receive, send)
        return self._plain(scope, receive, send)

    def _plain(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["path"] == self._path:
            return self._direct(scope, receive, send)
        return self._others(scope, receive, send)
