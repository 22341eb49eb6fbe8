"""Errors a client meets: coded where the client can act, masked where only we can.

| kind | how | the client sees |
| --- | --- | --- |
| not allowed, not found, malformed, over a limit | raise one of these | its code and what to do |
| PostgreSQL or its driver will not take a value | raised by a driver | `BAD_INPUT` |
| something we depend on is down | raised by a driver | `UNAVAILABLE`, retryable |
| our bug | anything else | `INTERNAL` and the request id that is in the log |
"""

from collections.abc import Iterable
from typing import Any

import asyncpg
import structlog
from graphql import FieldNode, GraphQLError, Node
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

log = structlog.get_logger()

RETRY_AFTER_SECONDS = 2


class Coded(GraphQLError):
    """An error whose message and code are meant for the client."""

    def __init__(self, code: str, message: str, nodes: Node | None = None, **details: Any) -> None:
        super().__init__(message, nodes, extensions={"code": code, **details})


class BadInput(Coded):
    def __init__(self, message: str, **details: Any) -> None:
        super().__init__("BAD_INPUT", message, **details)


class ValueRefused(BadInput):
    """The database will not take a value. Which one it does not say: one of the `arguments`."""

    def __init__(self, field: str, arguments: Iterable[str], cause: BaseException) -> None:
        given = list(arguments)
        names = " or ".join(f"`{name}`" for name in given) or f"what `{field}` is given"
        told = f"A value in {names} is beyond what can be kept or compared."
        if sqlstate(cause) == NO_CHARACTER:
            told = f"A text in {names} holds the character U+0000, and none may."
        named = {"argument": given[0]} if len(given) == 1 else {"arguments": given}
        super().__init__(told, field=field, **named)


class LimitExceeded(Coded):
    def __init__(self, message: str, **details: Any) -> None:
        super().__init__("LIMIT_EXCEEDED", message, **details)


class TooSlow(LimitExceeded):
    def __init__(self, seconds: float) -> None:
        told = f"This took longer than {seconds} seconds. Ask for less at once."
        super().__init__(told, limit=seconds)


class Exhausted(LimitExceeded):
    """PostgreSQL gave a statement up, for its time or for the room it took on disk."""

    def __init__(self) -> None:
        super().__init__("The database gave this up for what it took. Ask for less at once.")


class Displaced(Coded):
    """It took long, and others waited for its place."""

    def __init__(self) -> None:
        super().__init__(
            "UNAVAILABLE",
            "This took long while others were waiting. Try again in a moment, or ask for less.",
            retryable=True,
            retryAfter=RETRY_AFTER_SECONDS,
        )


class AnotherHistory(Coded):
    """A place that was told of before a backup was restored, or by another service: what the one
    who kept it has missed cannot be told."""

    def __init__(self, argument: str) -> None:
        super().__init__(
            "CURSOR_FROM_ANOTHER_HISTORY",
            f"`{argument}` is from before a backup was restored: what has changed since is not"
            " known. Start again without it, and put what comes in the place of all you have.",
            argument=argument,
        )


class NotFound(Coded):
    """There is no such thing, or not for this viewer to do this to: not to be told apart."""

    def __init__(self, argument: str) -> None:
        super().__init__(
            "NOT_FOUND",
            f"`{argument}` names nothing that you may do this to.",
            argument=argument,
        )


class Conflict(Coded):
    def __init__(self) -> None:
        super().__init__("CONFLICT", "It was changed just now. Look at it again, then decide.")


class Unauthenticated(Coded):
    def __init__(self, message: str = "Sign in first.") -> None:
        super().__init__("UNAUTHENTICATED", message)


class Forbidden(Coded):
    def __init__(self, field: str, told: str = "is not shown to you") -> None:
        super().__init__("FORBIDDEN", f"{field} {told}.", field=field)


class Suspended(Coded):
    def __init__(self) -> None:
        super().__init__(
            "SUSPENDED",
            "You are suspended: you may complain, withdraw consent, ask to be forgotten, call for"
            " help, and end a visit that is under way. The office that looks after you says why.",
        )


class ReasonRequired(Coded):
    def __init__(self, field: str) -> None:
        super().__init__(
            "REASON_REQUIRED",
            f"{field} is shown to you for a stated reason only: send `extensions.reason`,"
            " with its id among the `subjects`.",
            field=field,
        )


class Invalid(Exception):
    """An operation that cannot be run; every error in it is meant for the client."""

    seconds = 0.0
    """Of the processor, that it took to find out."""

    def __init__(self, *errors: GraphQLError) -> None:
        self.errors = errors


def formatted(
    errors: Iterable[GraphQLError], request_id: str, *, exact: bool = False
) -> list[dict[str, Any]]:
    """The errors as the response carries them; what is not meant for the client is logged.
    `exact` paths lead to one of the rows that a field is hidden in, rather than to all."""
    told: list[dict[str, Any]] = []
    refused: set[tuple[str, ...]] = set()
    for error in errors:
        error = meant_for_client(error, request_id)
        shown: dict[str, Any] = {**error.formatted}
        if (error.extensions or {}).get("code") in ("FORBIDDEN", "REASON_REQUIRED"):
            # A hidden field is hidden in every row of a list: one error says so.
            path = [step for step in error.path or () if isinstance(step, str)]
            if tuple(path) in refused:
                continue
            refused.add(tuple(path))
            if not exact:
                shown["path"] = path
        told.append(shown)
    return told


