"""Which columns an operation reads, so that loaders ask for no others."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)

from runtime.batch import Columns
from runtime.field import ENTITY, told
from runtime.viewer import Viewer

Composite = GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType


class Projection:
    """For each entity, the columns that its fields read anywhere in the operation.

    One set for the whole operation rather than one for each place: two places that load
    the same rows then share them. Fields that the viewer will be refused are not read.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        viewer: Viewer,
        *,
        identified: bool = False,
    ) -> None:
        """With `identified` it holds the id of everything that has one, asked for or not."""
        self._schema = schema
        self._fragments = fragments
        self._viewer = viewer
        self._identified = identified
        self._columns = defaultdict[type, set[str]](set)
        self._sorted: dict[type, Columns] = {}
        self._spread: set[tuple[str, str]] = set()
        root = schema.get_root_type(operation.operation)
        if root is not None:
            self._visit(operation.selection_set, root)

    def of(self, entity: type | None) -> Columns:
        if entity is None:
            return ()
        if entity not in self._sorted:
            self._sorted[entity] = tuple(sorted(self._columns.get(entity, ())))
        return self._sorted[entity]

    def _visit(self, selections: SelectionSetNode, parent: Composite) -> None:
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                self._visit_field(selection, parent)
            elif isinstance(selection, InlineFragmentNode):
                self._visit_as(selection.type_condition, selection.selection_set, parent)
            elif isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                # Once for each pair, or nested spreads would take exponential time.
                if (name, parent.name) not in self._spread:
                    self._spread.add((name, parent.name))
                    fragment = self._fragments[name]
                    self._visit_as(fragment.type_condition, fragment.selection_set, parent)

    def _visit_as(self, condition: Any, selections: SelectionSetNode, parent: Composite) -> None:
        narrowed = parent if condition is None else self._schema.get_type(condition.name.value)
        if isinstance(narrowed, Composite):
            self._visit(selections, narrowed)

    def _visit_field(self, node: FieldNode, parent: Composite) -> None:
        for type_ in self._concrete(parent):
            field = type_.fields.get(node.name.value)
            if field is not None:
                self._note(type_, field)
                child = get_named_type(field.type)
                if node.selection_set is not None and isinstance(child, Composite):
                    self._visit(node.selection_set, child)

    def _concrete(self, parent: Composite) -> list[GraphQLObjectType]:
        if isinstance(parent, GraphQLObjectType):
            return [parent]
        return list(self._schema.get_possible_types(parent))

    def _note(self, type_: GraphQLObjectType, field: GraphQLField) -> None:
        entity, record = type_.extensions.get(ENTITY), told(field)
        if entity is not None and record and self._viewer.may_read(record.area):
            self._columns[entity].update(record.columns)
            if self._identified and (named := type_.fields.get("id")) is not None:
                id = told(named)
                if id is not None and self._viewer.may_read(id.area):
                    self._columns[entity].update(id.columns)
