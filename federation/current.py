"""The router over a file, as the file is now."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from federation.router import Router
from federation.supergraph import BadSupergraph, Supergraph

log = structlog.get_logger()

LOOK_SECONDS = 1.0


R = TypeVar("R", bound=Router)


class Current(Generic[R]):
    """`router` is made of what the file says. When that changes, what comes next is answered by
    another router; what is under way ends with the one it began with."""

    def __init__(self, path: Path, router_over: Callable[[Supergraph], R]) -> None:
        """Raises BadSupergraph or OSError where there is nothing to begin with."""
        self._path = path
        self._router_over = router_over
        self._seen = self._version()
        self.router = router_over(Supergraph(path.read_text(encoding="utf-8")))

    @asynccontextmanager
    async def followed(self, seconds: float = LOOK_SECONDS) -> AsyncIterator[None]:
        """The file is looked at again and again."""
        task = asyncio.create_task(self._follow(seconds))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def look(self) -> None:
        """Takes the file as it is now. One that cannot be served is told of, and waited out."""
        try:
            version = self._version()
            if version == self._seen:
                return
            self._seen = version
            router = await asyncio.to_thread(self._fresh)
        except (BadSupergraph, OSError, UnicodeDecodeError) as error:
            log.error("supergraph", refused=str(error))
            return
        self.router = router
        log.info("supergraph", subgraphs=len(router.supergraph.subgraphs))

    def _fresh(self) -> R:
        router = self._router_over(Supergraph(self._path.read_text(encoding="utf-8")))
        router.warm(self.router)
        return router

    async def _follow(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.look()

    def _version(self) -> tuple[int, int, int]:
        found = self._path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size
