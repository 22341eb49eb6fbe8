"""Points that may be spent: so many at once, and so many a second again (a leaky bucket).

Of each client what it owes is kept, and the moment at which it owed that; so there is nothing to
be refilled, and a client who was not seen for a while costs nothing. Points are added to points,
never to the time of day: what is left does not depend on what a clock shows.
"""

from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from runtime import clock

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
local points, capacity, per_second = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local held, at = string.match(redis.call('GET', KEYS[1]) or '', '(%S+) (%S+)')
local owed = 0
if held then
    owed = math.max(0, tonumber(held) - math.max(0, now - tonumber(at)) * per_second)
end
if owed > 0 and owed + points > capacity then
    return {0, string.format('%.17g', owed)}
end
owed = string.format('%.17g', owed + points)
local lasts = math.ceil(tonumber(owed) / per_second * 1000) + 1
redis.call('SET', KEYS[1], owed .. ' ' .. string.format('%.6f', now), 'PX', lasts)
return {1, owed}
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
    owed: float
    """Points that are not back yet."""

    @property
    def remaining(self) -> int:
        return max(0, int(self.allowance.capacity - self.owed))

    @property
    def owed_seconds(self) -> float:
        """Until all points are back."""
        return self.owed / self.allowance.per_second

    def wait(self, points: float) -> float:
        """Seconds until so many points may be taken."""
        free = max(0.0, self.allowance.capacity - points)
        return max(0.0, self.owed - free) / self.allowance.per_second


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

    def __init__(self) -> None:
        self._owed: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, points: float, allowance: Allowance) -> Standing:
        now = clock.elapsed()
        held, at = self._owed.get(key, (0.0, now))
        owed = max(0.0, held - (now - at) * allowance.per_second)
        if owed and owed + points > allowance.capacity:
            return Standing(allowance, False, owed)
        self._owed[key] = owed + points, now
        self._owed.move_to_end(key)
        if len(self._owed) > REMEMBERED:
            self._owed.popitem(last=False)
        return Standing(allowance, True, owed + points)


class Shared:
    """Of all processes; of each for itself while Redis does not answer, so that nobody is turned
    away for it, and nobody gets more than so many times what is allowed as there are processes."""

    def __init__(self, redis: "SharedRedis") -> None:
        self._redis = redis
        self._meanwhile = Memory()

    async def take(self, key: str, points: float, allowance: Allowance) -> Standing:
        async def taken(redis: Any) -> Standing:
            given = points, allowance.capacity, allowance.per_second
            allowed, owed = await redis.eval(TAKE, 1, PREFIX + key, *given)
            return Standing(allowance, bool(allowed), float(owed))

        standing: Standing | None = await self._redis.ask(None, taken)
        return standing or self._meanwhile.take(key, points, allowance)


def meter_of(redis: "SharedRedis | None") -> Meter:
    return Memory() if redis is None else Shared(redis)
