"""From the data of all fetches to the answer: the engine runs over it, as over any other rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
)
from graphql.execution.values import VariableValues
from graphql.type import is_abstract_type, is_composite_type

from engine.collect import Selected
from engine.compile import Compiler
from engine.output import Column, Output
from engine.plan import PlannedField
from engine.sources import Refused, Source
from federation.faults import Answered, Unavailable
from federation.policy import Policy
from federation.supergraph import Supergraph
from federation.wants import Keys
from runtime.faults import Coded
from runtime.viewer import ANYONE, Viewer

if TYPE_CHECKING:
    from engine.run import Task

NOTHING = type(None)


class Completer(Compiler):
    """Compiles an operation to be run over data by the keys of a plan."""

    def __init__(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        keys: Keys,
        supergraph: Supergraph,
        policy: Policy | None = None,
        seen_by: Viewer = ANYONE,
    ) -> None:
        super().__init__(supergraph.schema, operation, fragments, variables, None)
        self._keys = keys
        self._policy = policy
        self._seen_by = seen_by
        self._supergraph = supergraph
        self.owners: dict[int, set[str]] = {}
        """Who serves what is asked for, by the ids of its nodes."""

    def _field(
        self, parent: GraphQLObjectType, key: str, selected: Sequence[Selected]
    ) -> PlannedField:
        planned = super()._field(parent, key, selected)
        if planned.name.startswith("__") or parent.name.startswith("__"):
            return planned
        by_response_key = (
            self.operation.operation is OperationType.MUTATION
            and parent is self.schema.mutation_type
        )
        taken = key if by_response_key else self._keys.of(selected[0].node)
        planned.source = self._seen(
            parent.name,
            planned.name,
            Taken(self.schema, taken, planned.output, self._supergraph.hidden),
        )
        owners = self._supergraph.owners(parent.name, planned.name)
        for each in selected:
            self.owners.setdefault(id(each.node), set()).update(owners)
        return planned

    def _seen(self, type_: str, name: str, taken: "Taken") -> Source:
        if self._policy is None:
            return taken
        refusal = self._policy.refusal(type_, name, self._seen_by)
        if refusal is not None:
            return Refused(type_, name, refusal)
        guard = self._policy.guard(type_, name)
        return taken if guard is None else Shown(taken, guard)


@dataclass(frozen=True)
class Shown:
    """Values of a partner's, where a row of ours shows them."""

    taken: "Taken"
    guard: str

    def values(self, task: "Task", rows: Sequence[Any]) -> Column:
        values = self.taken.values(task, rows)
        shown = [row.get(self.guard) for row in rows]
        return [
            value if says is True else says if isinstance(says, Exception) else None
            for value, says in zip(values, shown, strict=True)
        ]


