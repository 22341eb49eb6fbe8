"""GraphQL over HTTP: what of a request is let in, and how an answer leaves."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import structlog
from graphql import GraphQLError, OperationType
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from engine.engine import Engine, Invalid
from runtime.context import Context
from runtime.faults import (
    RETRY_AFTER_SECONDS,
    BadInput,
    Coded,
    Unauthenticated,
    formatted,
    is_outage,
    meant_for_client,
)
from runtime.http import JSON, Refused, counted, encoded, request_id_of
from runtime.identity import viewer_of
from runtime.language import preferred
from runtime.process import Process
from runtime.settings import Settings
from runtime.words import holds_telephone

log = structlog.get_logger()

NESTING_LIMIT = 64
REASON_LIMIT = 300
GRAPHQL = "application/graphql-response+json"


class Endpoint:
    """Answers POSTed operations over one schema, and browsers with `page`."""

    def __init__(
        self, engine: Engine, settings: Settings, page: Callable[[], Response] | None
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.page = page

    async def __call__(self, request: Request) -> Response:
        request_id = request_id_of(request)
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                response = await self.answer(request, request_id)
            except Refused as refused:
                log.info("refused", status=refused.status, code=code_of(refused.error))
                body = {"errors": [refused.error.formatted]}
                response = encoded(body, refused.status, **refused.headers)
            except ClientDisconnect:
                response = Response(status_code=499)
            log.info(
                "request",
                status=response.status_code,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )
        response.headers["x-request-id"] = request_id
        response.headers["x-content-type-options"] = "nosniff"
        return response

    async def answer(self, request: Request, request_id: str) -> Response:
        if request.method != "POST":
            if request.method == "GET" and self.page and "text/html" in accept(request):
                return self.page()
            error = BadInput("Send operations with POST; open this address in a browser to try.")
            raise Refused(405, error, Allow="GET, POST" if self.page else "POST")
        media_type = negotiated(accept(request))
        asked = parameters_of(await body_of(request, self.settings.body_limit))
        process: Process = request.state.process
        try:
            viewer = await viewer_of(request.headers.get("authorization"), process)
        except Unauthenticated as error:
            raise Refused(401, error, **{"WWW-Authenticate": "Bearer"}) from None
        except Exception as error:
            if not is_outage(error):
                raise
            told = meant_for_client(GraphQLError("", original_error=error), request_id)
            raise Refused(503, told, **{"Retry-After": str(RETRY_AFTER_SECONDS)}) from None
        context = Context(
            replace(viewer, reason=reason_of(asked["extensions"])),
            preferred(request.headers.get("accept-language", "")),
            process,
            request_id,
            request.client.host if request.client else "",
        )
        try:
            operation = self.engine.prepare(asked["query"], asked["operationName"])
            if operation.kind is OperationType.SUBSCRIPTION:
                raise Invalid(BadInput("Subscriptions are not offered here."))
        except Invalid as invalid:
            errors = formatted(invalid.errors, request_id)
            log.info("refused", status=400, code=errors[0]["extensions"]["code"])
            return sent({"errors": errors}, media_type, 400 if media_type == GRAPHQL else 200)
        result = await self.engine.run(operation, asked["variables"], context)
        body: dict[str, Any] = {}
        if result.errors:
            # First, as the specification advises, so that nobody overlooks them.
            body["errors"] = formatted(result.errors, request_id)
        body["data"] = result.data
        response = sent(body, media_type, 200)
        response.headers["content-language"] = context.language.lower()
        response.headers["vary"] = "Accept, Accept-Language"
        if any(code == "UNAVAILABLE" for code in codes_of(body)):
            response.headers["retry-after"] = str(RETRY_AFTER_SECONDS)
        if self.settings.development:
            tally = context.batches.tally
            response.headers["server-timing"] = (
                f'sql;desc="{tally.statements} statements";dur={tally.seconds * 1000:.1f}'
            )
        return response


def accept(request: Request) -> str:
    return request.headers.get("accept", "*/*").lower()


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


async def body_of(request: Request, limit: int) -> bytes:
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    if kind.strip() != JSON or parameters.replace(" ", "") not in ("", "charset=utf-8"):
        raise Refused(415, BadInput("Send the request as Content-Type: application/json, UTF-8."))
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(415, BadInput("Send the body without compression."))
    return await counted(request.receive, limit)


def parameters_of(body: bytes) -> dict[str, Any]:
    """query, variables and operationName, each of its type. Refused tells what is wrong."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, BadInput(f"The body is not valid JSON in UTF-8: {error}.")) from None
    if not isinstance(asked, dict):
        raise Refused(400, BadInput('The body must be a JSON object such as {"query": "…"}.'))
    wanted = {
        "query": (str, "a string: the GraphQL document"),
        "operationName": (str | None, "a string or null"),
        "variables": (dict | None, "an object or null"),
        "extensions": (dict | None, "an object or null"),
    }
    for name, (kind, told) in wanted.items():
        if not isinstance(asked.get(name), kind):
            raise Refused(400, BadInput(f"`{name}` must be {told}.", argument=name))
    if deeper_than(asked.get("variables"), NESTING_LIMIT):
        raise Refused(400, BadInput(f"`variables` may nest at most {NESTING_LIMIT} levels."))
    return {name: asked.get(name) for name in wanted}


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


def sent(body: dict[str, Any], media_type: str, status: int) -> Response:
    return Response(orjson.dumps(body), status, media_type=f"{media_type}; charset=utf-8")


def code_of(error: GraphQLError) -> str:
    return str((error.extensions or {}).get("code"))


def codes_of(body: dict[str, Any]) -> list[Any]:
    return [error.get("extensions", {}).get("code") for error in body.get("errors", ())]


async def json_error(request: Request, error: Exception) -> Response:
    """What the framework itself refuses (404, 405), as JSON with a code."""
    assert isinstance(error, HTTPException)
    coded = Coded("NOT_FOUND" if error.status_code == 404 else "BAD_INPUT", error.detail)
    return encoded({"errors": [coded.formatted]}, error.status_code, **(error.headers or {}))


async def masked_fault(request: Request, error: Exception) -> Response:
    """A bug of ours outside any field: logged, and told with the id to quote."""
    request_id = request_id_of(request)
    log.error("fault", request_id=request_id, exc_info=error)
    message = f"Something went wrong on our side. Quote {request_id} when you report it."
    coded = Coded("INTERNAL", message, requestId=request_id)
    return encoded({"errors": [coded.formatted]}, 500)
