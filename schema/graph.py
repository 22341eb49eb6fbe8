"""The whole graph, or the slice of it that some domains own.

The gateway is the graph of every domain; a subgraph is the graph of some. A domain is a
module of this package, so a slice needs no second set of types.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial
from types import MappingProxyType, ModuleType
from typing import Any

import strawberry
from graphql import (
    GraphQLDeferDirective,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLStreamDirective,
    specified_directives,
)
from strawberry.tools import merge_types
from strawberry.types.arguments import convert_arguments
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.types.field import StrawberryField

from runtime.command import COMMAND
from runtime.faults import Forbidden, ReasonRequired
from runtime.field import ENTITY, FIELD, SOURCE, Field, Source
from runtime.privacy import Privacy
from schema import (
    account,
    assignment,
    availability,
    booking,
    cancellation,
    change,
    discovery,
    document,
    engagement,
    export,
    grievance,
    live,
    node,
    number,
    partner,
    place,
    registration,
    request,
    reschedule,
    review,
    skill,
    suspension,
    visit,
    webhook,
    worker,
)
from schema.base import Backing, additions, backings
from schema.scalars import CONFIG

DOMAINS: tuple[ModuleType, ...] = (
    *(node, place, account, partner),
    *(worker, number, document, skill, registration),
    *(booking, availability, request, assignment, visit, cancellation, reschedule, engagement),
    *(suspension, review, grievance, discovery, change, export, webhook),
)
SUBGRAPHS: Mapping[str, tuple[ModuleType, ...]] = MappingProxyType(
    {
        "worker": (node, place, account, partner, worker, number, document, registration),
        "skill": (skill,),
        "booking": (
            *(booking, availability, request, assignment),
            *(visit, cancellation, reschedule, engagement),
        ),
        "review": (suspension, review, grievance, discovery, change, export, webhook),
    }
)
"""The usual cut: each domain in one of them."""
LIVE: tuple[ModuleType, ...] = (live,)
"""What is no part of any subgraph: routers ask, and are not told."""


class Graph(strawberry.Schema):
    """Domains as one schema. `schema` is what executes; it needs no Strawberry around it."""

    def __init__(self, *domains: ModuleType) -> None:
        self.domains = {domain.__name__ for domain in domains}
        super().__init__(
            query=queries_of(domains),
            mutation=commands_of(domains),
            subscription=live.Subscription if live in domains else None,
            types=[type_ for type_ in backings if self.concerns(type_)],
            config=CONFIG,
        )
        self.schema = public(self._schema)
        lift(self.schema, self.arguments_for)

    def get_fields(self, type_definition: StrawberryObjectDefinition) -> list[StrawberryField]:
        """A type has the fields that these domains own; an entity of others its id, to find the
        rest by."""
        origin, fields = type_definition.origin, type_definition.fields
        added = [
            field
            for addition in additions.get(origin, ())
            if addition.__module__ in self.domains
            for field in get_object_definition(addition, strict=True).fields
        ]
        if origin.__module__ not in self.domains:
            if is_entity(origin):
                fields = [field for field in fields if field.python_name == "id"]
            elif added:
                fields = []
        return fields + added

    def concerns(self, type_: type) -> bool:
        """Whether these domains own it or some of its fields, or find all entities by their ids."""
        owners = {type_.__module__, *(part.__module__ for part in additions.get(type_, ()))}
        if is_entity(type_):
            owners.add(node.__name__)
        return not owners.isdisjoint(self.domains)

    def arguments_for(self, declared: StrawberryField, given: dict[str, Any]) -> dict[str, Any]:
        """What the field's function or loader takes, made of the schema's argument values."""
        registry = self.schema_converter.scalar_registry
        return convert_arguments(given, declared.arguments, registry, self.config)


@cache
def gateway() -> Graph:
    return Graph(*DOMAINS, *LIVE)


def origin_of(type_: GraphQLNamedType) -> type | None:
    """The class that declares the type."""
    return getattr(type_.extensions.get("strawberry-definition"), "origin", None)


def backing_of(type_: GraphQLNamedType) -> Backing | None:
    origin = origin_of(type_)
    return backings.get(origin) if origin else None


def is_entity(type_: type) -> bool:
    return type_ in backings and bool(backings[type_].keys)


def queries_of(domains: tuple[ModuleType, ...]) -> type:
    kinds = [domain.Query for domain in domains if hasattr(domain, "Query")]
    adding = {domain.__name__ for domain in domains} & {
        addition.__module__ for addition in additions[account.Viewer]
    }
    if adding and account not in domains:
        kinds.append(account.ViewerQuery)
    return merge_types("Query", tuple(kinds))


def commands_of(domains: tuple[ModuleType, ...]) -> type | None:
    kinds = tuple(domain.Mutation for domain in domains if hasattr(domain, "Mutation"))
    return merge_types("Mutation", kinds) if kinds else None


def public(made: GraphQLSchema) -> GraphQLSchema:
    """The schema with the directives that leave parts of an answer for later."""
    return GraphQLSchema(
        query=made.query_type,
        mutation=unless_empty(made.mutation_type),
        subscription=unless_empty(made.subscription_type),
        types=[type_ for type_ in made.type_map.values() if isinstance(type_, GraphQLObjectType)],
        directives=(*specified_directives, GraphQLDeferDirective, GraphQLStreamDirective),
        extensions=made.extensions,
    )


def unless_empty(root: GraphQLObjectType | None) -> GraphQLObjectType | None:
    """Whoever is shown no command has no type for them either."""
    return root if root is not None and root.fields else None


def lift(
    schema: GraphQLSchema,
    arguments_for: Callable[[StrawberryField, dict[str, Any]], dict[str, Any]],
) -> None:
    """Put what fields and types declare where it needs no Strawberry to be read, and guard
    every field above PUBLIC where it is resolved."""
    for type_ in schema.type_map.values():
        if not isinstance(type_, GraphQLObjectType):
            continue
        backing = backing_of(type_)
        if backing is not None:
            type_.extensions[ENTITY] = backing.row
        for name, made in type_.fields.items():
            declared = made.extensions.get("strawberry-definition")
            record = getattr(declared, "metadata", {}).get(FIELD)
            if (command := getattr(declared, "metadata", {}).get(COMMAND)) is not None:
                made.extensions[COMMAND] = command
            if isinstance(record, Field) and isinstance(declared, StrawberryField):
                if (source := declared.metadata.get(SOURCE)) is not None:
                    made.subscribe = subscribing(source, record, partial(arguments_for, declared))
                if declared.arguments:
                    record = replace(record, convert=partial(arguments_for, declared))
                made.extensions[FIELD] = record
                if record.privacy is not Privacy.PUBLIC:
                    made.resolve = guarded(record, f"{type_.name}.{name}", made)


def subscribing(
    source: Source, record: Field, convert: Callable[[dict[str, Any]], dict[str, Any]]
) -> Callable[..., Any]:
    async def subscribe(_: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
        if record.roles is not None:
            info.context.admit(record.roles, info.field_name)
        return await source(info.context, **convert(given))

    return subscribe


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
            unnamed = grant.reason and not context.viewer.named(subject)
            raise ReasonRequired(name) if unnamed else Forbidden(name)
        # Whoever had to say why is on record with it, whatever the class.
        if audited or grant.reason:
            context.trail.note(owner, info.field_name, subject, refused=False)
        return inner(source, info, **arguments)

    return resolve
