"""A supergraph served alone, and changed while it is served."""

import asyncio
import gc
import os
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from starlette.responses import Response

from edge.federated import NoAddress, federated_app
from federation.client import NoClient
from federation.plan import FetchPlan
from federation.planner import Planner
from federation.router import Router
from federation.supergraph import BadSupergraph
from runtime.settings import Settings
from tests.federation.world import Federation, Hosts

PRODUCTS = {"query": "{ products(first: 1) { upc inStock } }"}


@pytest.fixture
def file(tmp_path: Path, shop: Federation) -> Path:
    path = tmp_path / "supergraph.graphql"
    path.write_text(shop.text)
    return path


def written(path: Path, text: str) -> None:
    path.write_text(text)


@pytest_asyncio.fixture
async def served(file: Path, shop: Federation) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    app = federated_app(file, Settings(), Hosts(shop.apps))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://router"
        ) as client,
    ):
        yield client, app


async def test_it_is_answered_over_http(served: Any) -> None:
    client, _ = served
    answer = await client.post("/graphql", json=PRODUCTS)

    assert answer.json() == {"data": {"products": [{"upc": "u1", "inStock": True}]}}
    assert answer.headers["x-request-id"]


async def test_what_cannot_be_read_is_refused_as_by_the_gateway(served: Any) -> None:
    client, _ = served

    assert (await client.post("/graphql", content=b"{")).status_code == 415
    refused = await client.post("/graphql", json={"query": "{ nothing }"})
    assert refused.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"


async def test_introspection_is_answered_without_asking_anybody(
    served: Any, shop: Federation
) -> None:
    client, _ = served
    answer = await client.post("/graphql", json={"query": "{ __schema { queryType { name } } }"})

    assert answer.json()["data"]["__schema"]["queryType"]["name"] == "Query"
    assert not any(subgraph.asked for subgraph in shop.subgraphs.values())


async def test_listed_headers_go_on_and_no_others(served: Any, shop: Federation) -> None:
    client, _ = served
    headers = {"authorization": "Bearer me", "cookie": "secret=1"}
    await client.post("/graphql", json=PRODUCTS, headers=headers)

    (given,) = shop.subgraphs["catalog"].headers
    assert given["authorization"] == "Bearer me"
    assert "cookie" not in given


async def test_a_newer_file_is_taken_over_while_requests_are_under_way(
    served: Any, file: Path, shop: Federation
) -> None:
    client, app = served
    under_way = asyncio.Event()

    async def slow(asked: Any) -> None:
        under_way.set()
        await asyncio.sleep(0.05)

    shop.subgraphs["stock"].before = slow
    asking = asyncio.create_task(client.post("/graphql", json=PRODUCTS))
    await under_way.wait()
    written(file, shop.text.replace("  upc: ID!", "  upc: ID!\n  novelty: Int", 1))
    await app.state.current.look()

    assert (await asking).json()["data"]["products"][0]["inStock"] is True
    assert "novelty" in (await client.get("/schema.graphql")).text


async def test_a_file_that_cannot_be_served_changes_nothing(
    served: Any, file: Path, shop: Federation
) -> None:
    client, app = served
    written(file, "type Query {")
    await app.state.current.look()
    assert (await client.post("/graphql", json=PRODUCTS)).json()["data"]

    os.unlink(file)
    await app.state.current.look()
    assert (await client.post("/graphql", json=PRODUCTS)).json()["data"]


async def test_what_is_newly_agreed_with_a_partner_holds_without_a_restart(
    file: Path, shop: Federation, tmp_path: Path
) -> None:
    agreed = tmp_path / "partners.toml"
    agreed.write_text("[catalog]\nprivate_addresses = true\n")
    app = federated_app(file, Settings(partners=str(agreed)), Hosts(shop.apps))
    current = app.state.current
    async with app.router.lifespan_context(app):
        agreed.write_text("[catalog]\nprivate_addresses = false\n")
        await current.look()
        refused = current.router
        agreed.write_text('[catalog]\nprivate_addresses = true\nheaders = ["x-shop"]\n')
        await current.look()
        asked = {"x-shop": "central"}
        await current.router.execute("{ products(first: 1) { upc } }", headers=asked)

    assert shop.subgraphs["catalog"].headers[-1]["x-shop"] == "central"
    assert refused is not current.router


async def test_what_was_asked_before_is_planned_before_it_is_asked_again(
    served: Any, file: Path, shop: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, app = served
    document = "query($first: Int!, $whole: Boolean!) { products(first: $first) { %s } }"
    query = document % "upc inStock @include(if: $whole)"
    asked = {"query": query, "variables": {"first": 1, "whole": True}}
    answer = await client.post("/graphql", json=asked)
    written(file, shop.text + "\n")
    before = app.state.current.router
    await app.state.current.look()

    assert app.state.current.router is not before
    with monkeypatch.context() as without:
        without.delattr(Planner, "plan")
        assert (await client.post("/graphql", json=asked)).json() == answer.json()
    asked["variables"] = {"first": 1, "whole": False}
    assert (await client.post("/graphql", json=asked)).json()["data"] == {
        "products": [{"upc": "u1"}]
    }


def test_no_more_plans_are_kept_than_operations(
    shop: Federation,
) -> None:
    kept: list[weakref.ref[FetchPlan]] = []
    router = Router(shop.supergraph, NoClient(), operations=100)
    for number in range(150):
        document = f"{{ some{number}: products(first: {number}) {{ upc inStock }} }}"
        kept.append(weakref.ref(router.plan(document)))

    gc.collect()
    assert [plan() is not None for plan in kept] == [False] * 50 + [True] * 100


def test_settings_say_where_subgraphs_are(file: Path, shop: Federation) -> None:
    file.write_text(shop.text.replace("http://stock.shop/graphql", ""))
    with pytest.raises(NoAddress, match="stock"):
        federated_app(file, Settings())

    assert federated_app(file, Settings(subgraph_urls="stock=http://stock/graphql"))


async def test_what_is_agreed_with_a_partner_holds_for_it_and_not_for_others(
    file: Path, shop: Federation, tmp_path: Path
) -> None:
    partners = tmp_path / "partners.toml"
    partners.write_text(
        '[catalog]\nprivate_addresses = true\nanswer_headers = ["x-notice"]\n'
        'headers = ["accept-language"]\n'
    )
    product = {"upc": "u1", "sku": "s1", "brand": {"id": "b1"}}
    told = {"data": {"products": [product]}}
    shop.subgraphs["catalog"].disturb = lambda asked: Response(
        orjson.dumps(told), media_type="application/json", headers={"x-notice": "Sunday"}
    )
    app = federated_app(file, Settings(partners=str(partners)), Hosts(shop.apps))
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://router") as client,
    ):
        headers = {"authorization": "Bearer me"}
        answer = await client.post("/graphql", json=PRODUCTS, headers=headers)

    assert answer.headers["x-notice"] == "Sunday"
    assert "authorization" not in shop.subgraphs["catalog"].headers[0]
    assert shop.subgraphs["stock"].headers[0]["authorization"] == "Bearer me"


def test_a_partner_that_is_no_subgraph_is_refused(file: Path, tmp_path: Path) -> None:
    partners = tmp_path / "partners.toml"
    partners.write_text("[catalogue]")
    with pytest.raises(BadSupergraph, match="no subgraph catalogue"):
        federated_app(file, Settings(partners=str(partners)))
