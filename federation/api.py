"""The schema that clients see: the supergraph without its machinery and what is inaccessible."""

from collections.abc import Sequence
from typing import Any

from graphql import (
    REMOVE,
    DirectiveDefinitionNode,
    DirectiveNode,
    DocumentNode,
    EnumValueDefinitionNode,
    FieldDefinitionNode,
    GraphQLSchema,
    InputValueDefinitionNode,
    NamedTypeNode,
    SchemaDefinitionNode,
    TypeDefinitionNode,
    Visitor,
    build_ast_schema,
    visit,
)

EXECUTABLE = frozenset(
    {
        *("QUERY", "MUTATION", "SUBSCRIPTION", "FIELD", "FRAGMENT_DEFINITION"),
        *("FRAGMENT_SPREAD", "INLINE_FRAGMENT", "VARIABLE_DEFINITION"),
    }
)
KEPT = frozenset({"deprecated", "specifiedBy", "oneOf"})


def api_schema(supergraph: DocumentNode) -> GraphQLSchema:
    hidden = {
        definition.name.value
        for definition in supergraph.definitions
        if isinstance(definition, TypeDefinitionNode) and is_hidden(definition)
    }
    shown = [
        definition
        for definition in supergraph.definitions
        if isinstance(definition, SchemaDefinitionNode)
        or (isinstance(definition, DirectiveDefinitionNode) and is_for_clients(definition))
        or (isinstance(definition, TypeDefinitionNode) and not is_hidden(definition))
    ]
    document: DocumentNode = visit(DocumentNode(definitions=tuple(shown)), Hider(hidden))
    return build_ast_schema(document, assume_valid_sdl=True)


def is_hidden(node: Any) -> bool:
    """Inaccessible, or of the composers' own: their names have a prefix."""
    return "__" in node.name.value or "inaccessible" in names(node.directives)


def is_for_clients(directive: DirectiveDefinitionNode) -> bool:
    return "__" not in directive.name.value and any(
        location.value in EXECUTABLE for location in directive.locations
    )


def names(directives: Sequence[DirectiveNode] | None) -> set[str]:
    return {directive.name.value for directive in directives or ()}


class Hider(Visitor):
    """Takes out what clients are not to see of what they see."""

    def __init__(self, types: set[str]) -> None:
        super().__init__()
        self._types = types

    def enter_directive(self, node: DirectiveNode, *_: Any) -> Any:
        return None if node.name.value in KEPT else REMOVE

    def enter_field_definition(self, node: FieldDefinitionNode, *_: Any) -> Any:
        return self._part(node)

    def enter_input_value_definition(self, node: InputValueDefinitionNode, *_: Any) -> Any:
        return self._part(node)

    def enter_enum_value_definition(self, node: EnumValueDefinitionNode, *_: Any) -> Any:
        return self._part(node)

    def enter_named_type(self, node: NamedTypeNode, key: Any, parent: Any, *_: Any) -> Any:
        # In a list of interfaces or of a union's members; elsewhere, composers have seen to it.
        return REMOVE if isinstance(parent, tuple) and node.name.value in self._types else None

    def _part(self, node: Any) -> Any:
        return REMOVE if "inaccessible" in names(node.directives) else None
