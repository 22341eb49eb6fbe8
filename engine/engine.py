"""Running operations over a schema: prepared once, planned once for all who may see the same, and
run as often as they are asked."""

import asyncio
from collections import OrderedDict
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Hashable,
    Mapping,
    Sequence,
)
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    ValidationRule,
    get_operation_ast,
    parse,
)
from graphql.execution import Executor, create_source_event_stream
from graphql.execution.values import VariableValues
from graphql.pyutils import is_awaitable

from engine.arguments import NO_VARIABLES, Variables
from engine.collect import conditions, directives_in
from engine.compile import Compiler
from engine.cost import UNBOUNDED, Limits
from engine.deprecations import deprecated_in
from engine.describe import Description, Sent, described
from engine.document import valid
from engine.errors import told
from engine.incremental import Delivery, Payload, errors_in
from engine.mistakes import Mistakes, measured
from engine.observer import Observer
from engine.paged import Paged, paged
from engine.plan import Plan
from engine.run import Run
from runtime.context import Context
from runtime.faults import BadInput, Invalid, LimitExceeded, TooSlow
from runtime.viewer import ANYONE, Viewer


@dataclass(frozen=True, eq=False)
class Operation:
    """A valid operation of a document, and its plans."""

    document: DocumentNode
    definition: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Variables
    conditions: frozenset[str]
    """The variables that decide what is selected."""
    plans: "OrderedDict[Hashable, Plan]"
    deprecated: tuple[str, ...] = ()
    """What of it is to go, with the reasons that the schema gives."""

    @property
    def name(self) -> str | None:
        return self.definition.name.value if self.definition.name else None

    @cached_property
    def hash(self) -> str:
        """The SHA-256 of the document, by which persisted documents are known."""
        assert self.document.loc is not None
        return sha256(self.document.loc.source.body.encode()).hexdigest()

    @property
    def kind(self) -> OperationType:
        return self.definition.operation

    @cached_property
    def in_parts(self) -> bool:
        """Whether its answer may come in parts."""
        directives = directives_in(self.definition, self.fragments)
        return any(directive.name.value in IN_PARTS for directive in directives)


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to be done for one request."""

    plan: Plan
    variables: VariableValues

    @property
    def cost(self) -> int:
        """In points."""
        return self.plan.price.cost(self.variables.coerced)


@dataclass(eq=False)
class Subscription(AsyncIterator[ExecutionResult]):
    """The answers to a subscription. To close them closes the source, whether or not there have
    been any, as no generator would."""

    events: AsyncIterator[Any]
    answer: Callable[[Any], Awaitable[ExecutionResult]]
    event: Any = None
    """What the last answer is about."""

    async def __anext__(self) -> ExecutionResult:
        self.event = await anext(self.events)
        return await self.answer(self.event)

    async def aclose(self) -> None:
        if (close := getattr(self.events, "aclose", None)) is not None:
            await close()


NAMED = 20
"""How many operations of a document are listed for who has chosen none."""
IN_PARTS = "defer", "stream"
VARIANTS = 64
"""How many plans are kept of one operation: for who may see what, and for what is skipped."""


class Engine:
    """Over one schema: the gateway's, a subgraph's or a contract's."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        limits: Limits | None = None,
        error_limit: int = 1000,
        seconds: float = 30,
        operations: int = 1000,
        observer: Observer | None = None,
        rules: Sequence[type[ValidationRule]] = (),
        each: bool = False,
        identified: bool = False,
        named: bool = False,
        rows_kept: bool = False,
    ) -> None:
        """Without limits, operations may be and cost what they like. `rules` are what documents
        have to keep beside the specification's. With `each`, what a field hides is told of every
        row rather than once; with `identified`, the ids of all that an answer shows are read
        wherever it may be kept, with `named`, of all; with `rows_kept`, contexts may know
        rows of the catalogue."""
        self.schema = schema
        self.limits = limits
        self.error_limit = error_limit
        self.seconds = seconds
        self.observer = observer or Observer()
        self._rules = rules
        self._each = each
        self._identified = identified
        self._named = named
        self._rows_kept = rows_kept
        self._limit = operations
        self._mistakes = Mistakes()
        self._operations: OrderedDict[tuple[str, str | None], Operation] = OrderedDict()

    def prepare(self, document: str, operation_name: str | None = None) -> Operation:
        """The operation of that name; an empty one names none. Raises Invalid, which is remembered
        of documents that are not valid."""
        operation_name = operation_name or None
        operation = self.known(document, operation_name)
        if operation is None:
            with measured():
                operation = self._prepared(self._valid(document), operation_name)
            self._operations[document, operation_name] = operation
            if len(self._operations) > self._limit:
                self._operations.popitem(last=False)
        return operation

    def _valid(self, document: str) -> DocumentNode:
        self._mistakes.refuse_known(document)
        try:
            return valid(self.schema, document, self.limits, self._rules)
        except Invalid as invalid:
            self._mistakes.note(document, invalid)
            raise

    def known(self, document: str, operation_name: str | None = None) -> Operation | None:
        """The operation, if it has been prepared before."""
        key = (document, operation_name or None)
        operation = self._operations.get(key)
        if operation is not None:
            self._operations.move_to_end(key)
        return operation

    @property
    def prepared(self) -> Mapping[tuple[str, str | None], Operation]:
        """The operations that are remembered, by what was asked for."""
        return self._operations

    def warm(self, document: str) -> None:
        """Prepares the operations of a document that is known to be sent, and plans them for
        whoever has not signed in: the first client is not to wait for it. Raises
        Invalid, and GraphQLSyntaxError for what is no document."""
        for node in parse(document).definitions:
            if not isinstance(node, OperationDefinitionNode):
                continue
            operation = self.prepare(document, node.name.value if node.name else None)
            if not operation.conditions:
                with suppress(Invalid):
                    self._plan(operation, NO_VARIABLES, ANYONE, incremental=False)

    def planned(
        self, operation: Operation, variables: Mapping[str, Any] | None, viewer: Viewer | None
    ) -> Planned:
        """What running it would do, to be looked at before it is. Raises Invalid, as `run`."""
        with measured():
            coerced = self._coerced(operation, variables or {})
            return Planned(self._plan(operation, coerced, viewer, incremental=False), coerced)

    async def run(
        self,
        operation: Operation,
        variables: Mapping[str, Any] | None = None,
        context: Any = None,
        root: Any = None,
        observer: Observer | None = None,
        planned: Planned | None = None,
    ) -> ExecutionResult:
        """`context` is a request's own, or anything for a schema without declared fields.
        `observer` watches this run in the place of the engine's own. What is `planned` already,
        for the same variables and viewer, is not planned again.

        A query that takes too long is given up; a mutation never is, for it may have been carried
        out. What is not on record is not told: the trail is kept before there is an answer.
        Raises Invalid where nothing is run, for what the variables are or what it would cost.
        """
        observer = observer or self.observer
        with observer.operation(operation, context):
            try:
                is_command = operation.kind is OperationType.MUTATION
                async with asyncio.timeout(None if is_command else self.seconds):
                    planned = planned or self.planned(operation, variables, viewer_of(context))
                    result = await self._run(operation, planned, context, root, observer)
            except Invalid as invalid:
                observer.failed(operation, invalid.errors)
                raise
            except TimeoutError:
                result = refused(TooSlow(self.seconds))
            if isinstance(context, Context):
                try:
                    await context.keep_trail()
                except Exception as error:
                    result = refused(not_on_record(error))
            if result.errors:
                observer.failed(operation, result.errors)
        return result

    async def _run(
        self, operation: Operation, planned: Planned, context: Any, root: Any, observer: Observer
    ) -> ExecutionResult:
        run = self._begun(operation, planned, context, root, observer)
        try:
            data = await run.data()
            if planned.plan.max_age is not None and context.batches.personal:
                planned.plan.personal = True
            errors = told(run.absorbed, self.error_limit, each=self._each)
            return ExecutionResult(data, errors or None)
        finally:
            run.release()

    def _begun(
        self, operation: Operation, planned: Planned, context: Any, root: Any, observer: Observer
    ) -> Run:
        plan = planned.plan
        if plan.projection is not None:
            context.projection = plan.projection
            context.batches.observe = observer.read
            if plan.max_age is not None or operation.kind is OperationType.MUTATION:
                context.batches.kept = None
        return Run(
            self.schema, operation.fragments, plan, planned.variables, context, root, observer
        )

    async def deliver(
        self,
        operation: Operation,
        variables: Mapping[str, Any] | None = None,
        context: Any = None,
        root: Any = None,
        observer: Observer | None = None,
    ) -> AsyncGenerator[Payload, None]:
        """The answer in parts, as `@defer` and `@stream` ask for; the errors in them are
        GraphQLErrors. What each part shows is on record before it leaves. What takes too long is
        given up, though never the commands of a mutation. Raises Invalid where nothing is run."""
        observer, clock = observer or self.observer, asyncio.get_running_loop().time
        with observer.operation(operation, context):
            try:
                coerced = self._coerced(operation, variables or {})
                plan = self._plan(operation, coerced, viewer_of(context), incremental=True)
            except Invalid as invalid:
                observer.failed(operation, invalid.errors)
                raise
            run = self._begun(operation, Planned(plan, coerced), context, root, observer)
            delivery = Delivery(run, self.error_limit)
            payloads = delivery.payloads()
            is_command = operation.kind is OperationType.MUTATION
            until = None if is_command else clock() + self.seconds
            try:
                while True:
                    try:
                        async with asyncio.timeout_at(until):
                            payload = await anext(payloads)
                        if isinstance(context, Context):
                            payload = await self._on_record(context, payload, delivery)
                    except StopAsyncIteration:
                        return
                    except TimeoutError:
                        payload = delivery.given_up(self._late())
                    except Exception as error:
                        # What has begun ends well formed, whatever happens.
                        payload = delivery.given_up(fault(error))
                    if errors := errors_in(payload):
                        observer.failed(operation, errors)
                    delivery.left(payload)
                    yield payload
                    if not payload.get("hasNext"):
                        return
                    until = until or clock() + self.seconds
            finally:
                await payloads.aclose()
                run.release()

    async def _on_record(self, context: Context, payload: Payload, delivery: Delivery) -> Payload:
        try:
            await context.keep_trail()
        except Exception as error:
            return delivery.given_up(not_on_record(error))
        return payload

    def _late(self) -> LimitExceeded:
        message = f"This took longer than {self.seconds} seconds. Ask for less at once."
        return LimitExceeded(message, limit=self.seconds)

    async def subscribe(
        self,
        operation: Operation,
        context_of: Callable[[], Any],
        variables: Mapping[str, Any] | None = None,
        root: Any = None,
    ) -> Subscription | ExecutionResult:
        """An answer for each event of the source, or why there is no source. Each event has a
        context of its own: what was read for one is out of date for the next."""
        context = context_of()
        try:
            coerced = self._coerced(operation, variables or {})
            self._plan(operation, coerced, viewer_of(context), incremental=False)
        except Invalid as invalid:
            return refused(*invalid.errors)
        # Which events there are is not a matter of levels; graphql-core asks the field for them.
        executor = Executor.build(
            self.schema, operation.document, root, context, dict(variables or {}), operation.name
        )
        if isinstance(executor, list):
            return refused(*executor)
        source = await maybe(create_source_event_stream(executor))
        if isinstance(source, ExecutionResult):
            return source

        async def answer(event: Any) -> ExecutionResult:
            return await self.run(operation, variables, context_of(), event)

        return Subscription(aiter(source), answer)

    def plan(
        self,
        operation: Operation,
        variables: Mapping[str, Any] | None,
        viewer: Viewer,
        page_limit: int,
        sent: Sent | None = None,
    ) -> Description:
        """What running it would do, level by level; or what it did, as `sent` has seen it.
        Raises Invalid."""
        coerced = self._coerced(operation, variables or {})
        plan = self._plan(operation, coerced, viewer, incremental=False)
        return described(self.schema, plan, coerced, page_limit, sent)

    def whole_list(
        self,
        document: str,
        operation_name: str | None,
        variables: Mapping[str, Any],
        page_limit: int,
    ) -> Paged:
        """The list that the operation asks for a page of, from one end to the other. Raises
        Invalid and NotOneList."""
        return paged(self, document, operation_name, variables, page_limit)

    async def execute(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        context: Any = None,
        root: Any = None,
        operation_name: str | None = None,
    ) -> ExecutionResult:
        """Prepared and run; what is wrong with the document comes as errors without data."""
        try:
            operation = self.prepare(document, operation_name)
            return await self.run(operation, variables, context, root)
        except Invalid as invalid:
            return refused(*invalid.errors)

    def _prepared(self, document: DocumentNode, name: str | None) -> Operation:
        definition = get_operation_ast(document, name)
        if definition is None:
            raise Invalid(not_chosen(document, name))
        fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        return Operation(
            document,
            definition,
            fragments,
            Variables(self.schema, definition),
            conditions(definition, fragments),
            OrderedDict(),
            deprecated_in(self.schema, document),
        )

    def _plan(
        self,
        operation: Operation,
        variables: VariableValues,
        viewer: Viewer | None,
        *,
        incremental: bool,
    ) -> Plan:
        """Raises Invalid where there is none, or where it costs too much."""
        # A plan outlives the request: what it must not remember, it does not get to know.
        given = {n: v for n, v in variables.coerced.items() if n in operation.conditions}
        sources = {n: s for n, s in variables.sources.items() if n in operation.conditions}
        key = (viewer.scope if viewer else None, frozenset(given.items()), incremental)
        plan = operation.plans.get(key)
        if plan is None:
            compiler = Compiler(
                self.schema,
                operation.definition,
                operation.fragments,
                VariableValues(sources, given),
                viewer.alike if viewer else None,
                incremental=incremental,
                identified=self._identified,
                named=self._named,
                rows_kept=self._rows_kept,
            )
            try:
                plan = compiler.plan()
            except GraphQLError as error:
                raise Invalid(error) from None
            operation.plans[key] = plan
            if len(operation.plans) > VARIANTS:
                operation.plans.popitem(last=False)
        else:
            operation.plans.move_to_end(key)
        self.afford(plan, variables)
        return plan

    def afford(self, plan: Plan, variables: VariableValues) -> None:
        """Raises Invalid where running it costs more than is let."""
        limits, given = self.limits, variables.coerced
        if limits is None or (plan.within is limits and plan.price.cost(given) <= limits.cost):
            return
        dear = plan.price.refusal(limits, given)
        if dear is None:
            plan.within = limits
            return
        if not limits.enforced:
            self.observer.spared(plan.operation, dear)
            dear = plan.price.refusal(UNBOUNDED, given)
        if dear is not None:
            raise Invalid(dear)

    def _coerced(self, operation: Operation, variables: Mapping[str, Any]) -> VariableValues:
        """Raises Invalid."""
        coerced = operation.variables.coerced(variables)
        if isinstance(coerced, list):
            raise Invalid(*coerced)
        return coerced


def viewer_of(context: Any) -> Viewer | None:
    return context.viewer if isinstance(context, Context) else None


async def maybe(value: Any) -> Any:
    return await value if is_awaitable(value) else value


def not_on_record(error: Exception) -> GraphQLError:
    return GraphQLError("The audit could not be kept.", original_error=error)


def not_chosen(document: DocumentNode, name: str | None) -> BadInput:
    """Why it is not plain which operation is to be run."""
    operations = (d for d in document.definitions if isinstance(d, OperationDefinitionNode))
    names = [operation.name.value for operation in operations if operation.name]
    found = f": {', '.join(names[:NAMED])}{', …' if len(names) > NAMED else ''}" if names else ""
    told = "The document has several operations; say with `operationName` which"
    if name is not None:
        told = f"The document has no operation {name}; choose with `operationName`"
    return BadInput(f"{told}{found}.", argument="operationName")


def fault(error: Exception) -> GraphQLError:
    return GraphQLError("It could not be completed.", original_error=error)


def refused(*errors: GraphQLError) -> ExecutionResult:
    return ExecutionResult(None, list(errors))
