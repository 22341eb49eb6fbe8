"""The work that nobody waits for: sequencing changes, handing them on, running jobs.

Any number of processes may do it at once. Each part goes on by itself: when PostgreSQL is away,
or one follower fails, it is tried again, and the others are not held up.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import structlog

from runtime.changes import BATCH, FOLLOWERS, enrol, follow, sequence
from runtime.jobs import DEAD_AFTER_SECONDS, take_over, work_off
from runtime.process import Process

log = structlog.get_logger()

POLL_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0

Step = Callable[[int], Awaitable[object]]
"""Takes how often it has failed since it last did not, and is true if there is more to do."""


async def work(process: Process) -> None:
    """Until cancelled; what was begun is then ended."""
    # Before anything gets a position: who is new follows from here.
    await insist("followers", lambda _: enrol(process))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(repeat("sequencer", lambda _: sequence(process)))
        tasks.create_task(repeat("jobs", lambda _: work_off(process)))
        tasks.create_task(repeat("heirs", lambda _: take_over(process), DEAD_AFTER_SECONDS / 2))
        for name in FOLLOWERS:
            tasks.create_task(repeat(name, partial(hand_on, process, name)))


async def hand_on(process: Process, name: str, failures: int) -> int:
    # One by one after a failure: what comes before the change it fails at gets through.
    return await follow(process, name, 1 if failures else BATCH)


async def repeat(name: str, step: Step, every: float = POLL_SECONDS) -> None:
    while True:
        more = await insist(name, step)
        await asyncio.sleep(0 if more else every)


async def insist(name: str, step: Step) -> object:
    """Try until it is done, at longer and longer intervals."""
    failures = 0
    while True:
        try:
            return await step(failures)
        except Exception as error:
            failures += 1
            log.error("background", part=name, failures=failures, error=repr(error), exc_info=True)
            await asyncio.sleep(min(POLL_SECONDS * 2 ** min(failures, 10), LONGEST_PAUSE_SECONDS))


@asynccontextmanager
async def working(process: Process) -> AsyncIterator[None]:
    """The background's work is done as long as the block lasts."""
    task = asyncio.create_task(work(process))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
