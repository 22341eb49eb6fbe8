"""The background's work, done at once and in the open: what fails there fails the test."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import text

import resolvers.background  # noqa: F401  (jobs and followers become known by it)
from runtime import clock
from runtime.background import LABOURS, LASTING
from runtime.changes import AFTER, FOLLOWERS, enrol, follow, sequence
from runtime.jobs import JOBS, carry_out
from runtime.process import Process

DUE = text(
    """
    SELECT id, task_name, args FROM procrastinate_jobs
     WHERE status = 'todo' AND coalesce(scheduled_at, '-infinity') <= :as_of
     ORDER BY priority DESC, scheduled_at NULLS FIRST, id LIMIT 1
    """
)
DONE = text("DELETE FROM procrastinate_jobs WHERE id = :id")
ENOUGH = 10_000


@contextmanager
def nothing_known() -> Iterator[None]:
    """Nothing to do but what is declared inside the block."""
    registries: tuple[dict[str, Any], ...] = (JOBS, FOLLOWERS, AFTER, LABOURS, LASTING)
    kept = [(registry, dict(registry)) for registry in registries]
    for registry, _ in kept:
        registry.clear()
    try:
        yield
    finally:
        for registry, content in kept:
            registry.clear()
            registry.update(content)


async def settle(process: Process, as_of: datetime | None = None) -> None:
    """Run sequencer, followers and due jobs until nothing is left.

    With `as_of`, jobs run that are due by then, and think that it is then: `tx.now` is theirs.
    """
    await enrol(process)
    for _ in range(ENOUGH):
        moved = await sequence(process)
        for name in FOLLOWERS:
            moved += await follow(process, name)
        if not moved and not await run_next(process, as_of):
            return
    raise AssertionError("the background makes work for itself")


async def run_next(process: Process, as_of: datetime | None = None) -> bool:
    """Run the job that is due first, if there is one."""
    async with process.database.engine.begin() as connection:
        job = (await connection.execute(DUE, {"as_of": as_of or clock.now()})).one_or_none()
    if job is None:
        return False
    await carry_out(process, job.task_name, job.args, as_of)
    async with process.database.engine.begin() as connection:
        await connection.execute(DONE, {"id": job.id})
    return True
