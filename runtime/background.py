"""The work that nobody waits for: sequencing changes, handing them on, running jobs.

Any number of processes may do it at once. Each part goes on by itself: when PostgreSQL is away,
or one follower fails, it is tried again, and the others are not held up.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from runtime.bounds import Bounds, Work
from runtime.changes import BATCH, FOLLOWERS, enrol, follow, sequence
from runtime.database import Database
from runtime.faults import is_outage
from runtime.jobs import AT_ONCE, DEAD_AFTER_SECONDS, take_over, work_off
from runtime.process import Process

log = structlog.get_logger()

POLL_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
PAUSES = {"heirs": DEAD_AFTER_SECONDS / 2}

Step = Callable[[int], Awaitable[object]]
"""Takes how often it has failed since it last did not, and is true if there is more to do."""


Labour = Callable[[Process], Awaitable[object]]
"""Does some of what there is to do, and is true if there is more."""

LABOURS: dict[str, Labour] = {}


def labour(name: str) -> Callable[[Labour], Labour]:
    """Have every worker call the function over and over: for work that is neither about each
    change nor due at a time. Several do so at once, and it sees itself to what that takes."""

    def register(run: Labour) -> Labour:
        assert name not in LABOURS, f"two labours are called {name}"
        LABOURS[name] = run
        return run

    return register


Lasting = Callable[[Process, asyncio.Event], Coroutine[Any, Any, object]]
"""Goes on until it is told to stop, and then ends what it has begun."""

LASTING: dict[str, Lasting] = {}


def lasting(name: str) -> Callable[[Lasting], Lasting]:
    """Have every worker run the function as long as it works: for work of which much is under way
    at a time, none of which may wait for the slowest. If it fails it is called again."""

    def register(run: Lasting) -> Lasting:
        assert name not in LASTING, f"two of what lasts are called {name}"
        LASTING[name] = run
        return run

    return register


async def work(process: Process, stop: asyncio.Event) -> None:
    """Until told to stop; what was begun is then ended."""
    # Before anything gets a position: who is new follows from here.
    await insist("followers", lambda _: enrol(process), stop)
    parts: dict[str, Step] = {
        "sequencer": lambda _: sequence(process),
        "jobs": lambda _: jobs_until(process, stop),
        "heirs": lambda _: take_over(process),
        **{name: partial(hand_on, process, name) for name in FOLLOWERS},
        **{name: partial(labour_at, process, name) for name in LABOURS},
        **{name: partial(go_on, process, stop, name) for name in LASTING},
    }
    async with asyncio.TaskGroup() as tasks:
        for name, step in parts.items():
            tasks.create_task(repeat(name, step, stop))


async def hand_on(process: Process, name: str, failures: int) -> int:
    # One by one after a failure: what comes before the change it fails at gets through.
    return await follow(process, name, 1 if failures else BATCH)


async def labour_at(process: Process, name: str, _: int) -> object:
    return await LABOURS[name](process)


async def go_on(process: Process, stop: asyncio.Event, name: str, _: int) -> object:
    return await LASTING[name](process, stop)


async def jobs_until(process: Process, stop: asyncio.Event) -> None:
    running = asyncio.create_task(work_off(process))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if stop.is_set():
        # To this library it means: end what you have, begin nothing.
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    else:
        await running


async def repeat(name: str, step: Step, stop: asyncio.Event) -> None:
    while not stop.is_set():
        if not await insist(name, step, stop):
            await pause(PAUSES.get(name, POLL_SECONDS), stop)


async def insist(name: str, step: Step, stop: asyncio.Event) -> object:
    """Try until it is done, at longer and longer intervals."""
    failures = 0
    while not stop.is_set():
        try:
            return await step(failures)
        except Exception as error:
            failures += 1
            log.error(
                "background",
                part=name,
                failures=failures,
                error=type(error).__name__,
                exc_info=not is_outage(error),
            )
            await pause(min(POLL_SECONDS * 2 ** min(failures, 10), LONGEST_PAUSE_SECONDS), stop)
    return None


async def pause(seconds: float, stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


@asynccontextmanager
async def working(process: Process) -> AsyncIterator[None]:
    """The background's work is done as long as the block lasts."""
    # Connections of its own: requests beside it must not wait for it.
    size = AT_ONCE + len(FOLLOWERS) + len(LABOURS) + 2 * len(LASTING) + 2
    settings = process.settings
    database = Database(
        settings.database_url or "",
        pool_size=size,
        # The long ones of these are pages of exports.
        reads=Bounds.of(settings, Work.EXPORT),
        transactions=Bounds.of(settings, Work.JOB),
    )
    stop = asyncio.Event()
    task = asyncio.create_task(work(replace(process, database=database), stop))
    try:
        yield
    finally:
        # Not by cancelling it: a statement that is cut off costs its connection.
        stop.set()
        await task
        await database.close()
