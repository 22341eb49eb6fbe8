"""The SDL of a subgraph: the schema, and in the directives of Federation what fields and types
declare about themselves."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from graphql import (
    ConstArgumentNode,
    ConstDirectiveNode,
    DirectiveDefinitionNode,
    GraphQLDeprecatedDirective,
    GraphQLField,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLSchema,
    NameNode,
    Node,
    ObjectTypeDefinitionNode,
    get_named_type,
    get_nullable_type,
    parse,
    parse_const_value,
    print_ast,
    print_schema,
)

from runtime.command import COMMAND, Command
from runtime.field import told
from runtime.page import DEFAULT_SIZE, Pages
from runtime.rights import READ, WRITE, Role
from schema.base import additions
from schema.contract import tags_of
from schema.graph import backing_of, origin_of

FEDERATION = "https://specs.apollo.dev/federation/v2.9"
"""The newest that the composers of all three vendors take."""


def annotated(schema: GraphQLSchema) -> str:
    definitions = [
        with_directives(node, schema) if isinstance(node, ObjectTypeDefinitionNode) else node
        for node in parse(print_schema(schema)).definitions
        # What directives clients may use is between them and who answers them.
        if not isinstance(node, DirectiveDefinitionNode)
    ]
    names = ", ".join(f'"@{name}"' for name in sorted(applied_in(definitions)))
    link = f'extend schema @link(url: "{FEDERATION}", import: [{names}])'
    return "\n\n".join([link, *map(print_ast, definitions)]) + "\n"


def with_directives(
    node: ObjectTypeDefinitionNode, schema: GraphQLSchema
) -> ObjectTypeDefinitionNode:
    type_ = schema.type_map[node.name.value]
    assert isinstance(type_, GraphQLObjectType)
    is_root = type_ in (schema.query_type, schema.mutation_type)
    return replace(
        node,
        directives=() if is_root else tuple(of_type(type_)),
        fields=tuple(
            replace(
                field,
                directives=(
                    *(field.directives or ()),
                    *of_field(type_.name, type_.fields[field.name.value]),
                ),
            )
            for field in node.fields or ()
        ),
    )


def applied_in(definitions: Iterable[Node]) -> set[str]:
    names = {
        directive.name.value
        for definition in definitions
        if isinstance(definition, ObjectTypeDefinitionNode)
        for directives in (
            definition.directives,
            *(field.directives for field in definition.fields or ()),
        )
        for directive in directives or ()
    }
    return names - {GraphQLDeprecatedDirective.name}


def directive(name: str, /, **arguments: Any) -> ConstDirectiveNode:
    return ConstDirectiveNode(
        name=NameNode(value=name),
        arguments=tuple(
            # JSON of texts, numbers, booleans and lists is GraphQL as well.
            ConstArgumentNode(name=NameNode(value=key), value=parse_const_value(json.dumps(value)))
            for key, value in arguments.items()
        ),
    )


def of_type(type_: GraphQLObjectType) -> Iterator[ConstDirectiveNode]:
    backing = backing_of(type_)
    if backing is None or not backing.keys:
        # It is part of an answer, and each subgraph makes the same of it.
        yield directive("shareable")
    elif set(type_.fields) == {"id"}:
        yield directive("key", fields="id", resolvable=False)
    else:
        for name in backing.keys:
            if name in type_.fields:
                yield directive("key", fields=name)


def of_field(owner: str, field: GraphQLField) -> Iterator[ConstDirectiveNode]:
    record, command = told(field), field.extensions.get(COMMAND)
    for tag in tags_of(owner, field):
        yield directive("tag", name=tag)
    if isinstance(command, Command):
        yield from of_roles(set(WRITE[command.may]))
    if record is None:
        return
    if is_split(field):
        yield directive("shareable")
    if record.area is not None:
        yield from of_roles(set(READ[record.area]))
    if record.cost:
        yield directive("cost", weight=record.cost)
    if isinstance(record.load, Pages):
        yield directive(
            "listSize",
            assumedSize=DEFAULT_SIZE,
            slicingArguments=["first", "last"],
            sizedFields=["edges", "nodes"],
            requireOneSlicingArgument=False,
        )
    elif isinstance(record.size, int):
        yield directive("listSize", assumedSize=record.size)
    elif record.size and get_nullable_type(field.args[record.size].type) is GraphQLInt:
        # A list of ids is as long as the list it gives, but the directive cannot say so.
        yield directive("listSize", slicingArguments=[record.size], requireOneSlicingArgument=False)


def of_roles(roles: set[Role]) -> Iterator[ConstDirectiveNode]:
    """Who may at all. In which rows, and where a reason has to be stated, the subgraph decides;
    and it asks nobody to have decided this before."""
    if Role.ANONYMOUS not in roles:
        yield directive("authenticated")
        yield directive(
            "requiresScopes", scopes=[[f"role:{role.lower()}"] for role in Role if role in roles]
        )


def is_split(field: GraphQLField) -> bool:
    """Whether it leads to what has no key to be found by, but fields in several subgraphs."""
    type_ = get_named_type(field.type)
    backing = backing_of(type_)
    return origin_of(type_) in additions and (backing is None or not backing.keys)
