"""Redis, which all processes share, as long as it answers: nothing waits for it, or fails by it."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
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

T = TypeVar("T")


class SharedRedis:
    def __init__(self, url: str, seconds: float = REDIS_SECONDS) -> None:
        self._url = url
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 0),
        )
        self._rests_until = 0.0

    async def ask(self, otherwise: T, command: Callable[[Redis], Awaitable[T]]) -> T:
        """What comes of the command; `otherwise`, while Redis does not answer."""
        if time.monotonic() < self._rests_until:
            return otherwise
        try:
            return await command(self._redis)
        except (RedisError, OSError) as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            log.warning("redis", told=repr(error), rests_seconds=REST_SECONDS)
            return otherwise

    async def standing(self) -> str:
        """`up` or `down`."""

        async def ping(redis: Redis) -> str:
            await redis.ping()
            return "up"

        return await self.ask("down", ping)

    async def publish(self, channel: str) -> None:
        async def published(redis: Redis) -> None:
            await redis.publish(channel, "")

        await self.ask(None, published)

    async def heard(self, channel: str) -> AsyncIterator[None]:
        """Each time that somebody publishes there. Raises where Redis goes away."""
        # Silence is no failure here: of this connection nothing is timed but how it begins.
        redis: Redis = Redis.from_url(
            self._url, socket_timeout=None, socket_connect_timeout=REDIS_SECONDS
        )
        async with redis, redis.pubsub(ignore_subscribe_messages=True) as messages:
            await messages.subscribe(channel)
            async for _ in messages.listen():
                yield

    async def close(self) -> None:
        await self._redis.aclose()


class InRedis:
    """A store that keeps nothing while Redis is away."""

    def __init__(self, redis: SharedRedis, prefix: str) -> None:
        """Every key begins with the `prefix`."""
        self._redis = redis
        self._prefix = prefix

    async def read(self, keys: Sequence[str]) -> list[bytes | None]:
        async def read(redis: Redis) -> list[bytes | None]:
            found = await redis.mget([self._prefix + key for key in keys])
            return cast("list[bytes | None]", found)

        nothing: list[bytes | None] = [None] * len(keys)
        return await self._redis.ask(nothing, read) if keys else nothing

    async def write(self, values: Mapping[str, bytes], seconds: float) -> None:
        async def written(redis: Redis) -> None:
            pipeline = redis.pipeline(transaction=False)
            for key, value in values.items():
                pipeline.set(self._prefix + key, value, px=int(seconds * 1000))
            await pipeline.execute()

        if values:
            await self._redis.ask(None, written)

    async def agree(self, proposed: Mapping[str, tuple[bytes, float]]) -> dict[str, bytes]:
        async def agreed(redis: Redis) -> dict[str, bytes]:
            pipeline = redis.pipeline(transaction=False)
            for key, (value, seconds) in proposed.items():
                pipeline.set(self._prefix + key, value, px=int(seconds * 1000), nx=True)
                pipeline.get(self._prefix + key)
            found = (await pipeline.execute())[1::2]
            # None where it has ended in between, or there was no room for it.
            return {
                key: value if held is None else held
                for (key, (value, _)), held in zip(proposed.items(), found, strict=True)
            }

        return await self._redis.ask({key: value for key, (value, _) in proposed.items()}, agreed)

    async def drop(self, keys: Sequence[str]) -> bool:
        async def dropped(redis: Redis) -> bool:
            await redis.delete(*(self._prefix + key for key in keys))
            return True

        return await self._redis.ask(False, dropped)
