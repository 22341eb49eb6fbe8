"""Figures for Prometheus: what is asked and answered, what it takes, and what is waiting.

Imported only where they are wanted. Nothing in a label is a client's own: names are those of
documents known beforehand, codes and reads are ours, so there are only so many of them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from typing import Any

from graphql import GraphQLError
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from sqlalchemy import text

from engine.engine import Operation
from engine.group import Group
from federation.observer import Call, Event, Observer
from runtime import clock
from runtime.batch import Reading
from runtime.clock import NOW
from runtime.faults import code_of
from runtime.process import Process

SAMPLE_SECONDS = 5.0
FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
OTHER = "other"

REQUESTS = Counter("gateway_requests", "Requests answered, by HTTP status.", ["status"])
REQUEST_SECONDS = Histogram("gateway_request_seconds", "From headers to answer.", buckets=FAST)
REFUSALS = Counter(
    "gateway_refusals",
    "Requests refused before anything ran, by code, and by the limit that they are beyond.",
    ["code", "limit"],
)
OPERATION_SECONDS = Histogram(
    "gateway_operation_seconds",
    "Running an operation, by its name if its document was known beforehand.",
    ["kind", "name"],
    buckets=FAST,
)
ERRORS = Counter("gateway_errors", "Errors in answers, by code.", ["code"])
LEVELS = Counter("gateway_levels", "Levels of operations that were run.")
READS = Counter("gateway_reads", "Statements, by what they read.", ["read"])
READ_SECONDS = Histogram("gateway_read_seconds", "Each of these statements.", buckets=FAST)
READ_KEYS = Histogram(
    "gateway_read_keys", "Keys of each.", buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
)
PARTNER_SECONDS = Histogram(
    "gateway_partner_seconds", "Calls to partners, all tries together.", ["partner"], buckets=FAST
)
PARTNER_EVENTS = Counter("gateway_partner_events", "What came of them.", ["partner", "event"])
KEPT = Counter(
    "gateway_kept",
    "What was looked for among what is kept, and whether it was there.",
    ["what", "found"],
)
CONNECTIONS = Gauge(
    "gateway_read_connections",
    "Connections for reads, by what they do.",
    ["state"],
    multiprocess_mode="livesum",
)
LAG = Gauge(
    "gateway_loop_lag_seconds",
    "How late the event loop came to the last sample.",
    multiprocess_mode="livemax",
)
UNSEQUENCED = Gauge(
    "gateway_changes_unsequenced",
    "Changes that have no position yet.",
    multiprocess_mode="livemax",
)
BEHIND = Gauge(
    "gateway_follower_behind",
    "Changes that a follower has not been handed.",
    ["follower"],
    multiprocess_mode="livemax",
)
DELIVERIES = Gauge(
    "gateway_deliveries",
    "Deliveries to webhooks that are to be sent, and that failed for good, of the last month.",
    ["state"],
    multiprocess_mode="livemax",
)
OLDEST = Gauge(
    "gateway_delivery_oldest_seconds",
    "Age of the oldest delivery that is to be sent to a webhook that is not paused or parked.",
    multiprocess_mode="livemax",
)
EXPORTS = Gauge(
    "gateway_exports",
    "Exports, by where they stand.",
    ["state"],
    multiprocess_mode="livemax",
)
EXPORT_ROWS = Gauge(
    "gateway_export_rows",
    "Rows that exports have written, in finished parts: it only grows.",
    multiprocess_mode="livemax",
)
WAITING = text("SELECT count(*) FROM outbox")
FOLLOWERS = text(
    "SELECT name, (SELECT coalesce(max(position), 0) FROM change_log) - position FROM follower"
)
EXPORTED = text("SELECT state, count(*), sum(rows_written) FROM export GROUP BY state")
# Named here rather than imported: they belong to a domain. None is to stay at what it was.
STATES = ("QUEUED", "RUNNING", "DONE", "CANCELLED", "FAILED", "EXPIRED")

# Those that are through are a month's, and not counted.
OPEN = text(
    "SELECT states.state, count(delivery.state)"
    " FROM (VALUES ('PENDING'), ('FAILED')) states (state)"
    " LEFT JOIN webhook_delivery delivery ON delivery.state = states.state"
    " AND delivery.state IN ('PENDING', 'FAILED') GROUP BY states.state"
)
OLDEST_OPEN = text(
    "SELECT extract(epoch FROM :now - min(delivery.queued_at))::float8"
    " FROM webhook_delivery delivery JOIN webhook ON webhook.id = delivery.webhook_id"
    " WHERE delivery.state = 'PENDING' AND webhook.state = 'ACTIVE'"
).bindparams(NOW)


class Metrics(Observer):
    """Counts what the engine and partners' clients tell."""

    def __init__(self, known: Collection[str]) -> None:
        """`known` are the hashes of documents whose operations are told apart by name."""
        self._known = frozenset(known)

    def answered(self, status: int, seconds: float) -> None:
        REQUESTS.labels(status).inc()
        REQUEST_SECONDS.observe(seconds)

    def refused(self, code: str, limit: str) -> None:
        REFUSALS.labels(code, limit).inc()

    def operation(self, operation: Operation, context: Any) -> AbstractContextManager[None]:
        name = (operation.name or OTHER) if operation.hash in self._known else OTHER
        return Timed(OPERATION_SECONDS.labels(operation.kind.value, name))

    def level(self, depth: int, groups: Sequence[Group]) -> AbstractContextManager[None]:
        LEVELS.inc()
        return super().level(depth, groups)

    def read(self, reading: Reading) -> AbstractContextManager[None]:
        READS.labels(reading.batch.name).inc()
        READ_KEYS.observe(len(reading.keys))
        return Timed(READ_SECONDS)

    def failed(self, operation: Operation, errors: Sequence[GraphQLError]) -> None:
        for error in errors:
            ERRORS.labels(code_of(error)).inc()

    def call(self, call: Call) -> AbstractContextManager[None]:
        return Timed(PARTNER_SECONDS.labels(call.partner))

    def counted(self, partner: str, event: Event, count: int = 1) -> None:
        PARTNER_EVENTS.labels(partner, event.value).inc(count)

    def kept(self, what: str, found: int, missed: int) -> None:
        """Answers, or rows."""
        KEPT.labels(what, "yes").inc(found)
        KEPT.labels(what, "no").inc(missed)

    @asynccontextmanager
    async def sampled(self, process: Process) -> AsyncIterator[None]:
        """As long as the block lasts, what nobody tells is looked at again and again."""
        task = asyncio.create_task(sample_for_ever(process))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


