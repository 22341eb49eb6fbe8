"""GraphQL over HTTP for a supergraph alone: what clients send goes on to those who know them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from graphql import GraphQLError, OperationType
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from edge.endpoint import (
    GRAPHQL,
    json_error,
    manner_of,
    masked_fault,
    parameters_of,
    unreadable,
)
from engine.cost import Limits
from engine.engine import Invalid
from federation.client import Address, HttpClient, connections
from federation.current import Current
from federation.router import Router
from federation.supergraph import Supergraph
from runtime.faults import BadInput, formatted
from runtime.http import Refused, counted, encoded, request_id_of
from runtime.settings import Settings

log = structlog.get_logger()


class NoAddress(Exception):
    """A subgraph for which neither the supergraph nor the settings have an address."""


def federated_app(path: Path, settings: Settings, http: Any = None) -> Starlette:
    """Serves the supergraph in the file, as it is at the time. Raises BadSupergraph, NoAddress or
    OSError."""
    http = http or connections()

    def router_over(supergraph: Supergraph) -> Router:
        return Router(
            supergraph,
            HttpClient(addresses(supergraph, settings), http),
            limits=Limits.of(settings),
            token_limit=settings.token_limit,
        )

    current = Current(path, router_over)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with http, current.followed():
            yield

    async def endpoint(request: Request) -> Response:
        id = request_id_of(request)
        try:
            response = await answered(request, current.router, settings, id)
        except Refused as refused:
            body = {"errors": [refused.error.formatted]}
            response = encoded(body, refused.status, **refused.headers)
        response.headers["x-request-id"] = id
        return response

    async def schema_text(_: Request) -> Response:
        return PlainTextResponse(current.router.text)

    async def healthy(_: Request) -> Response:
        return encoded({"healthy": True})

    app = Starlette(
        routes=[
            Route("/graphql", endpoint, methods=["POST"]),
            Route("/schema.graphql", schema_text),
            Route("/healthz", healthy),
            Route("/readyz", healthy),
        ],
        exception_handlers={HTTPException: json_error, Exception: masked_fault},
        lifespan=lifespan,
    )
    app.state.current = current
    return app


async def answered(request: Request, router: Router, settings: Settings, id: str) -> Response:
    given = dict(request.scope["headers"])
    content = given.get(b"content-type", b""), given.get(b"content-encoding", b"")
    if told := unreadable(*content):
        raise Refused(415, BadInput(told))
    asked = parameters_of(await counted(request.receive, settings.body_limit))
    manner = manner_of(given.get(b"accept", b""), given.get(b"accept-language", b""))
    try:
        operation = router.prepare(asked["query"], asked.get("operationName"))
        if operation.kind is OperationType.SUBSCRIPTION:
            raise Invalid(BadInput("Subscriptions are not offered here."))
    except Invalid as invalid:
        refusals = {"errors": formatted(invalid.errors, id)}
        return response_of(manner.answer(refusals, 400 if manner.media_type == GRAPHQL else 200))
    result = await router.run(operation, asked.get("variables"), passed_on(request, settings, id))
    body: dict[str, Any] = {"data": result.data}
    if result.errors:
        body = {"errors": told_to_client(result.errors, id), **body}
    return response_of(manner.answer(body))


def told_to_client(errors: list[GraphQLError], id: str) -> list[dict[str, Any]]:
    log.info("errors", request_id=id, count=len(errors))
    return formatted(errors, id)


def response_of(answer: Any) -> Response:
    response = Response(answer.body, answer.status)
    response.raw_headers = list(answer.headers)
    return response


def passed_on(request: Request, settings: Settings, id: str) -> Mapping[str, str]:
    names = [name.strip().lower() for name in settings.passed_headers.split(",")]
    found = {name: request.headers[name] for name in names if name in request.headers}
    return {**found, "x-request-id": id}


def addresses(supergraph: Supergraph, settings: Settings) -> dict[str, Address]:
    """Where each subgraph is: the settings go before the supergraph."""
    overriding = dict(
        entry.strip().split("=", 1)
        for entry in (settings.subgraph_urls or "").split(",")
        if entry.strip()
    )
    found: dict[str, Address] = {}
    for subgraph in supergraph.subgraphs.values():
        url = overriding.get(subgraph.name) or subgraph.url
        if not url:
            raise NoAddress(f"The subgraph {subgraph.name} has no address: see SUBGRAPH_URLS.")
        found[subgraph.name] = Address(url, settings.partner_seconds, settings.partner_answer_limit)
    return found
