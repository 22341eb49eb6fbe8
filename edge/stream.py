"""Subscription that arrive in pieces: subscriptions as events, `@defer` and `@stream` in parts."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError
from starlette.types import Receive, Send

from edge.lasting import RESTART, Connection
from edge.leaving import gone
from edge.negotiation import EVENTS, OLDER, Headers, Manner
from engine.engine import Subscription
from engine.incremental import Payload
from runtime.faults import Invalid, formatted
from runtime.http import Refused

HEARTBEAT_SECONDS = 12.0
"""How long at most nothing is sent: what is silent for longer is cut off on the way."""
SEND_SECONDS = 10.0
"""How long a client may keep us from sending: then it is too slow."""
RETRY_SECONDS = 1.0, 5.0
"""When to come back, of one's own accord: not all at the same time."""
HEARTBEAT = b":\n\n"
BOUNDARY = "graphql"
UNPACKED = (
    (b"cache-control", b"no-store"),
    # Proxies that collect what they pass on would collect for ever.
    (b"x-accel-buffering", b"no"),
)


class Form(ABC):
    """How pieces are told apart."""

    media_type: str
    beginning = b""
    heartbeat = b""
    end = b""

    @abstractmethod
    def piece(self, body: dict[str, Any], id: str | None) -> bytes: ...


class AsEvents(Form):
    """Server-sent events, as graphql-sse has them where each operation has a connection."""

    media_type = EVENTS
    heartbeat = HEARTBEAT
    end = b"event: complete\ndata:\n\n"

    def __init__(self) -> None:
        self.beginning = b"retry: %d\n\n" % (1000 * random.uniform(*RETRY_SECONDS))

    def piece(self, body: dict[str, Any], id: str | None) -> bytes:
        mark = f"id: {id}\n".encode() if id is not None else b""
        return b"event: next\n" + mark + b"data: " + orjson.dumps(body) + b"\n\n"


class AsParts(Form):
    """Of one document; the boundary that ends a part is sent with it, for clients wait for it."""

    media_type = f'multipart/mixed;boundary="{BOUNDARY}";incrementalSpec=v0.2'
    beginning = f"\r\n--{BOUNDARY}".encode()
    end = b"--\r\n"

    def piece(self, body: dict[str, Any], id: str | None) -> bytes:
        head = b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n"
        return head + orjson.dumps(body) + f"\r\n--{BOUNDARY}".encode()


