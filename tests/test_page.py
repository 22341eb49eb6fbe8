"""Connections walked in both directions, under inserts, and their refusals."""

from typing import Any

import pytest

from tests.conftest import Ask, Statements
from tests.make import a_provider, a_worker

FORWARD = """query ($id: ID!, $size: Int, $cursor: String) { provider(id: $id) {
  workers(first: $size, after: $cursor) {
    nodes { code } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }"""
BACKWARD = FORWARD.replace("first:", "last:").replace("after:", "before:")


async def some_workers(url: str, count: int) -> tuple[str, list[str]]:
    provider = await a_provider(url)
    workers = [await a_worker(url, provider_id=provider.id) for _ in range(count)]
    return provider.id, [worker.code for worker in workers]


async def page(ask: Ask, query: str, **variables: Any) -> tuple[list[str], dict[str, Any]]:
    workers = (await ask(query, **variables))["provider"]["workers"]
    return [worker["code"] for worker in workers["nodes"]], workers["pageInfo"]


@pytest.mark.parametrize("size", [1, 3, 7, 20])
async def test_a_forward_walk_meets_everyone_once_in_order(
    database_url: str, ask: Ask, size: int
) -> None:
    id, codes = await some_workers(database_url, 7)
    met: list[str] = []
    cursor = None
    while True:
        found, info = await page(ask, FORWARD, id=id, size=size, cursor=cursor)
        assert info["hasPreviousPage"] is (cursor is not None)
        met += found
        cursor = info["endCursor"]
        if not info["hasNextPage"]:
            break

    assert met == codes


@pytest.mark.parametrize("size", [1, 3, 7, 20])
async def test_a_backward_walk_meets_everyone_once_in_order(
    database_url: str, ask: Ask, size: int
) -> None:
    id, codes = await some_workers(database_url, 7)
    met: list[str] = []
    cursor = None
    while True:
        found, info = await page(ask, BACKWARD, id=id, size=size, cursor=cursor)
        assert info["hasNextPage"] is (cursor is not None)
        met = found + met
        cursor = info["startCursor"]
        if not info["hasPreviousPage"]:
            break

    assert met == codes


async def test_a_cursor_stays_right_when_rows_are_added_on_both_sides(
    database_url: str, ask: Ask
) -> None:
    id, codes = await some_workers(database_url, 6)
    first, info = await page(ask, FORWARD, id=id, size=3)

    await a_worker(database_url, provider_id=id, code="SM0000000")
    await a_worker(database_url, provider_id=id, code="SM9999999")
    rest, _ = await page(ask, FORWARD, id=id, size=10, cursor=info["endCursor"])

    assert first + rest == [*codes, "SM9999999"]


async def test_both_cursors_bound_a_page_from_either_end(database_url: str, ask: Ask) -> None:
    id, codes = await some_workers(database_url, 6)
    query = """query ($id: ID!, $after: String, $before: String) { provider(id: $id) {
      a: workers(first: 9, after: $after, before: $before) { ...P }
      b: workers(last: 1, after: $after, before: $before) { ...P } } }
    fragment P on WorkerConnection { nodes { code } pageInfo { hasNextPage hasPreviousPage } }"""
    _, info = await page(ask, FORWARD, id=id, size=1)
    _, end = await page(ask, BACKWARD, id=id, size=1)

    data = await ask(query, id=id, after=info["endCursor"], before=end["startCursor"])

    between = data["provider"]["a"]
    assert [node["code"] for node in between["nodes"]] == codes[1:5]
    assert between["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": True}
    assert [node["code"] for node in data["provider"]["b"]["nodes"]] == [codes[4]]


async def test_counts_and_the_other_side_cost_nothing_unless_asked_for(
    database_url: str, ask: Ask, statements: Statements
) -> None:
    id, codes = await some_workers(database_url, 10)
    with statements(at_most=2):
        _, info = await page(ask, FORWARD, id=id, size=1)

    with statements(at_most=3):
        await page(ask, FORWARD, id=id, size=1, cursor=info["endCursor"])
    with statements(at_most=3):
        data = await ask(
            "query ($id: ID!) { provider(id: $id) { workers(first: 1) { totalCount } } }", id=id
        )

    assert data["provider"]["workers"]["totalCount"] == len(codes)


@pytest.mark.parametrize("parents", [1, 20])
async def test_pages_below_many_parents_cost_one_statement_each(
    database_url: str, ask: Ask, statements: Statements, parents: int
) -> None:
    for _ in range(parents):
        await some_workers(database_url, 2)

    with statements(at_most=3):
        data = await ask(
            "{ providers(first: 50) { nodes { workers(first: 1) { totalCount nodes { code }"
            " pageInfo { hasNextPage } } } } }"
        )

    below = [provider["workers"] for provider in data["providers"]["nodes"]]
    one = {"totalCount": None, "pageInfo": {"hasNextPage": True}}
    assert [{**page, "nodes": len(page["nodes"])} for page in below] == [
        {**one, "nodes": 1}
    ] * parents


REFUSED = [
    ("first: 101", "LIMIT_EXCEEDED", "first"),
    ("last: 101", "LIMIT_EXCEEDED", "last"),
    ("first: -1", "BAD_INPUT", "first"),
    ("first: 1, last: 1", "BAD_INPUT", "last"),
    ('first: 1, after: "nonsense"', "BAD_INPUT", "after"),
    ('last: 1, before: "W10"', "BAD_INPUT", "before"),
    ('first: 1, after: "WyJDT0RFIiwgNV0"', "BAD_INPUT", "after"),
    ('first: 1, orderBy: EXPERIENCE, after: "WyJDT0RFIiwiU00wMDAwMDAxIl0"', "BAD_INPUT", "after"),
]


@pytest.mark.parametrize(("arguments", "code", "argument"), REFUSED)
async def test_a_page_that_cannot_be_is_refused_by_the_argument_at_fault(
    ask_raw: Ask, arguments: str, code: str, argument: str
) -> None:
    answer = await ask_raw(f"{{ workers({arguments}) {{ nodes {{ id }} }} }}")

    (error,) = answer["errors"]
    assert error["extensions"]["code"] == code
    assert error["extensions"]["argument"] == argument
    assert f"`{argument}`" in error["message"]