class Taken:
    """Values out of the data, as far as they have the shape that the field promises."""

    def __init__(
        self,
        schema: GraphQLSchema,
        key: str,
        output: Output,
        hidden: Mapping[str, frozenset[str]],
    ) -> None:
        self._schema = schema
        self._key = key
        self._output = output
        self._composite = is_composite_type(output.named)
        self._abstract = is_abstract_type(output.named)
        self._default = ""
        if is_abstract_type(output.named):
            possible = schema.get_possible_types(output.named)
            self._default = possible[0].name if possible else ""
        self._hidden = (
            hidden.get(output.named.name) if isinstance(output.named, GraphQLEnumType) else None
        )

    def values(self, task: "Task", rows: Sequence[Any]) -> Column:
        key = self._key
        values = [row.get(key) for row in rows]
        if Unavailable in set(map(type, values)) and self._output.nullable:
            values = self._told_once(task, values)
        if self._hidden is not None:
            return [self._shown(value) for value in values]
        if self._composite:
            if not is_shaped(values, self._output):
                values = [self._shaped(value, self._output) for value in values]
            if self._abstract:
                self._name(values)
                values = [self._known(value) for value in values]
        return values

    def _told_once(self, task: "Task", values: Column) -> Column:
        """One error for all objects, rather than one for each."""
        lost: dict[int, list[int]] = {}
        for index, value in enumerate(values):
            if isinstance(value, Unavailable):
                lost.setdefault(id(value), []).append(index)
        for indexes in lost.values():
            error = values[indexes[0]]
            assert isinstance(error, Unavailable)
            task.refuse(error.again(), indexes)
        return [None if isinstance(value, Unavailable) else value for value in values]

    def _shown(self, value: Any) -> Any:
        """What clients are not to see is null to them."""
        if type(value) is list:
            return [self._shown(each) for each in value]
        assert self._hidden is not None
        return None if type(value) is str and value in self._hidden else value

    def _shaped(self, value: Any, output: Output) -> Any:
        if value is None or isinstance(value, Exception):
            return value
        if output.item is not None:
            if type(value) is list:
                return [self._shaped(each, output.item) for each in value]
        elif type(value) is dict:
            return value
        return self._of_another_kind(output)

    def _of_another_kind(self, output: Output) -> GraphQLError:
        return GraphQLError(f"What was given for {output.field} is of another kind.")

    def _name(self, values: Iterable[Any]) -> None:
        for value in values:
            if type(value) is dict:
                # Nothing that is asked depends on it, or somebody had been asked for it.
                value.setdefault("__typename", self._default)
            elif type(value) is list:
                self._name(value)

    def _known(self, value: Any) -> Any:
        """None for an object of a type that clients are not to see."""
        if type(value) is list:
            return [self._known(each) for each in value]
        if type(value) is not dict:
            return value
        name = value["__typename"]
        if type(name) is not str:
            return self._of_another_kind(self._output)
        return None if self._schema.get_type(name) is None else value


def is_shaped(values: Column, output: Output) -> bool:
    while output.item is not None:
        if not set(map(type, values)) <= {list, NOTHING}:
            return False
        values = list(chain.from_iterable(value for value in values if value))
        output = output.item
    return set(map(type, values)) <= {dict, NOTHING}


def told_in_full(
    error: GraphQLError,
    fragments: Mapping[str, FragmentDefinitionNode],
    keys: Keys,
    owners: Mapping[int, set[str]],
) -> GraphQLError:
    """The error with a code and the whole of its path: what a subgraph made null may lie above
    what went wrong."""
    cause = error.original_error
    if isinstance(cause, Answered):
        path = [*(error.path or ()), *called(cause.rest, error.nodes or (), fragments, keys)]
        return GraphQLError(error.message, error.nodes, path=path, extensions=cause.extensions)
    if isinstance(error, Coded) or isinstance(cause, Coded):
        return error
    # The document is valid: it is what was given for it that is not.
    extensions: dict[str, Any] = {"code": "PARTNER_UNAVAILABLE", "retryable": False}
    known: set[str] = set().union(*(owners.get(id(node), ()) for node in error.nodes or ()))
    if len(known) == 1:
        extensions["partner"] = known.pop()
    return GraphQLError(error.message, error.nodes, path=error.path, extensions=extensions)


def called(
    steps: Sequence[Any],
    nodes: Sequence[Any],
    fragments: Mapping[str, FragmentDefinitionNode],
    keys: Keys,
) -> list[Any]:
    """The keys of the data as the client calls them."""
    path: list[Any] = []
    for step in steps:
        if isinstance(step, str):
            below = [node.selection_set for node in nodes if getattr(node, "selection_set", None)]
            nodes = [node for node in fields_of(below, fragments) if keys.of(node) == step]
            if not nodes:
                return path
            path.append((nodes[0].alias or nodes[0].name).value)
        else:
            path.append(step)
    return path


def fields_of(
    selection_sets: Sequence[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterable[FieldNode]:
    for selection_set in selection_sets:
        for node in selection_set.selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                yield from fields_of([node.selection_set], fragments)
            elif isinstance(node, FragmentSpreadNode):
                yield from fields_of([fragments[node.name.value].selection_set], fragments)
