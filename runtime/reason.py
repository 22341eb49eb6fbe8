"""Why somebody looks at what is shown for a reason only, and of whom."""

from dataclasses import dataclass
from enum import StrEnum

SUBJECTS_LIMIT = 25
"""One task is about no more people."""


class ReasonCategory(StrEnum):
    CALL = "CALL"
    VERIFICATION = "VERIFICATION"
    COMPLAINT = "COMPLAINT"
    SAFETY = "SAFETY"
    PAYMENT = "PAYMENT"
    CORRECTION = "CORRECTION"
    COURT = "COURT"
    DISCLOSURE = "DISCLOSURE"
    """The service itself sends a partner what the viewer asked for; nobody states it."""


STATED = tuple(category for category in ReasonCategory if category is not ReasonCategory.DISCLOSURE)


@dataclass(frozen=True)
class Reason:
    category: ReasonCategory
    text: str
    subjects: tuple[str, ...]
    """The ids of what it opens: of people, bookings, incidents, documents or providers."""


ANY = Reason(ReasonCategory.CALL, "", ())
"""Stands for all of them where it matters only that there is one."""
