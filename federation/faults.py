"""What a client is told of the servers of others: which could not be asked, and what they said."""

from collections.abc import Mapping
from typing import Any

from runtime.faults import Coded


class Unavailable(Coded):
    """A subgraph that did not answer, or not with an answer."""

    def __init__(self, partner: str, told: str, *, retryable: bool = True) -> None:
        super().__init__(
            "PARTNER_UNAVAILABLE", f"{partner} {told}.", partner=partner, retryable=retryable
        )
        self.partner = partner
        self.told = told
        self.retryable = retryable

    def again(self) -> "Unavailable":
        """The same, to be told of another field."""
        return Unavailable(self.partner, self.told, retryable=self.retryable)


class Answered(Coded):
    """An error in a subgraph's answer; `rest` is where it says it was, below where it is told."""

    def __init__(self, partner: str, error: Mapping[str, Any], rest: tuple[Any, ...] = ()) -> None:
        given = error.get("extensions")
        details = dict(given) if isinstance(given, dict) else {}
        code = details.pop("code", None)
        message = error.get("message")
        super().__init__(
            code if isinstance(code, str) else "PARTNER_ERROR",
            message if isinstance(message, str) else f"{partner} told of an error.",
            **{**details, "partner": partner},
        )
        self.rest = rest
