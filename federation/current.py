"""The router over a file, as the file is now."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from federation.partner import BadPartners
from federation.router import Router
from federation.supergraph import BadSupergraph, Supergraph
from runtime.watched import LOOK_SECONDS, Watched

log = structlog.get_logger()

R = TypeVar("R", bound=Router)


class Current(Generic[R]):
    """`router` is made of what the file says. When that changes, what comes next is answered by
    another router; what is under way ends with the one it began with."""

    def __init__(
        self,
        path: Path,
        router_over: Callable[[Supergraph], R],
        beside: Sequence[Path] = (),
    ) -> None:
        """`router_over` reads what lies `beside`. Raises BadSupergraph, BadPartners or OSError
        where there is nothing to begin with."""
        self._path = path
        self._router_over = router_over
        self._watched = Watched([path, *beside], self._renew)
        self.router = self._made()

    def followed(self, seconds: float = LOOK_SECONDS) -> AbstractAsyncContextManager[None]:
        """As long as the block lasts, the files are looked at again and again."""
        return self._watched.followed(seconds)

    async def look(self) -> None:
        """Takes the files as they are now. What cannot be served is told of, and waited out."""
        await self._watched.look()

    async def _renew(self) -> None:
        try:
            self.router = await asyncio.to_thread(self._warmed)
        except (BadSupergraph, BadPartners, OSError, UnicodeDecodeError) as error:
            log.error("supergraph", refused=str(error))
        else:
            log.info("supergraph", subgraphs=len(self.router.supergraph.subgraphs))

    def _warmed(self) -> R:
        router = self._made()
        router.warm(self.router)
        return router

    def _made(self) -> R:
        return self._router_over(Supergraph(self._path.read_text(encoding="utf-8")))
