"""The example operations, and what the home view costs."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from edge.ide import operations
from tests.conftest import Ask, Statements
from tests.make import GOMTI_NAGAR, NOON, a_booking, a_provider, a_review, a_worker

OPERATIONS = Path(__file__).parent.parent / "docs" / "operations"
EXAMPLES = {operation.name: operation for operation in operations(OPERATIONS)}


async def workers_with_reviews(url: str, count: int) -> None:
    for _ in range(count):
        provider = await a_provider(url)
        worker = await a_worker(url, provider_id=provider.id)
        for day in range(2):
            booking = await a_booking(
                url,
                worker=worker,
                state="COMPLETED",
                starts_at=NOON - timedelta(days=1000 + day),
            )
            await a_review(url, booking=booking)


@pytest.mark.parametrize("workers", [1, 50])
async def test_the_home_view_costs_five_statements_for_any_number_of_workers(
    database_url: str, ask: Ask, statements: Statements, workers: int
) -> None:
    await workers_with_reviews(database_url, workers)
    view = EXAMPLES["home_view"]
    variables = {**json.loads(view.variables), "first": workers}

    with statements(at_most=5) as sent:
        data = await ask(view.query, **variables)

    found = [edge["node"] for edge in data["nearbyWorkers"]["edges"]]
    assert len(found) == workers
    assert all(len(worker["reviews"]["nodes"]) == 2 for worker in found)
    assert all(worker["nextFreeSlot"] and worker["provider"] for worker in found)
    assert found[0]["reviews"]["nodes"][0]["booking"]["state"] == "COMPLETED"
    assert len(sent) == 5


async def test_the_response_says_how_many_statements_it_cost(
    database_url: str, client: httpx.AsyncClient, statements: Statements
) -> None:
    await a_worker(database_url, home=GOMTI_NAGAR)

    with statements(at_most=5) as sent:
        response = await client.post(
            "/graphql", json={"query": "{ workers { nodes { code skills { id } } } }"}
        )

    assert response.headers["server-timing"].startswith(f'sql;desc="{len(sent)} statements"')


async def test_names_come_in_the_language_of_the_request_or_of_the_field(
    client: httpx.AsyncClient,
) -> None:
    query = "{ district(lgdCode: 162) { name inEnglish: name(language: EN) } }"

    async def asked(accept_language: str) -> Any:
        response = await client.post(
            "/graphql", json={"query": query}, headers={"accept-language": accept_language}
        )
        return response.json()["data"]["district"], response.headers["content-language"]

    assert await asked("hi-IN, en;q=0.5") == ({"name": "लखनऊ", "inEnglish": "Lucknow"}, "hi")
    assert await asked("en, hi;q=0.9") == ({"name": "Lucknow", "inEnglish": "Lucknow"}, "en")
    assert (await asked("fr, xx;q=zz"))[1] == "en"
