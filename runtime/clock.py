"""The one clock: what time it is for the gateway. Nothing else asks the machine, and SQL is given
its answer as a parameter, so that one request has one now.

Import the module and call `clock.now()`: a test that moves the clock replaces the function here.
"""

import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from runtime.geography import INDIA


def now() -> datetime:
    """An aware instant in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The day in India."""
    return now().astimezone(ZoneInfo(INDIA)).date()


def elapsed() -> float:
    """Seconds since some moment of the past: they only grow, whoever sets the machine's clock."""
    return time.monotonic()
