"""What serves a supergraph: alone, where all that clients send goes on to those who know them; or
behind our own endpoint, as our schema with what partners add to it."""

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import structlog
from graphql import GraphQLSchema, OperationType
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge.answering import Answering, json_error, masked_fault, prepared
from edge.application import Application
from edge.forgetting import KindOf, forgetting
from edge.leaving import while_there
from edge.negotiation import Answer, Manner, manner_for
from edge.request import Incoming, Parameters
from edge.schema_text import schema_text
from edge.stream import Stream
from edge.watching import NOBODY, Watching
from engine.cost import Limits
from engine.engine import Engine
from federation.cache import EntityCache
from federation.client import BySubgraph, Client, InParts
from federation.current import Current
from federation.disclosure import Privacies, policy_of
from federation.features import AUTHORISATION
from federation.gateway import Gateway, Joined
from federation.http import REQUEST_ID, Clients
from federation.local import LocalClient, Ours
from federation.network import Transport
from federation.observer import Observer
from federation.partner import Partner, check_url, partners_in
from federation.policy import Coordinate
from federation.router import Router
from federation.supergraph import BadSupergraph, Subgraph, Supergraph
from runtime.faults import BadInput, Invalid, formatted
from runtime.http import as_bytes, as_text, encoded
from runtime.process import Process
from runtime.rights import Area
from runtime.settings import Settings
from runtime.store import redis_at, store_of

log = structlog.get_logger()

EngineOf: TypeAlias = Callable[..., Engine]
Follow: TypeAlias = Callable[[Process], AbstractAsyncContextManager[None]]

OWN_CONCURRENCY = 1_000
"""Calls to one subgraph of ours at once."""
KEPT = "partners:"
"""What is in Redis of what they said."""


class NoAddress(BadSupergraph):
    """A subgraph for which neither the supergraph nor the settings have an address to be asked."""


@dataclass(frozen=True)
class Own:
    """What we serve ourselves: to clients without any federation, and as a subgraph by that
    name."""

    name: str
    schema: GraphQLSchema
    guarding: Callable[[Mapping[Coordinate, Area]], GraphQLSchema]
    """As a subgraph that says of partners' fields as well who is shown them."""
    privacies: Privacies
    kind_of: KindOf


def gateway_over(
    path: Path,
    settings: Settings,
    own: Own,
    engine_of: EngineOf,
    transport: Transport | None = None,
    observer: Observer | None = None,
) -> tuple[Gateway, Follow]:
    """Serves our schema with what the supergraph in the file adds to it, as it is at the time; and
    what has to be entered around serving it. Raises BadSupergraph, BadPartners or OSError."""
    agreements = [Path(settings.partners)] if settings.partners else []
    redis = redis_at(settings.redis_url)
    cache = EntityCache(store_of(redis, KEPT, settings.cache_bytes), observer)
    clients = Clients(transport, observer, cache)

    def router_over(supergraph: Supergraph) -> Joined:
        agreed = agreed_in(agreements, supergraph)
        ours = Ours(supergraph, own.name, own.schema)
        others = {g.name: agreed.get(g.name, Partner()) for g in ours.others}
        policy = policy_of(supergraph, ours, others, own.privacies)
        partners = partners_of(ours.others, settings, others)
        unlimited = partial(engine_of, own.guarding(policy.guarded), limits=None)
        local = LocalClient(
            unlimited(),
            unlimited(each=True, error_limit=sys.maxsize),
            {name: partner.client for name, partner in others.items()},
        )
        remote = {name: client_of(clients, name, each) for name, each in partners.items()}
        return Joined(
            supergraph,
            BySubgraph({own.name: InParts(local, settings.representation_limit), **remote}),
            ours,
            policy,
            engine_of(own.schema, rules=(ours.rule(),)),
            limits=Limits.of(settings),
            observer=observer,
        )

    current = Current(path, router_over, agreements)

    @asynccontextmanager
    async def followed(process: Process) -> AsyncIterator[None]:
        try:
            async with current.followed(), forgetting(process, cache, own.kind_of):
                yield
        finally:
            await clients.close()
            if redis is not None:
                await redis.close()

    return Gateway(current), followed


