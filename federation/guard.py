"""What keeps one failing partner from costing more than its own fields."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, TypeVar

from federation.faults import Unavailable

QUEUE_SECONDS = 0.1
"""How long a call may wait for its turn. Longer, and those that wait are what fills the memory."""

Found = TypeVar("Found")


class Resting(Unavailable):
    def __init__(self, partner: str) -> None:
        super().__init__(partner, "has failed again and again, and is left alone for a while")


class Crowded(Unavailable):
    def __init__(self, partner: str) -> None:
        super().__init__(partner, "has as much to do for us as was agreed")


class Breaker:
    """Closed, all calls go through. So many failures in a row open it: none does, for a while.
    Then one does, to see, and what comes of it decides.

    What asking again could not mend is no sign of the partner's state: a question may be too large
    for its answer, and whoever asks it should not shut others out.
    """

    def __init__(
        self,
        partner: str,
        failures: int,
        rest_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._partner = partner
        self._failures = failures
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._failed = 0
        self._rests_until = 0.0
        self._is_trying = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Around one call. Raises Resting."""
        is_open = self._failed >= self._failures
        if is_open and (self._is_trying or self._clock() < self._rests_until):
            raise Resting(self._partner)
        self._is_trying = is_open
        try:
            yield
        except Unavailable as error:
            if error.retryable:
                self._failed += 1
                self._rests_until = self._clock() + self._rest_seconds
            raise
        else:
            self._failed = 0
        finally:
            # Also where the call was given up by whoever made it, which says nothing.
            if is_open:
                self._is_trying = False


class Bulkhead:
    """At most so many calls at once; a few more wait shortly. Raises Crowded."""

    def __init__(self, partner: str, concurrency: int) -> None:
        self._partner = partner
        self._turns = asyncio.Semaphore(concurrency)

    async def __aenter__(self) -> None:
        if not self._turns.locked():
            await self._turns.acquire()  # there is one, so it does not wait
            return
        try:
            async with asyncio.timeout(QUEUE_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            raise Crowded(self._partner) from None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._turns.release()


@dataclass(eq=False)
class Flight(Generic[Found]):
    task: asyncio.Task[Found]
    waiting: int = 0


class Flights(Generic[Found]):
    """What is under way, by what it asks: whoever asks the same meanwhile shares what comes."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, Flight[Found]] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._flights

    async def joined(self, key: Hashable, call: Callable[[], Coroutine[Any, Any, Found]]) -> Found:
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = Flight(asyncio.create_task(call()))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                flight.task.cancel()  # which does nothing to one that has ended
            if flight.task.done() or not flight.waiting:
                self._leave(key, flight)

    def land(self) -> None:
        """Nobody joins what is under way any more: it may be older than what was done now."""
        self._flights.clear()

    def _leave(self, key: Hashable, flight: Flight[Found]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
