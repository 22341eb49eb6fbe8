"""Whether the process runs, whether it can answer now, and what should be set otherwise."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Text, column, select, table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request
from starlette.responses import Response

from runtime import clock
from runtime.database import Database
from runtime.draining import draining
from runtime.faults import RETRY_AFTER_SECONDS
from runtime.http import encoded
from runtime.process import Process
from runtime.reads import Tally

PING_SECONDS = 2
SETTING = table("pg_settings", column("name", Text), column("setting", Text))
UNBOUNDED = {
    "temp_file_limit": (
        "-1",
        "temp_file_limit is -1: one statement may fill the disk. A superuser sets it with"
        " ALTER ROLE … SET temp_file_limit.",
    ),
    "statement_timeout": (
        "0",
        "statement_timeout is 0 for what stands in no transaction, as behind a pooler. Set it with"
        " ALTER ROLE … SET statement_timeout.",
    ),
}
"""The settings that bound nothing where they have that value, and what to do."""
BOUNDS = select(SETTING.c.name, SETTING.c.setting).where(SETTING.c.name.in_(UNBOUNDED))

Unfit = Callable[[AsyncEngine], Awaitable[str | None]]
"""Why the database is not one that this release can use, in a sentence; None if it is."""


async def healthy(_: Request) -> Response:
    return encoded({"healthy": True})


def readiness(unfit: Unfit) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of `/readyz`."""

    async def ready(request: Request) -> Response:
        if draining.is_set():
            return encoded({"ready": False, "draining": True}, 503)
        process: Process = request.state.process
        try:
            async with asyncio.timeout(PING_SECONDS):
                reason = await unfit(process.database.engine)
                warnings = await warnings_of(process.database)
        except (SQLAlchemyError, OSError, TimeoutError):
            down = encoded({"ready": False, "postgresql": "down"}, 503)
            down.headers["retry-after"] = str(RETRY_AFTER_SECONDS)
            return down
        if reason is not None:
            return encoded({"ready": False, "postgresql": "up", "tables": reason}, 503)
        answer: dict[str, Any] = {"ready": True, "postgresql": "up"}
        if warnings:
            answer["warnings"] = warnings
        if process.redis is not None:
            # Nothing fails without it.
            answer["redis"] = await process.redis.standing()
        return encoded(answer)

    return ready


async def warnings_of(database: Database) -> list[str]:
    """What to change, in a sentence each. Raises what the driver does where there is no answer."""
    began = clock.now()
    difference = clock.apart(began, await database.ping())
    found = dict(await database.write(BOUNDS, Tally()))
    unbounded = [told for name, (value, told) in UNBOUNDED.items() if found.get(name) == value]
    return [*([difference] if difference else []), *unbounded]
