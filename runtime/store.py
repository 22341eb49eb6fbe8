"""Where something is kept for a while: what there is to it, and this process's own memory."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from runtime.redis import SharedRedis


T = TypeVar("T")


class Store(Protocol):
    """Keeps values for a while, or less. One that fails is as one that keeps nothing."""

    async def read(self, keys: Sequence[str]) -> list[bytes | None]: ...

    async def write(self, values: Mapping[str, bytes], seconds: float) -> None: ...

    async def agree(self, proposed: Mapping[str, tuple[bytes, float]]) -> dict[str, bytes]:
        """What stands under each key: what stood there, or else the value proposed, from now on
        and for so many seconds."""
        ...

    async def drop(self, keys: Sequence[str]) -> bool:
        """Whether nothing stands there any more."""
        ...


class Bounded(Generic[T]):
    """At most so many bytes; what has not been read for longest goes first."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.size = 0
        self._limit = limit
        self._clock = clock
        self._held: OrderedDict[Hashable, tuple[T, int, float]] = OrderedDict()

    def read(self, key: Hashable) -> T | None:
        held = self._held.get(key)
        if held is None:
            return None
        value, _, until = held
        if until <= self._clock():
            self.drop(key)
            return None
        self._held.move_to_end(key)
        return value

    def write(self, key: Hashable, value: T, size: int, seconds: float) -> None:
        self.drop(key)
        self._held[key] = value, size, self._clock() + seconds
        self.size += size
        while self.size > self._limit:
            self.drop(next(iter(self._held)))

    def drop(self, key: Hashable) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self.size -= held[1]


class Memory:
    """A store in this process alone."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._held = Bounded[bytes](limit, clock)

    async def read(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self._held.read(key) for key in keys]

    async def write(self, values: Mapping[str, bytes], seconds: float) -> None:
        for key, value in values.items():
            self._held.write(key, value, len(key) + len(value), seconds)

    async def agree(self, proposed: Mapping[str, tuple[bytes, float]]) -> dict[str, bytes]:
        agreed = {}
        for key, (value, seconds) in proposed.items():
            held = self._held.read(key)
            if held is None:
                await self.write({key: value}, seconds)
            agreed[key] = value if held is None else held
        return agreed

    async def drop(self, keys: Sequence[str]) -> bool:
        for key in keys:
            self._held.drop(key)
        return True


def redis_at(url: str | None) -> "SharedRedis | None":
    if url is None:
        return None
    # Its client loads a great deal, for those who have a Redis.
    from runtime.redis import SharedRedis

    return SharedRedis(url)


def store_of(redis: "SharedRedis | None", prefix: str, memory_limit: int) -> Store:
    """In Redis, under keys of that prefix; or else in this process, so many bytes at most."""
    if redis is None:
        return Memory(memory_limit)
    from runtime.redis import InRedis

    return InRedis(redis, prefix)
