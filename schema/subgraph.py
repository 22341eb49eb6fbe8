"""Some domains as a Federation 2 subgraph: the fields that only routers ask for, and the SDL."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    get_named_type,
    specified_directives,
)

from resolvers.entities import Key, Kinds, entities
from runtime.field import ENTITY, FIELD, Field, told
from runtime.privacy import Privacy
from runtime.rights import Area
from schema.annotated import annotated
from schema.graph import DOMAINS, SUBGRAPHS, Graph, backing_of


@dataclass(frozen=True)
class Subgraph:
    """`schema` is what executes. Its Query has two fields more than the SDL, which Federation
    takes for granted."""

    schema: GraphQLSchema
    sdl: str


OWN = "sewa-mitra"
"""What the whole graph is called in supergraphs with those of partners."""


@cache
def subgraph(*names: str) -> Subgraph:
    """Of one or several parts of the usual cut; of all domains, if none is named."""
    chosen = [domain for name in names for domain in SUBGRAPHS[name]] if names else DOMAINS
    graph = Graph(*chosen)
    sdl = annotated(graph.schema)
    return Subgraph(plumbed(graph.schema, sdl), sdl)


def served(schema: GraphQLSchema) -> Kinds:
    """The entities that this schema says more of than by what they are found."""
    found: dict[str, dict[str, Key]] = {}
    for type_ in schema.type_map.values():
        backing = backing_of(type_)
        if isinstance(type_, GraphQLObjectType) and backing and set(type_.fields) != {"id"}:
            keys = {
                name: Key(
                    scalar(type_.fields[name]),
                    (batch, *backing.through) if name == "id" else (batch,),
                )
                for name, batch in backing.keys.items()
                if name in type_.fields
            }
            if keys:
                found[type_.name] = keys
    return found


def scalar(field: GraphQLField) -> GraphQLScalarType:
    type_ = get_named_type(field.type)
    assert isinstance(type_, GraphQLScalarType)
    return type_


def plumbed(schema: GraphQLSchema, sdl: str) -> GraphQLSchema:
    """The schema with what every subgraph has by the specification of Federation."""
    kinds = served(schema)
    any_ = GraphQLScalarType("_Any", description="A representation: `__typename` and a key.")
    entity = GraphQLUnionType(
        "_Entity",
        [type_ for name in kinds if isinstance(type_ := schema.type_map[name], GraphQLObjectType)],
        description="What this subgraph serves by representation.",
    )
    service = GraphQLObjectType(
        "_Service",
        {"sdl": GraphQLField(GraphQLNonNull(GraphQLString), description="The subgraph's SDL.")},
        description="What a composer has to know.",
    )

    async def found(_: Any, info: GraphQLResolveInfo[Any], representations: list[Any]) -> list[Any]:
        return await entities(kinds, info.context, representations)

    wanted = GraphQLArgument(
        GraphQLNonNull(GraphQLList(GraphQLNonNull(any_))),
        description="At most a thousand; those that cannot be are errors of their own.",
    )
    query = schema.query_type
    assert query is not None
    given = query.to_kwargs()
    given["fields"] = {
        **query.fields,
        "_entities": GraphQLField(
            GraphQLNonNull(GraphQLList(entity)),
            {"representations": wanted},
            found,
            description="Entities by their representations, in the order asked.",
            extensions={FIELD: Field(shows=Privacy.PUBLIC, size="representations")},
        ),
        "_service": GraphQLField(
            GraphQLNonNull(service),
            resolve=lambda *_: {"sdl": sdl},
            description="This subgraph, as composers read it.",
            extensions={FIELD: Field(shows=Privacy.PUBLIC)},
        ),
    }
    whole = schema.to_kwargs()
    whole["directives"] = specified_directives
    whole["query"] = GraphQLObjectType(**given)
    whole["types"] = tuple(type_ for type_ in whole["types"] or () if type_ is not query)
    return GraphQLSchema(**whole)


def guarding(prefix: str, fields: Mapping[tuple[str, str], Area]) -> GraphQLSchema:
    """The whole graph as a subgraph of the same process, where it also says of partners' fields
    whether they are shown: by fields of ours, which are named like those with a prefix, guarded
    like our own, and on record like them."""
    schema = Graph(*DOMAINS).schema
    for (type_name, name), area in fields.items():
        type_ = schema.type_map[type_name]
        assert isinstance(type_, GraphQLObjectType)
        row = type_.extensions[ENTITY]
        shows = privacy_of(type_, area)
        assert shows is not None
        record = Field(
            compute=lambda _: True,
            shows=shows,
            area=area,
            subject="id" if "id" in row.__table__.columns else row.part_of and row.part_of[0],
            named=name,
        )
        type_.fields[f"{prefix}{name}"] = GraphQLField(GraphQLBoolean, extensions={FIELD: record})
    return plumbed(schema, "")


def privacy_of(type_: GraphQLNamedType | None, area: Area) -> Privacy | None:
    """The lowest class that the area has in rows of the type; None where they do not know it."""
    row = type_.extensions.get(ENTITY) if type_ is not None else None
    if row is None:
        return None
    classes = {column.key: row.privacy(column.key) for column in row.__table__.columns}
    found = [
        privacy
        for column, privacy in classes.items()
        if privacy is not Privacy.NEVER and row.area_of(column) is area
    ]
    return min(found, default=None)


def privacy_of_field(field: GraphQLField) -> Privacy:
    record = told(field)
    return record.privacy if record is not None else Privacy.PUBLIC
