"""Where what partners said is kept: what there is to it, and this process's own memory."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol


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

    async def close(self) -> None: ...


class Memory:
    """At most so many bytes; what has not been read for longest goes first."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._size = 0
        self._held: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    async def read(self, keys: Sequence[str]) -> list[bytes | None]:
        return [self._read(key) for key in keys]

    async def write(self, values: Mapping[str, bytes], seconds: float) -> None:
        for key, value in values.items():
            self._write(key, value, seconds)

    async def agree(self, proposed: Mapping[str, tuple[bytes, float]]) -> dict[str, bytes]:
        agreed = {}
        for key, (value, seconds) in proposed.items():
            held = self._read(key)
            if held is None:
                self._write(key, value, seconds)
            agreed[key] = value if held is None else held
        return agreed

    async def drop(self, keys: Sequence[str]) -> bool:
        for key in keys:
            self._drop(key)
        return True

    async def close(self) -> None:
        self._held.clear()

    def _read(self, key: str) -> bytes | None:
        held = self._held.get(key)
        if held is None:
            return None
        value, until = held
        if until <= self._clock():
            self._drop(key)
            return None
        self._held.move_to_end(key)
        return value

    def _write(self, key: str, value: bytes, seconds: float) -> None:
        self._drop(key)
        self._held[key] = value, self._clock() + seconds
        self._size += len(key) + len(value)
        while self._size > self._limit:
            self._drop(next(iter(self._held)))

    def _drop(self, key: str) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._size -= len(key) + len(held[0])


def store_of(redis_url: str | None, memory_limit: int) -> Store:
    if redis_url is None:
        return Memory(memory_limit)
    # Its client loads a great deal, for those who have a Redis.
    from federation.redis import InRedis

    return InRedis(redis_url)
