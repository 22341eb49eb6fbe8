"""What nobody waits for any more ends in PostgreSQL too; a command does not."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, select
from starlette.applications import Starlette

from models.account import Address
from runtime.rights import Role
from runtime.settings import Settings
from runtime.viewer import Viewer
from server import create_app
from tests.activity import locked, until_busy
from tests.asking import Inbox
from tests.live import Served, served
from tests.make import a_citizen, scalar

SLOW = "{ districts(first: 1) { nodes { slug } } }"
IN_PARTS = "{ __typename ... @defer { districts(first: 1) { nodes { slug } } } }"
READING = "FROM district"
ADD = "mutation ($input: AddAddressInput!) { addAddress(input: $input) { __typename } }"
HOME = {
    "label": "Home",
    "line": "Flat 3",
    "districtLgdCode": 162,
    "latitude": 26.85,
    "longitude": 81.0,
    "idempotencyKey": "k1",
}


@pytest_asyncio.fixture
async def gateway(app: Starlette) -> AsyncIterator[Served]:
    async with served(app) as gateway:
        yield gateway


def posted(query: str, accept: str = "application/json", **more: object) -> bytes:
    body = json.dumps({"query": query, **more}).encode()
    head = f"POST /graphql HTTP/1.1\r\nHost: gateway\r\nAccept: {accept}\r\n"
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + kind.encode() + body


def got(query: str) -> bytes:
    return f"GET /graphql?query={quote(query)} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode()


REQUESTS: dict[str, Callable[[], bytes]] = {
    "POST": lambda: posted(SLOW),
    "GET": lambda: got(SLOW),
    "events": lambda: posted(SLOW, "text/event-stream"),
    "parts": lambda: posted(IN_PARTS, "multipart/mixed"),
}


@pytest.mark.parametrize("way", REQUESTS)
async def test_a_statement_ends_when_its_client_has_gone(
    gateway: Served, database_url: str, way: str
) -> None:
    async with locked(database_url, "district"):
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(REQUESTS[way]())
        await until_busy(database_url, READING)
        writer.close()

        await until_busy(database_url, READING, count=0)


async def test_a_statement_ends_when_its_client_has_gone_though_another_request_waits(
    gateway: Served, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with locked(database_url, "district"):
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(posted(SLOW) * 3)
        await until_busy(database_url, READING)
        writer.close()

        await until_busy(database_url, READING, count=0)
    await gateway.all_left()
    assert "RuntimeError" not in caplog.text


async def test_a_statement_ends_when_its_operation_is_completed_on_a_socket(
    gateway: Served, database_url: str
) -> None:
    async with locked(database_url, "district"), gateway.socket() as socket:
        await socket.say("subscribe", id="1", payload={"query": SLOW})
        await until_busy(database_url, READING)
        await socket.say("complete", id="1")

        await until_busy(database_url, READING, count=0)
        await socket.say("ping")
        assert (await socket.hear())["type"] == "pong"


async def test_a_statement_ends_when_its_socket_is_closed(
    gateway: Served, database_url: str
) -> None:
    async with locked(database_url, "district"):
        async with gateway.socket() as socket:
            await socket.say("subscribe", id="1", payload={"query": SLOW})
            await until_busy(database_url, READING)

        await until_busy(database_url, READING, count=0)


async def test_a_statement_ends_when_its_operation_takes_too_long(
    settings: Settings, database_url: str
) -> None:
    app = create_app(replace(settings, operation_seconds=0.5), Inbox())
    async with (
        served(app) as gateway,
        locked(database_url, "district"),
        httpx.AsyncClient() as client,
    ):
        answer = (await client.post(gateway.http, json={"query": SLOW})).json()
        await until_busy(database_url, READING, count=0)

    assert answer["errors"][0]["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": 0.5}


async def test_a_read_that_takes_too_long_is_refused_by_name(
    settings: Settings, database_url: str
) -> None:
    app = create_app(replace(settings, statement_seconds_read=0.5), Inbox())
    async with (
        served(app) as gateway,
        locked(database_url, "district"),
        httpx.AsyncClient() as client,
    ):
        answer = (await client.post(gateway.http, json={"query": SLOW})).json()
        await until_busy(database_url, READING, count=0)

    assert [error["extensions"]["code"] for error in answer["errors"]] == ["LIMIT_EXCEEDED"]


@pytest.mark.parametrize("way", ["POST", "socket"])
async def test_a_command_whose_client_has_gone_is_carried_out(
    gateway: Served, database_url: str, way: str
) -> None:
    viewer = Viewer(Role.CITIZEN, (await a_citizen(database_url)).id)
    token = gateway.token(viewer)
    variables = {"input": HOME}
    async with locked(database_url, "address"):
        if way == "POST":
            _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            sent = posted(ADD, variables=variables)
            writer.write(sent.replace(b"Host:", f"Authorization: {token}\r\nHost:".encode(), 1))
            await until_busy(database_url, "address")
            writer.close()
        else:
            async with gateway.opened() as socket:
                await socket.begin(token)
                payload = {"query": ADD, "variables": variables}
                await socket.say("subscribe", id="1", payload=payload)
                await until_busy(database_url, "address")
    await until_busy(database_url, "address", count=0)

    async with httpx.AsyncClient(headers={"Authorization": token}) as client:
        again = await client.post(gateway.http, json={"query": ADD, "variables": variables})
    assert again.json() == {"data": {"addAddress": {"__typename": "Address"}}}
    assert await scalar(database_url, select(func.count()).select_from(Address)) == 1


async def test_ten_slow_reads_at_once_refuse_no_ordinary_one(
    gateway: Served, database_url: str
) -> None:
    """There are two connections for reads here, and eight slow ones wait before the first ordinary
    read."""
    async with (
        locked(database_url, "district"),
        httpx.AsyncClient(timeout=30) as client,
    ):
        slow = [
            asyncio.create_task(client.post(gateway.http, json={"query": SLOW})) for _ in range(10)
        ]
        await until_busy(database_url, READING, count=2)
        ordinary = {"query": "{ serviceCategories(first: 1) { nodes { slug } } }"}
        answers = await asyncio.gather(
            *(client.post(gateway.http, json=ordinary) for _ in range(20))
        )
        for task in slow:
            task.cancel()
        await asyncio.wait(slow)

    told = [answer.json() for answer in answers]
    assert all("errors" not in each for each in told), told
