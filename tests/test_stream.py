"""Answers that arrive in pieces over HTTP: in which form, to whom, and until when."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from edge import stream
from edge.negotiation import EVENTS, MULTIPART, manner_of
from edge.stream import AsOlderParts
from engine.engine import Engine
from models.booking import BookingState
from runtime.rights import Role
from runtime.settings import Settings
from runtime.viewer import Viewer
from server import create_app
from tests.asking import Inbox
from tests.delivery import Merged
from tests.live import Served, served
from tests.make import a_worker
from tests.patience import PATIENCE
from tests.visiting import Visit, a_visit

CHANGED = """subscription ($booking: ID!, $after: String) {
  bookingChanged(bookingId: $booking, after: $after) { eventId event booking { state } }
}"""
DEFERRED = '{ district(lgdCode: 162) { slug ... @defer(label: "rest") { id } } }'
PLAIN = "{ district(lgdCode: 162) { slug } }"
URQL = "application/graphql-response+json, application/json, text/event-stream, multipart/mixed"


@pytest.fixture
def app(settings: Settings, inbox: Inbox) -> Starlette:
    return create_app(settings, inbox)


@pytest_asyncio.fixture
async def gateway(app: Starlette) -> AsyncIterator[Served]:
    async with served(app) as gateway:
        yield gateway


class Events:
    """As a browser takes them apart."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def next(self) -> dict[str, str]:
        """The fields of the next block that is not empty."""
        block: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE):
            async for line in self._lines:
                if line:
                    name, _, value = line.partition(":")
                    block[name] = value.removeprefix(" ")
                elif block:
                    return block
        return block

    async def told(self) -> Any:
        block = await self.next()
        assert block["event"] == "next", block
        return json.loads(block["data"])


@asynccontextmanager
async def asked(
    gateway: Served,
    query: str,
    accept: str = EVENTS,
    viewer: Viewer | None = None,
    **given: Any,
) -> AsyncIterator[Events]:
    headers = {"accept": accept, **given.pop("headers", {})}
    if viewer is not None:
        headers["authorization"] = gateway.token(viewer, given.pop("minutes", 10))
    async with (
        httpx.AsyncClient(timeout=PATIENCE) as client,
        client.stream(
            "POST", gateway.http, json={"query": query, "variables": given}, headers=headers
        ) as response,
    ):
        yield Events(response)


async def go(gateway: Served, visit: Visit, *commands: str) -> None:
    for command in commands:
        where: dict[str, Any] = {"latitude": 26.8496, "longitude": 81.0072}
        await visit.send(Role.WORKER, command, **(where if command == "markArrived" else {}))
        await gateway.sequence()


@pytest.mark.parametrize(
    ("accept", "in_one", "in_parts"),
    [
        (b"", "application/graphql-response+json", "application/graphql-response+json"),
        (b"*/*", "application/json", "application/json"),
        (URQL.encode(), "application/graphql-response+json", "application/graphql-response+json"),
        (b"text/event-stream", EVENTS, EVENTS),
        (b"text/event-stream;q=0.5, application/json", "application/json", "application/json"),
        (
            b"multipart/mixed;incrementalSpec=v0.2,application/json;q=0.9",
            "application/json",
            MULTIPART,
        ),
        (
            b"multipart/mixed;deferSpec=20220824,application/json;q=0.9",
            "application/json",
            "multipart/mixed;deferspec=20220824",
        ),
        (b"multipart/mixed", MULTIPART, MULTIPART),
    ],
)
def test_nobody_is_sent_pieces_who_likes_something_else_better(
    accept: bytes, in_one: str, in_parts: str
) -> None:
    manner = manner_of(accept, b"")

    assert (manner.in_one, manner.in_parts) == (in_one, in_parts)


async def test_what_happens_is_told_as_events_that_have_ids(gateway: Served, inbox: Inbox) -> None:
    visit = await a_visit(gateway.process, inbox, BookingState.ACCEPTED)
    async with asked(
        gateway, CHANGED, viewer=visit.by(Role.CITIZEN), booking=visit.booking.id
    ) as events:
        assert events.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert 1000 <= int((await events.next())["retry"]) <= 5000
        await go(gateway, visit, "startTravel")
        first = await events.next()
    change = json.loads(first["data"])["data"]["bookingChanged"]
    assert (change["event"], change["eventId"]) == ("WorkerEnRoute", first["id"])
    await go(gateway, visit, "markArrived")

    # As a browser comes back: what it was told last stands in a header.
    async with asked(
        gateway,
        CHANGED,
        viewer=visit.by(Role.CITIZEN),
        booking=visit.booking.id,
        after="ev_0",
        headers={"last-event-id": first["id"]},
    ) as events:
        await events.next()
        assert (await events.told())["data"]["bookingChanged"]["event"] == "WorkerArrived"


