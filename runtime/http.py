"""HTTP for whoever answers it: bodies counted as they arrive, JSON that leaves, request ids."""

import asyncio
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive

from runtime.faults import BadInput, LimitExceeded

JSON = "application/json"
BODY_SECONDS = 10
"""How long a client may take to send a body."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


class Refused(Exception):
    """The request is not one we take."""

    def __init__(self, status: int, error: GraphQLError, **headers: str) -> None:
        self.status = status
        self.error = error
        self.headers = headers


async def counted(receive: Receive, limit: int, seconds: float | None = None) -> bytes:
    """The body, counted as it arrives: what its Content-Length promises proves nothing."""
    seconds = seconds or BODY_SECONDS
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                body += message.get("body", b"")
                if len(body) > limit:
                    told = f"The body may have at most {limit} bytes."
                    raise Refused(413, LimitExceeded(told, limit=limit))
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        raise Refused(408, BadInput(f"The body did not arrive within {seconds} seconds.")) from None


def encoded(body: Any, status: int = 200, **headers: str) -> Response:
    response = Response(orjson.dumps(body), status, media_type=f"{JSON}; charset=utf-8")
    response.headers["x-content-type-options"] = "nosniff"
    response.headers.update(headers)
    return response


def as_text(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their names. They travel in latin-1, whatever the bytes mean."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}


def as_bytes(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[bytes, bytes]]:
    return ((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)


def request_id_of(request: Request) -> str:
    return request_id(request.headers.get("x-request-id"))


def request_id(given: str | None) -> str:
    """The client's own, where it can be written down; so that its log and ours can be joined."""
    return given if given and REQUEST_ID.fullmatch(given) else os.urandom(8).hex()
