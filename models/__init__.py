"""What is stored, the states it moves through, and what is refused."""

from models import (
    account,
    booking,
    change,
    discovery,
    export,
    partner,
    place,
    review,
    skill,
    webhook,
    worker,
)

__all__ = [
    "account",
    "booking",
    "change",
    "discovery",
    "export",
    "partner",
    "place",
    "review",
    "skill",
    "webhook",
    "worker",
]