async def test_nobody_else_is_told(gateway: Served, inbox: Inbox) -> None:
    visit = await a_visit(gateway.process, inbox, BookingState.ACCEPTED)
    stranger = Viewer(Role.CITIZEN, "cz_1")
    async with asked(gateway, CHANGED, viewer=stranger, booking=visit.booking.id) as events:
        await events.next()
        (error,) = (await events.told())["errors"]
        assert error["extensions"]["code"] == "NOT_FOUND"
        assert (await events.next())["event"] == "complete"
        assert await events.next() == {}


async def test_a_token_that_ends_ends_the_events(gateway: Served, inbox: Inbox) -> None:
    visit = await a_visit(gateway.process, inbox, BookingState.ACCEPTED)
    viewer, booking = visit.by(Role.CITIZEN), visit.booking.id
    async with asked(gateway, CHANGED, viewer=viewer, booking=booking, minutes=2 / 60) as events:
        await events.next()
        (error,) = (await events.told())["errors"]
        assert error["extensions"]["code"] == "UNAUTHENTICATED"
        assert (await events.next())["event"] == "complete"


async def test_silence_is_broken_by_heartbeats_and_who_leaves_is_listened_for_no_more(
    gateway: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.05)
    query = "subscription { statisticsChanged { eventId } }"
    async with asked(gateway, query) as events:
        await events.next()
        assert await events.next() == {"": ""}
        assert gateway.process.feed._listening == 1
    async with asyncio.timeout(PATIENCE):
        await gateway.all_left()
    assert gateway.process.feed._listening == 0


async def test_there_are_limits_to_streams_as_to_sockets(settings: Settings, inbox: Inbox) -> None:
    app = create_app(replace(settings, live_each=1), inbox)
    query = "subscription { statisticsChanged { eventId } }"
    async with served(app) as gateway, gateway.socket(), asked(gateway, query) as events:
        assert events.response.status_code == 429
        assert events.response.headers["retry-after"]


async def test_events_are_cut_off_when_the_server_is_about_to_stop(gateway: Served) -> None:
    query = "subscription { statisticsChanged { eventId } }"
    async with gateway.socket() as socket, asked(gateway, query) as events:
        await events.next()
        draining = asyncio.create_task(gateway.drained())
        # Not completed: so clients come back by themselves.
        assert await events.next() == {}
        assert await socket.code() == 1012
        async with gateway.opened() as late:
            assert await late.code() == 1013
        await draining


@pytest.mark.parametrize("accept", ["application/json", "multipart/mixed"])
async def test_a_subscription_is_refused_to_who_takes_no_events(
    gateway: Served, accept: str
) -> None:
    async with asked(gateway, "subscription { statisticsChanged { eventId } }", accept) as events:
        await events.response.aread()
        assert events.response.status_code == 406
        assert events.response.json()["errors"][0]["extensions"]["code"] == "NOT_ACCEPTABLE"


async def test_queries_and_their_faults_are_events_for_who_takes_nothing_else(
    gateway: Served,
) -> None:
    for query, expected in (
        (PLAIN, {"data": {"district": {"slug": "lucknow"}}}),
        ("{ nothing }", None),
    ):
        async with asked(gateway, query) as events:
            await events.next()
            told = await events.told()
            assert told == expected if expected else told.keys() == {"errors"}
            assert (await events.next())["event"] == "complete"


def parts(body: bytes) -> list[Any]:
    preamble, *found, end = body.split(b"\r\n--graphql")
    assert (preamble, end) == (b"", b"--\r\n")
    return [json.loads(part.partition(b"\r\n\r\n")[2]) for part in found]


async def test_what_is_deferred_comes_in_parts(gateway: Served) -> None:
    accept = "multipart/mixed;incrementalSpec=v0.2, application/json;q=0.9"
    async with asked(gateway, DEFERRED, accept) as response:
        told = parts(await response.response.aread())

    assert told == [
        {
            "data": {"district": {"slug": "lucknow"}},
            "pending": [{"id": "0", "path": ["district"], "label": "rest"}],
            "hasNext": True,
        },
        {
            "incremental": [{"id": "0", "data": {"id": "dt_162"}}],
            "completed": [{"id": "0"}],
            "hasNext": False,
        },
    ]