class AsOlderParts(AsParts):
    """The parts as they were in 2022, each with its path: clients of then still read those."""

    media_type = f'multipart/mixed;boundary="{BOUNDARY}";deferSpec=20220824'

    def __init__(self) -> None:
        self._pending: dict[str, dict[str, Any]] = {}
        self._next: dict[str, int] = {}
        """The place of the next item of a list."""

    def piece(self, body: dict[str, Any], id: str | None) -> bytes:
        if "hasNext" not in body:
            return super().piece({**body, "hasNext": False}, id)
        older: dict[str, Any] = {n: body[n] for n in ("errors", "data", "hasNext") if n in body}
        for pending in body.get("pending", ()):
            self._pending[pending["id"]] = pending
            self._next[pending["id"]] = beginning_of(pending["path"], body, self._pending)
        if incremental := [*self._entries(body)]:
            older["incremental"] = incremental
        return super().piece(older, id)

    def _entries(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for entry in body.get("incremental", ()):
            known = self._pending[entry["id"]]
            path = [*known["path"], *entry.get("subPath", ())]
            told = {name: entry[name] for name in ("data", "items", "errors") if name in entry}
            if "items" in entry:
                path.append(self._next[entry["id"]])
                self._next[entry["id"]] += len(entry["items"])
            yield {**told, "path": path, **labelled(known)}
        for done in body.get("completed", ()):
            if "errors" in done:
                known = self._pending[done["id"]]
                yield {"data": None, "path": known["path"], "errors": done["errors"]} | labelled(
                    known
                )


def labelled(pending: dict[str, Any]) -> dict[str, Any]:
    return {"label": pending["label"]} if "label" in pending else {}


def beginning_of(
    path: list[str | int], body: dict[str, Any], pending: dict[str, dict[str, Any]]
) -> int:
    """How many items of a list are there when its rest is announced; 0 for what is no list."""
    roots: list[tuple[list[str | int], Any]] = [([], body.get("data"))]
    for entry in body.get("incremental", ()):
        above = [*pending[entry["id"]]["path"], *entry.get("subPath", ())]
        roots.append((above, entry.get("data")))
    for above, value in roots:
        if path[: len(above)] == above:
            for key in path[len(above) :]:
                inside = isinstance(value, dict) and key in value
                value = value[key] if inside or isinstance(value, list) else None
            if isinstance(value, list):
                return len(value)
    return 0


def form_of(name: str) -> Form:
    if name == EVENTS:
        return AsEvents()
    return AsOlderParts() if name == OLDER else AsParts()


Piece = tuple[dict[str, Any], str | None]
"""What is told, and the id of the event it is about, if it is about one."""


class Stream:
    """An answer on its way."""

    status = 200

    def __init__(
        self,
        form: Form,
        manner: Manner,
        id: str,
        pieces: AsyncGenerator[Piece, None],
        answers: Subscription | None = None,
        connection: Connection | None = None,
    ) -> None:
        """`answers` are those of a subscription, and `connection` is its."""
        self.form = form
        self.headers: Headers = [
            (b"content-type", as_header(form.media_type)),
            *(header for header in manner.headers if header[0] != b"content-type"),
            *UNPACKED,
        ]
        self._id = id
        self._pieces, self._answers = pieces, answers
        self._connection = connection

    async def send(self, receive: Receive, send: Send) -> None:
        leaving = asyncio.create_task(gone(receive))
        ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._connection is not None:
            ended = self._connection.ended
        coming: asyncio.Task[Piece | None] | None = None
        headers = [*self.headers, (b"x-request-id", self._id.encode())]
        try:
            await send({"type": "http.response.start", "status": self.status, "headers": headers})
            await self._write(send, self.form.beginning)
            while True:
                coming = coming or asyncio.create_task(self._next())
                waiting: set[asyncio.Future[Any]] = {leaving, ended, coming}
                done, _ = await asyncio.wait(
                    waiting, timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if leaving in done:
                    return
                if coming in done:
                    piece, coming = coming.result(), None
                    if piece is None:
                        break
                    await self._write(send, self.form.piece(*piece))
                elif ended in done:
                    if ended.result() is RESTART:
                        # Cut off, not completed: so clients come back by themselves.
                        await self._write(send, b"", more=False)
                        return
                    told = formatted([ended.result().error], self._id)
                    await self._write(send, self.form.piece({"errors": told}, None))
                    break
                else:
                    await self._write(send, self.form.heartbeat)
            await self._write(send, self.form.end, more=False)
        except (TimeoutError, OSError):
            pass  # They read too slowly, or are gone: what they missed is in the log.
        finally:
            leaving.cancel()
            if self._answers is not None:
                await self._answers.aclose()
            if coming is not None:
                # Nobody would read it. Commands were carried out before there was a stream.
                coming.cancel()
                await asyncio.wait([coming])
            await self._pieces.aclose()
            if self._connection is not None:
                self._connection.leave()

    async def _next(self) -> Piece | None:
        return await anext(self._pieces, None)

    async def _write(self, send: Send, body: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(SEND_SECONDS):
            await send({"type": "http.response.body", "body": body, "more_body": more})


def as_header(media_type: str) -> bytes:
    return f"{media_type}; charset=utf-8".encode() if media_type == EVENTS else media_type.encode()


async def of_events(answers: Subscription, id: str) -> AsyncGenerator[Piece, None]:
    """Each with the id of the event that it is about."""
    try:
        async for result in answers:
            yield whole(result, id), getattr(answers.event, "event_id", None)
    except Exception as error:
        yield {"errors": formatted(errors_of(error), id)}, None


async def of_parts(
    first: Payload, others: AsyncGenerator[Payload, None], id: str
) -> AsyncGenerator[Piece, None]:
    async with aclosing(others):
        yield told(first, id), None
        async for payload in others:
            yield told(payload, id), None


async def of_one(body: dict[str, Any]) -> AsyncGenerator[Piece, None]:
    yield body, None


def whole(result: ExecutionResult, id: str) -> dict[str, Any]:
    """Errors first, as the specification advises, so that nobody overlooks them."""
    errors = formatted(result.errors, id) if result.errors else []
    return {"errors": errors, "data": result.data} if errors else {"data": result.data}


def told(payload: Payload, id: str) -> Payload:
    """The payload as it leaves, its errors as clients are told them."""
    made = {**payload}
    if "errors" in payload:
        made["errors"] = formatted(payload["errors"], id)
    for name in ("incremental", "completed"):
        if name in payload:
            made[name] = [told(entry, id) for entry in payload[name]]
    return made


def errors_of(error: Exception) -> Sequence[GraphQLError]:
    """Why there is nothing to tell, or no more; not masked yet."""
    if isinstance(error, Invalid):
        return error.errors
    if isinstance(error, Refused):
        return [error.error]
    return [GraphQLError("It ended early.", original_error=error)]
