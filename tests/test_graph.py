"""The schema as a whole: described, classed, nullable where it must be, sliceable."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
)

from runtime.command import COMMAND, Command
from runtime.field import ENTITY, told
from runtime.language import Language
from runtime.page import Pages
from runtime.privacy import Privacy
from runtime.rights import WRITE
from runtime.rows import row_type
from schema import booking, sdl
from schema.graph import Graph, gateway

SCHEMA = gateway().schema
OWN_TYPES = [type_ for name, type_ in SCHEMA.type_map.items() if not name.startswith("__")]


def fields() -> Iterator[tuple[GraphQLObjectType, str, GraphQLField]]:
    for type_ in OWN_TYPES:
        if isinstance(type_, GraphQLObjectType):
            for name, field in type_.fields.items():
                yield type_, name, field


def test_every_type_field_argument_and_value_is_described() -> None:
    silent: list[str] = []

    def note(description: str | None, *path: str) -> None:
        if not description:
            silent.append(".".join(path))

    built_in = {"ID", "Int", "Float", "String", "Boolean"}
    for type_ in OWN_TYPES:
        if type_.name not in built_in and type_.name not in ("Query", "Mutation", "Subscription"):
            note(type_.description, type_.name)
        if isinstance(type_, GraphQLEnumType):
            for name, value in type_.values.items():
                note(value.description, type_.name, name)
        if isinstance(type_, GraphQLInputObjectType):
            for name, input_field in type_.fields.items():
                note(input_field.description, type_.name, name)
    for type_, name, field in fields():
        note(field.description, type_.name, name)
        for argument, made in field.args.items():
            note(made.description, type_.name, name, argument)

    assert silent == []


def test_every_field_declares_its_privacy_class() -> None:
    undeclared = [
        f"{type_.name}.{name}"
        for type_, name, field in fields()
        if told(field) is None and type_.name != "Mutation"
    ]

    assert undeclared == []


def test_every_command_says_who_may_send_it() -> None:
    assert SCHEMA.mutation_type is not None
    for name, made in SCHEMA.mutation_type.fields.items():
        assert isinstance(made.extensions.get(COMMAND), Command), name
        assert WRITE[made.extensions[COMMAND].may], name


def test_a_field_is_at_least_as_private_as_the_columns_it_reads() -> None:
    """Except where the declaration says why a lower class is right."""
    lower = []
    for type_, name, field in fields():
        record, entity = told(field), type_.extensions.get(ENTITY)
        if record is not None and entity is not None:
            highest = max((entity.privacy(c) for c in record.needs), default=Privacy.PUBLIC)
            if record.privacy < highest:
                lower.append(f"{type_.name}.{name}")

    assert lower == []


def test_a_refused_or_foreign_field_never_nulls_its_parent() -> None:
    too_strict = []
    for type_, name, field in fields():
        record = told(field)
        if record is None or not isinstance(field.type, GraphQLNonNull) or type_.name == "Query":
            continue
        owner = type_.extensions.get(ENTITY)
        foreign = owner is not None and record.domain != domain_of(type_)
        if record.privacy is not Privacy.PUBLIC or foreign:
            too_strict.append(f"{type_.name}.{name}")

    assert too_strict == []


def domain_of(type_: GraphQLObjectType) -> str:
    """Whose type it is: the domain that declared its id, or its first field."""
    first = told(type_.fields.get("id") or next(iter(type_.fields.values())))
    assert first is not None
    return first.domain


def test_a_computed_field_needs_no_more_than_it_says() -> None:
    """Computed with a row of just its columns: reading any other raises."""
    failed = []
    for type_, name, field in fields():
        record, entity = told(field), type_.extensions.get(ENTITY)
        if record is None or record.compute is None or entity is None:
            continue
        row = row_type(entity, record.needs)(*(None for _ in record.needs))
        arguments = {"language": Language.HI} if record.speaks else {}
        try:
            record.compute(row, **arguments)
        except AttributeError as error:
            if "object has no attribute" in str(error) and entity.__name__ in str(error):
                failed.append(f"{type_.name}.{name}: {error}")
        except (TypeError, KeyError):
            pass  # A missing value; the columns were all there.

    assert failed == []


@pytest.mark.slow
def test_the_snapshot_of_the_schema_is_current() -> None:
    assert sdl.check() == []


UNLIKE = {
    # Null where it is hidden or where there is none, beside what is always there.
    "Node.location",
    "Node.name",
    "Node.version",
    "Node.workers",
    # Of a client all there are, of others a page.
    "Node.districts",
    # Each has states, kinds and channels of its own.
    "Node.channel",
    "Node.kind",
    "Node.state",
    "Node.status",
    "RecordVerificationResult.status",
    "Refusal.missing",
    "Refusal.state",
    # A contract's is a word, a rate's a number.
    "Refusal.version",
    # A code or a number, beside free text.
    "Node.language",
    "Node.number",
    "Node.purpose",
}
"""Fields of one name that cannot be asked for together without an alias: none is to be added."""


def test_fields_of_one_name_can_be_asked_for_together() -> None:
    """As GraphQL has it of objects that may stand in one place (overlapping fields can be merged):
    leaves of one type, lists as lists, null in all or in none, and so on below them."""
    unlike: set[str] = set()
    walked: set[frozenset[GraphQLObjectType]] = set()

    def walk(path: str, types: Iterable[GraphQLNamedType]) -> None:
        objects = frozenset(chain.from_iterable(map(objects_of, types)))
        if objects in walked:
            return
        walked.add(objects)
        fields: dict[str, list[GraphQLOutputType]] = defaultdict(list)
        for object_ in objects:
            for name, field in object_.fields.items():
                fields[name].append(field.type)
        for name, of_name in fields.items():
            if len(set(map(shape, of_name))) > 1:
                unlike.add(f"{path}.{name}")
            elif not is_leaf_type(get_named_type(of_name[0])):
                walk(f"{path}.{name}", map(get_named_type, of_name))

    for type_ in OWN_TYPES:
        if is_abstract_type(type_):
            walk(type_.name, [type_])

    assert unlike == UNLIKE


def objects_of(type_: GraphQLNamedType) -> Iterable[GraphQLObjectType]:
    if is_abstract_type(type_):
        return SCHEMA.get_possible_types(type_)
    assert isinstance(type_, GraphQLObjectType)
    return [type_]


def shape(type_: GraphQLOutputType) -> str:
    """As it is written, whatever objects in it are called."""
    named = get_named_type(type_)
    return str(type_) if is_leaf_type(named) else str(type_).replace(named.name, "{ … }")


def test_clients_see_nothing_of_federation() -> None:
    printed = sdl.current()

    for plumbing in ("_Any", "_Entity", "_service", "@key", "_FieldSet", "@shareable"):
        assert plumbing not in printed


def test_a_slice_shows_what_its_domains_own_and_stubs_of_the_rest() -> None:
    slice_ = Graph(booking).schema.type_map

    worker = slice_["Worker"]
    assert isinstance(worker, GraphQLObjectType)
    assert set(worker.fields) == {
        "id",
        "bookings",
        "availability",
        "serviceArea",
        "nextFreeSlot",
        "freeSlots",
    }
    assert "Review" not in slice_


def test_every_list_that_can_grow_is_a_connection() -> None:
    """Plain lists are those with a bound of their own."""
    bounded = {
        "AuditEntry.fields",
        "AuditEntry.purposes",
        "AuditEntry.subjectIds",
        "PartnerClient.districts",
        "PartnerClient.purposes",
        "RateLimit.quotas",
        "Viewer.addresses",
        "Webhook.events",
        "WebhookDelivery.attempts",
        "Worker.languages",
        "Worker.verifications",
        "Worker.skills",
        "Worker.availability",
        "Worker.documents",
        "Worker.daysOff",
        "MissingVerifications.missing",
        "RegistrationIncomplete.missing",
        "Worker.freeSlots",
        "ServiceCategory.services",
        "ServiceCategory.regulations",
        "Booking.services",
        "Booking.lines",
        "Booking.quotes",
        "Booking.timeline",
        "Booking.assignments",
        "Booking.calls",
        "Booking.payments",
        "Booking.proposals",
        "Quote.lines",
        "NotQualified.reasons",
        "Incident.numbersToCall",
        "Export.parts",
        "InvalidOperation.messages",
        "Review.tags",
        "RatingSummary.histogram",
        "Statistics.byDistrict",
        "Statistics.byCategory",
        "Query.nodes",
        "Query.freeSlots",
    }
    lists = {
        f"{type_.name}.{name}"
        for type_, name, field in fields()
        if str(field.type).startswith("[") and name not in ("edges", "nodes")
    } | {"Query.nodes"}

    assert lists == bounded


def test_a_list_asks_for_keys_just_where_it_hangs_below_rows() -> None:
    astray = []
    for type_, name, field in fields():
        record = told(field)
        if record is None or not isinstance(record.load, Pages):
            continue
        required = {p.name: "x" for p in record.load.parameters if p.default is p.empty}
        if required:
            continue  # a search has its own way with keys
        query, _ = record.load.asked({}, limit=100).run.query(())
        asks = any(parameter == "keys" for _, parameter in query.free)
        if asks is not bool(record.needs):
            astray.append(f"{type_}.{name}")

    assert astray == []
