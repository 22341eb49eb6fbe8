"""For how long an answer may be kept: as long as the field of it that may be kept least."""

from collections.abc import Callable, Mapping, Sequence
from math import isinf

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    get_named_type,
)

from runtime.field import AS_PARENT, told
from runtime.projection import Composite


def max_age_of(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    is_included: Callable[[SelectionNode], bool] = lambda _: True,
) -> float | None:
    """In seconds; None where the answer may not be kept at all. Of what `is_included` leaves out
    nothing is to be seen, so it does not count."""
    root = schema.get_root_type(operation.operation)
    if root is None or operation.operation is not OperationType.QUERY:
        return None
    walk = Walk(schema, fragments, is_included)
    walk.selection_set(operation.selection_set, root)
    return walk.least if walk.least and not isinf(walk.least) else None


class Walk:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        is_included: Callable[[SelectionNode], bool],
    ) -> None:
        self.least = AS_PARENT
        self._schema = schema
        self._fragments = fragments
        self._is_included = is_included
        self._spread: set[tuple[str, str]] = set()

    def selection_set(self, selections: SelectionSetNode, parent: Composite) -> None:
        for selection in selections.selections:
            if not self.least:
                return
            if not self._is_included(selection):
                continue
            if isinstance(selection, FieldNode):
                self._field(selection, parent)
            elif isinstance(selection, InlineFragmentNode):
                self._narrowed(selection.type_condition, selection.selection_set, parent)
            elif isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                # Once for each pair, or nested spreads would take exponential time.
                if (name, parent.name) not in self._spread:
                    self._spread.add((name, parent.name))
                    fragment = self._fragments[name]
                    self._narrowed(fragment.type_condition, fragment.selection_set, parent)

    def _narrowed(self, condition: object, selections: SelectionSetNode, parent: Composite) -> None:
        name = getattr(getattr(condition, "name", None), "value", parent.name)
        narrowed = self._schema.type_map[name]
        assert isinstance(narrowed, Composite)
        self.selection_set(selections, narrowed)

    def _field(self, node: FieldNode, parent: Composite) -> None:
        if node.name.value == "__typename":
            return
        for type_ in self._concrete(parent):
            field = self._schema.get_field(type_, node.name.value)
            assert field is not None
            self.least = min(self.least, self._lifetime(type_, field))
            child = get_named_type(field.type)
            if node.selection_set is not None and isinstance(child, Composite):
                self.selection_set(node.selection_set, child)

    def _lifetime(self, type_: GraphQLObjectType, field: GraphQLField) -> float:
        record = told(field)
        # At the root there is no row to last as long as.
        if record is None or (type_ is self._schema.query_type and record.max_age is None):
            return 0
        return record.lifetime

    def _concrete(self, parent: Composite) -> Sequence[GraphQLObjectType]:
        if isinstance(parent, GraphQLObjectType):
            return [parent]
        return self._schema.get_possible_types(parent)
