"""A supergraph as composers print it: which subgraph serves what, and the schema clients see."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any, TypeAlias

from graphql import (
    DefinitionNode,
    DirectiveNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    InterfaceTypeDefinitionNode,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    OperationDefinitionNode,
    OperationType,
    SchemaDefinitionNode,
    SelectionSetNode,
    TypeNode,
    UnionTypeDefinitionNode,
    assert_valid_schema,
    parse,
    parse_type,
    print_ast,
    value_from_ast_untyped,
)

from federation.api import api_schema
from federation.features import UNDERSTOOD, features_of

Provided: TypeAlias = "frozenset[tuple[str, Provided]]"
"""What a field brings along below itself: names, `...Type` for a fragment, and what is below."""

NOTHING: Provided = frozenset()


class BadSupergraph(Exception):
    """The text is not a supergraph that can be served."""


@dataclass(frozen=True)
class Subgraph:
    """`id` is the name in the supergraph's own text, `name` what people call it."""

    id: str
    name: str
    url: str


@dataclass(frozen=True, eq=False)
class Key:
    fields: SelectionSetNode
    resolvable: bool


@dataclass(frozen=True, eq=False)
class Served:
    """A field as one subgraph has it."""

    type: TypeNode
    requires: SelectionSetNode | None = None
    provides: Provided = NOTHING
    external: bool = False
    """Declared there, for keys and requirements, but resolved elsewhere."""
    label: str | None = None
    """A progressive override decides who serves it: the subgraph that takes it over when the label
    is active."""
    yields: bool = False
    """Of the two, the one that serves it until then."""


@dataclass(eq=False)
class Field:
    type: TypeNode
    served: dict[str, Served]
    """By subgraph."""

    @cached_property
    def named(self) -> str:
        return named_type(self.type)


@dataclass(eq=False)
class Type:
    """An object, an interface or a union."""

    name: str
    is_abstract: bool
    interfaces: set[str]
    keys: dict[str, list[Key]] = field(default_factory=dict)
    """By each subgraph that knows the type."""
    objects_in: set[str] = field(default_factory=set)
    """The subgraphs to which the interface is an object: `@interfaceObject`."""
    implements: dict[str, set[str]] = field(default_factory=dict)
    unites: dict[str, set[str]] = field(default_factory=dict)
    fields: dict[str, Field] = field(default_factory=dict)


