"""Points are spent as they are allowed, by one process or by several."""

import asyncio
from collections.abc import AsyncIterator
from inspect import isawaitable

import pytest
import pytest_asyncio

from runtime import clock
from runtime.points import Allowance, Memory, Meter, Standing, meter_of
from runtime.redis import SharedRedis

TEN = Allowance(10, 0.001)
"""What is spent of them takes hours to come back, so that it does not while a test runs."""
HOURS = 10_000


@pytest_asyncio.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.slow)])
async def meter(request: pytest.FixtureRequest) -> AsyncIterator[Meter]:
    if request.param == "memory":
        yield meter_of(None)
        return
    redis = SharedRedis(request.getfixturevalue("redis_url"), seconds=10)
    await redis.ask(False, lambda asked: asked.flushall())
    yield meter_of(redis)
    await redis.close()


async def take(meter: Meter, points: float, key: str = "a", of: Allowance = TEN) -> Standing:
    standing = meter.take(key, points, of)
    return await standing if isawaitable(standing) else standing


async def test_so_many_points_are_there_at_once_and_no_more(meter: Meter) -> None:
    first, second = await take(meter, 6), await take(meter, 6)
    other, smaller = await take(meter, 6, key="b"), await take(meter, 4)

    assert (first.allowed, first.remaining) == (True, 4)
    assert (second.allowed, second.remaining) == (False, 4)
    assert 0.1 * HOURS < second.wait(6) <= 0.2 * HOURS
    assert other.allowed
    assert (smaller.allowed, smaller.remaining) == (True, 0)


async def test_what_was_spent_comes_back(meter: Meter) -> None:
    await take(meter, 10)
    slowly = await take(meter, 10)
    # Shorter than a microsecond is no time at all by the clock of Redis.
    await asyncio.sleep(0.001)
    quickly = await take(meter, 10, of=Allowance(10, 1_000_000))

    assert not slowly.allowed
    assert quickly.allowed
    assert quickly.remaining == 0


@pytest.mark.parametrize("per_second", [1, 3, 10, 7000])
def test_what_is_left_is_exact_at_any_time(
    per_second: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for moment in (0, 0.1, 1 / 3, 12_345.678, 98_765.4321, 1e8 + 1 / 7):
        monkeypatch.setattr(clock, "elapsed", lambda moment=moment: moment)
        meter, allowance = Memory(), Allowance(1000, per_second)
        spent = [meter.take("a", 1, allowance) for _ in range(1001)]

        assert [standing.remaining for standing in spent] == [*range(999, -1, -1), 0]
        assert [standing.allowed for standing in spent] == [True] * 1000 + [False]
        assert [meter.take("b", 2, allowance).owed_seconds] == [2 / per_second]


def test_points_come_back_as_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    meter, allowance = Memory(), Allowance(10, 2)
    found = []
    for moment, points in ((100, 10), (102, 5), (102, 4), (200, 1)):
        monkeypatch.setattr(clock, "elapsed", lambda moment=moment: moment)
        standing = meter.take("a", points, allowance)
        found.append((standing.allowed, standing.owed, standing.wait(points)))

    assert found == [(True, 10, 5), (False, 6, 0.5), (True, 10, 2), (True, 1, 0)]


async def test_what_is_dearer_than_all_is_let_through_once(meter: Meter) -> None:
    assert (await take(meter, 25)).allowed
    waiting = await take(meter, 1)

    assert not waiting.allowed
    assert 1.5 * HOURS < waiting.wait(1) <= 1.6 * HOURS


async def test_of_many_at_once_just_so_many_get_through(meter: Meter) -> None:
    found = await asyncio.gather(*(take(meter, 1) for _ in range(50)))

    assert sum(standing.allowed for standing in found) == 10


async def test_processes_share_and_without_one_step_they_would_not(redis_url: str) -> None:
    one, other = (SharedRedis(redis_url, seconds=10) for _ in range(2))
    await one.ask(False, lambda asked: asked.flushall())
    meters = [meter_of(one), meter_of(other)]
    found = await asyncio.gather(*(take(meters[n % 2], 1) for n in range(50)))

    async def in_two_steps(redis: SharedRedis) -> bool:
        spent = await redis.ask(None, lambda asked: asked.get("two-steps"))
        if int(spent or 0) >= 10:
            return False
        await redis.ask(None, lambda asked: asked.set("two-steps", int(spent or 0) + 1))
        return True

    racing = await asyncio.gather(*(in_two_steps((one, other)[n % 2]) for n in range(50)))
    await one.close()
    await other.close()

    assert sum(standing.allowed for standing in found) == 10
    assert sum(racing) > 10


async def test_without_redis_each_process_counts_for_itself() -> None:
    redis = SharedRedis("redis://127.0.0.1:1/0")
    meter = meter_of(redis)
    found = [await take(meter, 4) for _ in range(4)]
    await redis.close()

    assert [standing.allowed for standing in found] == [True, True, False, False]


def test_whoever_was_not_seen_for_longest_is_let_off_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("runtime.points.REMEMBERED", 2)
    meter = Memory()
    for key in ("a", "b", "c"):
        assert meter.take(key, 10, TEN).allowed

    assert [meter.take(key, 1, TEN).allowed for key in ("c", "b", "a")] == [False, False, True]


@pytest.mark.parametrize("text", ["", "10", "ten/1", "0/1", "10/0", "-1/1", "nan/1"])
def test_what_allows_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"lets nobody|could not convert"):
        Allowance.read(text)
