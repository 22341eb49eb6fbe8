"""Files that may change while we run: looked at again and again, so that no restart is needed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeAlias

LOOK_SECONDS = 1.0

Version: TypeAlias = tuple[tuple[int, int, int] | None, ...]


class Watched:
    def __init__(self, paths: Sequence[Path], take: Callable[[], Awaitable[None]]) -> None:
        """`take` is called when one of them has changed since, or a file in one of them that is a
        folder. It must not raise."""
        self._paths = paths
        self._take = take
        self._seen = versions_of(paths)

    async def look(self) -> None:
        versions = versions_of(self._paths)
        if versions != self._seen:
            self._seen = versions
            await self._take()

    @asynccontextmanager
    async def followed(self, seconds: float = LOOK_SECONDS) -> AsyncIterator[None]:
        """As long as the block lasts."""
        task = asyncio.create_task(self._follow(seconds))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _follow(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self.look()


def versions_of(paths: Sequence[Path]) -> Version:
    return tuple(version_of(each) for path in paths for each in (path, *within(path)))


def within(path: Path) -> list[Path]:
    try:
        return sorted(path.iterdir()) if path.is_dir() else []
    except OSError:
        return []


def version_of(path: Path) -> tuple[int, int, int] | None:
    """Another one for each time the file is replaced or written to; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
