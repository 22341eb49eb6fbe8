"""The one clock: what time it is for the gateway. Nothing else asks the machine, and SQL is given
its answer as a parameter, so that one request has one now.

Import the module and call `clock.now()`: a test that moves the clock replaces the function here.
"""

import time
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import DateTime, bindparam

from runtime.geography import day_of

NOW = bindparam("now", type_=DateTime(timezone=True))
"""In statements: what the time was when the request or the command began."""

TOLERANCE = timedelta(seconds=2)
"""By how much clocks of machines that work together may differ unnoticed."""


def now() -> datetime:
    """An aware instant in UTC."""
    return datetime.now(UTC)


def timestamp() -> float:
    """The same in seconds since 1970."""
    return now().timestamp()


def apart(began: datetime, theirs: datetime) -> str | None:
    """What to warn of, where another clock told its time between `began` and now and it is not
    ours."""
    by = max(began - theirs, theirs - now())
    if by <= TOLERANCE:
        return None
    return f"This clock and PostgreSQL's differ by {by.total_seconds():,.1f} seconds."


def today() -> date:
    """The day in India."""
    return day_of(now())


def elapsed() -> float:
    """Seconds since some moment of the past: they only grow, whoever sets the machine's clock."""
    return time.monotonic()
