"""What bounds every server: one hand-written statement that builds the JSON of an operation, and
an answer that costs nothing to make. Both over uvicorn, as the gateway is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from os import environ
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.peers.reads import a_pool

SQL = Path(__file__).parent / "sql_limit"
ARGUMENTS = {
    "nested_list": ("district", "years"),
    "flat_100": ("district", "years"),
    "deep_profile": ("id",),
    "tiny": ("id",),
}


def json_bytes(body: bytes) -> Response:
    return Response(body, media_type="application/json")


async def from_sql(request: Request) -> Response:
    """The statement answers in text, which is passed on as it is."""
    shape = request.path_params["shape"]
    variables = orjson.loads(await request.body())["variables"]
    values = [variables[name] for name in ARGUMENTS[shape]]
    return json_bytes((await request.state.pool.fetchval(STATEMENTS[shape], *values)).encode())


async def from_memory(request: Request) -> Response:
    """An answer that was recorded before, of the same length as the others'."""
    await request.body()
    return json_bytes(recorded(request.path_params["shape"]))


@cache
def recorded(shape: str) -> bytes:
    return (Path(environ["ANSWERS"]) / f"{shape}.json").read_bytes()


async def unchanged(_: Any) -> None:
    """A connection that only reads has nothing to be reset."""


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
    async with await a_pool(reset=unchanged) as pool:
        yield {"pool": pool}


STATEMENTS = {shape: (SQL / f"{shape}.sql").read_text() for shape in ARGUMENTS}
sql_limit = Starlette(routes=[Route("/{shape}", from_sql, methods=["POST"])], lifespan=lifespan)
http_floor = Starlette(routes=[Route("/{shape}", from_memory, methods=["POST"])])
