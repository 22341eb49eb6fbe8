"""Starlette's application, with a way straight to the path that nearly all requests are for."""

from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send


class Application(Starlette):
    """Middleware and the search for a route cost as much as authenticating; `direct` is spared
    both, and answers for its own faults."""

    def __init__(self, direct: Route, *others: Route, **given: Any) -> None:
        super().__init__(routes=[direct, *others], **given)
        self._path = direct.path
        self._direct = direct.app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == self._path:
            await self._direct(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
