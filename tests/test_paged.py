"""A query of one page, written anew for page after page, over any schema."""

from typing import Any

import pytest
from graphql import build_schema, parse

from engine.cost import Limits
from engine.engine import Engine
from engine.paged import Paged
from runtime.faults import Invalid
from runtime.runner import Column, Kind, NotOneList
from runtime.viewer import Viewer

SCHEMA = build_schema("""
directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!],
  requireOneSlicingArgument: Boolean) on FIELD_DEFINITION
scalar DateTime
type Query { things(kind: Kind, first: Int, after: String, last: Int): Things!
    @listSize(slicingArguments: ["first"], sizedFields: ["nodes", "edges"])
  plain: [Thing!] }
type Things { nodes: [Thing!] edges: [Edge!] pageInfo: PageInfo! totalCount: Int }
type Edge { node: Thing! cursor: String! weight: Int }
type PageInfo { endCursor: String hasNextPage: Boolean! }
enum Kind { BOOK FILM }
interface Thing { id: ID! made: DateTime }
type Book implements Thing { id: ID! made: DateTime title: String pages: Int shelf: Shelf }
type Film implements Thing { id: ID! made: DateTime reels: [[Float]] shelf: Shelf }
type Shelf { name: String! books(first: Int, after: String): Things }
""")
LIMITS = Limits(cost=1_000)
ENGINE = Engine(SCHEMA, limits=LIMITS)


def paged(document: str, engine: Engine = ENGINE, **variables: Any) -> Paged:
    return engine.whole_list(document, None, variables, 100)


def names(columns: Any) -> Any:
    return [
        (column.name, names(column.columns)) if column.columns else column.name
        for column in columns
    ]


def test_what_is_left_of_the_clients_query_is_its_rows() -> None:
    found = paged(
        """query Q($first: Int, $kind: Kind = BOOK, $of: String, $deep: Int) {
          aliased: things(kind: $kind, first: $first, after: $of) {
            totalCount rows: nodes { ...Row } pageInfo { hasNextPage } } }
        fragment Row on Thing { id ...Deeper }
        fragment Deeper on Book { shelf { books(first: $deep) { nodes { id } } } }""",
        first=5,
        of="there",
        deep=3,
    )

    document = found.operation.document.loc
    assert document is not None
    definition, *fragments = parse(document.source.body).definitions
    written = document.source.body
    assert found.begins_after == "there"
    assert "things(kind: $kind, first: $first_, after: $after)" in written
    assert "totalCount" not in written
    assert "$of" not in written
    assert len(fragments) == 2
    declared = {d.variable.name.value for d in definition.variable_definitions}  # type: ignore[attr-defined]
    assert declared == {"kind", "deep", "first_", "after"}


def test_the_columns_are_those_of_any_type_a_row_may_be_of() -> None:
    found = paged("""{ things { nodes { __typename when: made
      ... on Book { pages shelf { name } } ... on Film { reels shelf { label: name } } } } }""")

    typename, when, pages, shelf, reels = found.columns
    assert typename == Column("__typename", Kind.TEXT)
    assert when == Column("when", Kind.INSTANT)
    assert pages == Column("pages", Kind.INTEGER)
    assert reels == Column("reels", Kind.NUMBER, lists=2)
    assert names([shelf]) == [("shelf", ["name", "label"])]


def test_what_variables_leave_out_is_no_column() -> None:
    document = """query ($all: Boolean!) {
      things { edges { cursor node { id made @include(if: $all) } } } }"""

    assert names(paged(document, all=True).columns) == ["id", "made"]
    assert names(paged(document, all=False).columns) == ["id"]


def test_a_page_costs_no_more_than_is_let_and_one_row_more_would() -> None:
    found = paged("{ things { nodes { id ... on Book { shelf { name } } } } }")
    size = found.size(Viewer(), 100_000)

    def cost(size: int) -> int:
        return ENGINE.planned(found.operation, {"first": size}, Viewer()).cost

    assert cost(size) <= LIMITS.cost
    with pytest.raises(Invalid):
        cost(size + 1)
    assert found.size(Viewer(), 7) == 7
    free = Engine(SCHEMA)
    assert paged("{ things { nodes { id } } }", free).size(Viewer(), 100_000) == 100_000


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ("{ plain { id } }", "`plain` is no connection"),
        ("{ things @skip(if: false) { nodes { id } } }", "`things` has a directive"),
        ("{ things { nodes @include(if: true) { id } } }", "`nodes` is no part of the rows"),
        ("{ things { edges { weight node { id } } } }", "`weight` is no part of the rows"),
        ("{ things { a: nodes { id } b: nodes { id } } }", "does not have edges or nodes once"),
        ("{ ...Q } fragment Q on Query { things { nodes { id } } }", "has it in a fragment"),
        ("{ things { ...T } } fragment T on Things { nodes { id } }", "a fragment around its rows"),
        ("{ things(last: 3) { nodes { id } } }", "`things` is given `last`"),
    ],
)
def test_what_would_not_be_exported_as_it_is_written_is_refused(document: str, found: str) -> None:
    with pytest.raises(NotOneList, match=found):
        paged(document)


def test_lists_in_rows_are_as_long_as_in_any_operation() -> None:
    document = """query ($n: Int) {
      things { nodes { ... on Book { shelf { books(first: $n) { nodes { id } } } } } } }"""

    assert paged(document, n=100)
    with pytest.raises(Invalid):
        paged(document, n=101)