class Supergraph:
    """Raises BadSupergraph where the text is none."""

    def __init__(self, text: str) -> None:
        try:
            document = parse(text, no_location=True)
        except GraphQLError as error:
            raise BadSupergraph(f"The supergraph is not GraphQL: {error.message}") from None
        self.demands = tuple(features_of(document))
        self.roots = {kind: kind.value.capitalize() for kind in OperationType}
        self.subgraphs: dict[str, Subgraph] = {}
        self.types: dict[str, Type] = {}
        for definition in document.definitions:
            self._take(definition)
        if not self.subgraphs:
            raise BadSupergraph("The supergraph names no subgraph: it has no enum `join__Graph`.")
        serving = {
            graph
            for type_ in self.types.values()
            for graph in chain(type_.keys, *(each.served for each in type_.fields.values()))
        }
        if unknown := serving - self.subgraphs.keys():
            told = ", ".join(sorted(map(str, unknown)))
            raise BadSupergraph(f"The supergraph's enum `join__Graph` does not have {told}.")
        try:
            self.schema: GraphQLSchema = api_schema(document)
            assert_valid_schema(self.schema)
        except TypeError as error:
            raise BadSupergraph(f"The supergraph makes no schema for clients: {error}") from None
        self.hidden = hidden_values(document)

    def refuse_unmet(self, met: frozenset[str]) -> None:
        """Raises BadSupergraph where it demands a feature that is neither understood nor met."""
        for feature in self.demands:
            if feature.is_renamed or feature.url not in UNDERSTOOD | met:
                raise BadSupergraph(
                    f"The supergraph links {feature}, which is not understood here."
                )

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What subgraphs are called by people, by their ids."""
        return {graph.id: graph.name for graph in self.subgraphs.values()}

    def is_root(self, type_: str) -> bool:
        return type_ in self.roots.values()

    def possible(self, type_: str) -> frozenset[str]:
        """The objects that something of the type may be, in whichever subgraph."""
        return self._possible.get(type_, frozenset((type_,)))

    def owners(self, type_: str, field: str) -> set[str]:
        """Those that serve the field, as people call them."""
        known = self.types[type_].fields.get(field) if type_ in self.types else None
        served = known.served.items() if known else ()
        return {self.subgraphs[graph].name for graph, each in served if not each.external}

    @cached_property
    def _possible(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {
            name: set() for name, t in self.types.items() if t.is_abstract
        }
        for name, type_ in self.types.items():
            if not type_.is_abstract:
                for interface in type_.interfaces & found.keys():
                    found[interface].add(name)
            for members in type_.unites.values():
                found[name] |= members
        return {name: frozenset(members) for name, members in found.items()}

    def members(self, type_: str, graph: str) -> list[str]:
        """The types that the subgraph may give where it promises something of an abstract type:
        objects, and interfaces which are objects to it."""
        if (type_, graph) not in self._members:
            abstract = self.types[type_]
            found = set(abstract.unites.get(graph, ()))
            for name, other in self.types.items():
                is_object = not other.is_abstract or graph in other.objects_in
                if is_object and type_ in other.implements.get(graph, ()):
                    found.add(name)
            self._members[type_, graph] = sorted(found)
        return self._members[type_, graph]

    @cached_property
    def _members(self) -> dict[tuple[str, str], list[str]]:
        return {}

    def served(self, type_: str, name: str, graph: str) -> Served | None:
        known = self.types[type_].fields.get(name)
        return known.served.get(graph) if known else None

    def _take(self, definition: DefinitionNode) -> None:
        if isinstance(definition, SchemaDefinitionNode):
            for root in definition.operation_types:
                self.roots[root.operation] = root.type.name.value
        elif isinstance(definition, EnumTypeDefinitionNode):
            if definition.name.value == "join__Graph":
                self._take_subgraphs(definition)
        elif isinstance(
            definition,
            ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode | UnionTypeDefinitionNode,
        ):
            self.types[definition.name.value] = type_of(definition)

    def _take_subgraphs(self, definition: EnumTypeDefinitionNode) -> None:
        for value in definition.values or ():
            for graph in applied(value, "join__graph"):
                id = value.name.value
                self.subgraphs[id] = Subgraph(id, graph["name"], graph.get("url") or "")


def type_of(
    node: ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode | UnionTypeDefinitionNode,
) -> Type:
    interfaces = () if isinstance(node, UnionTypeDefinitionNode) else node.interfaces or ()
    type_ = Type(
        node.name.value,
        not isinstance(node, ObjectTypeDefinitionNode),
        {interface.name.value for interface in interfaces},
    )
    for join in applied(node, "join__type"):
        keys = type_.keys.setdefault(join["graph"], [])
        if join.get("key"):
            keys.append(Key(field_set(join["key"]), join.get("resolvable", True)))
        if join.get("isInterfaceObject"):
            type_.objects_in.add(join["graph"])
    for join in applied(node, "join__implements"):
        type_.implements.setdefault(join["graph"], set()).add(join["interface"])
    for join in applied(node, "join__unionMember"):
        type_.unites.setdefault(join["graph"], set()).add(join["member"])
    if not isinstance(node, UnionTypeDefinitionNode):
        for field_node in node.fields or ():
            type_.fields[field_node.name.value] = field_of(field_node, type_)
    return type_


def field_of(node: FieldDefinitionNode, owner: Type) -> Field:
    joins = list(applied(node, "join__field"))
    if not joins:
        # Every subgraph that knows the type has the field.
        return Field(node.type, {graph: Served(node.type) for graph in owner.keys})
    return Field(
        node.type,
        {
            # Without a graph: what an interface's object brings, which has its own entry there.
            join["graph"]: Served(
                type=parse_type(join["type"], no_location=True) if join.get("type") else node.type,
                requires=field_set(join["requires"]) if join.get("requires") else None,
                provides=provided(field_set(join["provides"])) if join.get("provides") else NOTHING,
                external=bool(join.get("external") or join.get("usedOverridden")),
                label=join.get("overrideLabel"),
                yields=bool(join.get("overrideLabel")) and not join.get("override"),
            )
            for join in joins
            if join.get("graph")
        },
    )


def applied(node: Any, name: str) -> Iterator[dict[str, Any]]:
    """The arguments of each directive of that name on the node."""
    for directive in node.directives or ():
        assert isinstance(directive, DirectiveNode)
        if directive.name.value == name:
            yield {a.name.value: value_from_ast_untyped(a.value) for a in directive.arguments or ()}


def field_set(text: str) -> SelectionSetNode:
    try:
        document: DocumentNode = parse(f"{{{text}}}", no_location=True)
    except GraphQLError:
        raise BadSupergraph(f"`{text}` is not a set of fields.") from None
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    return operation.selection_set


def provided(selections: SelectionSetNode | None) -> Provided:
    found: dict[str, Provided] = {}
    for node in selections.selections if selections else ():
        if isinstance(node, FieldNode):
            name = node.name.value
        else:
            assert isinstance(node, InlineFragmentNode)
            name = f"...{node.type_condition.name.value}" if node.type_condition else "..."
        found[name] = both(found.get(name, NOTHING), provided(node.selection_set))
    return frozenset(found.items())


def both(first: Provided, second: Provided) -> Provided:
    if not first or not second:
        return first or second
    merged = dict(first)
    for name, below in second:
        merged[name] = both(merged.get(name, NOTHING), below)
    return frozenset(merged.items())


def provided_to(type_: str, provides: Provided) -> Provided:
    """What of it is brought where the object is of that type."""
    mine = dict(provides)
    return both(provides, mine[f"...{type_}"]) if f"...{type_}" in mine else provides


def named_type(node: TypeNode) -> str:
    while isinstance(node, ListTypeNode | NonNullTypeNode):
        node = node.type
    assert isinstance(node, NamedTypeNode)
    return node.name.value


def shape_of(node: TypeNode) -> str:
    return print_ast(node)


def hidden_values(document: DocumentNode) -> dict[str, frozenset[str]]:
    """The values of each enum that clients are not to see."""
    return {
        definition.name.value: hidden
        for definition in document.definitions
        if isinstance(definition, EnumTypeDefinitionNode)
        and (
            hidden := frozenset(
                value.name.value
                for value in definition.values or ()
                if any(d.name.value == "inaccessible" for d in value.directives or ())
            )
        )
    }
