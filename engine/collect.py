"""Which fields are selected on an object, once fragments are spread and directives obeyed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLDeferDirective,
    GraphQLError,
    GraphQLIncludeDirective,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    GraphQLStreamDirective,
    GraphQLUnionType,
    InlineFragmentNode,
    SelectionSetNode,
    VariableNode,
    get_argument_values,
)
from graphql.execution.values import VariableValues

DECISIVE = {
    directive.name
    for directive in (
        *(GraphQLSkipDirective, GraphQLIncludeDirective),
        *(GraphQLDeferDirective, GraphQLStreamDirective),
    )
}
"""The directives that decide what is selected, and when it is delivered."""


@dataclass(frozen=True, eq=False)
class Defer:
    """A fragment that is delivered later, perhaps within another one."""

    label: str | None
    within: "Defer | None"

    @property
    def depth(self) -> int:
        return 0 if self.within is None else self.within.depth + 1


@dataclass(frozen=True)
class Selected:
    """A field as one place of the document asks for it."""

    node: FieldNode
    defer: Defer | None


Fields = dict[str, list[Selected]]
"""What is asked for under each response key, in the order of the answer."""


@dataclass
class Collector:
    """Collects for one operation. `incremental` is whether `@defer` means anything: where the
    client takes one answer only, what is deferred is simply part of it."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: VariableValues
    incremental: bool = False

    def fields(
        self,
        type_: GraphQLObjectType,
        selection_sets: list[tuple[SelectionSetNode, Defer | None]],
    ) -> tuple[Fields, list[Defer]]:
        """The fields of an object of the type, and the deferred fragments spread on it. Raises
        GraphQLError for a directive whose argument is null."""
        visit = Visit(self, type_)
        for selection_set, defer in selection_sets:
            visit.selection_set(selection_set, defer)
        return visit.found, visit.defers

    def is_included(self, node: Any) -> bool:
        skip = self.argument(GraphQLSkipDirective, node)
        if skip is not None and skip["if"]:
            return False
        include = self.argument(GraphQLIncludeDirective, node)
        return include is None or bool(include["if"])

    def may_be_included(self, node: Any) -> bool:
        """What it costs is to be known even where a directive fails once it is obeyed."""
        try:
            return self.is_included(node)
        except GraphQLError:
            return True

    def argument(self, directive: Any, node: Any) -> dict[str, Any] | None:
        """The arguments of the directive, where the node has it."""
        for applied in node.directives or ():
            assert isinstance(applied, DirectiveNode)
            if applied.name.value == directive.name:
                return get_argument_values(directive, applied, self.variables)
        return None


@dataclass
class Visit:
    collector: Collector
    type: GraphQLObjectType
    found: Fields = field(default_factory=dict)
    defers: list[Defer] = field(default_factory=list)
    spread: set[tuple[str, Defer | None]] = field(default_factory=set)

    def selection_set(self, selection_set: SelectionSetNode, defer: Defer | None) -> None:
        for selection in selection_set.selections:
            if not self.collector.is_included(selection):
                continue
            if isinstance(selection, FieldNode):
                key = (selection.alias or selection.name).value
                self.found.setdefault(key, []).append(Selected(selection, defer))
            elif isinstance(selection, InlineFragmentNode):
                if self.applies(selection):
                    self.selection_set(selection.selection_set, self.deferred(selection, defer))
            elif isinstance(selection, FragmentSpreadNode):
                self.fragment(selection, defer)

    def fragment(self, spread: FragmentSpreadNode, defer: Defer | None) -> None:
        name = spread.name.value
        fragment = self.collector.fragments[name]
        if not self.applies(fragment):
            return
        inner = self.deferred(spread, defer)
        # Spread again it adds nothing, unless it is delivered at another time.
        if (name, None) in self.spread or (name, inner) in self.spread:
            return
        self.spread.add((name, inner))
        self.selection_set(fragment.selection_set, inner)

    def applies(self, fragment: InlineFragmentNode | FragmentDefinitionNode) -> bool:
        condition = fragment.type_condition
        if condition is None or condition.name.value == self.type.name:
            return True
        kind = self.collector.schema.get_type(condition.name.value)
        return isinstance(
            kind, GraphQLInterfaceType | GraphQLUnionType
        ) and self.collector.schema.is_sub_type(kind, self.type)

    def deferred(self, node: Any, defer: Defer | None) -> Defer | None:
        if not self.collector.incremental:
            return None
        asked = self.collector.argument(GraphQLDeferDirective, node)
        if asked is None or asked.get("if") is False:
            return defer
        self.defers.append(Defer(asked.get("label"), defer))
        return self.defers[-1]


def conditions(definition: Any, fragments: Mapping[str, FragmentDefinitionNode]) -> frozenset[str]:
    """The variables that decide what is selected, and when it is delivered."""
    return frozenset(
        argument.value.name.value
        for directive in directives_in(definition, fragments)
        if directive.name.value in DECISIVE
        for argument in directive.arguments or ()
        if isinstance(argument.value, VariableNode)
    )


def directives_in(
    definition: Any, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[DirectiveNode]:
    """Those on what the operation selects, with all fragments that it spreads."""
    pending, spread = [definition.selection_set], set()
    while pending:
        for selection in pending.pop().selections:
            yield from selection.directives or ()
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name not in spread:
                    spread.add(name)
                    pending.append(fragments[name].selection_set)
            elif selection.selection_set is not None:
                pending.append(selection.selection_set)