class Timed:
    """Cheaper than the library's own, which makes two objects more."""

    __slots__ = ("_began", "_of")

    def __init__(self, of: Any) -> None:
        self._of = of

    def __enter__(self) -> None:
        self._began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._of.observe(time.perf_counter() - self._began)


async def sample_for_ever(process: Process) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + SAMPLE_SECONDS
        await asyncio.sleep(SAMPLE_SECONDS)
        LAG.set(max(0.0, loop.time() - due))
        with suppress(Exception):  # whether PostgreSQL answers is told by /readyz
            await sample(process)


async def sample(process: Process) -> None:
    for state, count in process.database.reads.states().items():
        CONNECTIONS.labels(state).set(count)
    async with process.database.engine.connect() as connection:
        UNSEQUENCED.set(await connection.scalar(WAITING) or 0)
        for name, behind in await connection.execute(FOLLOWERS):
            BEHIND.labels(name).set(behind)
        for state, count in await connection.execute(OPEN):
            DELIVERIES.labels(state.lower()).set(count)
        OLDEST.set(await connection.scalar(OLDEST_OPEN, {NOW.key: clock.now()}) or 0)
        found = {state: (count, rows) for state, count, rows in await connection.execute(EXPORTED)}
        for state in STATES:
            EXPORTS.labels(state).set(found.get(state, (0, 0))[0])
        EXPORT_ROWS.set(sum(rows for _, rows in found.values()))


@contextmanager
def exposed(host: str, port: int, folder: str | None) -> Iterator[None]:
    """On a port of its own, at /metrics: of this process, or of all that write to the folder."""
    if folder is None:
        server, thread = start_http_server(port, host)
    else:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        server, thread = start_http_server(port, host, registry)
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def forget(pid: int, folder: str) -> None:
    """A process that has ended has no connections any more."""
    mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
