"""GraphQL over HTTP: what of a request is let in, and how an answer leaves."""

import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeAlias

import orjson
import structlog
from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from engine.describe import Sent
from engine.engine import Invalid
from runtime import signature
from runtime.context import Context
from runtime.faults import (
    RETRY_AFTER_SECONDS,
    BadInput,
    Coded,
    Unauthenticated,
    code_of,
    formatted,
    is_outage,
    meant_for_client,
)
from runtime.http import JSON, Refused, counted, encoded, request_id, request_id_of
from runtime.identity import viewer_of
from runtime.language import Language, preferred
from runtime.log import current_request
from runtime.process import Process
from runtime.settings import Settings
from runtime.signature import Call, Gateways
from runtime.viewer import Viewer
from runtime.words import holds_telephone

log = structlog.get_logger()

NESTING_LIMIT = 64
REASON_LIMIT = 300
HEADER_LIMIT = 500
MEMORY = 500
"""For how many different headers it is remembered what they mean."""
PARAMETERS = {
    "query": (str, "a string: the GraphQL document"),
    "operationName": (str | None, "a string or null"),
    "variables": (dict | None, "an object or null"),
    "extensions": (dict | None, "an object or null"),
}
Headers: TypeAlias = list[tuple[bytes, bytes]]
GRAPHQL = "application/graphql-response+json"


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes


class Preparing(Protocol):
    def prepare(self, document: str, operation_name: str | None = None) -> Any:
        """An operation, with its `kind`. Raises Invalid."""


class Runner(Preparing, Protocol):
    """An engine, or whoever takes its place."""

    def warm(self, document: str) -> None:
        """Prepares a document that is known to be sent. Raises Invalid."""

    def run(
        self,
        operation: Any,
        variables: dict[str, Any] | None,
        context: Context,
        *,
        observer: Sent | None,
    ) -> Awaitable[ExecutionResult]: ...

    def plan(
        self,
        operation: Any,
        variables: dict[str, Any] | None,
        viewer: Viewer,
        page_limit: int,
        sent: Sent | None = None,
    ) -> Any:
        """What was done, `formatted`. Raises Invalid."""


