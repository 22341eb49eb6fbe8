"""Operations that ask for everything there is, written by the schema itself; and what they miss."""

from collections.abc import Iterable, Iterator
from typing import Any

from graphql import (
    FieldNode,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    GraphQLWrappingType,
    InlineFragmentNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_composite_type,
    is_introspection_type,
    is_leaf_type,
    is_required_argument,
    parse,
    visit,
)

from runtime.command import COMMAND
from runtime.field import told
from schema.graph import SUBGRAPHS, backing_of, origin_of
from tests.asking import SCHEMA

DEEP = 2
"""Levels of objects: an entity, its parts, and whom those refer to."""
IDS = {
    "Worker": "worker",
    "Provider": "provider",
    "Citizen": "citizen",
    "Engagement": "engagement",
    "Review": "review",
    "Booking": "booking",
    "Verification": "verification",
    "Document": "document",
    "RateCard": "rate",
    "Address": "address",
    "ConsentRecord": "consent",
    "ErasureRequest": "erasure",
    "Grievance": "grievance",
    "Incident": "incident",
    "Department": "department",
    "Quote": "quote",
    "WorkerSkill": "skill",
    "PartnerClient": "client",
    "Export": "export",
    "Webhook": "webhook",
}
"""By type, what a world calls the id of one."""
KNOWN = {
    "District": "dt_162",
    "Division": "dv_lucknow",
    "Service": "sv_electrician-fan-repair",
    "ServiceCategory": "sc_electrician",
}
"""Ids that are the same everywhere."""
NODE = "... on Worker { displayName } ... on Booking { state } ... on District { name }"
GIVEN = {
    "district": "lgdCode: 162",
    "workers": "orderBy: EXPERIENCE, first: 2",
    "serviceCategory": 'slug: "electrician"',
    "freeSlots": 'workerId: "$worker", minutes: 60, first: 2',
    "nearbyWorkers": 'categorySlug: "electrician", latitude: 26.85, longitude: 80.95, first: 2',
    "searchWorkers": 'text: "electrician", first: 2',
    "worker": 'id: "$worker"',
    "provider": 'id: "$provider"',
    "booking": 'id: "$booking"',
    "review": 'id: "$review"',
    "grievance": 'id: "$grievance"',
    "export": 'id: "$export"',
    "webhook": 'id: "$webhook"',
    "event": 'sequence: "1"',
    "nodes": 'ids: ["$worker", "wk_nobody", "$booking", "dt_162", "$booking", "x"]',
    "audit": "staffNumber: 999, first: 1",
}
"""The arguments of root fields that need some, or are told more by some; $ is an id."""


def queries(
    ids: dict[str, str], *, apart: bool = False, schema: GraphQLSchema = SCHEMA
) -> dict[str, str]:
    """Every entity by its id with everything on it, and every other root field, as far as the
    schema has them; with `apart`, each field of the viewer in a query of its own, a level less
    deep."""
    assert schema.query_type is not None
    found = {}
    for name in by_id(ids).keys() & schema.type_map.keys():
        type_ = schema.type_map[name]
        found[name] = f'{{ node(id: "{by_id(ids)[name]}") {{ __typename {one(type_, DEEP)} }} }}'
    for name, field in schema.query_type.fields.items():
        if name == "node":
            continue
        type_ = get_named_type(field.type)
        given = GIVEN.get(name, "first: 2" if "first" in field.args else "")
        for key, id in ids.items():
            given = given.replace(f'"${key}"', f'"{id}"')
        if name == "viewer" and apart:
            found |= each_field(type_)
            continue
        inner = selected(type_, DEEP if name == "viewer" else 1)
        found[name] = f"{{ {name}{f'({given})' if given else ''} {inner} }}"
    return found


def each_field(viewer: GraphQLNamedType) -> dict[str, str]:
    assert isinstance(viewer, GraphQLObjectType)
    found = {}
    for name, field in viewer.fields.items():
        given = "(first: 2)" if "first" in field.args else ""
        inner = selected(get_named_type(field.type), 1)
        found[f"viewer.{name}"] = f"{{ viewer {{ __typename {name}{given} {inner} }} }}"
    return found


