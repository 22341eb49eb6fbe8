"""What partners said, kept in Redis for all processes; and nothing kept while it is away."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = structlog.get_logger()

REDIS_SECONDS = 0.1
"""How long Redis may take: it is there to save time."""
REST_SECONDS = 5.0
"""How long it is left alone when it did not answer."""
PREFIX = "partners:"

T = TypeVar("T")


class InRedis:
    """Goes on without Redis while it does not answer."""

    def __init__(self, url: str, seconds: float = REDIS_SECONDS) -> None:
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
        )
        self._rests_until = 0.0

    async def read(self, keys: Sequence[str]) -> list[bytes | None]:
        async def read() -> list[bytes | None]:
            found = await self._redis.mget([PREFIX + key for key in keys])
            return cast("list[bytes | None]", found)

        nothing: list[bytes | None] = [None] * len(keys)
        return await self._or(nothing, read) if keys else nothing

    async def write(self, values: Mapping[str, bytes], seconds: float) -> None:
        async def written() -> None:
            pipeline = self._redis.pipeline(transaction=False)
            for key, value in values.items():
                pipeline.set(PREFIX + key, value, px=int(seconds * 1000))
            await pipeline.execute()

        if values:
            await self._or(None, written)

    async def agree(self, proposed: Mapping[str, tuple[bytes, float]]) -> dict[str, bytes]:
        async def agreed() -> dict[str, bytes]:
            pipeline = self._redis.pipeline(transaction=False)
            for key, (value, seconds) in proposed.items():
                pipeline.set(PREFIX + key, value, px=int(seconds * 1000), nx=True)
                pipeline.get(PREFIX + key)
            found = (await pipeline.execute())[1::2]
            # None where it has ended in between, or there was no room for it.
            return {
                key: value if held is None else held
                for (key, (value, _)), held in zip(proposed.items(), found, strict=True)
            }

        return await self._or({key: value for key, (value, _) in proposed.items()}, agreed)

    async def drop(self, keys: Sequence[str]) -> bool:
        async def dropped() -> bool:
            await self._redis.delete(*(PREFIX + key for key in keys))
            return True

        return await self._or(False, dropped)

    async def close(self) -> None:
        await self._redis.aclose()

    async def _or(self, otherwise: T, command: Callable[[], Awaitable[T]]) -> T:
        if time.monotonic() < self._rests_until:
            return otherwise
        try:
            return await command()
        except (RedisError, OSError) as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            log.warning("redis", told=repr(error), rests_seconds=REST_SECONDS)
            return otherwise