class Answering(ABC):
    """One request, one answer: what is the same whoever has the operations run.

    It speaks ASGI itself: of a small query, making a request and a response object around the
    same bytes would be a good part of the cost.
    """

    page: Callable[[], Response] | None = None
    """For browsers."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        given = dict(scope["headers"])
        id = request_id(given.get(b"x-request-id", b"").decode("latin-1"))
        current = current_request.set(id)
        try:
            try:
                answer = await self.answer(scope, given, receive, id)
            except Refused as refused:
                log.info("refused", status=refused.status, code=code_of(refused.error))
                body = {"errors": [refused.error.formatted]}
                answer = of(encoded(body, refused.status, **refused.headers))
            except Invalid as invalid:
                answer = refusal(invalid, manner_for(given), id)
            except ClientDisconnect:
                answer = of(Response(status_code=499))
            except Exception as error:
                answer = of(fault(error, id))
            taken = round((time.perf_counter() - started) * 1000, 1)
            # Bound, for to look `info` up on the stand-in would be half the cost of the line.
            log.bind().info("request", status=answer.status, ms=taken)
        finally:
            current_request.reset(current)
        headers = [*answer.headers, (b"x-request-id", id.encode())]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    @abstractmethod
    async def answer(
        self, scope: Scope, given: dict[bytes, bytes], receive: Receive, id: str
    ) -> Answer:
        """`given` are the headers. Raises Refused, or Invalid of the operation."""

    async def body(self, scope: Scope, given: dict[bytes, bytes], receive: Receive) -> bytes:
        """What was sent, if it is of a kind that is read here. Raises Refused."""
        if scope["method"] != "POST":
            error = BadInput("Send operations with POST; open this address in a browser to try.")
            raise Refused(405, error, Allow="GET, POST" if self.page else "POST")
        if told := unreadable(short(given, b"content-type"), short(given, b"content-encoding")):
            raise Refused(415, BadInput(told))
        return await counted(receive, self.settings.body_limit)


class Endpoint(Answering):
    """Answers POSTed operations over one schema, and browsers with `page`. With `gateways`, only
    what they have signed; the schema is then a subgraph's."""

    def __init__(
        self,
        engine: Runner,
        settings: Settings,
        page: Callable[[], Response] | None = None,
        gateways: Gateways | None = None,
    ) -> None:
        super().__init__(settings)
        self.engine = engine
        self.page = page
        self.gateways = gateways

    async def answer(
        self, scope: Scope, given: dict[bytes, bytes], receive: Receive, id: str
    ) -> Answer:
        if scope["method"] == "GET" and self.page and b"text/html" in given.get(b"accept", b""):
            return of(self.page())
        sent_body = await self.body(scope, given, receive)
        authorization = given.get(b"authorization")
        if self.gateways is not None:
            call = Call(scope["method"], scope["path"], authorization or b"", sent_body)
            try:
                self.gateways.verify(call, given.get(signature.HEADER, b""))
            except signature.Unknown as error:
                raise Refused(401, error) from None
        asked = parameters_of(sent_body)
        process: Process = scope["state"]["process"]
        try:
            viewer = await viewer_of(
                authorization.decode("latin-1") if authorization is not None else None, process
            )
        except Unauthenticated as error:
            raise Refused(401, error, **{"WWW-Authenticate": "Bearer"}) from None
        except Exception as error:
            if not is_outage(error):
                raise
            masked = meant_for_client(GraphQLError("", original_error=error), id)
            raise Refused(503, masked, **{"Retry-After": str(RETRY_AFTER_SECONDS)}) from None
        if (reason := reason_of(asked.get("extensions"))) is not None:
            viewer = replace(viewer, reason=reason)
        manner = manner_for(given)
        address = scope["client"][0] if scope["client"] else ""
        context = Context(viewer, manner.language, process, id, address, given)
        operation = prepared(self.engine, asked)
        variables, sent = asked.get("variables"), None
        if self.settings.development and (asked.get("extensions") or {}).get("plan") is True:
            sent = Sent()
        result = await self.engine.run(operation, variables, context, observer=sent)
        # A router has to know which of the entities it asked for an error is about.
        exact = self.gateways is not None
        errors = formatted(result.errors, id, exact=exact) if result.errors else []
        # First, as the specification advises, so that nobody overlooks them.
        body = {"errors": errors, "data": result.data} if errors else {"data": result.data}
        if sent is not None:
            with suppress(Invalid):  # the errors say it
                limit = self.settings.page_limit
                plan = self.engine.plan(operation, variables, viewer, limit, sent)
                body["extensions"] = {"plan": plan.formatted()}
        answer = manner.answer(body)
        if errors and any(error["extensions"].get("code") == "UNAVAILABLE" for error in errors):
            answer.headers.append((b"retry-after", b"%d" % RETRY_AFTER_SECONDS))
        for name, value in context.answer_headers:
            answer.headers.append((name.encode("latin-1"), value.encode("latin-1")))
        if self.settings.development:
            tally = context.batches.tally
            timing = f'sql;desc="{tally.statements} statements";dur={tally.seconds * 1000:.1f}'
            answer.headers.append((b"server-timing", timing.encode()))
        return answer


def prepared(runner: Preparing, asked: dict[str, Any]) -> Any:
    """The operation that is asked for. Raises Invalid."""
    operation = runner.prepare(asked["query"], asked.get("operationName"))
    if operation.kind is OperationType.SUBSCRIPTION:
        raise Invalid(BadInput("Subscriptions are not offered here."))
    return operation


def refusal(invalid: Invalid, manner: "Manner", id: str) -> Answer:
    errors = formatted(invalid.errors, id)
    log.info("refused", status=400, code=errors[0]["extensions"]["code"])
    return manner.answer({"errors": errors}, 400 if manner.media_type == GRAPHQL else 200)


def of(response: Response) -> Answer:
    return Answer(response.status_code, response.raw_headers, bytes(response.body))


