"""The whole graph, or the slice of it that some domains own.

The gateway is the graph of every domain; a subgraph is the graph of some. A domain is a
module of this package, so a slice needs no second set of types.
"""

import asyncio
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from types import ModuleType
from typing import Annotated, Any

import strawberry
from graphql import (
    GraphQLDeferDirective,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLStreamDirective,
    specified_directives,
)
from strawberry import ID
from strawberry.tools import merge_types
from strawberry.types.arguments import convert_arguments
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.types.field import StrawberryField

from resolvers.info import Info
from runtime.command import COMMAND
from runtime.faults import Forbidden, LimitExceeded, ReasonRequired
from runtime.field import ENTITY, FIELD, Field
from runtime.privacy import Privacy
from schema import (
    account,
    assignment,
    availability,
    booking,
    cancellation,
    discovery,
    document,
    engagement,
    grievance,
    place,
    registration,
    request,
    reschedule,
    review,
    skill,
    suspension,
    visit,
    worker,
)
from schema.base import Backing, Node, additions, backings, field, query

DOMAINS: tuple[ModuleType, ...] = (
    *(place, account),
    *(worker, document, skill, registration),
    *(booking, availability, request, assignment, visit, cancellation, reschedule, engagement),
    *(suspension, review, grievance, discovery),
)


class Graph(strawberry.Schema):
    """Domains as one schema. `schema` is what executes; it needs no Strawberry around it."""

    def __init__(self, *domains: ModuleType) -> None:
        self.domains = {domain.__name__ for domain in domains}
        with warnings.catch_warnings():
            # Clients of the gateway have no use for @key and its like, and do not see them.
            warnings.filterwarnings("ignore", "Federation directive found")
            super().__init__(
                query=queries_of(domains),
                mutation=commands_of(domains),
                types=[entity for entity in backings if entity.__module__ in self.domains],
            )
        self.schema = public(self._schema)
        lift(self.schema, self.arguments_for)

    def get_fields(self, type_definition: StrawberryObjectDefinition) -> list[StrawberryField]:
        """A type has the fields that these domains own; an entity its id if they own none."""
        origin, fields = type_definition.origin, type_definition.fields
        if origin in backings and origin.__module__ not in self.domains:
            fields = [field for field in fields if field.python_name == "id"]
        for addition in additions.get(origin, ()):
            if addition.__module__ in self.domains:
                fields = fields + get_object_definition(addition, strict=True).fields
        return fields

    def arguments_for(self, declared: StrawberryField, given: dict[str, Any]) -> dict[str, Any]:
        """What the field's function or loader takes, made of the schema's argument values."""
        registry = self.schema_converter.scalar_registry
        return convert_arguments(given, declared.arguments, registry, self.config)


@cache
def gateway() -> Graph:
    return Graph(*DOMAINS)


def queries_of(domains: tuple[ModuleType, ...]) -> type:
    kinds = tuple(domain.Query for domain in domains if hasattr(domain, "Query"))
    return merge_types("Query", (Nodes, *kinds))


def commands_of(domains: tuple[ModuleType, ...]) -> type | None:
    kinds = tuple(domain.Mutation for domain in domains if hasattr(domain, "Mutation"))
    return merge_types("Mutation", kinds) if kinds else None


def public(made: GraphQLSchema) -> GraphQLSchema:
    """The schema without the directives that only routers read, and with those that leave parts
    of an answer for later."""
    return GraphQLSchema(
        query=made.query_type,
        mutation=made.mutation_type,
        types=[type_ for type_ in made.type_map.values() if isinstance(type_, GraphQLObjectType)],
        directives=(*specified_directives, GraphQLDeferDirective, GraphQLStreamDirective),
        extensions=made.extensions,
    )


def lift(
    schema: GraphQLSchema,
    arguments_for: Callable[[StrawberryField, dict[str, Any]], dict[str, Any]],
) -> None:
    """Put what fields and types declare where it needs no Strawberry to be read, and guard
    every field above PUBLIC where it is resolved."""
    for type_ in schema.type_map.values():
        if not isinstance(type_, GraphQLObjectType):
            continue
        definition = type_.extensions.get("strawberry-definition")
        backing = backings.get(getattr(definition, "origin", type(None)))
        if backing is not None:
            type_.extensions[ENTITY] = backing.row
        for name, made in type_.fields.items():
            declared = made.extensions.get("strawberry-definition")
            record = getattr(declared, "metadata", {}).get(FIELD)
            if (command := getattr(declared, "metadata", {}).get(COMMAND)) is not None:
                made.extensions[COMMAND] = command
            if isinstance(record, Field) and isinstance(declared, StrawberryField):
                if declared.arguments:
                    record = replace(record, convert=partial(arguments_for, declared))
                made.extensions[FIELD] = record
                if record.privacy is not Privacy.PUBLIC:
                    made.resolve = guarded(record, f"{type_.name}.{name}", made)


def guarded(record: Field, name: str, made: GraphQLField) -> Callable[..., Any]:
    """Resolve the field only for a viewer, and in a row, that shows it."""
    inner, area = made.resolve, record.area
    assert inner is not None
    assert area is not None
    owner = name.partition(".")[0]
    audited = record.privacy in (Privacy.PARTNER, Privacy.OFFICER)

    def resolve(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        context = info.context
        grant = context.viewer.grant(area)
        if not context.viewer.may_read(area):
            context.trail.note(owner, info.field_name, None, refused=True)
            raise ReasonRequired(name) if grant and grant.reason else Forbidden(name)
        subject = getattr(source, record.subject) if record.subject else None
        if not getattr(source, area.flag):
            context.trail.note(owner, info.field_name, subject, refused=True)
            raise Forbidden(name)
        # Whoever had to say why is on record with it, whatever the class.
        if audited or grant.reason:
            context.trail.note(owner, info.field_name, subject, refused=False)
        return inner(source, info, **arguments)

    return resolve


def by_prefix() -> dict[str, Backing]:
    return {backing.row.prefix: backing for backing in backings.values() if backing.by_id}


async def node(info: Info, id: Annotated[ID, strawberry.argument("Any id you were given.")]) -> Any:
    backing = by_prefix().get(id.partition("_")[0])
    if backing is None or backing.by_id is None:
        return None
    return await info.context.load(backing.by_id, id)


async def nodes(
    info: Info, ids: Annotated[list[ID], strawberry.argument("Ids you were given, at most 100.")]
) -> Any:
    limit = info.context.settings.page_limit
    if len(ids) > limit:
        raise LimitExceeded(
            f"`ids` may hold at most {limit}.", argument="ids", limit=limit, requested=len(ids)
        )
    return await asyncio.gather(*(node(info, id) for id in ids))


@query
class Nodes:
    """Finding anything again by its id."""

    node: Node | None = field(
        "Anything by its id; null if there is no such thing, or not for you.", resolve=node, cost=10
    )
    nodes: list[Node | None] = field(
        "Several things by their ids, in the order asked; null for each that is not there.",
        resolve=nodes,
        size="ids",
        cost=10,
    )
