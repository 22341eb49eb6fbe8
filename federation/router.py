"""Running operations over a supergraph: planned once, fetched, completed."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import ExecutionResult, GraphQLError, OperationType, print_schema
from graphql.execution.values import VariableValues

from engine.arguments import NO_VARIABLES
from engine.collect import Collector
from engine.cost import Limits
from engine.engine import VARIANTS, Engine, Operation, viewer_of
from engine.errors import told
from engine.plan import Plan
from engine.run import Run
from federation.client import Client, NoClient
from federation.complete import Completer, told_in_full
from federation.execute import Execution
from federation.features import AUTHORISATION
from federation.observer import Observer
from federation.plan import FetchPlan
from federation.planner import Planner
from federation.policy import Policy
from federation.search import Budget
from federation.supergraph import Supergraph
from runtime.context import Context
from runtime.faults import Invalid, TooSlow
from runtime.viewer import ANYONE, Viewer

NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, eq=False)
class Planned:
    """What is fetched, and what is made of it."""

    fetches: FetchPlan
    answer: Plan
    owners: Mapping[int, set[str]]
    """Who serves what is asked for, by the ids of its nodes."""
    conditions: VariableValues
    viewer: Viewer
    """What it is planned for, and for whom."""


class Router:
    """Answers operations over one supergraph."""

    def __init__(
        self,
        supergraph: Supergraph,
        client: Client,
        *,
        limits: Limits | None = None,
        error_limit: int = 1000,
        budget: Budget | None = None,
        operations: int = 1000,
        partners: Collection[str] = (),
        seconds: float = 30,
        policy: Policy | None = None,
        met: frozenset[str] = frozenset(),
        observer: Observer | None = None,
    ) -> None:
        """`partners` are the subgraphs whose answers are looked into, by what people call them;
        `seconds` is how long a query may take. With a policy one of the subgraphs is ours.
        `met` are the features that the supergraph may demand because somebody else sees to them:
        raises BadSupergraph for others."""
        supergraph.refuse_unmet(met)
        self.supergraph = supergraph
        self.client = client
        self._engine = Engine(
            supergraph.schema, limits=limits, operations=operations, observer=observer
        )
        self._seconds = seconds
        self._policy = policy
        self._error_limit = error_limit
        looked_into = {g.id for g in supergraph.subgraphs.values() if g.name in partners}
        self._planner = Planner(
            supergraph, budget or Budget(), partners=frozenset(looked_into), policy=policy
        )
        self._observer = observer or Observer()
        self._planned: OrderedDict[tuple[Any, ...], Planned] = OrderedDict()
        self._plans = max(operations, VARIANTS)

    def prepare(self, document: str, operation_name: str | None = None) -> Operation:
        """The operation of that name, parsed and valid. Raises Invalid."""
        return self._engine.prepare(document, operation_name)

    def known(self, document: str, operation_name: str | None = None) -> Operation | None:
        """The operation, if it has been prepared before."""
        return self._engine.known(document, operation_name)

    async def run(
        self,
        operation: Operation,
        variables: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
        answer_headers: list[tuple[str, str]] | None = None,
        context: Any = None,
    ) -> ExecutionResult:
        """`headers` are the client's, in lower case; what subgraphs have for it is added to
        `answer_headers`; `context` is the request's own, for those in this process. A query that
        takes too long is given up, a mutation never. Raises Invalid, as an engine does."""
        is_command = operation.kind is OperationType.MUTATION
        passed_back = [] if answer_headers is None else answer_headers
        with self._observer.operation(operation, context):
            execute = self._run(operation, variables or {}, headers, passed_back, context)
            try:
                async with asyncio.timeout(None if is_command else self._seconds):
                    result = await execute
            except Invalid as invalid:
                self._observer.failed(operation, invalid.errors)
                raise
            except TimeoutError:
                result = ExecutionResult(None, [TooSlow(self._seconds)])
            if result.errors:
                self._observer.failed(operation, result.errors)
        return result

    async def _run(
        self,
        operation: Operation,
        given: Mapping[str, Any],
        headers: Mapping[str, str],
        answer_headers: list[tuple[str, str]],
        context: Any,
    ) -> ExecutionResult:
        coerced = operation.variables.coerced(given)
        if isinstance(coerced, list):
            raise Invalid(*coerced)
        try:
            planned = self._plan(operation, coerced, viewer_of(context) or ANYONE)
        except GraphQLError as error:
            raise Invalid(error) from None
        self._engine.afford(planned.answer, coerced)
        execution = Execution(
            planned.fetches, given, self.client, headers, self.supergraph.names, self._own, context
        )
        await execution.run()
        answer_headers += execution.answer_headers
        run = Run(
            self.supergraph.schema,
            operation.fragments,
            planned.answer,
            coerced,
            context,
            execution.data,
            self._observer,
        )
        data = await run.data()
        if isinstance(context, Context):
            await context.keep_trail()
        errors = [
            told_in_full(error, operation.fragments, planned.fetches.keys, planned.owners)
            for error in told(run.absorbed, self._error_limit)
        ]
        errors += execution.stray[: self._error_limit - len(errors)]
        return ExecutionResult(data, errors or None)

    async def execute(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
        operation_name: str | None = None,
    ) -> ExecutionResult:
        """Prepared and run; what is wrong with the document comes as errors without data."""
        try:
            operation = self.prepare(document, operation_name)
            return await self.run(operation, variables, headers)
        except Invalid as invalid:
            return ExecutionResult(None, list(invalid.errors))

    def plan(
        self, document: str, variables: Mapping[str, Any] | None = None, name: str | None = None
    ) -> FetchPlan:
        """What running it would fetch. Raises Invalid, or a coded error where there is no plan."""
        return self.fetches(self.prepare(document, name), variables)

    def fetches(
        self,
        operation: Operation,
        variables: Mapping[str, Any] | None = None,
        viewer: Viewer = ANYONE,
    ) -> FetchPlan:
        """What running it would fetch. Raises Invalid, or a coded error where there is no plan."""
        if variables is None and not operation.conditions:
            return self._plan(operation, NO_VARIABLES, viewer).fetches
        coerced = operation.variables.coerced(variables or {})
        if isinstance(coerced, list):
            raise Invalid(*coerced)
        return self._plan(operation, coerced, viewer).fetches

    def warm(self, other: "Router") -> None:
        """Plans what the other has planned, as far as it can still be asked."""
        planned: dict[Operation, list[Planned]] = {}
        for (operation, *_), plan in list(other._planned.items()):
            planned.setdefault(operation, []).append(plan)
        for (document, name), operation in list(other._engine.prepared.items()):
            try:
                same = self.prepare(document, name)
                for plan in planned.get(operation, ()):
                    self._plan(same, plan.conditions, plan.viewer)
            except (Invalid, GraphQLError):
                continue

    @property
    def _own(self) -> str | None:
        return self._policy.own if self._policy else None

    @property
    def text(self) -> str:
        """The schema that clients see."""
        return f"{print_schema(self.supergraph.schema)}\n"

    def _plan(
        self, operation: Operation, variables: VariableValues, viewer: Viewer = ANYONE
    ) -> Planned:
        """By the values of those variables that `@skip` and `@include` take, and no others; and by
        what the viewer may see at all."""
        names = sorted(operation.conditions)
        chosen = tuple(variables.coerced.get(name) for name in names)
        key = (operation, chosen, viewer.scope if self._policy else None)
        planned = self._planned.get(key)
        if planned is not None:
            self._planned.move_to_end(key)
            return planned
        # A plan that is kept should not keep what else a client sent.
        sources, coerced = (
            {name: each[name] for name in names if name in each} for each in variables
        )
        conditions = VariableValues(sources, coerced)
        collector = Collector(self.supergraph.schema, operation.fragments, conditions)
        fetches = self._planner.plan(
            operation.definition, operation.fragments, collector.is_included, viewer.alike
        )
        completer = Completer(
            operation.definition,
            operation.fragments,
            conditions,
            fetches.keys,
            self.supergraph,
            self._policy,
            viewer.alike,
        )
        plan, owners = completer.plan(), completer.owners
        planned = Planned(fetches, plan, owners, conditions, viewer.alike)
        self._planned[key] = planned
        if len(self._planned) > self._plans:
            self._planned.popitem(last=False)
        return planned


def planned(path: Path, document: str) -> FetchPlan:
    """What a router over the supergraph in the file would fetch. Raises Invalid, BadSupergraph,
    OSError, or a coded error."""
    return Router(Supergraph(path.read_text(encoding="utf-8")), NoClient(), met=AUTHORISATION).plan(
        document
    )
