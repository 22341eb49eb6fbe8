"""How many fetches operations take, and that planning has an end."""

import json
import sys
from inspect import CO_COROUTINE
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from graphql import GraphQLError

from federation.client import NoClient
from federation.router import Router
from federation.search import Budget
from federation.supergraph import BadSupergraph, Supergraph
from tests.conftest import CHECKOUT
from tests.federation.world import SUPERGRAPHS, Federation, same
from tests.federation.worlds import WORLDS

COUNTS = json.loads((Path(__file__).parent / "fetches.json").read_text())
"""Operations, and how many fetches @graphql-hive/router-query-planner plans for each."""
OURS = {str(path) for part in ("engine", "federation") for path in (CHECKOUT / part).glob("*.py")}


def fetches(router: Router, document: str) -> int:
    return sum(1 for _ in router.plan(document).fetches)


@pytest.mark.parametrize("name", WORLDS)
def test_no_operation_takes_more_fetches_than_elsewhere(name: str) -> None:
    router = Router(Supergraph((SUPERGRAPHS / name / "supergraph.graphql").read_text()), NoClient())
    ours = [fetches(router, document) for document, _ in COUNTS[name]]
    theirs = [count for _, count in COUNTS[name]]

    assert sum(ours) <= sum(theirs)
    for (document, count), mine in zip(COUNTS[name], ours, strict=True):
        assert mine <= count + 1, document


async def test_fetches_of_one_level_from_one_subgraph_travel_together(shop: Federation) -> None:
    document = "{ products { stockedAt { keeper { name } } brand { owner { name } } } me { name } }"
    await same(shop, document)

    queries = [asked["query"] for asked in shop.subgraphs["people"].asked]
    assert len(queries) == 2
    assert any("_entities_0" in query and "_entities_1" in query for query in queries)


async def test_no_coroutine_is_run_for_an_object(shop: Federation) -> None:
    async def run_for(count: int) -> tuple[int, int]:
        """How many objects there are, and how many coroutines of ours run."""
        run = set[FrameType]()  # One that waits and goes on is called again.

        def watch(frame: FrameType, event: str, _: Any) -> None:
            code = frame.f_code
            if event == "call" and code.co_flags & CO_COROUTINE and code.co_filename in OURS:
                run.add(frame)

        sys.setprofile(watch)
        try:
            document = f"{{ products(first: {count}) {{ upc inStock brand {{ name }} }} }}"
            answer = await shop.router.execute(document)
        finally:
            sys.setprofile(None)
        assert answer.data is not None
        return len(answer.data["products"]), len(run)

    await run_for(1)  # There is more to do the first time.
    one, runs = await run_for(1)
    many, runs_for_many = await run_for(3)
    assert (one, many) == (1, 3)
    assert runs_for_many == runs > 0


def test_a_plan_can_be_read(shop: Federation) -> None:
    text = str(shop.router.plan("{ products { inStock } }"))

    assert text.splitlines()[:4] == [
        "1 catalog",
        "    query { products { sku brand { id } } }",
        "2 stock after 1",
        "    Product at products by {sku brand {id}}",
    ]


@pytest.mark.parametrize("budget", [Budget(candidates=10), Budget(candidates=10**6, seconds=0)])
def test_planning_ends_where_its_budget_does(shop: Federation, budget: Budget) -> None:
    router = Router(shop.supergraph, NoClient(), budget=budget)
    parts = " ".join(f"a{n}: products(first: {n}) {{ insurance }}" for n in range(30))

    with pytest.raises(GraphQLError) as refused:
        router.plan(f"{{ {parts} }}")

    assert refused.value.extensions["code"] == "LIMIT_EXCEEDED"  # type: ignore[index]


JOINED = 'enum join__Graph { SHOP @join__graph(name: "shop", url: "http://shop") }'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("type Query {", "not GraphQL"),
        ("type Query { a: Int }", "names no subgraph"),
        (f"{JOINED} type Query {{ a: Thing @join__field(graph: SHOP) }}", "'Thing'"),
        (f"{JOINED} type Query {{ a: Int @join__field(graph: SHOP) }} type Thing", "Thing"),
        (f"{JOINED} type Query {{ a: Int @join__field(graph: STOCK) }}", "does not have STOCK"),
    ],
)
def test_what_is_no_supergraph_is_refused(text: str, told: str) -> None:
    with pytest.raises(BadSupergraph, match=told):
        Supergraph(text)
