"""Valid calls of every field and every command, each with one value of one argument replaced."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

from runtime.command import COMMAND, Command
from runtime.field import told
from runtime.page import Pages
from runtime.rights import WRITE, Role
from tests.asking import SCHEMA
from tests.everything import IDS, KNOWN
from tests.fuzz.values import edges_of, forged_cursors, held_cursors
from tests.test_rights import World

MORE_IDS = {"PartnerClient": "client", "Webhook": "webhook", "Export": "export"}
BY_NAME: dict[str, Any] = {
    "categorySlug": "electrician",
    "slug": "electrician",
    "text": "electrician",
    "latitude": 26.85,
    "longitude": 80.95,
    "lgdCode": 162,
    "radiusKm": 5.0,
    "freeFrom": "2030-01-07T10:00:00+05:30",
    "freeUntil": "2030-01-07T11:00:00+05:30",
    "start": "2030-01-07T10:00:00+05:30",
    "end": "2030-01-08T10:00:00+05:30",
    "startsFrom": "2029-01-07T10:00:00+05:30",
    "startsBefore": "2031-01-07T10:00:00+05:30",
    "minutes": 60,
    "mobile": "+919999999999",
    "code": "000000",
    "fromSequence": "1",
    "sequence": "1",
    "gender": None,
}
"""What fields and commands take by these names."""
BY_TYPE: dict[str, Any] = {
    "Int": 1,
    "Float": 26.8,
    "Boolean": True,
    "Date": "2031-01-07",
    "DateTime": "2031-01-07T10:00:00+05:30",
    "Time": "10:00",
    "String": "as it should be",
}
ENDS = ("first", "after", "last", "before")
PAGE = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } totalCount"


@dataclass(frozen=True)
class Call:
    where: str
    """The field, and its argument."""
    kind: str
    """Of the argument; of a list, that of its items."""
    document: str
    variables: dict[str, Any]
    roles: tuple[Role, ...]
    """Who may be answered."""


def reads(world: World) -> Iterator[Call]:
    """Of every field that takes arguments, wherever it can be reached by an id."""
    for type_, around in reached(world):
        for name, field in type_.fields.items():
            usual = {
                argument: usual_value(each.type, argument, world)
                for argument, each in field.args.items()
                if argument not in ENDS
            }
            for argument, value in replaced(field, usual, world):
                given = {**usual, argument: value}
                if argument in ENDS:
                    given = {**usual, "last" if argument == "before" else "first": 2, **given}
                declared = ", ".join(f"${each}: {field.args[each].type}" for each in given)
                used = ", ".join(f"{each}: ${each}" for each in given)
                query = f"query ({declared}) {{ {around % f'{name}({used}) {below(field)}'} }}"
                kind = (
                    "a cursor" if argument in ("after", "before") else kind_of(field.args[argument])
                )
                yield Call(f"{type_.name}.{name}({argument}:)", kind, query, given, tuple(Role))


def reached(world: World) -> Iterator[tuple[GraphQLObjectType, str]]:
    assert SCHEMA.query_type is not None
    yield SCHEMA.query_type, "%s"
    for name in ("Viewer", *IDS, *MORE_IDS, *KNOWN):
        type_ = SCHEMA.type_map[name]
        assert isinstance(type_, GraphQLObjectType)
        id = KNOWN.get(name) or world.ids.get((IDS | MORE_IDS).get(name, ""))
        root = "viewer" if id is None else f'node(id: "{id}")'
        yield type_, f"{root} {{ ... on {name} {{ %s }} }}"


def below(field: GraphQLField) -> str:
    """Little of each row; of a page its ends too, which are statements of their own."""
    type_ = get_named_type(field.type)
    if is_leaf_type(type_):
        return ""
    if not isinstance(type_, GraphQLObjectType) or not isinstance(page_of(field), Pages):
        return "{ __typename }"
    return f"{{ nodes {{ __typename }} {PAGE if 'totalCount' in type_.fields else ''} }}"


def page_of(field: GraphQLField) -> Any:
    record = told(field)
    return record and record.load


def replaced(field: GraphQLField, usual: dict[str, Any], world: World) -> Iterator[tuple[str, Any]]:
    pages = page_of(field)
    for argument, each in field.args.items():
        if argument in ("after", "before") and isinstance(pages, Pages):
            for sort, kinds in pages.sorts.items():
                if "orderBy" not in usual or usual["orderBy"] == sort:
                    for cursor in (*held_cursors(sort, kinds), *forged_cursors(sort, kinds)):
                        yield argument, cursor
        for value in edges_of(each.type, usual.get(argument), tuple(world.ids.values())):
            if value is not None or not is_required_argument(each):
                yield argument, value


def commanded(world: World) -> Iterator[Call]:
    """Of every command, by those who may do it: with all that it can be told, and with no more
    than it must be, as what may be left out may contradict each other."""
    assert SCHEMA.mutation_type is not None
    for name, field in SCHEMA.mutation_type.fields.items():
        if "input" not in field.args:
            continue
        type_ = get_named_type(field.args["input"].type)
        assert isinstance(type_, GraphQLInputObjectType)
        whole = usual_value(type_, "input", world)
        needed = {key for key, each in type_.fields.items() if is_required_input_field(each)}
        roles = tuple(WRITE[command_of(name).may])
        yield from sendings(name, {key: whole[key] for key in needed}, whole, roles, world.ids)
        if needed | {"idempotencyKey"} < whole.keys():
            yield from sendings(name, whole, whole, roles, world.ids)


def sendings(
    name: str,
    given: dict[str, Any],
    usual: dict[str, Any],
    roles: tuple[Role, ...],
    ids: dict[str, str],
) -> Iterator[Call]:
    """Of what is given, one thing replaced or added; `usual` are values for what is not given."""
    assert SCHEMA.mutation_type is not None
    type_ = SCHEMA.mutation_type.fields[name].args["input"].type
    named = get_named_type(type_)
    assert isinstance(named, GraphQLInputObjectType)
    told = " ... on Refusal { message }" if command_of(name).refusals else ""
    document = f"mutation ($input: {type_}) {{ {name}(input: $input) {{ __typename{told} }} }}"
    for key, field in named.fields.items():
        if key == "idempotencyKey" and name != "addAddress":
            # It is read before any command is known: one stands for all.
            continue
        for value in edges_of(field.type, usual.get(key), tuple(ids.values())):
            variables = {"input": {**given, key: value}}
            yield Call(f"{name}({key}:)", kind_of(field), document, variables, roles)


def command_of(name: str) -> Command:
    assert SCHEMA.mutation_type is not None
    record = SCHEMA.mutation_type.fields[name].extensions[COMMAND]
    assert isinstance(record, Command)
    return record


def kind_of(field: Any) -> str:
    type_ = get_named_type(field.type)
    if isinstance(type_, GraphQLEnumType):
        return "an enum"
    return "an input object" if isinstance(type_, GraphQLInputObjectType) else str(type_)


def usual_value(type_: GraphQLInputType, name: str, world: World) -> Any:
    """Something that the type takes: the world's rows where it asks for ids."""
    if isinstance(type_, GraphQLNonNull):
        return usual_value(type_.of_type, name, world)
    if isinstance(type_, GraphQLList):
        return [usual_value(type_.of_type, name.removesuffix("s"), world)]
    if isinstance(type_, GraphQLInputObjectType):
        return {key: usual_value(each.type, key, world) for key, each in type_.fields.items()}
    if name in BY_NAME:
        return BY_NAME[name]
    if isinstance(type_, GraphQLEnumType):
        return next(iter(type_.values))
    if str(type_) == "ID":
        known = {"district": "dt_162", "service": "sv_electrician-fan-repair"}
        known |= {"category": "sc_electrician", "id": world.ids["worker"], **world.ids}
        return known.get(name.removesuffix("Id"), "xx_unknown")
    return 162 if name.endswith("Code") and str(type_) == "Int" else BY_TYPE[str(type_)]
