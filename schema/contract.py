"""The graph as the systems of partners are shown it: nothing in it that they would be refused."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
)

from runtime.command import COMMAND, Command
from runtime.contract import Contract
from runtime.field import told
from runtime.rights import CONSENTS, PURPOSES, READ, WRITE, Role, Rule
from schema.graph import DOMAINS, LIVE, Graph, is_entity, origin_of, public
from schema.page import Connection, Edge

KEPT = 64
"""Contracts: all sets of purposes there are, twice over."""
PURPOSE = "purpose/"
"""How the tag begins that says for which purpose a field is shown."""
ID = frozenset({"id"})
PEOPLE = frozenset({"Worker", "Provider", "Citizen"})
"""What a system never is: of these nothing is its own."""
ITEMS: Mapping[type, str] = {Connection: "nodes", Edge: "node"}
"""What of a page is there for all the rest."""


@lru_cache(maxsize=KEPT)
def contract(of: Contract) -> GraphQLSchema:
    """Made anew, so that what it lacks is taken away from types of its own."""
    schema = Graph(*DOMAINS, *LIVE).schema
    types = schema.type_map
    leave(types, lambda name, field: shows(name, field, of))
    while gone := [name for name, type_ in types.items() if has_nothing(type_, types)]:
        for name in gone:
            del types[name]
        # What leads to a type that is gone leads nowhere.
        leave(types, lambda _, field: get_named_type(field.type).name in types)
    for name in [name for name, type_ in types.items() if is_reached(type_)]:
        del types[name]
    return public(schema)


def leave(
    types: Mapping[str, GraphQLNamedType], wanted: Callable[[str, GraphQLField], bool]
) -> None:
    for type_ in types.values():
        if isinstance(type_, GraphQLUnionType):
            type_.types = tuple(member for member in type_.types if member.name in types)
        elif isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            type_.fields = {
                name: made for name, made in type_.fields.items() if wanted(type_.name, made)
            }


def has_nothing(type_: GraphQLNamedType, types: Mapping[str, GraphQLNamedType]) -> bool:
    """Whether nothing can be read of it; to know the id of something is to know nothing of it."""
    if isinstance(type_, GraphQLObjectType):
        origin, fields = origin_of(type_) or object, type_.fields
        return fields.keys() <= ID or any(
            issubclass(origin, kind) and item not in fields for kind, item in ITEMS.items()
        )
    if isinstance(type_, GraphQLUnionType):
        return not type_.types
    if isinstance(type_, GraphQLInterfaceType):
        return not any(
            isinstance(other, GraphQLObjectType) and type_ in other.interfaces
            for other in types.values()
        )
    return False


def is_reached(type_: GraphQLNamedType) -> bool:
    """Whether it is part of a schema only as far as something leads to it."""
    return isinstance(type_, GraphQLObjectType) and not is_entity(origin_of(type_) or object)


def shows(owner: str, field: GraphQLField, contract: Contract) -> bool:
    purposes, record = purposes_of(owner, field), told(field)
    if record is not None and record.until is not None and contract.version > record.until:
        return False
    return purposes is None or not purposes.isdisjoint(contract.purposes)


def purposes_of(owner: str, field: GraphQLField) -> frozenset[str] | None:
    """For which purposes a partner's system may be shown the field of that type, or send the
    command; None for what everybody is shown."""
    record, command = told(field), field.extensions.get(COMMAND)
    if isinstance(command, Command):
        return PURPOSES if Role.PARTNER in WRITE[command.may] else frozenset()
    if record is None:
        return None
    if record.roles is not None and Role.PARTNER not in record.roles:
        return frozenset()
    if record.area is None:
        return None
    grant = READ[record.area].get(Role.PARTNER)
    if grant is None or (grant.rule is Rule.OWN and owner in PEOPLE):
        return frozenset()
    return CONSENTS.get(grant.rule, PURPOSES)


def tags_of(owner: str, field: GraphQLField) -> Iterator[str]:
    """What composers' contracts can choose by: the privacy class, and the purposes."""
    record = told(field)
    if record is not None and record.area is not None:
        yield record.privacy.name.lower()
    for purpose in sorted(purposes_of(owner, field) or ()):
        yield PURPOSE + purpose.lower().replace("_", "-")
