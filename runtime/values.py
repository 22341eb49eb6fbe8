"""Which values are taken, by their kind: with these, no statement and no sum leaves its range.

Each function takes what came as JSON has it. It raises ValueError, whose text says what to send.
"""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any

EARLIEST, TOO_LATE = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
EARLIEST_BIRTH = date(1900, 1, 1)
LAST_DAY = date(2099, 12, 31)
INTEGERS = range(-(2**63), 2**63)
"""What a BIGINT holds."""
LARGEST = sys.float_info.max


def instant(value: object) -> datetime:
    """Compared as an instant, whatever its offset: far out, it could not be converted."""
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not EARLIEST <= found < TOO_LATE:
        raise ValueError(
            "Give a time of the years 2000 to 2099 with its offset, as 2026-12-01T10:00:00+05:30."
        )
    return found


def day(value: object) -> date:
    """From the first day that somebody alive may have been born on."""
    try:
        found = date.fromisoformat(text(value))
    except ValueError:
        found = None
    if found is None or not EARLIEST_BIRTH <= found <= LAST_DAY:
        raise ValueError("Give a day of the years 1900 to 2099, as 2026-12-01.")
    return found


def hour(value: object) -> time:
    """Of the clock in India, so without an offset."""
    try:
        found = time.fromisoformat(text(value))
    except ValueError:
        found = None
    if found is None or found.tzinfo is not None:
        raise ValueError("Give a time of day without an offset, as 09:30.")
    return found


def integer(value: object) -> int:
    if type(value) is not int or value not in INTEGERS:
        raise ValueError("Give an integer of 64 bits.")
    return value


def number(value: object) -> float:
    # What is no number, or infinite, is not within these either.
    if type(value) not in (int, float) or not -LARGEST <= value <= LARGEST:  # type: ignore[operator]
        raise ValueError("Give a number.")
    return float(value)  # type: ignore[arg-type]


def text(value: object) -> str:
    """PostgreSQL keeps no U+0000, and half a surrogate pair is no character."""
    if not isinstance(value, str) or "\0" in value or not is_unicode(value):
        raise ValueError("Give a text of Unicode characters other than U+0000.")
    return value


def is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


TAKEN: Mapping[type, Callable[[object], Any]] = MappingProxyType(
    {datetime: instant, date: day, time: hour, int: integer, float: number, str: text}
)
