"""Points that may be spent: so many at once, and so many a second again (a leaky bucket).

Of each client only one moment is kept, the one at which all its points will be back (GCRA); so
there is nothing to be refilled, and a client who was not seen for a while costs nothing.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from runtime.quota import Use
    from runtime.redis import SharedRedis

REMEMBERED = 100_000
"""Clients of one process; whoever was not seen for longest is let off first."""
PREFIX = "points:"
# By Redis' own clock, for those of the processes may differ.
TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local back = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local later = back + tonumber(ARGV[1])
local span = tonumber(ARGV[2])
if later - now > span and back > now then
    return {0, tostring(back - now)}
end
redis.call('SET', KEYS[1], string.format('%.6f', later), 'PX', math.ceil((later - now) * 1000) + 1)
return {1, tostring(later - now)}
"""


@dataclass(frozen=True)
class Allowance:
    capacity: float
    """Points that may be spent at once."""
    per_second: float

    @classmethod
    def read(cls, text: str) -> "Allowance":
        """Of `20000/200`. Raises ValueError."""
        capacity, _, per_second = text.partition("/")
        read = cls(float(capacity), float(per_second))
        if not (read.capacity > 0 and read.per_second > 0):
            raise ValueError(f"{text} lets nobody do anything")
        return read

    @property
    def span(self) -> float:
        """Seconds until all points are back after all have been spent."""
        return self.capacity / self.per_second


@dataclass(frozen=True)
class Standing:
    """Where a client stands after it has taken points, or was refused them."""

    allowance: Allowance
    allowed: bool
    owed_seconds: float
    """Until all points are back."""

    @property
    def remaining(self) -> int:
        return max(0, int((self.allowance.span - self.owed_seconds) * self.allowance.per_second))

    def wait(self, points: float) -> float:
        """Seconds until so many points may be taken."""
        free = max(0.0, self.allowance.span - points / self.allowance.per_second)
        return max(0.0, self.owed_seconds - free)


@dataclass(frozen=True)
class Spent:
    """What a request costs, and where that leaves whoever sent it."""

    points: int
    standing: Standing
    use: "Use | None" = None
    """Of the quotas that a partner's client has."""


class Meter(Protocol):
    def take(self, key: str, points: float, allowance: Allowance) -> Standing | Awaitable[Standing]:
        """Points are taken whole or not at all. Whoever owes none is let do anything once, for
        what may be asked at once is bounded elsewhere."""


class Memory:
    """Of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._back: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, points: float, allowance: Allowance) -> Standing:
        now = self._clock()
        back = max(self._back.get(key, now), now)
        later = back + points / allowance.per_second
        if later - now > allowance.span and back > now:
            return Standing(allowance, False, back - now)
        self._back[key] = later
        self._back.move_to_end(key)
        if len(self._back) > REMEMBERED:
            self._back.popitem(last=False)
        return Standing(allowance, True, later - now)


class Shared:
    """Of all processes; of each for itself while Redis does not answer, so that nobody is turned
    away for it, and nobody gets more than so many times what is allowed as there are processes."""

    def __init__(self, redis: "SharedRedis") -> None:
        self._redis = redis
        self._meanwhile = Memory()

    async def take(self, key: str, points: float, allowance: Allowance) -> Standing:
        async def taken(redis: Any) -> Standing:
            seconds = points / allowance.per_second
            allowed, owed = await redis.eval(TAKE, 1, PREFIX + key, seconds, allowance.span)
            return Standing(allowance, bool(allowed), float(owed))

        standing: Standing | None = await self._redis.ask(None, taken)
        return standing or self._meanwhile.take(key, points, allowance)


def meter_of(redis: "SharedRedis | None") -> Meter:
    return Memory() if redis is None else Shared(redis)
