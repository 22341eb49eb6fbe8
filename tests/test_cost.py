"""What operations cost, and which are refused before they run."""

import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    NoUnusedFragmentsRule,
    NoUnusedVariablesRule,
    build_schema,
    execute_sync,
    get_introspection_query,
    get_named_type,
    get_nullable_type,
    get_operation_ast,
    is_composite_type,
    is_list_type,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.values import get_variable_values
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.cost import CEILINGS, INTROSPECTION, READ, Limits, Price, priced
from engine.document import MERGING, valid
from runtime.faults import Invalid
from runtime.field import told
from runtime.settings import Settings
from schema.graph import gateway

GATEWAY = gateway().schema
OPERATIONS = sorted((Path(__file__).parent.parent / "docs" / "operations").glob("*.graphql"))
MEASURED = [field.name for field in fields(Limits) if field.type is int]
DIRECTIVES = """
directive @cost(weight: String!) on FIELD_DEFINITION | OBJECT | SCALAR | ENUM
directive @listSize(
  assumedSize: Int, slicingArguments: [String!], sizedFields: [String!]
  requireOneSlicingArgument: Boolean = true
) on FIELD_DEFINITION
"""


def price_of(schema: GraphQLSchema, document: str) -> Price:
    parsed = parse(document)
    operation = get_operation_ast(parsed)
    assert operation is not None
    fragments = {
        node.name.value: node
        for node in parsed.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    return priced(schema, operation, fragments)


def cost_of(schema: GraphQLSchema, document: str, **given: Any) -> int:
    price = price_of(schema, document)
    return price.cost(coerced(schema, price, given))


def coerced(schema: GraphQLSchema, price: Price, given: dict[str, Any]) -> dict[str, Any]:
    definitions = price.operation.variable_definitions or ()
    values = get_variable_values(schema, definitions, given)
    assert not isinstance(values, list), values
    return values.coerced


def refused(schema: GraphQLSchema, document: str, **given: Any) -> GraphQLError:
    price = price_of(schema, document)
    refusal = price.refusal(Limits(), coerced(schema, price, given))
    assert refusal is not None
    return refusal


def reason(error: GraphQLError) -> Any:
    assert error.extensions is not None
    assert error.extensions["code"] == "LIMIT_EXCEEDED"
    return error.extensions["which"]


# What things cost.

SHOP = build_schema(
    DIRECTIVES
    + """
    interface Item { id: ID, parts: [Item] }
    type Bolt implements Item { id: ID, parts: [Item], maker: Maker }
    type Motor implements Item {
      id: ID, parts: [Item], windings(first: Int): [Winding] @listSize(
        slicingArguments: ["first"], assumedSize: 7, requireOneSlicingArgument: false)
    }
    type Winding { turns: Int, maker: Maker }
    type Maker { name: String, heavy: Int @cost(weight: "4"), dear: Vault, items: [Item] }
    type Vault @cost(weight: "5") { gold: Int }
    type Page { nodes: [Maker], edges: [Edge], total: Int @cost(weight: "2") }
    type Edge { node: Maker }
    type Query {
      item: Item
      maker: Maker
      makers: [Maker]
      grid: [[Maker]]
      codes(first: Int): [Int] @cost(weight: "9") @listSize(slicingArguments: ["first"])
      forty: [Maker] @listSize(assumedSize: 40)
      some(first: Int = 3, last: Int): [Maker] @listSize(
        slicingArguments: ["first", "last"], requireOneSlicingArgument: false)
      strict(first: Int, last: Int): [Maker] @listSize(slicingArguments: ["first", "last"])
      named(ids: [ID!]): [Maker] @listSize(slicingArguments: ["ids"])
      page(first: Int, last: Int): Page @listSize(
        assumedSize: 20, slicingArguments: ["first", "last"], sizedFields: ["nodes", "edges"],
        requireOneSlicingArgument: false)
    }
    """
)

COSTS = [
    ("{ __typename }", 0, "a leaf costs nothing"),
    ("{ maker { name } }", 1, "an object costs one"),
    ("{ makers { name } }", 10, "a list of which nothing is known is taken for ten"),
    ("{ grid { name } }", 100, "and each of its items, if that is a list, for ten more"),
    ("{ forty { name } }", 40, "an assumed size is taken"),
    ("{ maker { heavy } }", 5, "a weight is added for each parent"),
    ("{ forty { heavy } }", 200, "a weight is added for each parent"),
    ("{ codes(first: 3) }", 9, "even where its value costs nothing"),
    ("query ($n: Int = 3) { codes(first: $n) }", 9, "however long a list of it is"),
    ("{ maker { dear { gold } } }", 6, "a type has a weight of its own"),
    ("{ some { name } }", 3, "an argument left out has its default"),
    ("{ some(first: null) { name } }", 10, "which null takes away"),
    ("{ some(first: 8) { name } }", 8, "a slicing argument says how many"),
    ("{ some(first: 8, last: 9) { name } }", 9, "the largest of several"),
    ("{ some(first: -8) { name } }", 0, "nobody is paid for asking"),
    ('{ named(ids: ["a", "b"]) { name } }', 2, "a list of keys says how many by its length"),
    ('{ named(ids: "a") { name } }', 1, "of which one stands for a list of one"),
    ("{ page { total } }", 3, "a page is an object"),
    ("{ page { nodes { name } } }", 21, "whose lists have the assumed size"),
    ("{ page(first: 5) { nodes { name } } }", 6, "or the one asked for"),
    ("{ page(last: 5) { edges { node { name } } } }", 11, "edges are objects too"),
    ("{ page(first: 5) { nodes { items { id } } } }", 56, "sizes multiply"),
    ("{ a: maker { name } b: maker { name } }", 2, "an alias is another field"),
    ("{ a: some { items { id } } b: some { items { id } } }", 66, "with all that is below it"),
    ("{ maker { name } maker { name } }", 1, "a field asked for twice is one"),
    ("{ some { items { id } } ...F } fragment F on Query { some { items { id } } }", 33, ""),
    ("{ item { id } }", 1, "of alternatives, the dearest counts"),
    ("{ item { id ... on Bolt { maker { heavy } } ... on Motor { windings { turns } } } }", 8, ""),
    ("{ item { ... on Bolt { maker { heavy } } ... on Motor { windings(first: 1) { turns } } } }",
     6, "whichever it is"),
    ("{ item { ...B } } fragment B on Bolt { maker { heavy } }", 6, ""),
    ("{ makers { items { ... on Motor { windings(first: 5) { turns } } } } }", 610, ""),
    ("{ nothing { at: all } ...Missing }", 0, "what is not there costs nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "cost", "_"), COSTS)
def test_an_operation_costs_its_objects_and_weights(document: str, cost: int, _: str) -> None:
    query_itself = 1
    assert cost_of(SHOP, document) == query_itself + cost


def test_a_variable_multiplies_what_is_below_its_list() -> None:
    document = "query ($n: Int) { page(first: $n) { nodes { items { id } } } }"

    assert cost_of(SHOP, document, n=3) == 2 + 3 * 11
    assert cost_of(SHOP, document, n=30) == 2 + 30 * 11
    assert cost_of(SHOP, document, n=-1) == 2
    assert cost_of(SHOP, document) == cost_of(SHOP, document, n=None) == 2 + 20 * 11
    assert cost_of(SHOP, document.replace("$n: Int", "$n: Int = 4")) == 2 + 4 * 11


def test_a_variable_left_out_leaves_the_default_of_its_argument() -> None:
    document = "query ($n: Int, $m: Int) { some(first: $n, last: $m) { name } }"

    assert cost_of(SHOP, document) == 1 + 3
    assert cost_of(SHOP, document, n=None) == 1 + 10
    assert cost_of(SHOP, document, n=1, m=2) == 1 + 2


def test_a_variable_list_of_keys_says_how_many_by_its_length() -> None:
    document = "query ($ids: [ID!]) { named(ids: $ids) { name } }"

    assert cost_of(SHOP, document, ids=["a", "b", "c"]) == 1 + 3


def test_variables_multiply_where_lists_are_nested() -> None:
    document = """query ($a: Int, $b: Int) {
      page(first: $a) { nodes { items { ... on Motor { windings(first: $b) { turns } } } } } }"""

    assert cost_of(SHOP, document, a=2, b=5) == 2 + 2 * (1 + 10 * (1 + 5))
    assert cost_of(SHOP, document, a=2) == 2 + 2 * (1 + 10 * (1 + 7))


def test_where_a_type_wants_one_slicing_argument_there_is_exactly_one() -> None:
    def answer(arguments: str) -> GraphQLError | None:
        return price_of(SHOP, f"query ($n: Int) {{ strict{arguments} {{ name }} }}").refusal(
            Limits()
        )

    assert answer("(first: 1)") is None
    assert answer("(last: $n)") is None
    for wrong in ("", "(first: 1, last: 1)", "(first: null)"):
        error = answer(wrong)
        assert error is not None
        assert error.message == "Give `strict` exactly one of `first` and `last`."
        assert error.extensions == {"code": "BAD_INPUT"}


def test_what_is_left_out_costs_nothing_where_that_is_known() -> None:
    document = parse("{ makers { items { id } } maker @skip(if: true) { name } }")
    operation = get_operation_ast(document)
    assert operation is not None

    upper = priced(SHOP, operation, {})
    exact = priced(SHOP, operation, {}, lambda selection: not selection.directives)

    assert upper.cost({}) - exact.cost({}) == 1


# The gateway's own fields say by their records what they cost.


def test_a_read_costs_once_for_its_place_however_many_parents_it_serves() -> None:
    one = cost_of(GATEWAY, "{ workers(first: 1) { nodes { rating { mean } } } }")
    fifty = cost_of(GATEWAY, "{ workers(first: 50) { nodes { rating { mean } } } }")

    assert one == 2 + 1 * 2 + 2 * READ
    assert fifty == 2 + 50 * 2 + 2 * READ


def test_counting_a_list_costs_for_each_parent() -> None:
    plain = "{ providers(first: 50) { nodes { workers(first: 1) { nodes { id } } } } }"
    counted = plain.replace("nodes { id }", "nodes { id } totalCount")

    assert cost_of(GATEWAY, counted) - cost_of(GATEWAY, plain) == 50 * 5 + READ


def test_a_command_costs_at_least_a_statement() -> None:
    document = "mutation { signOut(input: {}) { __typename } }"
    assert cost_of(GATEWAY, document) >= READ


def test_nodes_cost_as_many_as_are_asked_for() -> None:
    document = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    few, many = (cost_of(GATEWAY, document, ids=["x"] * n) for n in (1, 90))

    assert many - few == 89


def test_every_list_of_objects_says_how_long_it_may_be() -> None:
    silent = [
        f"{type_.name}.{name}"
        for type_ in GATEWAY.type_map.values()
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__")
        for name, made in type_.fields.items()
        if is_list_type(get_nullable_type(made.type))
        and is_composite_type(get_named_type(made.type))
        and not (type_.name.endswith("Connection") and name in ("edges", "nodes"))
        and not ((record := told(made)) and record.size)
    ]

    assert silent == []


# Limits.


@pytest.mark.parametrize("path", OPERATIONS, ids=lambda path: str(path.stem))
def test_published_operations_stay_under_a_third_of_every_limit(path: Path) -> None:
    given = path.with_suffix(".json")
    variables = json.loads(given.read_text("utf-8")) if given.exists() else {}
    price = price_of(GATEWAY, path.read_text("utf-8"))
    third = {name: limit // 3 for name, limit in asdict(Limits()).items() if name in MEASURED}

    assert price.refusal(replace(Limits(), **third), coerced(GATEWAY, price, variables)) is None


def test_the_standard_introspection_passes_and_is_priced_as_a_whole() -> None:
    price = price_of(GATEWAY, get_introspection_query())

    assert price.refusal(Limits()) is None
    assert price.cost({}) == 1 + INTROSPECTION


def test_introspection_over_and_over_is_refused() -> None:
    copies = " ".join(f"a{i}: __schema {{ types {{ name }} }}" for i in range(5))

    assert reason(refused(GATEWAY, f"{{ {copies} }}")) == "cost"


REFUSED = [
    ("depth", "{ workers { nodes { " + "provider { workers { nodes { " * 8 + "id" + " } } }" * 9),
    ("aliases", "{ viewer { " + " ".join(f"a{i}: role" for i in range(51)) + " } }"),
    ("root_fields", "{ " + " ".join(f"a{i}: __typename" for i in range(21)) + " }"),
    ("directives", "{ __typename " + "@include(if: true) " * 51 + "}"),
    ("cost", "{ workers(first: 100) { nodes { reviews(first: 100) { nodes { worker {"
     " rates(first: 100) { nodes { id } } } } } } } }"),
]  # fmt: skip


@pytest.mark.parametrize(("which", "document"), REFUSED)
def test_each_limit_refuses_and_says_so(which: str, document: str) -> None:
    error = refused(GATEWAY, document)
    assert error.extensions is not None

    assert reason(error) == which
    assert error.extensions["limit"] == getattr(Limits(), which)
    assert error.extensions[which] > error.extensions["limit"]
    assert error.locations


def test_a_path_too_deep_is_named() -> None:
    document = dict(REFUSED)["depth"]

    assert refused(GATEWAY, document).message.startswith("`workers.nodes.provider.workers.nodes")


def test_a_limit_may_be_reached() -> None:
    document = "{ some(first: 9) { name } }"

    assert price_of(SHOP, document).refusal(Limits(cost=10)) is None
    assert price_of(SHOP, document).refusal(Limits(cost=9)) is not None


def test_what_variables_decide_is_refused_when_they_are_known() -> None:
    open_ = price_of(SHOP, "query ($n: Int) { some(first: $n) { name } }")
    fixed = price_of(SHOP, "{ some(first: 99999) { name } }")

    assert open_.refusal(Limits()) is None
    assert open_.refusal(Limits(), {"n": 100}) is None
    assert open_.refusal(Limits(), {"n": 99999}) is not None
    assert fixed.refusal(Limits()) is not None


def test_settings_have_the_same_limits_by_default() -> None:
    assert Limits.of(Settings()) == Limits()
    for measured in MEASURED:
        name = measured.removesuffix("es" if measured == "aliases" else "s") + "_limit"
        changed: Any = {measured: 7}
        assert Limits.of(Settings.read({name.upper(): "7"})) == replace(Limits(), **changed)
    hidden = Settings(development=False, cost_limits="report")
    none: Any = dict.fromkeys(("introspection", "suggestions", "enforced"), False)
    assert Limits.of(hidden) == replace(Limits(), **none)


TOO_DEAR = """query ($first: Int) {
  serviceCategories(first: 2) { nodes { name } }
  workers(first: 100) { totalCount nodes {
    displayName
    reviews(%s) { nodes { stars booking { state services { name } } } }
  } } }"""


@pytest.mark.parametrize(
    ("argument", "given", "number"),
    [
        ("first: 100", {}, "100"),
        ("last: 50", {}, "50"),
        ("first: $first", {"first": 100}, "100"),
        ("first: $first", {}, "20"),
        ("", {}, "20"),
    ],
)
def test_a_refusal_names_the_dearest_list_and_what_would_pass(
    argument: str, given: dict[str, int], number: str
) -> None:
    document = TOO_DEAR % argument if argument else TOO_DEAR.replace("(%s)", "")
    error = refused(GATEWAY, document, **given)

    said = "last" if argument.startswith("last") else "first"
    assert "`workers.nodes.reviews` costs" in error.message
    assert f"ask with `{said}` for at most" in error.message
    assert error.message.endswith(f" of it instead of {number}.")
    assert error.locations
    assert document.splitlines()[error.locations[0].line - 1].strip().startswith("reviews")
    fitting = int(error.message.split("at most ")[-1].split()[0])

    def passes(size: int) -> bool:
        price = price_of(GATEWAY, TOO_DEAR % f"{said}: {size}")
        return price.refusal(Limits(), {}) is None

    assert passes(fitting)
    assert not passes(fitting + 1)


def test_the_documentation_shows_real_prices() -> None:
    told = (OPERATIONS[0].parent.parent / "cost.md").read_text("utf-8")
    document, answer = re.findall(r"```(?:graphql|json)\n(.*?)```", told, re.DOTALL)
    rows = re.findall(r"^\|.*\| (\d+) \|$", told.split("## One example")[1], re.MULTILINE)
    home = next(path for path in OPERATIONS if path.stem == "home_view").read_text("utf-8")
    variables = {"categorySlug": "x", "latitude": 1.0, "longitude": 1.0}

    assert refused(GATEWAY, document).formatted == json.loads(answer)
    assert cost_of(GATEWAY, home, **variables) == sum(map(int, rows))
    assert f"**{sum(map(int, rows))}**" in told


def test_a_refusal_that_no_single_list_can_mend_says_so() -> None:
    error = refused(
        GATEWAY,
        "{ workers(first: 100) { nodes { reviews(first: 100) { nodes {"
        " worker { bookings(first: 100) { nodes { id } } } } } } } }",
    )

    assert "`workers.nodes.reviews.nodes.worker.bookings` costs" in error.message
    assert "for far fewer of it than 100, and for less above it" in error.message


def test_the_cost_is_told_by_path() -> None:
    price = price_of(SHOP, "{ page(first: 5) { nodes { items { id } } } maker { name } }")

    assert {share.name: share.cost for share in price.shares({})} == {
        "page": 56,
        "page.nodes": 55,
        "page.nodes.items": 50,
    }
    assert {share.name for share in price.shares({}, least=100)} > {"maker"}


# Documents made to keep a server busy.

NEST = build_schema("type Query { t: Query, u: Query, x: Int }")


def doubling(levels: int) -> str:
    """Twice as many fields on each level, by fragments spread side by side."""
    spreads = "".join(
        f"fragment F{i} on Query{{a:t{{...F{i + 1}}}t{{...F{i + 1}}}}}" for i in range(levels)
    )
    return f"{{...F0}}{spreads}fragment F{levels} on Query{{x}}"


def side_by_side(levels: int) -> str:
    """Each fragment spreads the next one twice, in one place."""
    spreads = "".join(f"fragment F{i} on Query{{...F{i + 1} ...F{i + 1}}}" for i in range(levels))
    return f"{{...F0}}{spreads}fragment F{levels} on Query{{x}}"


def subsets(levels: int) -> str:
    """Each of the two ways down from each place leads to another combination of fragments."""
    parts = [
        f"fragment A{i} on Query{{t{{...A{i + 1} ...B0}}u{{...A{i + 1}}}}}"
        f"fragment B{i} on Query{{t{{...B{i + 1}}}u{{...B{i + 1}}}}}"
        for i in range(levels)
    ]
    return "{...A0}" + "".join(parts) + "".join(f"fragment {n}{levels} on Query{{x}}" for n in "AB")


@pytest.mark.parametrize("made", [doubling, side_by_side])
def test_nesting_spreads_twice_as_deep_takes_twice_as_long(made: Callable[[int], str]) -> None:
    visits = [price_of(NEST, made(levels)).visits for levels in (10, 20, 40)]

    assert visits[1] < 2.1 * visits[0]
    assert visits[2] < 2.1 * visits[1]


def test_a_hostile_document_of_900_characters_is_priced_and_refused() -> None:
    document = doubling(20)
    assert len(document) < 900
    price = price_of(NEST, document)

    assert price.visits < len(document) / 4
    assert price.cost({}) == 2**21 - 1
    assert reason(refused(NEST, document)) == "fields"
    assert len(repr(price)) < 2_000, "whoever logs it would not return"


def test_the_walk_gives_up_where_each_way_leads_to_another_combination() -> None:
    price = price_of(NEST, subsets(40))

    assert price.visits < CEILINGS["fields"] + 10
    assert reason(refused(NEST, subsets(40))) == "fields"
    assert price.refusal(Limits(fields=10**9)) is not None


def test_fragments_inside_one_another_reach_no_deeper_than_the_interpreter() -> None:
    nested = "".join(f"fragment F{i} on Query{{t{{...F{i + 1}}}}}" for i in range(2000))
    document = f"{{...F0}}{nested}fragment F2000 on Query{{x}}"
    price = price_of(NEST, document)

    assert price.refusal(Limits(depth=10**9)) is not None
    assert reason(refused(NEST, document)) == "depth"
    assert refused(NEST, document).message.startswith("The operation is deeper than 25 fields.")


@pytest.mark.parametrize(
    "document",
    [
        "{ ...A } fragment A on Query { x ...A }",
        "{ ...A } fragment A on Query { x ...B } fragment B on Query { ...A }",
        "{ ...A } fragment A on Query { t { ...A } u { x ...A } }",
    ],
)
def test_fragments_that_spread_themselves_end(document: str) -> None:
    assert price_of(NEST, document).visits < 20


def test_reckoning_with_shared_fragments_takes_as_long_as_there_are_fragments() -> None:
    """Were each way to a fragment reckoned by itself, this would not end."""
    schema = build_schema(
        DIRECTIVES
        + """type Query { a: [Query], b(n: Int): [Query] @listSize(
          slicingArguments: ["n"], requireOneSlicingArgument: false) }"""
    )
    parts = "".join(
        f"fragment F{i} on Query{{a{{...F{i + 1}}}b(n:$n){{...F{i + 1}}}}}" for i in range(60)
    )
    document = f"query($n:Int){{...F0}}{parts}fragment F60 on Query{{__typename}}"
    price = price_of(schema, document)

    assert price.cost({"n": 0}) == sum(10**i for i in range(61))
    assert price.cost({"n": 10}) == sum(20**i for i in range(61))
    assert len(price.shares({"n": 10}, least=2)) <= 2 * 60


@pytest.mark.parametrize(
    "document",
    [
        "{ t { x %s } }" % ("x " * 1_000),
        "{ t { x %s } }" % ("... on T { u { x } } " * 200),
        f"{{ {' '.join(f'...F{i}' for i in range(200))} }}"
        + "".join(f" fragment F{i} on Query {{ t {{ x }} }}" for i in range(200)),
    ],
    ids=["fields", "inline fragments", "fragments"],
)
def test_what_takes_too_long_to_validate_is_refused_instead(document: str) -> None:
    schema = build_schema("type Query { x: Int t: T } type T { x: Int u: T }")
    with pytest.raises(Invalid) as raised:
        valid(schema, document, Limits())

    (error,) = raised.value.errors
    assert error.extensions == {"code": "LIMIT_EXCEEDED", "which": "repeats", "limit": MERGING}


# Upper bound: whatever is asked, no more objects come back than were paid for.

TREE = build_schema(
    DIRECTIVES
    + """
    interface Item { id: ID, parts(first: Int): [Item!] @listSize(
      slicingArguments: ["first"], assumedSize: 3, requireOneSlicingArgument: false) }
    type Bolt implements Item { id: ID, owner: Owner, parts(first: Int): [Item!] @listSize(
      slicingArguments: ["first"], assumedSize: 3, requireOneSlicingArgument: false) }
    type Motor implements Item { id: ID, few: [Owner], parts(first: Int): [Item!] @listSize(
      slicingArguments: ["first"], assumedSize: 3, requireOneSlicingArgument: false) }
    type Owner { name: String, page(first: Int = 2): Page @listSize(
      slicingArguments: ["first"], sizedFields: ["nodes", "edges"],
      requireOneSlicingArgument: false) }
    type Page { nodes: [Item], edges: [Edge] }
    type Edge { node: Thing }
    union Thing = Bolt | Owner
    type Query { item: Item, thing: Thing, grid: [[Bolt]], owner: Owner }
    """
)
FIELDS: dict[str, dict[str, str | None]] = {
    "Item": {"id": None, "parts": "Item"},
    "Bolt": {"id": None, "parts": "Item", "owner": "Owner"},
    "Motor": {"id": None, "parts": "Item", "few": "Owner"},
    "Owner": {"name": None, "page": "Page"},
    "Page": {"nodes": "Item", "edges": "Edge"},
    "Edge": {"node": "Thing"},
    "Thing": {},
    "Query": {"item": "Item", "thing": "Thing", "grid": "Bolt", "owner": "Owner"},
}
NARROWER = {
    "Item": ["Item", "Bolt", "Motor"],
    "Thing": ["Bolt", "Owner", "Item"],
    **{name: [name, "Item"] for name in ("Bolt", "Motor")},
}
SLICES = {"": "", "_none": "(first: null)", "_two": "(first: 2)", "_n": "(first: $n)"}


@st.composite
def selections(draw: st.DrawFn, type_: str, depth: int, spreads: list[tuple[str, str]]) -> str:
    """A selection set. A field's alias says its arguments, so that fields of one name merge."""
    parts = ["__typename"]
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["field", "field", "field", "inline", "spread"]))
        conditions = NARROWER.get(type_, [type_])
        if kind == "spread" and spreads:
            fitting = [name for name, on in spreads if on in conditions]
            parts += [f"...{draw(st.sampled_from(fitting))}"] if fitting else []
        elif kind == "inline" and depth:
            on = draw(st.sampled_from(conditions))
            parts.append(f"... on {on} {draw(selections(on, depth - 1, spreads))}")
        elif FIELDS[type_]:
            name = draw(st.sampled_from(sorted(FIELDS[type_])))
            below = FIELDS[type_][name]
            if below is not None and not depth:
                continue
            given = draw(st.sampled_from(sorted(SLICES))) if name in ("parts", "page") else ""
            inner = "" if below is None else draw(selections(below, depth - 1, spreads))
            parts.append(f"{name}{given}: {name}{SLICES[given]} {inner}")
    return "{ " + " ".join(parts) + " }"


@st.composite
def documents(draw: st.DrawFn) -> str:
    spreads: list[tuple[str, str]] = []
    fragments = []
    for i in range(draw(st.integers(0, 3))):
        on = draw(st.sampled_from(["Item", "Bolt", "Owner"]))
        body = draw(selections(on, 2, spreads))
        fragments.append(f"fragment F{i} on {on} {body}")
        spreads.append((f"F{i}", on))
    query = draw(selections("Query", 4, spreads))
    return "\n".join([f"query ($n: Int) {query}", *fragments])


class Things:
    """Data without end, made as it is asked for: never more than the schema says."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def _some(self, make: Callable[[], Any], most: int) -> list[Any]:
        size = self._random.choice([most, self._random.randint(0, most)])
        return [make() for _ in range(size)]

    def _one(self, *kinds: str) -> "Thing":
        return Thing(self, self._random.choice(kinds))

    def item(self, _: Any = None) -> "Thing":
        return self._one("Bolt", "Motor")

    def thing(self, _: Any = None) -> "Thing":
        return self._one("Bolt", "Owner")

    def owner(self, _: Any = None) -> "Thing":
        return self._one("Owner")

    def edge(self) -> dict[str, Any]:
        return {"node": self.thing}

    def few(self, _: Any) -> list[Any]:
        return self._some(self.owner, 10)

    def grid(self, _: Any) -> list[Any]:
        return [self._some(lambda: self._one("Bolt"), 10) for _ in range(10)]

    def parts(self, _: Any, first: int | None = None) -> list[Any]:
        return self._some(self.item, 3 if first is None else first)

    def page(self, _: Any, first: int | None = None) -> dict[str, Any]:
        size = 10 if first is None else first
        return {"nodes": self._some(self.item, size), "edges": self._some(self.edge, size)}


class Thing(Mapping[str, Any]):
    """One of them; what hangs on it is made when it is asked for."""

    def __init__(self, things: Things, kind: str) -> None:
        self._things, self._kind = things, kind

    def __getitem__(self, name: str) -> Any:
        return {"__typename": self._kind, "id": "1", "name": "x"}.get(name) or getattr(
            self._things, name
        )

    def __iter__(self) -> Iterator[str]:
        return iter(("__typename",))

    def __len__(self) -> int:
        return 1


def objects_in(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(objects_in, value.values()))
    return sum(map(objects_in, value)) if isinstance(value, list) else 0


UNUSED = (NoUnusedFragmentsRule, NoUnusedVariablesRule)
RULES = [rule for rule in specified_rules if rule not in UNUSED]


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(documents(), st.sampled_from([None, 0, 1, 4]), st.integers(0, 1000))
def test_no_operation_gives_more_objects_than_it_costs(
    document: str, n: int | None, seed: int
) -> None:
    parsed = parse(document)
    assert validate(TREE, parsed, RULES) == []
    cost = price_of(TREE, document).cost({"n": n})
    assume(cost < 5_000)

    result = execute_sync(TREE, parsed, Things(seed), variable_values={"n": n})

    assert result.errors is None
    assert objects_in(result.data) <= cost