def federated_app(
    path: Path,
    settings: Settings,
    transport: Transport | None = None,
    watching: Watching = NOBODY,
) -> Starlette:
    """Serves the supergraph in the file, as it is at the time. Raises BadSupergraph,
    BadPartners or OSError."""
    agreements = [Path(settings.partners)] if settings.partners else []
    redis = redis_at(settings.redis_url)
    cache = EntityCache(store_of(redis, KEPT, settings.cache_bytes), watching.observer)
    clients = Clients(transport, watching.observer, cache)

    def router_over(supergraph: Supergraph) -> Router:
        agreed = agreed_in(agreements, supergraph)
        partners = partners_of(supergraph.subgraphs.values(), settings, agreed)
        return Router(
            supergraph,
            BySubgraph({name: client_of(clients, name, each) for name, each in partners.items()}),
            partners=agreed,
            met=AUTHORISATION if all(each.enforces for each in partners.values()) else frozenset(),
            seconds=settings.operation_seconds,
            observer=watching.observer,
            limits=Limits.of(settings),
        )

    current = Current(path, router_over, agreements)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            async with current.followed():
                yield
        finally:
            await clients.close()
            if redis is not None:
                await redis.close()
            await watching.close()

    async def healthy(_: Request) -> Response:
        return encoded({"healthy": True})

    endpoint = RouterEndpoint(current, settings, watching)
    app = Application(
        Route("/graphql", watching.around(endpoint)),
        *([schema_text(lambda: current.router.text)] if settings.shows("introspection") else ()),
        Route("/healthz", healthy),
        Route("/readyz", healthy),
        origins=settings.origins,
        exception_handlers={HTTPException: json_error, Exception: masked_fault},
        lifespan=lifespan,
    )
    app.state.current = current
    return app


class RouterEndpoint(Answering):
    """Answers POSTed operations over a supergraph. Who the viewer is, is for its subgraphs to
    find out."""

    def __init__(
        self, current: Current[Router], settings: Settings, watching: Watching = NOBODY
    ) -> None:
        super().__init__(settings, watching)
        self._current = current

    async def answer(self, incoming: Incoming) -> Answer | Stream:
        asked = await self.parameters(incoming)
        manner = manner_for(incoming.headers).whole
        if not isinstance(asked, list):
            return await self.one(asked, manner, incoming)
        return await self.all_of(asked, partial(self.one, incoming=incoming), incoming, manner)

    async def one(self, asked: Parameters, manner: Manner, incoming: Incoming) -> Answer:
        """The answer to one operation. Raises Refused or Invalid."""
        router = self._current.router
        operation = prepared(router, asked, incoming)
        incoming.tell(operation)
        if operation.kind is OperationType.SUBSCRIPTION:
            raise Invalid(BadInput("Subscriptions are not offered here."))
        headers = {**as_text(incoming.headers.items()), REQUEST_ID: incoming.id}
        passed_back: list[tuple[str, str]] = []
        with while_there(operation.kind, incoming.receive):
            result = await router.run(operation, asked.get("variables"), headers, passed_back)
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            log.info("errors", count=len(result.errors))
            body = {"errors": formatted(result.errors, incoming.id), **body}
        answer = manner.answer(body)
        answer.headers.extend(as_bytes(passed_back))
        return answer


def client_of(clients: Clients, name: str, partner: Partner) -> Client:
    return InParts(clients.of(name, partner), partner.entities)


def agreed_in(agreements: Iterable[Path], supergraph: Supergraph) -> dict[str, Partner]:
    """What is agreed with whom. A name that is misspelt would leave the one it means without it:
    raises BadSupergraph, BadPartners or OSError."""
    agreed = {name: held for path in agreements for name, held in partners_in(path).items()}
    if unknown := agreed.keys() - {subgraph.name for subgraph in supergraph.subgraphs.values()}:
        raise BadSupergraph(f"It has no subgraph {', '.join(sorted(unknown))}: see PARTNERS.")
    return agreed


def partners_of(
    subgraphs: Iterable[Subgraph], settings: Settings, agreed: Mapping[str, Partner]
) -> dict[str, Partner]:
    """What holds for each subgraph. Those with which nothing is agreed are of one's own network."""
    overriding = dict(
        entry.strip().split("=", 1)
        for entry in (settings.subgraph_urls or "").split(",")
        if entry.strip()
    )
    own = Partner(
        seconds=settings.partner_seconds,
        attempts=1,
        concurrency=OWN_CONCURRENCY,
        answer_limit=settings.partner_answer_limit,
        headers=tuple(name.strip().lower() for name in settings.passed_headers.split(",")),
        private_addresses=True,
    )
    found: dict[str, Partner] = {}
    for subgraph in subgraphs:
        partner = agreed.get(subgraph.name, own)
        url = overriding.get(subgraph.name) or partner.url or subgraph.url
        if not url:
            raise NoAddress(f"The subgraph {subgraph.name} has no address: see SUBGRAPH_URLS.")
        try:
            check_url(url, private=partner.private_addresses)
        except ValueError as error:
            raise NoAddress(f"The subgraph {subgraph.name}: {error}.") from None
        found[subgraph.name] = replace(partner, url=url)
    return found
