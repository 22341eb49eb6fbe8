"""One schema, partly ours and partly that of partners: what is ours alone runs as if there were
nobody else, and only what is not is planned over the supergraph."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from graphql import ExecutionResult, OperationType, parse

from engine.cost import Limits
from engine.describe import Description, Sent
from engine.engine import Engine, Operation, Planned, Subscription
from engine.incremental import Payload
from engine.mistakes import measured
from federation.client import Client
from federation.current import Current
from federation.features import AUTHORISATION
from federation.http import REQUEST_ID
from federation.local import Ours
from federation.observer import Observer
from federation.plan import FetchPlan
from federation.policy import Policy
from federation.router import Router
from federation.supergraph import Supergraph
from runtime.context import Context
from runtime.faults import BadInput, Invalid, LimitExceeded
from runtime.http import as_text
from runtime.viewer import Viewer


class Joined(Router):
    """A router over the supergraph, and the engine for what is ours alone of it."""

    def __init__(
        self,
        supergraph: Supergraph,
        client: Client,
        ours: Ours,
        policy: Policy,
        alone: Engine,
        *,
        limits: Limits | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`alone` has the rule of `ours`."""
        super().__init__(
            supergraph,
            client,
            limits=limits,
            partners=[graph.name for graph in ours.others],
            seconds=alone.seconds,
            policy=policy,
            # Of our fields the engine sees to who is shown them, of all others the policy does.
            met=AUTHORISATION,
            observer=observer,
        )
        self.ours = ours
        self.alone = alone

    def warm(self, other: Router) -> None:
        if isinstance(other, Joined) and other.ours.fields == self.ours.fields:
            self.alone = other.alone
        super().warm(other)


@dataclass(frozen=True, eq=False)
class Routed:
    """An operation that others have a part in, and the router that it is valid for."""

    operation: Operation
    router: Joined

    @property
    def kind(self) -> OperationType:
        return self.operation.kind

    @property
    def name(self) -> str | None:
        return self.operation.name

    @property
    def hash(self) -> str:
        return self.operation.hash

    @property
    def deprecated(self) -> tuple[str, ...]:
        return self.operation.deprecated

    @property
    def in_parts(self) -> bool:
        """Partners answer in one piece."""
        return False


class Gateway:
    """Takes the place of the engine that would serve our schema alone."""

    def __init__(self, current: Current[Joined]) -> None:
        self.current = current

    def prepare(self, document: str, operation_name: str | None = None) -> Operation | Routed:
        """Raises Invalid, with what the schema that clients see makes of it."""
        router = self.current.router
        known = router.alone.known(document, operation_name)
        if known is not None:
            return known
        routed = router.known(document, operation_name)
        if routed is None:
            # What ours alone does not know may be partners': the whole is measured if nobody does.
            with measured():
                try:
                    return router.alone.prepare(document, operation_name)
                except Invalid:
                    routed = router.prepare(document, operation_name)
        return Routed(routed, router)

    def run(
        self,
        operation: Operation | Routed,
        variables: Mapping[str, Any] | None,
        context: Context,
        observer: Sent | None = None,
        planned: Planned | None = None,
    ) -> Awaitable[ExecutionResult]:
        """`observer` watches what is ours alone."""
        if isinstance(operation, Operation):
            alone = self.current.router.alone
            return alone.run(operation, variables, context, observer=observer, planned=planned)
        headers = {**as_text(context.headers.items()), REQUEST_ID: context.request_id}
        return operation.router.run(
            operation.operation, variables, headers, context.answer_headers, context
        )

    def planned(
        self, operation: Operation | Routed, variables: Mapping[str, Any] | None, viewer: Viewer
    ) -> Planned | None:
        """Of what is ours alone. Raises Invalid."""
        if isinstance(operation, Routed):
            return None
        return self.current.router.alone.planned(operation, variables, viewer)

    def deliver(
        self, operation: Operation, variables: Mapping[str, Any] | None, context: Context
    ) -> AsyncGenerator[Payload, None]:
        return self.current.router.alone.deliver(operation, variables, context)

    async def subscribe(
        self,
        operation: Operation | Routed,
        context_of: Callable[[], Context],
        variables: Mapping[str, Any] | None,
    ) -> Subscription | ExecutionResult:
        """Raises Invalid where it is not ours alone: partners are asked, they do not tell."""
        if isinstance(operation, Routed):
            told = "A subscription has fields of ours alone: ask for the others with a query."
            raise Invalid(BadInput(told))
        return await self.current.router.alone.subscribe(operation, context_of, variables)

    def plan(
        self,
        operation: Operation | Routed,
        variables: Mapping[str, Any] | None,
        viewer: Viewer,
        page_limit: int,
        sent: Sent | None = None,
    ) -> Description | FetchPlan:
        """What running it would do, or what is ours alone did. Raises Invalid."""
        if isinstance(operation, Operation):
            return self.current.router.alone.plan(operation, variables, viewer, page_limit, sent)
        return operation.router.fetches(operation.operation, variables, viewer)

    def text(self) -> str:
        """The schema that clients see."""
        return self.current.router.text

    def warm(self, document: str) -> None:
        """Prepares a document that is known to be sent. Raises Invalid."""
        router = self.current.router
        try:
            router.alone.warm(document)
        except Invalid:
            for node in parse(document).definitions:
                if (name := getattr(node, "name", None)) and node.kind == "operation_definition":
                    with suppress(LimitExceeded):
                        router.plan(document, name=name.value)
