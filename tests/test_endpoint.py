"""GraphQL over HTTP: what is let in, what is refused and how, what leaves."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from edge.negotiation import GRAPHQL
from engine.engine import Engine
from runtime.settings import Settings
from server import create_app
from tests.conftest import client_of, run_sql_async
from tests.patience import PATIENCE

JSON = {"content-type": "application/json"}
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
        {"content-type": 'application/json; charset="latin-1"'},
        {"content-type": "application/json; charset=utf-8; charset=utf-16"},
        {"content-type": 'text/plain; like="application/json"'},
        {"content-type": "application/json", "content-encoding": "br"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/x-www-form-urlencoded"},
        {},
    ],
)
async def test_other_kinds_of_body_are_refused(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await client.post("/graphql", content=b'{"query":"{a}"}', headers=headers)

    assert response.status_code == 415
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"


@pytest.mark.parametrize(
    "kind",
    [
        'application/json; charset="utf-8"',
        'application/json;charset="UTF-8"',
        "Application/JSON ; Charset=UTF-8",
        "application/json;",
    ],
)
async def test_json_in_utf_8_may_be_named_in_several_ways(
    client: httpx.AsyncClient, kind: str
) -> None:
    sent = '{"query": "{ __typename } # हाँ"}'.encode()
    response = await client.post("/graphql", content=sent, headers={"content-type": kind})

    assert response.json() == {"data": {"__typename": "Query"}}


async def test_other_methods_and_paths_are_refused_in_json(client: httpx.AsyncClient) -> None:
    wrong = await client.put("/graphql", content=b"{}", headers=JSON)
    nowhere = await client.get("/nowhere")

    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    assert (nowhere.status_code, nowhere.json()["errors"][0]["extensions"]["code"]) == (
        404,
        "NOT_FOUND",
    )


async def test_a_document_with_too_many_tokens_is_refused(client: httpx.AsyncClient) -> None:
    query = "{" + " __typename" * 6_000 + "}"

    response = await client.post("/graphql", json={"query": query})

    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "which": "tokens", "limit": 5_000}


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


@pytest.mark.slow
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


async def test_requests_at_once_share_nothing_but_the_pool(client: httpx.AsyncClient) -> None:
    async def code(number: int) -> Any:
        query = f"{{ district(lgdCode: {number}) {{ lgdCode }} }}"
        return (await client.post("/graphql", json={"query": query})).json()["data"]

    codes = list(range(118, 148))

    answers = await asyncio.gather(*(code(number) for number in codes))

    found = [answer["district"] and answer["district"]["lgdCode"] for answer in answers]
    assert all(got in (number, None) for got, number in zip(found, codes, strict=True))
    assert any(found)


async def test_a_fault_of_ours_is_masked_and_can_be_found_in_the_log(
    client: httpx.AsyncClient, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await run_sql_async(database_url, "ALTER TABLE district RENAME COLUMN name_en TO renamed")

    response = await client.post(
        "/graphql", json={"query": "{ viewer { role } district(lgdCode: 162) { name } }"}
    )

    (error,) = response.json()["errors"]
    request_id = response.headers["x-request-id"]
    assert error["extensions"] == {"code": "INTERNAL", "requestId": request_id}
    assert error["path"] == ["district"]
    assert "name_en" not in response.text
    logged = capsys.readouterr().out
    assert "name_en" in logged
    assert request_id in logged


async def test_a_fault_outside_any_field_is_masked_as_well(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise LookupError("in the engine room")

    monkeypatch.setattr(Engine, "prepare", broken)
    response = await client.post("/graphql", json={"query": "{ __typename }"})

    request_id = response.headers["x-request-id"]
    (error,) = response.json()["errors"]
    assert response.status_code == 500
    assert error["extensions"] == {"code": "INTERNAL", "requestId": request_id}
    assert "engine room" not in response.text
    logged = capsys.readouterr().out
    assert "engine room" in logged
    assert request_id in logged


async def test_headers_beyond_what_is_read_do_no_harm(client: httpx.AsyncClient) -> None:
    accept = ", ".join(["application/json", *(f"text/x-{number}" for number in range(500))])

    response = await client.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"accept": accept}
    )

    assert response.json() == {"data": {"__typename": "Query"}}


async def test_reads_go_on_when_postgresql_has_dropped_every_connection(
    client: httpx.AsyncClient, database_url: str
) -> None:
    ask = {"query": "{ district(lgdCode: 162) { slug } }"}
    before = (await client.post("/graphql", json=ask)).json()
    await run_sql_async(
        database_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )

    assert (await client.post("/graphql", json=ask)).json() == before
    assert before["data"]["district"] == {"slug": "lucknow"}


@pytest.mark.parametrize("begun", [b"", b'{"query": "{ __ty'])
async def test_a_sender_who_dawdles_is_let_go(
    app: Starlette, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr("runtime.http.BODY_SECONDS", 0.2)
    async with served(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /graphql HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n" + begun
        )
        answer = (await asyncio.wait_for(reader.readuntil(b"}]}"), timeout=PATIENCE)).decode()
        writer.close()

    assert answer.startswith("HTTP/1.1 408 ")
    assert '"code":"BAD_INPUT"' in answer


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[int]:
    """The port of a real server; whoever connects before it is ready waits."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
        task = asyncio.create_task(server.serve([listening]))
        yield listening.getsockname()[1]
        server.should_exit = True
        await task