def walks(ids: dict[str, str], schema: GraphQLSchema = SCHEMA) -> dict[str, str]:
    """Every connection from its end, a row at a time: `page`, or `page` on `of`, before `$before`.

    All of it in named fragments: they are nested, on several types, and carry the variable.
    """
    found = {}
    for type_ in schema.type_map.values():
        if not isinstance(type_, GraphQLObjectType) or is_introspection_type(type_):
            continue
        for name, field in type_.fields.items():
            if {"last", "before"} <= set(field.args):
                given = GIVEN.get(name, "") if type_ is schema.query_type else ""
                given = given.replace("first: 2", "")
                page = f"page: {name}({given} last: 1, before: $before) {{ ...Page }}"
                found[f"{type_.name}.{name}"] = (
                    f"query ($before: String) {{ {of(type_, ids, page)} }}"
                    f" {rows_of(get_named_type(field.type))}"
                )
    return found


def of(type_: GraphQLNamedType, ids: dict[str, str], page: str) -> str:
    if type_.name == "Query":
        return page
    root = "viewer" if type_.name == "Viewer" else f'node(id: "{by_id(ids)[type_.name]}")'
    return f"of: {root} {{ ...There }} }} fragment There on {type_.name} {{ {page}"


def rows_of(connection: GraphQLNamedType) -> str:
    row = target(connection)
    more = " totalCount" if "totalCount" in getattr(connection, "fields", {}) else ""
    return (
        f"fragment Page on {connection.name} {{ nodes {{ ...Row }} edges {{ cursor }}{more}"
        " pageInfo { ...Bounds } }"
        " fragment Bounds on PageInfo { hasPreviousPage hasNextPage startCursor endCursor }"
        f" fragment Row on {row.name} {selected(row, 0)}"
    )


def by_id(ids: dict[str, str]) -> dict[str, str]:
    return KNOWN | {name: ids[key] for name, key in IDS.items()}


def commands() -> dict[str, str]:
    """Every command, with every refusal of it and everything on it."""
    assert SCHEMA.mutation_type is not None
    found = {}
    for name, field in SCHEMA.mutation_type.fields.items():
        kind = f"{name[0].upper()}{name[1:]}Input"
        asks = ("", "")
        if "input" in field.args:
            asks = (f"($input: {field.args['input'].type})", "(input: $input)")
            assert kind in str(field.args["input"].type)
        inner = selected(get_named_type(field.type), 1)
        found[name] = f"mutation {asks[0]} {{ {name}{asks[1]} {inner} }}"
    return found


def one(type_: GraphQLNamedType, deep: int) -> str:
    return f"... on {type_.name} {selected(type_, deep)}"


def selected(type_: GraphQLNamedType, deep: int) -> str:
    """Everything on it, so many levels deep, each fragment under names of its own."""
    if is_leaf_type(type_):
        return ""
    if isinstance(type_, GraphQLUnionType):
        inner = [one(member, deep) for member in type_.types]
        return f"{{ __typename ... on Refusal {{ message }} {' '.join(inner)} }}"
    if type_.name == "Node":
        return f"{{ __typename id {NODE} }}"
    assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
    is_page = type_.name.endswith("Connection")
    asked = []
    for name, field in type_.fields.items():
        inner_type = get_named_type(field.type)
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        given = "(first: 2)" if "first" in field.args else ""
        if is_leaf_type(inner_type):
            # Beside what was wanted of it a refusal may have a field of the same name.
            is_other = name == "status" and "Refusal" in {one.name for one in type_.interfaces}
            asked.append(f"{'was: ' * is_other}{name}{given}")
        elif is_page and name == "edges":
            more = " distanceKm" if type_.name == "NearbyWorkerConnection" else ""
            asked.append(f"edges {{ cursor{more} node {{ __typename }} }}")
        elif is_page or deep or not refers(inner_type):
            asked.append(f"{name}{given} {selected(inner_type, deep - (not is_page))}")
        else:
            # Of a name alone a router knows what it is, and does not ask whether it is shown.
            some = "pageInfo { hasNextPage }" if inner_type.name.endswith("Connection") else "id"
            told = some if some.split()[0] in getattr(inner_type, "fields", {}) else ""
            asked.append(f"{name}{given} {{ __typename {told} }}")
    return f"{{ __typename {' '.join(asked)} }}"


