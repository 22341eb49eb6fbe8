"""Jobs: what is done at a time rather than when somebody asks, by procrastinate.

Commands put a job on the list with `Transaction.later`, in their own transaction. A domain says
what a job does with `@job` on a function of its own: it takes the transaction and what `later`
was given. A job may be run twice (a worker can die after the commit and before it says so), so
it looks whether there is anything to do.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job as Listed
from sqlalchemy import text
from sqlalchemy.engine import make_url

from runtime import clock
from runtime.bounds import Bounds, Work, bind_psycopg
from runtime.faults import is_outage
from runtime.process import Process
from runtime.refusal import Refusal
from runtime.transaction import transaction

log = structlog.get_logger()

AT_ONCE = 4
"""Jobs that a worker runs side by side."""
POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 5
DEAD_AFTER_SECONDS = 30
"""A worker whose heart has not beaten for so long has died, and its jobs are others'."""
LONGEST_SECONDS = 900
"""No job takes so long."""
MAKE_UP_FOR = timedelta(days=1)
"""A night that the service slept through is made up for, if it was the last one."""
TRIES = 40
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=2), timedelta(hours=1)

# Of workers that are gone, or went without a word; and what takes too long to be true: a worker
# that lost its connection cannot say that it is through. By PostgreSQL's clock: the library's own
# statements wrote these times by it.
STALLED = text(
    """
    WITH stalled AS (
        SELECT job.id FROM procrastinate_jobs job
         WHERE job.status = 'doing'
           AND (
               NOT EXISTS (
                   SELECT FROM procrastinate_workers worker
                    WHERE worker.id = job.worker_id
                      AND worker.last_heartbeat > now() - make_interval(secs => :dead_after)
               )
               OR NOT EXISTS (
                   SELECT FROM procrastinate_events event
                    WHERE event.job_id = job.id AND event.type = 'started'
                      AND event.at > now() - make_interval(secs => :longest)
               )
           )
           FOR UPDATE OF job SKIP LOCKED
    )
    SELECT procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL) FROM stalled
    """
)

Body = Callable[..., Awaitable[None]]


@dataclass(frozen=True)
class Job:
    name: str
    run: Body
    cron: str | None
    """When it is due by itself, in UTC; None where commands ask for it."""


JOBS: dict[str, Job] = {}


def job(name: str, *, cron: str | None = None) -> Callable[[Body], Body]:
    """Have workers run the function, `async def (tx, *, …)`, for jobs of that name."""

    def register(run: Body) -> Body:
        assert name not in JOBS, f"two jobs are called {name}"
        JOBS[name] = Job(name, run, cron)
        return run

    return register


async def carry_out(
    process: Process, name: str, arguments: dict[str, Any], now: datetime | None = None
) -> None:
    """Run a job in a transaction of the service itself, for which every row rule holds. What it
    tells people leaves after the commit.

    A refusal is an answer here too: what the job was for has been overtaken.
    """
    try:
        async with transaction(process) as tx:
            tx.now = now or tx.now
            await JOBS[name].run(tx, **arguments)
            await tx.sign_as_system(name)
    except Refusal as refusal:
        log.info("job", job=name, overtaken=type(refusal).__name__)
        return
    for message in tx.messages:
        await process.sms.send(message.mobile, message.text)


class Patience(BaseRetryStrategy):
    """Again after 2 seconds, 4, 8 … and at last each hour, for a day and more. Then the job is
    left on the list as failed, for a person to look at."""

    def get_retry_decision(self, *, exception: BaseException, job: Listed) -> RetryDecision | None:
        if job.attempts >= TRIES:
            return None
        wait = min(FIRST_WAIT * 2 ** min(job.attempts, 20), LONGEST_WAIT).total_seconds()
        # Apart, so that what failed together does not come back together.
        return RetryDecision(retry_in={"seconds": int(wait * random.uniform(0.75, 1.25)) or 1})


def app_of(process: Process) -> App:
    """The jobs as procrastinate knows them, over the process's database."""
    url = make_url(process.settings.database_url or "").set(drivername="postgresql")
    app = App(
        connector=PsycopgConnector(
            conninfo=url.render_as_string(hide_password=False),
            min_size=1,
            max_size=AT_ONCE,
            timeout=5,
            configure=partial(bind_psycopg, bounds=Bounds.of(process.settings, Work.JOB)),
        ),
        periodic_defaults={"max_delay": MAKE_UP_FOR.total_seconds()},
    )

    def task_of(name: str) -> Body:
        async def run(context: JobContext, timestamp: int | None = None, **arguments: Any) -> None:
            """`timestamp` is when a periodic job was due; it works by its own clock. Others come
            when PostgreSQL finds them due, and would find nothing to do where ours is late."""
            now = clock.now()
            now = max(now, context.job.scheduled_at or now)
            try:
                await carry_out(process, name, arguments, now)
            except Exception as error:
                log.warning(
                    "job",
                    job=name,
                    arguments=arguments,
                    failed=type(error).__name__,
                    exc_info=not is_outage(error),
                )
                raise

        return run

    for known in JOBS.values():
        task = app.task(name=known.name, retry=Patience(), pass_context=True)(task_of(known.name))
        if known.cron:
            app.periodic(cron=known.cron)(task)
    return app


async def work_off(process: Process, *, wait: bool = True) -> None:
    """Run jobs as they fall due, until cancelled; or those that are due now."""
    app = app_of(process)
    async with app.open_async():
        await app.run_worker_async(
            concurrency=AT_ONCE,
            wait=wait,
            # A NOTIFY makes commits wait for each other, and most jobs are for later anyway.
            listen_notify=False,
            fetch_job_polling_interval=POLL_SECONDS,
            update_heartbeat_interval=HEARTBEAT_SECONDS,
            stalled_worker_timeout=DEAD_AFTER_SECONDS,
            shutdown_graceful_timeout=5,
            delete_jobs="successful",
            install_signal_handlers=False,
        )


async def take_over(process: Process) -> int:
    """Put jobs that nobody will end back on the list; how many there were."""
    async with process.database.engine.begin() as connection:
        limits = {"dead_after": DEAD_AFTER_SECONDS, "longest": LONGEST_SECONDS}
        return len((await connection.execute(STALLED, limits)).all())