IN_LISTS = {
    "nodes": "{ workers(first: 2) { %s { nodes { id skills { verified } } } } }",
    "edges": "{ workers(first: 2) { %s { edges { node { id skills { verified } } } } } }",
    "each": "{ workers(first: 2) { edges { node { id %s { skills { verified } } } } } }",
    "all": "{ %s { workers(first: 2) { nodes { id skills { category { name } } } } } }",
}


@pytest.mark.parametrize("accept", [MULTIPART, EVENTS])
@pytest.mark.parametrize("query", IN_LISTS.values(), ids=IN_LISTS)
async def test_deferred_lists_are_what_they_are_at_once(
    gateway: Served, database_url: str, query: str, accept: str
) -> None:
    for _ in range(3):
        await a_worker(database_url)
    async with asked(gateway, query % "...", "application/json") as response:
        await response.response.aread()
        whole = response.response.json()
    async with asked(gateway, query % "... @defer", accept) as response:
        if accept == EVENTS:
            body = (await response.response.aread()).decode()
            assert body.endswith("event: complete\ndata:\n\n")
            told = [json.loads(line[6:]) for line in body.splitlines() if line[:6] == "data: "]
        else:
            told = parts(await response.response.aread())

    found = Merged()
    for payload in told:
        found.take(payload)
    assert told[-1]["hasNext"] is False
    assert len(whole["data"]["workers"].get("nodes") or whole["data"]["workers"]["edges"]) == 2
    assert (found.data, found.errors) == (whole["data"], [])


async def test_clients_of_before_get_the_parts_as_they_were(gateway: Served) -> None:
    accept = "multipart/mixed;deferSpec=20220824, application/json;q=0.9"
    async with asked(gateway, DEFERRED, accept) as response:
        told = parts(await response.response.aread())

    assert told == [
        {"data": {"district": {"slug": "lucknow"}}, "hasNext": True},
        {
            "incremental": [{"data": {"id": "dt_162"}, "path": ["district"], "label": "rest"}],
            "hasNext": False,
        },
    ]


async def test_the_items_of_a_stream_were_told_by_their_place() -> None:
    older = AsOlderParts()
    bodies = [
        {
            "data": {"list": [1, 2], "a": None},
            "pending": [{"id": "0", "path": ["list"]}, {"id": "1", "path": ["a"]}],
            "hasNext": True,
        },
        {
            "incremental": [{"id": "0", "items": [3, 4]}],
            "completed": [{"id": "1", "errors": [{"message": "broken"}]}],
            "hasNext": True,
        },
        {"incremental": [{"id": "0", "items": [5]}], "hasNext": False},
    ]

    _, second, third = parts(
        older.beginning + b"".join(older.piece(body, None) for body in bodies) + older.end
    )

    assert second["incremental"] == [
        {"items": [3, 4], "path": ["list", 2]},
        {"data": None, "path": ["a"], "errors": [{"message": "broken"}]},
    ]
    assert third["incremental"] == [{"items": [5], "path": ["list", 4]}]


async def test_who_likes_json_better_gets_all_at_once(gateway: Served) -> None:
    for accept in (URQL, "application/json", "*/*"):
        async with asked(gateway, DEFERRED, accept) as response:
            await response.response.aread()
            told = response.response.json()
            assert told == {"data": {"district": {"slug": "lucknow", "id": "dt_162"}}}


async def test_what_is_never_run_is_refused_with_a_status(gateway: Served) -> None:
    query = DEFERRED.replace("id", "nothing")
    accept = "multipart/mixed, application/graphql-response+json;q=0.9"
    async with asked(gateway, query, accept) as response:
        assert response.response.status_code == 400


async def test_parts_that_nobody_reads_any_more_are_not_made(
    gateway: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = asyncio.Event()
    unwatched = Engine.deliver

    async def deliver(*given: Any) -> Any:
        try:
            async for payload in unwatched(*given):
                yield payload
                await asyncio.sleep(0.05)
        finally:
            closed.set()

    monkeypatch.setattr(Engine, "deliver", deliver)
    many = " ".join(f'... @defer(label: "l{n}") {{ a{n}: slug }}' for n in range(40))
    async with asked(gateway, f"{{ district(lgdCode: 162) {{ id {many} }} }}", MULTIPART):
        pass

    async with asyncio.timeout(PATIENCE):
        await closed.wait()
