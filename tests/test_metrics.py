"""What is counted, and that nothing in it is a client's own."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from prometheus_client import REGISTRY, generate_latest
from sqlalchemy import text

from edge.metrics import sample
from runtime.settings import Settings
from server import OPERATIONS, create_app
from tests.asking import a_process
from tests.conftest import CHECKOUT, client_of
from tests.exporting import NAMES, a_client, begin, exported, exporting, finish, people

HOME = (OPERATIONS / "home_view.graphql").read_text()
VARIABLES = (OPERATIONS / "home_view.json").read_text()


@pytest_asyncio.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(replace(settings, metrics_port=1), documents=[HOME])
    async with client_of(app) as client:
        yield client


def figures() -> dict[str, float]:
    found = {}
    for line in generate_latest(REGISTRY).decode().splitlines():
        if line.startswith("gateway_"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


class Since:
    def __init__(self) -> None:
        self._before = figures()

    def __getitem__(self, name: str) -> float:
        return figures().get(name, 0.0) - self._before.get(name, 0.0)


async def test_what_is_asked_is_counted_by_what_came_of_it(client: httpx.AsyncClient) -> None:
    since = Since()
    body = f'{{"query": {text_of(HOME)}, "variables": {VARIABLES}}}'
    headers = {"content-type": "application/json"}
    home = await client.post("/graphql", content=body, headers=headers)
    await client.post(
        "/graphql", json={"query": "query Secret { district(lgdCode: 162) { slug } }"}
    )
    await client.post("/graphql", json={"query": "{ wrokers }"})
    await client.post("/graphql", content=b"{", headers=headers)
    await client.post("/graphql", json={"query": "query ($id: ID!) { node(id: $id) { id } }"})
    await client.post("/graphql", json={"query": f"{{ {'id ' * 5_000} }}"})

    assert "errors" not in home.json()
    assert since['gateway_requests_total{status="200"}'] == 5
    assert since['gateway_requests_total{status="400"}'] == 1
    assert since["gateway_request_seconds_count"] == 6
    assert since['gateway_refusals_total{code="BAD_INPUT",limit=""}'] == 3
    assert since['gateway_refusals_total{code="LIMIT_EXCEEDED",limit="tokens"}'] == 1
    assert since['gateway_errors_total{code="BAD_INPUT"}'] == 1
    assert since['gateway_operation_seconds_count{kind="query",name="HomeView"}'] == 1
    assert since['gateway_operation_seconds_count{kind="query",name="other"}'] == 2
    assert since["gateway_levels_total"] >= 3
    assert since["gateway_read_keys_count"] == since["gateway_read_seconds_count"] >= 3
    assert "Secret" not in "".join(figures())


async def test_what_waits_is_looked_at(database_url: str) -> None:
    async with a_process(database_url) as process:
        async with process.database.engine.begin() as connection:
            await connection.execute(
                text("INSERT INTO follower (name, position) VALUES ('somebody', -3)")
            )
        await sample(process)

    found = figures()
    assert found['gateway_read_connections{state="idle"}'] == 2
    assert found['gateway_follower_behind{follower="somebody"}'] == 3
    assert found["gateway_changes_unsequenced"] == 0


async def test_exports_are_counted_by_where_they_stand(database_url: str, tmp_path: Path) -> None:
    async with exporting(database_url, tmp_path) as process:
        client = await a_client(database_url)
        await people(database_url, 2)
        await exported(process, client, NAMES)
        await begin(process, client, NAMES)
        await sample(process)
        waiting = figures()
        await finish(process)
        await sample(process)

    assert waiting['gateway_exports{state="DONE"}'] == 1
    assert waiting['gateway_exports{state="QUEUED"}'] == 1
    assert waiting["gateway_export_rows"] == 2
    assert figures()['gateway_exports{state="QUEUED"}'] == 0
    assert figures()["gateway_export_rows"] == 4


def test_the_page_for_operators_names_every_figure() -> None:
    page = (CHECKOUT / "docs" / "operating.md").read_text()
    told = set(re.findall(r"`(gateway_\w+)`", page))
    kept = {metric.name for metric in REGISTRY.collect() if metric.name.startswith("gateway_")}

    assert told == kept


@pytest.mark.parametrize("development", [True, False])
async def test_figures_are_not_for_clients(settings: Settings, development: bool) -> None:
    chosen = replace(settings, development=development, metrics_port=1)
    async with client_of(create_app(chosen)) as client:
        assert (await client.get("/metrics")).status_code == 404


def text_of(document: str) -> str:
    return httpx.Request("POST", "http://x", json=document).content.decode()
