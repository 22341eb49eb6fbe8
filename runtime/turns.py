"""Whose turn it is where several wait for one thing: that of each owner, one after the other."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False, slots=True)
class Waiter(Generic[T]):
    """Waits for `place` on behalf of its owner, for something of that kind."""

    since: float
    owner: str
    kind: str
    place: "asyncio.Future[T]"


class Turns(Generic[T]):
    """Owners take turns, however many wait for one of them; those of one owner are served in the
    order in which they came. What it takes to find the next does not grow with their number."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[Waiter[T]]] = OrderedDict()
        """By owner, the one whose turn is next first; none is empty."""

    def __iter__(self) -> Iterator[Waiter[T]]:
        """The first is next. Who has given up, and does not know of it yet, waits no more."""
        return (w for line in self._lines.values() for w in line if not w.place.done())

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def add(self, waiter: Waiter[T]) -> None:
        self._lines.setdefault(waiter.owner, deque()).append(waiter)

    def take(self, last: Callable[[Waiter[T]], bool] | None = None) -> Waiter[T] | None:
        """Whoever is next, and waits no more. Those who are `last` come after all others."""
        found = None
        if last is not None:
            found = next((waiter for waiter in self if not last(waiter)), None)
        if found is None:
            found = next(iter(self), None)
        if found is not None:
            self.remove(found)
            if found.owner in self._lines:
                self._lines.move_to_end(found.owner)
        return found

    def remove(self, waiter: Waiter[T]) -> None:
        """If it still waits."""
        line = self._lines.get(waiter.owner)
        if line is not None and waiter in line:
            line.remove(waiter)
            if not line:
                del self._lines[waiter.owner]
