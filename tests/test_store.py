"""What is kept for a while is kept for that while, wherever it is kept."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from runtime.redis import SharedRedis
from runtime.store import Memory, Store, store_of
from tests.receiving import until


@pytest_asyncio.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.slow)])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield store_of(None, "", 1_000)
        return
    redis = SharedRedis(request.getfixturevalue("redis_url"), seconds=10)
    await redis.ask(False, lambda asked: asked.flushall())
    yield store_of(redis, "test:", 0)
    await redis.close()


async def test_what_is_written_is_there_until_its_time_is_over(store: Store) -> None:
    await store.write({"short": b"1"}, 0.05)
    await store.write({"long": b"2"}, 3600)
    at_first = await store.read(["long", "none"])

    async def is_gone() -> bool:
        return await store.read(["short"]) == [None]

    await until(is_gone)

    assert at_first == [b"2", None]
    assert await store.read(["short", "long"]) == [None, b"2"]


async def test_who_agrees_gets_what_stood_there_and_may_be_next_when_it_is_gone(
    store: Store,
) -> None:
    assert await store.agree({"turn": (b"one", 3600)}) == {"turn": b"one"}
    assert await store.agree({"turn": (b"other", 3600)}) == {"turn": b"one"}
    assert await store.agree({"brief": (b"one", 0.05)}) == {"brief": b"one"}

    async def is_next() -> bool:
        return await store.agree({"brief": (b"other", 3600)}) == {"brief": b"other"}

    await until(is_next)
    assert await store.drop(["brief"])
    assert await store.read(["brief"]) == [None]


async def test_a_redis_that_does_not_answer_is_left_alone_for_a_while() -> None:
    connections = []

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        redis = SharedRedis(f"redis://127.0.0.1:{port}/0", seconds=0.05)
        kept = store_of(redis, "test:", 0)
        for _ in range(3):
            assert await kept.read(["a"]) == [None]
            await kept.write({"a": b"1"}, 60)
        await redis.close()

    assert len(connections) == 1


async def test_memory_is_bounded_and_keeps_what_was_read_last() -> None:
    now = 0.0
    memory = Memory(30, clock=lambda: now)
    await memory.write({"a": b"1" * 9, "b": b"2" * 9, "c": b"3" * 9}, 10)
    assert (await memory.read(["a"]))[0] is not None
    await memory.write({"d": b"4" * 9}, 20)

    assert [value is not None for value in await memory.read(["a", "b", "c", "d"])] == [
        *(True, False, True, True)
    ]
    now = 15
    assert [value is not None for value in await memory.read(["a", "d"])] == [False, True]
