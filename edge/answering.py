"""One request, one answer: what is the same whoever has the operations run."""

import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import Any, Protocol

import structlog
from graphql import OperationType
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from edge.negotiation import EVENTS, GRAPHQL, Answer, Manner, manner_of_refusal
from edge.request import Incoming, Parameters, in_address, posted
from edge.stream import AsEvents, Stream, of_one
from edge.watching import NOBODY, Watching
from runtime.faults import BadInput, Coded, Invalid, code_of, formatted
from runtime.http import Refused, encoded, request_id, request_id_of
from runtime.log import current_request
from runtime.settings import Settings

log = structlog.get_logger()


class Preparing(Protocol):
    def prepare(self, document: str, operation_name: str | None = None) -> Any:
        """An operation, with its `kind`. Raises Invalid."""


class Answering(ABC):
    """It speaks ASGI itself: of a small query, making a request and a response object around the
    same bytes would be a good part of the cost."""

    def __init__(self, settings: Settings, watching: Watching = NOBODY) -> None:
        self.settings = settings
        self.metrics = watching.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        given = dict(scope["headers"])
        id = request_id(given.get(b"x-request-id", b"").decode("latin-1"))
        incoming = Incoming(scope, given, receive, id)
        current = current_request.set(id)
        try:
            answer: Answer | Stream
            try:
                answer = await self.answer(incoming)
            except Refused as refused:
                await self.mistaken(incoming, refused.status)
                answer = self.refused(refused, manner_of_refusal(given))
            except Invalid as invalid:
                await self.mistaken(incoming, 400, invalid)
                manner = manner_of_refusal(given)
                answer = self.invalid(invalid, manner, id)
                if manner.in_one == EVENTS:
                    errors = {"errors": formatted(invalid.errors, id)}
                    answer = Stream(AsEvents(), manner, id, of_one(errors))
            except ClientDisconnect:
                answer = of(Response(status_code=499))
            except Exception as error:
                answer = of(fault(error, id))
            seconds = time.perf_counter() - started
            if self.metrics is not None:
                self.metrics.answered(answer.status, seconds)
            # Bound, for to look `info` up on the stand-in would be half the cost of the line.
            log.bind().info(
                "request", status=answer.status, ms=round(seconds * 1000, 1), **incoming.told
            )
        finally:
            current_request.reset(current)
        if isinstance(answer, Stream):
            await answer.send(receive, send)
            return
        if incoming.method == "GET" and answer.status == 200:
            answer = unless_known(answer, given.get(b"if-none-match", b""))
        headers = [*answer.headers, (b"x-request-id", id.encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    @abstractmethod
    async def answer(self, incoming: Incoming) -> Answer | Stream:
        """Raises Refused, or Invalid of the operation."""

    async def mistaken(  # noqa: B027
        self, incoming: Incoming, status: int, invalid: Invalid | None = None
    ) -> None:
        """For whoever keeps count: this had to be refused."""

    async def parameters(self, incoming: Incoming) -> Parameters | list[Parameters]:
        """What is asked for: an operation, or several at once. Raises Refused."""
        if incoming.method == "POST":
            body = await incoming.body(self.settings.body_limit)
            return posted(body, self.settings.batch_limit)
        if incoming.method == "GET":
            return in_address(incoming.scope["query_string"])
        error = BadInput("Send operations with POST, or queries with GET.")
        raise Refused(405, error, Allow="GET, POST")

    async def all_of(
        self,
        asked: Sequence[Parameters],
        one: Callable[..., Awaitable[Answer | Stream]],
        incoming: Incoming,
        manner: Manner,
    ) -> Answer:
        """The answers of `one` to several operations. Raises Refused, as it does."""
        answers, manner = [], manner.whole
        for each in asked:
            # One after another: several at once cost the others no more than one does.
            try:
                answer = await one(each, manner)
                assert isinstance(answer, Answer)
                answers.append(answer)
            except Invalid as invalid:
                await self.mistaken(incoming, 400, invalid)
                answers.append(self.invalid(invalid, manner, incoming.id))
        return together(answers, manner)

    def invalid(self, invalid: Invalid, manner: Manner, id: str) -> Answer:
        """In the older form a status other than 200 would say that the answer is not ours."""
        errors = formatted(invalid.errors, id)
        told = errors[0]["extensions"]
        self._note_refusal(400, told["code"], told.get("which", ""))
        return manner.answer({"errors": errors}, 400 if manner.media_type == GRAPHQL else 200)

    def refused(self, refused: Refused, manner: Manner) -> Answer:
        self._note_refusal(refused.status, code_of(refused.error))
        answer = manner.answer({"errors": [refused.error.formatted]}, refused.status)
        for name, value in refused.headers.items():
            answer.headers.append((name.lower().encode(), value.encode()))
        return answer

    def _note_refusal(self, status: int, code: str, limit: str = "") -> None:
        log.info("refused", status=status, code=code, **({"limit": limit} if limit else {}))
        if self.metrics is not None:
            self.metrics.refused(code, limit)


def operation_in(preparing: Preparing, asked: Parameters) -> Any:
    """The operation that is asked for. Raises Invalid or Refused."""
    if (document := asked.get("query")) is None:
        told = "`query` must be a string: the GraphQL document."
        raise Refused(400, BadInput(told, argument="query"))
    return preparing.prepare(document, asked.get("operationName"))


def prepared(preparing: Preparing, asked: Parameters, incoming: Incoming) -> Any:
    """As above, if it may be asked for in this way."""
    operation = operation_in(preparing, asked)
    if operation.kind is OperationType.MUTATION and incoming.method == "GET":
        told = "GET only reads, and may be repeated by anyone: send mutations with POST."
        raise Refused(405, BadInput(told), Allow="POST")
    return operation


def together(answers: Sequence[Answer], manner: Manner) -> Answer:
    """The answer to several operations, in their order; each says itself how it went."""
    whole = manner.encoded(b"[" + b",".join(answer.body for answer in answers) + b"]")
    own = dict(whole.headers).keys()
    more = dict(header for answer in answers for header in answer.headers if header[0] not in own)
    whole.headers.extend(more.items())
    return whole


def unless_known(answer: Answer, known: bytes) -> Answer:
    """Marked by what it says; and not sent again to who has it."""
    mark = b'W/"%s"' % blake2b(answer.body, digest_size=12).hexdigest().encode()
    headers = [*answer.headers, (b"etag", mark)]
    if mark not in (part.strip() for part in known.split(b",")) and known.strip() != b"*":
        return Answer(answer.status, headers, answer.body)
    kept = [(n, v) for n, v in headers if n not in (b"content-type", b"content-length")]
    return Answer(304, kept, b"")


def of(response: Response) -> Answer:
    return Answer(response.status_code, response.raw_headers, bytes(response.body))


async def json_error(request: Request, error: Exception) -> Response:
    """What the framework itself refuses (404, 405), as JSON with a code."""
    assert isinstance(error, HTTPException)
    coded = Coded("NOT_FOUND" if error.status_code == 404 else "BAD_INPUT", error.detail)
    return encoded({"errors": [coded.formatted]}, error.status_code, **(error.headers or {}))


async def masked_fault(request: Request, error: Exception) -> Response:
    return fault(error, request_id_of(request))


def fault(error: Exception, id: str) -> Response:
    """A bug of ours outside any field: logged, and told with the id to quote."""
    log.error("fault", request_id=id, exc_info=error)
    message = f"Something went wrong on our side. Quote {id} when you report it."
    coded = Coded("INTERNAL", message, requestId=id)
    return encoded({"errors": [coded.formatted]}, 500)