def code_of(error: GraphQLError) -> str:
    cause = error.original_error
    coded = cause if isinstance(cause, Coded) else error
    if isinstance(coded, Coded) and coded.extensions:
        return str(coded.extensions["code"])
    if cause is None or isinstance(cause, GraphQLError):
        # Raised by parsing, validation or the coercion of values: the client wrote it.
        return "BAD_INPUT"
    if is_refused_value(cause):
        return "BAD_INPUT"
    if is_exhausted(cause):
        return "LIMIT_EXCEEDED"
    return "UNAVAILABLE" if is_outage(cause) else "INTERNAL"


def meant_for_client(error: GraphQLError, request_id: str) -> GraphQLError:
    code, cause = code_of(error), error.original_error
    details: dict[str, Any]
    if cause is not None and is_exhausted(cause):
        log.warning("exhausted", request_id=request_id, path=error.path, error=str(cause))
        cause = Exhausted()
    if isinstance(cause, Coded):
        message, details = cause.message, {**(cause.extensions or {})}
    elif isinstance(error, Coded):
        return error
    elif code == "UNAVAILABLE":
        log.error("unavailable", request_id=request_id, exc_info=cause)
        message = "A service we depend on is not answering. Try again in a moment."
        details = {"retryable": True, "retryAfter": RETRY_AFTER_SECONDS, "requestId": request_id}
    elif code == "INTERNAL":
        log.error("fault", request_id=request_id, path=error.path, exc_info=cause)
        message = f"Something went wrong on our side. Quote {request_id} when you report it."
        details = {"requestId": request_id}
    elif cause is not None and is_refused_value(cause):
        # Without its text: that would say what was sent.
        log.warning("value refused", request_id=request_id, path=error.path, state=sqlstate(cause))
        refused = value_refused(error, cause)
        message, details = refused.message, {**(refused.extensions or {})}
    else:
        message, details = error.message, {**(error.extensions or {})}
    details = {"code": code, **details}
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=details,
    )


def value_refused(error: GraphQLError, cause: BaseException) -> ValueRefused:
    """By the field that was being answered."""
    fields = [node for node in error.nodes or () if isinstance(node, FieldNode)]
    arguments = [argument.name.value for node in fields[:1] for argument in node.arguments or ()]
    return ValueRefused(fields[0].name.value if fields else "", arguments, cause)


OUTAGES = "08", "53", "57"
"""The classes of a lost connection, of a server short of something, and of one going down."""
NO_CHARACTER = "22021"
"""Of a text with U+0000, which JSON can say and PostgreSQL cannot keep."""
DATA_EXCEPTION = "22"
"""The class of what is refused for its value: too large, no date, no text …"""
SERIALIZATION_FAILURE, DEADLOCK, LOCK_NOT_AVAILABLE = "40001", "40P01", "55P03"
IDLE_IN_TRANSACTION = "25P03"
QUERY_CANCELED, CONFIGURATION_LIMIT_EXCEEDED = "57014", "53400"


def sqlstate(cause: BaseException) -> str | None:
    """Of an error of the driver, whether SQLAlchemy was between it and us or not."""
    return getattr(cause.orig if isinstance(cause, DBAPIError) else cause, "sqlstate", None)


def is_called_off(cause: BaseException) -> bool:
    """Whether the database undid a transaction for the sake of another: begun again, it may
    well succeed."""
    return sqlstate(cause) in (SERIALIZATION_FAILURE, DEADLOCK)


def is_exhausted(cause: BaseException) -> bool:
    """Whether the database gave a statement up for what it took: the same again takes as much."""
    return sqlstate(cause) in (QUERY_CANCELED, CONFIGURATION_LIMIT_EXCEEDED)


def is_refused_value(cause: BaseException) -> bool:
    """Whether PostgreSQL would not take a value, or its driver did not even send it."""
    driver = cause.orig.__cause__ if isinstance(cause, DBAPIError) and cause.orig else cause
    # Of the errors that the driver makes itself, those about values are ValueErrors too.
    if isinstance(driver, asyncpg.InterfaceError):
        return isinstance(driver, ValueError)
    return (sqlstate(cause) or "").startswith(DATA_EXCEPTION)


def is_outage(cause: BaseException) -> bool:
    """Whether the database is unreachable, restarting, out of connections, or kept us waiting
    for others too long."""
    if is_exhausted(cause) or is_refused_value(cause):
        return False
    if isinstance(cause, DBAPIError) and cause.connection_invalidated:
        return True
    state = sqlstate(cause)
    if is_called_off(cause) or state in (LOCK_NOT_AVAILABLE, IDLE_IN_TRANSACTION):
        return True
    if state is not None and state.startswith(OUTAGES):
        return True
    return isinstance(cause, OSError | InterfaceError | OperationalError | PoolTimeoutError)
