"""Rows of the catalogue, for all requests of this process.

In this process alone: to read a row from Redis takes as long as to read it from PostgreSQL.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from runtime.batch import Batch, Columns
from runtime.recent import Recent
from runtime.store import Bounded

Count: TypeAlias = Callable[[int, int], None]


def uncounted(found: int, missed: int) -> None:
    """For whom nobody counts."""


class KeptRows:
    """Of loaders by id that declare a lifetime. What there is not, is not kept."""

    def __init__(
        self,
        limit: int,
        recent: Recent,
        clock: Callable[[], float] = time.monotonic,
        count: Count = uncounted,
    ) -> None:
        """At most so many rows. `count` is told how many were found, and how many were not."""
        self._count = count
        self._recent = recent
        self._held = Bounded[tuple[Any, int]](limit, clock)

    @property
    def position(self) -> int:
        """To be looked at before rows are read that are to be kept."""
        return self._recent.position

    def read(self, batch: Batch, keys: Sequence[str], columns: Columns) -> dict[str, Any]:
        """The rows that are known, by key."""
        found = {}
        for key in keys:
            held = self._held.read((batch, columns, key))
            if held is not None and self._recent.stands((key,), held[1]):
                found[key] = held[0]
        self._count(len(found), len(keys) - len(found))
        return found

    def write(self, batch: Batch, rows: Mapping[str, Any], columns: Columns, position: int) -> None:
        """`position` is that of before they were read."""
        assert batch.max_age is not None
        for key, row in rows.items():
            if row is not None and self._recent.stands((key,), position):
                self._held.write((batch, columns, key), (row, position), 1, batch.max_age)
