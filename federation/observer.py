"""What whoever measures is told of partners, besides what the engine tells."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum

import engine.observer
from federation.plan import Fetch
from runtime.batch import UNOBSERVED

NOTHING: Mapping[str, str] = {}


class Event(StrEnum):
    """What is counted of a partner."""

    ASKED = "asked"
    RETRIED = "retried"
    SHARED = "shared"
    """Another was just asking the same."""
    FAILED = "failed"
    RESTING = "resting"
    """Refused by the circuit breaker."""
    CROWDED = "crowded"
    """Refused by the bulkhead."""
    CACHED = "cached"
    """An entity that did not have to be asked for."""
    NOT_CACHED = "not cached"


@dataclass(eq=False)
class Call:
    """One fetch from a partner. What it comes to is known when it has ended."""

    partner: str
    fetch: Fetch
    tries: int = 0
    status: int | None = None
    """Of HTTP, of the last try."""
    size: int = 0
    """Of the answer, in bytes as they travelled."""


class Observer(engine.observer.Observer):
    """Is told what happens, as it happens. This one takes no notice."""

    def call(self, call: Call) -> AbstractContextManager[None]:
        """Around asking, all tries in it. Raises what they do."""
        return UNOBSERVED

    def carried(self) -> Mapping[str, str]:
        """Headers by which a partner that is being asked makes what it does part of this."""
        return NOTHING

    def counted(self, partner: str, event: Event, count: int = 1) -> None:
        """It has happened so often just now."""