def refers(type_: GraphQLNamedType) -> bool:
    """Whether more can be asked of it than leaves."""
    assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)
    return isinstance(type_, GraphQLUnionType) or any(
        is_composite_type(get_named_type(field.type)) for field in type_.fields.values()
    )


class Occurring(Visitor):
    """Notes the fields and types of a document."""

    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.info = info
        self.fields: set[str] = set()
        self.types: set[str] = set()

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent, type_ = self.info.get_parent_type(), self.info.get_type()
        assert parent is not None
        self.fields.add(f"{parent}.{node.name.value}")
        self.types |= {parent.name, get_named_type(type_).name if type_ else ""}

    def enter_inline_fragment(self, node: InlineFragmentNode, *_: object) -> None:
        if node.type_condition:
            self.types.add(node.type_condition.name.value)


def missing(documents: Iterable[str]) -> set[str]:
    """Root fields, types and edges between subgraphs that none of the documents asks for."""
    fields: set[str] = set()
    types: set[str] = set()
    for document in documents:
        info = TypeInfo(SCHEMA)
        occurring = Occurring(info)
        visit(parse(document), TypeInfoVisitor(info, occurring))
        fields |= occurring.fields
        types |= occurring.types
    return (set(root_fields()) | set(edges())) - fields | set(output_types()) - types


def root_fields() -> Iterator[str]:
    for root in (SCHEMA.query_type, SCHEMA.mutation_type):
        assert root is not None
        yield from (f"{root.name}.{name}" for name in root.fields)


def output_types() -> Iterator[str]:
    for root in (SCHEMA.query_type, SCHEMA.mutation_type):
        assert root is not None
        yield root.name
    for type_ in SCHEMA.type_map.values():
        if not is_introspection_type(type_) and is_composite_type(type_) and not is_live(type_):
            yield type_.name


def is_live(type_: GraphQLNamedType) -> bool:
    """Whether only subscriptions lead to it, which the gateway alone offers."""
    root = SCHEMA.subscription_type
    assert root is not None
    return type_ in {root, *(get_named_type(field.type) for field in root.fields.values())}


def edges() -> Iterator[str]:
    """Fields that lead from what one subgraph owns to what another does, or are added to it."""
    for type_ in SCHEMA.type_map.values():
        if not isinstance(type_, GraphQLObjectType) or is_introspection_type(type_):
            continue
        for name, field in type_.fields.items():
            record, command = told(field), field.extensions.get(COMMAND)
            if command is not None or record is None:
                continue
            ours = subgraph_of(record.domain)
            ends = {subgraph_of(module_of(type_)), subgraph_of(module_of(target(field.type)))}
            if ours is not None and ends - {None, ours}:
                yield f"{type_.name}.{name}"


def target(type_: Any) -> GraphQLNamedType:
    """What a field leads to: of a page, what stands on it."""
    while isinstance(type_, GraphQLWrappingType):
        type_ = type_.of_type
    if isinstance(type_, GraphQLObjectType) and type_.name.endswith("Connection"):
        return target(type_.fields["nodes"].type)
    assert isinstance(type_, GraphQLNamedType)
    return type_


def module_of(type_: GraphQLNamedType) -> str:
    """Of entities: what is not one is part of an answer, and everywhere the same."""
    backing, origin = backing_of(type_), origin_of(type_)
    return origin.__module__ if backing and backing.keys and origin else ""


def subgraph_of(module: str) -> str | None:
    for name, domains in SUBGRAPHS.items():
        if module in {domain.__name__ for domain in domains}:
            return name
    return None
