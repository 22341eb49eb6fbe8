"""GraphQL over HTTP: what is let in, what is refused and how, what leaves."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from runtime.endpoint import negotiated
from runtime.settings import Settings
from server import create_app
from tests.conftest import client_of

JSON = {"content-type": "application/json"}
GRAPHQL = "application/graphql-response+json"
DEEP: Any = []
for _ in range(100):
    DEEP = [DEEP]

MALFORMED = {
    "nothing": b"",
    "no JSON": b"{",
    "null": b"null",
    "a number": b"1",
    "a string": b'"x"',
    "an array": b'[{"query": "{ __typename }"}]',
    "no query": b"{}",
    "a query that is a number": b'{"query": 1}',
    "variables that are a list": b'{"query": "{ __typename }", "variables": []}',
    "a name that is an object": b'{"query": "{ __typename }", "operationName": {}}',
    "extensions that are a string": b'{"query": "{ __typename }", "extensions": "x"}',
    "broken UTF-8": b'{"query": "\xff"}',
    "a lone surrogate": b'{"query": "\\ud800"}',
    "brackets without end": b"[" * 50_000,
    "variables nested too deep": json.dumps(
        {"query": "{ __typename }", "variables": {"a": DEEP}}
    ).encode(),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_body_is_refused_in_json_with_a_code(
    client: httpx.AsyncClient, body: bytes
) -> None:
    response = await client.post("/graphql", content=body, headers=JSON)

    assert response.status_code == 400
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_INPUT"
    assert error["message"]


async def test_a_body_over_the_limit_is_refused_however_it_comes(
    client: httpx.AsyncClient,
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b" " * 5_000

    for content in (b" " * 150_000, chunks()):
        response = await client.post("/graphql", content=content, headers=JSON)
        assert response.status_code == 413
        assert response.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {},
    ],
)
async def test_other_kinds_of_body_are_refused(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await client.post("/graphql", content=b'{"query":"{a}"}', headers=headers)

    assert response.status_code == 415
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"


async def test_other_methods_and_paths_are_refused_in_json(client: httpx.AsyncClient) -> None:
    wrong = await client.put("/graphql", content=b"{}", headers=JSON)
    nowhere = await client.get("/nowhere")
    plain_get = await client.get("/graphql", headers={"accept": "application/json"})

    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    assert (nowhere.status_code, nowhere.json()["errors"][0]["extensions"]["code"]) == (
        404,
        "NOT_FOUND",
    )
    assert plain_get.status_code == 405


async def test_a_document_with_too_many_tokens_is_refused(client: httpx.AsyncClient) -> None:
    query = "{" + " __typename" * 6_000 + "}"

    response = await client.post("/graphql", json={"query": query})

    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": 5_000}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("{ wrokers { nodes { id } } }", "wrokers"),
        ("{ workers(first: “3”) }", "Syntax Error"),
        ('{ workers(first: "three") { nodes { id } } }', "Int"),
        ("query A { __typename } query B { __typename }", "operationName"),
        ("fragment F on Worker { id }", "never used"),
        ("subscription { x }", "subscription"),
    ],
)
async def test_a_mistake_in_the_document_is_told_with_a_code(
    client: httpx.AsyncClient, query: str, told: str
) -> None:
    response = await client.post("/graphql", json={"query": query})
    newer = await client.post("/graphql", json={"query": query}, headers={"accept": GRAPHQL})

    error = response.json()["errors"][0]
    assert told.lower() in error["message"].lower()
    assert error["extensions"]["code"] == "BAD_INPUT"
    assert (response.status_code, newer.status_code) == (200, 400)
    assert newer.headers["content-type"].startswith(GRAPHQL)


async def test_hindi_leaves_as_it_is_written(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/graphql", json={"query": "{ district(lgdCode: 162) { name(language: HI) } }"}
    )

    assert "लखनऊ".encode() in response.content
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_every_response_carries_a_request_id(client: httpx.AsyncClient) -> None:
    own = await client.post("/graphql", json={"query": "{ __typename }"})
    given = await client.post(
        "/graphql", json={"query": "{"}, headers={"x-request-id": "trace-me-42"}
    )
    forged = await client.post(
        "/graphql", json={"query": "{"}, headers={"x-request-id": "no spaces, please"}
    )

    assert len(own.headers["x-request-id"]) == 16
    assert given.headers["x-request-id"] == "trace-me-42"
    assert forged.headers["x-request-id"] != "no spaces, please"


async def test_a_database_that_is_gone_is_told_as_unavailable() -> None:
    settings = Settings(database_url="postgresql://nobody@127.0.0.1:1/nothing")
    async with client_of(create_app(settings)) as client:
        response = await client.post(
            "/graphql",
            json={"query": '{ viewer { role } worker(id: "wk_1") { id } }'},
        )
        ready = await client.get("/readyz")
        healthy = await client.get("/healthz")

    body = response.json()
    assert body["data"] == {"viewer": {"role": "ANONYMOUS"}, "worker": None}
    (error,) = body["errors"]
    assert error["extensions"]["code"] == "UNAVAILABLE"
    assert error["extensions"]["retryable"] is True
    assert "127.0.0.1" not in response.text
    assert response.headers["retry-after"]
    assert (ready.status_code, ready.json()) == (503, {"ready": False, "postgresql": "down"})
    assert healthy.status_code == 200


async def test_the_database_is_named_apart_in_readiness(client: httpx.AsyncClient) -> None:
    assert (await client.get("/readyz")).json() == {"ready": True, "postgresql": "up"}


async def test_the_schema_can_be_fetched_as_text(client: httpx.AsyncClient) -> None:
    assert "type Worker implements Node" in (await client.get("/schema.graphql")).text


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("*/*", "application/json"),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, application/json;q=0.9", GRAPHQL),
        (f"application/json, {GRAPHQL};q=0.5", "application/json"),
        (f"{GRAPHQL};q=0, application/json", "application/json"),
        ("text/html", "application/json"),
        (f"{GRAPHQL};q=oops", "application/json"),
    ],
)
def test_the_media_type_follows_what_the_client_likes_best(accept: str, chosen: str) -> None:
    assert negotiated(accept) == chosen


async def test_requests_at_once_share_nothing_but_the_pool(client: httpx.AsyncClient) -> None:
    async def code(number: int) -> Any:
        query = f"{{ district(lgdCode: {number}) {{ lgdCode }} }}"
        return (await client.post("/graphql", json={"query": query})).json()["data"]

    codes = list(range(118, 148))

    answers = await asyncio.gather(*(code(number) for number in codes))

    found = [answer["district"] and answer["district"]["lgdCode"] for answer in answers]
    assert all(got in (number, None) for got, number in zip(found, codes, strict=True))
    assert any(found)