@dataclass(frozen=True)
class Manner:
    """How a client likes to be answered: the same for all of its requests."""

    media_type: str
    language: Language
    headers: Headers

    def answer(self, body: dict[str, Any], status: int = 200) -> Answer:
        encoded = orjson.dumps(body)
        return Answer(status, [*self.headers, (b"content-length", b"%d" % len(encoded))], encoded)


def manner_for(given: dict[bytes, bytes]) -> Manner:
    return manner_of(short(given, b"accept"), short(given, b"accept-language"))


@lru_cache(maxsize=MEMORY)
def manner_of(accept: bytes, accept_language: bytes) -> Manner:
    media_type = negotiated(accept.decode("latin-1").lower() or "*/*")
    language = preferred(accept_language.decode("latin-1"))
    return Manner(
        media_type,
        language,
        [
            (b"content-type", f"{media_type}; charset=utf-8".encode()),
            (b"content-language", language.lower().encode()),
            (b"vary", b"Accept, Accept-Language"),
            (b"x-content-type-options", b"nosniff"),
        ],
    )


@lru_cache(maxsize=MEMORY)
def unreadable(content_type: bytes, content_encoding: bytes) -> str | None:
    """What to send instead of a body of this kind; None for the kind we read."""
    kind, _, parameters = content_type.decode("latin-1").lower().partition(";")
    if kind.strip() != JSON or parameters.replace(" ", "") not in ("", "charset=utf-8"):
        return "Send the request as Content-Type: application/json, UTF-8."
    if content_encoding.lower() not in (b"", b"identity"):
        return "Send the body without compression."
    return None


def short(given: dict[bytes, bytes], name: bytes) -> bytes:
    """The header, as far as it is read: what is remembered must not grow with what is sent."""
    return given.get(name, b"")[:HEADER_LIMIT]


def negotiated(header: str) -> str:
    """The newer media type where the client likes it at least as well as plain JSON."""
    liked: dict[str, float] = {}
    for entry in header.split(","):
        name, *parameters = (part.strip() for part in entry.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            liked[name] = float(quality)
        except ValueError:
            liked[name] = 0.0
    return GRAPHQL if liked.get(GRAPHQL, 0.0) >= max(liked.get(JSON, 0.0), 0.001) else JSON


def parameters_of(body: bytes) -> dict[str, Any]:
    """query, variables and operationName, each of its type. Refused tells what is wrong."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, BadInput(f"The body is not valid JSON in UTF-8: {error}.")) from None
    if not isinstance(asked, dict):
        raise Refused(400, BadInput('The body must be a JSON object such as {"query": "…"}.'))
    for name, (kind, told) in PARAMETERS.items():
        if not isinstance(asked.get(name), kind):
            raise Refused(400, BadInput(f"`{name}` must be {told}.", argument=name))
    # What nests has brackets; few bodies have enough of them to be looked into.
    brackets = body.count(b"{") + body.count(b"[")
    if brackets > NESTING_LIMIT and deeper_than(asked.get("variables"), NESTING_LIMIT):
        raise Refused(400, BadInput(f"`variables` may nest at most {NESTING_LIMIT} levels."))
    return asked


def reason_of(extensions: dict[str, Any] | None) -> str | None:
    """Why the request asks for what needs a reason; kept with the audit."""
    reason = (extensions or {}).get("reason")
    if reason is None:
        return None
    if not isinstance(reason, str) or not 5 <= len(reason.strip()) <= REASON_LIMIT:
        told = f"`extensions.reason` must be a text of 5 to {REASON_LIMIT} characters."
        raise Refused(400, BadInput(told, argument="extensions.reason"))
    if holds_telephone(reason):
        told = (
            "`extensions.reason` is kept for good, even of people who are forgotten: name a"
            " ticket or a booking in it, never a person or their number."
        )
        raise Refused(400, BadInput(told, argument="extensions.reason"))
    return reason.strip()


def deeper_than(value: object, levels: int) -> bool:
    if not isinstance(value, dict | list) or not value:
        return False
    if levels == 0:
        return True
    inner = value.values() if isinstance(value, dict) else value
    return any(deeper_than(item, levels - 1) for item in inner)


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
