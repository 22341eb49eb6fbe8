"""What the log says of operations: of those that take long, where the time went; and of those that
are let through while limits are only reported, what they would have been refused for."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

import structlog
from graphql import GraphQLError, OperationDefinitionNode

from engine.engine import Operation
from engine.group import Group
from federation.observer import Call, Observer
from runtime.batch import UNOBSERVED, Reading

log = structlog.get_logger()

watched: ContextVar["Watch | None"] = ContextVar("watched", default=None)
"""The operation that is being run, whoever runs parts of it."""


class Logged(Observer):
    def __init__(self, slow_seconds: float) -> None:
        """From how many seconds on an operation is slow; 0 for never."""
        self._slow_seconds = slow_seconds

    def operation(self, operation: Operation, context: Any) -> AbstractContextManager[Any]:
        if not self._slow_seconds or watched.get() is not None:
            return UNOBSERVED
        return Watch(operation, self._slow_seconds)

    def level(self, depth: int, groups: Sequence[Group]) -> AbstractContextManager[Any]:
        if (watch := watched.get()) is not None:
            watch.level = depth
        return UNOBSERVED

    def read(self, reading: Reading) -> AbstractContextManager[Any]:
        watch = watched.get()
        return UNOBSERVED if watch is None else Took(watch, reading)

    def call(self, call: Call) -> AbstractContextManager[Any]:
        watch = watched.get()
        return UNOBSERVED if watch is None else Took(watch, call)

    def spared(self, node: OperationDefinitionNode, refusal: GraphQLError) -> None:
        name = node.name.value if node.name else None
        log.warning("limit", operation=name, enforced=False, **(refusal.extensions or {}))


class Watch:
    """One operation, and what it waits for."""

    __slots__ = ("began", "level", "limit", "operation", "taken")

    def __init__(self, operation: Operation, limit: float) -> None:
        self.operation, self.limit = operation, limit
        self.level = 0
        self.taken: list[Took] = []

    def __enter__(self) -> None:
        watched.set(self)
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        # Not put back by a token, which may be done only where it was made: a delivery that
        # nobody listens to any more is closed from elsewhere.
        watched.set(None)
        seconds = time.perf_counter() - self.began
        if seconds >= self.limit:
            log.warning(
                "slow",
                operation=self.operation.name,
                hash=self.operation.hash,
                kind=self.operation.kind.value,
                ms=milliseconds(seconds),
                waited_for=[took.told(self.began) for took in self.taken],
            )


class Took:
    """A statement or a call to a partner: when it began, and when it ended."""

    __slots__ = ("began", "ended", "level", "of", "watch")

    def __init__(self, watch: Watch, of: Reading | Call) -> None:
        self.watch, self.of, self.level = watch, of, watch.level
        self.ended: float | None = None

    def __enter__(self) -> None:
        self.watch.taken.append(self)
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.ended = time.perf_counter()

    def told(self, since: float) -> dict[str, Any]:
        """Never keys or values: those are people's."""
        times = {
            "level": self.level,
            "after_ms": milliseconds(self.began - since),
            "ms": None if self.ended is None else milliseconds(self.ended - self.began),
        }
        if isinstance(self.of, Call):
            return {"partner": self.of.partner, **times, "tries": self.of.tries}
        read = {"read": self.of.batch.name, **times, "keys": len(self.of.keys)}
        return {**read, "rows": self.of.rows, "sql": self.of.query.sql}


def milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
