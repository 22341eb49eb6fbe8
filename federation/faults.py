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


class OtherNumber(Unavailable):
    """Of entities than was asked for: which is which, nobody knows."""

    def __init__(self, partner: str) -> None:
        super().__init__(partner, "gave another number of entities", retryable=False)


class Answered(Coded):
    """An error in a subgraph's answer; `rest` is where it says it was, below where it is told."""

    def __init__(
        self, partner: str | None, error: Mapping[str, Any], rest: tuple[Any, ...] = ()
    ) -> None:
        """Without `partner` it is our own, which is told as it would be without a federation."""
        given = error.get("extensions")
        details = dict(given) if isinstance(given, dict) else {}
        code = details.pop("code", None)
        message = error.get("message")
        if partner is not None:
            details["partner"] = partner
        super().__init__(
            code if isinstance(code, str) else "PARTNER_ERROR",
            message if isinstance(message, str) else f"{partner} told of an error.",
            **details,
        )
        self.rest = rest


class ConsentMissing(Coded):
    """What a partner would have to be told of somebody, it may not be told."""

    def __init__(self, partner: str) -> None:
        super().__init__(
            "CONSENT_MISSING",
            f"{partner} was not asked: it may not be told what it takes to know this. It takes the"
            " consent of whom it is about, and that they live where it may ask.",
            partner=partner,
        )
