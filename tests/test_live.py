"""What happens is told to whom it concerns, over sockets, in order, and to nobody else."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from socket import SO_SNDBUF, SOL_SOCKET
from typing import Any

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from websockets.exceptions import InvalidStatus

from edge import lasting, websocket
from models.booking import BookingState
from resolvers import live
from runtime.rights import Role
from runtime.settings import Settings
from runtime.viewer import Viewer
from server import create_app
from tests.asking import Inbox
from tests.conftest import recorded, run_sql_async
from tests.live import Served, served
from tests.make import LUCKNOW
from tests.patience import PATIENCE
from tests.visiting import Visit, a_visit

CHANGED = """subscription ($booking: ID!, $after: String) {
  bookingChanged(bookingId: $booking, after: $after) { eventId event booking { state number } }
}"""
OFFERED = "subscription { jobOffered { booking { id state } } }"
BOARD = """subscription ($code: Int) {
  districtBoard(districtCode: $code) { event booking { id } incident { id } district { slug } }
}"""
STATISTICS = "subscription { statisticsChanged { statistics { serviceCategories } } }"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(live, "STATISTICS_SECONDS", 0.05)


@pytest.fixture
def app(settings: Settings, inbox: Inbox) -> Starlette:
    return create_app(replace(settings, live_per_viewer=2), inbox)


@pytest_asyncio.fixture
async def gateway(app: Starlette) -> AsyncIterator[Served]:
    async with served(app) as gateway:
        yield gateway


@pytest_asyncio.fixture
async def visit(gateway: Served, inbox: Inbox) -> Visit:
    return await a_visit(gateway.process, inbox, BookingState.ACCEPTED)


async def go(gateway: Served, visit: Visit, *commands: str) -> None:
    for command in commands:
        where: dict[str, Any] = (
            {"latitude": 26.8496, "longitude": 81.0072} if command == "markArrived" else {}
        )
        told = await visit.send(Role.WORKER, command, **where)
        assert told["__typename"] == "Booking", told
        await gateway.sequence()


async def test_the_parties_are_told_in_order_with_rights_of_their_own(
    gateway: Served, visit: Visit
) -> None:
    citizen, worker = visit.by(Role.CITIZEN), visit.by(Role.WORKER)
    async with gateway.socket(citizen) as hers, gateway.socket(worker) as his:
        for socket in (hers, his):
            await socket.subscribe(CHANGED, booking=visit.booking.id)
        await go(gateway, visit, "startTravel", "markArrived")

        for socket in (hers, his):
            told = [await socket.next("bookingChanged") for _ in range(2)]
            assert [each["event"] for each in told] == ["WorkerEnRoute", "WorkerArrived"]
            assert told[1]["booking"]["state"] == "ARRIVED"


async def test_each_event_is_read_with_the_rights_of_who_is_told(
    gateway: Served, visit: Visit
) -> None:
    query = CHANGED.replace("number", "address")
    async with (
        gateway.socket(visit.by(Role.CITIZEN)) as hers,
        gateway.socket(visit.by(Role.PROVIDER)) as theirs,
    ):
        for socket in (hers, theirs):
            await socket.subscribe(query, booking=visit.booking.id)
        await go(gateway, visit, "startTravel")

        assert (await hers.next("bookingChanged"))["booking"]["address"]
        told = (await theirs.hear())["payload"]
        assert told["data"]["bookingChanged"]["booking"]["address"] is None
        assert told["errors"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize("role", [Role.ANONYMOUS, Role.CITIZEN, Role.WORKER])
async def test_to_anybody_else_the_booking_does_not_exist(
    gateway: Served, visit: Visit, role: Role
) -> None:
    stranger = None if role is Role.ANONYMOUS else Viewer(role, "xx_1")
    async with gateway.socket(stranger) as socket:
        await socket.say(
            "subscribe",
            id="1",
            payload={"query": CHANGED, "variables": {"booking": visit.booking.id}},
        )
        told = await socket.hear()

    assert told["type"] == "error"
    assert told["payload"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_who_comes_back_misses_nothing_and_is_told_nothing_twice(
    gateway: Served, visit: Visit
) -> None:
    citizen = visit.by(Role.CITIZEN)
    async with gateway.socket(citizen) as socket:
        await socket.subscribe(CHANGED, booking=visit.booking.id)
        await go(gateway, visit, "startTravel")
        last = await socket.next("bookingChanged")
    await go(gateway, visit, "markArrived")

    async with gateway.socket(citizen) as socket:
        await socket.say(
            "subscribe",
            id="1",
            payload={
                "query": CHANGED,
                "variables": {"booking": visit.booking.id, "after": last["eventId"]},
            },
        )
        assert (await socket.next("bookingChanged"))["event"] == "WorkerArrived"


@pytest.mark.parametrize(
    ("after", "code"),
    [
        ("ev_ffffffffffff", "CURSOR_FROM_ANOTHER_HISTORY"),
        ("ev_", "BAD_INPUT"),
        ("now", "BAD_INPUT"),
    ],
)
async def test_an_event_that_nobody_was_told_is_refused(
    gateway: Served, visit: Visit, after: str, code: str
) -> None:
    async with gateway.socket(visit.by(Role.CITIZEN)) as socket:
        variables = {"booking": visit.booking.id, "after": after}
        await socket.say("subscribe", id="1", payload={"query": CHANGED, "variables": variables})
        told = await socket.hear()

    assert [error["extensions"]["code"] for error in told["payload"]] == [code]


async def test_a_worker_is_told_of_offers_and_of_losing_them(gateway: Served, inbox: Inbox) -> None:
    visit = await a_visit(gateway.process, inbox, BookingState.REQUESTED)
    await run_sql_async(visit.url, "UPDATE booking SET worker_id = NULL")
    async with gateway.socket(visit.by(Role.WORKER)) as socket:
        await socket.subscribe(OFFERED, "offers")
        told = await visit.send(Role.STATE_OFFICER, "assignWorker", workerId=visit.worker.id)
        assert told["__typename"] == "Booking", told
        await gateway.sequence()
        offer = await socket.next("jobOffered")
        assert offer == {"booking": {"id": visit.booking.id, "state": "ASSIGNED"}}

        await socket.subscribe(CHANGED, "change", booking=visit.booking.id)
        await visit.send(Role.STATE_OFFICER, "reassignBooking", reason="Somebody else is nearer")
        await gateway.sequence()

        lost = await socket.next("bookingChanged")
        assert (lost["event"], lost["booking"]) == ("BookingReassigned", None)
        assert await socket.hear() == {"id": "change", "type": "complete"}


async def test_officers_watch_their_districts_and_no_other(gateway: Served, visit: Visit) -> None:
    here = Viewer(Role.DISTRICT_OFFICER, "of_1", districts=(LUCKNOW,))
    elsewhere = Viewer(Role.DISTRICT_OFFICER, "of_2", districts=("dt_118",))
    state = Viewer(Role.STATE_OFFICER, "of_3")
    async with (
        gateway.socket(here) as mine,
        gateway.socket(elsewhere) as theirs,
        gateway.socket(state) as whole,
    ):
        for socket in (mine, theirs, whole):
            await socket.subscribe(BOARD)
        await go(gateway, visit, "startTravel")
        told = {
            "event": "WorkerEnRoute",
            "booking": {"id": visit.booking.id},
            "incident": None,
            "district": {"slug": "lucknow"},
        }
        assert await mine.next("districtBoard") == told
        assert await whole.next("districtBoard") == told
        await theirs.say("ping")
        assert await theirs.hear() == {"type": "pong"}

        await theirs.say("subscribe", id="2", payload={"query": BOARD, "variables": {"code": 162}})
        refused = await theirs.hear()
        assert refused["payload"][0]["extensions"]["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    ("query", "role", "code"),
    [
        (OFFERED, Role.CITIZEN, "FORBIDDEN"),
        (OFFERED, Role.ANONYMOUS, "UNAUTHENTICATED"),
        (BOARD, Role.WORKER, "FORBIDDEN"),
    ],
)
async def test_what_is_told_to_a_role_is_told_to_no_other(
    gateway: Served, query: str, role: Role, code: str
) -> None:
    viewer = None if role is Role.ANONYMOUS else Viewer(role, "xx_1")
    async with gateway.socket(viewer) as socket:
        await socket.say("subscribe", id="1", payload={"query": query})
        told = await socket.hear()

    assert [error["extensions"]["code"] for error in told["payload"]] == [code]


async def test_a_call_for_help_is_told_to_officers_and_not_to_the_other_party(
    gateway: Served, visit: Visit
) -> None:
    officer = Viewer(Role.STATE_OFFICER, "of_1")
    async with (
        gateway.socket(visit.by(Role.WORKER)) as his,
        gateway.socket(officer) as theirs,
    ):
        await his.subscribe(CHANGED, booking=visit.booking.id)
        await theirs.subscribe(BOARD)
        await visit.send(Role.CITIZEN, "callForHelp")
        await go(gateway, visit, "startTravel")

        assert (await his.next("bookingChanged"))["event"] == "WorkerEnRoute"
        told = await theirs.next("districtBoard")
        assert (told["event"], told["booking"]) == ("SosRaised", None)
        assert told["incident"]["id"]


async def test_figures_are_told_to_anybody_and_not_for_every_change(
    gateway: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STATISTICS_SECONDS", 0.3)
    async with gateway.socket() as socket:
        await socket.subscribe(STATISTICS)
        await run_sql_async(
            gateway.process.settings.database_url or "",
            "INSERT INTO outbox (event, subject_id, facts)"
            " SELECT 'CategoryChanged', 'sc_1', '{}' FROM generate_series(1, 50)",
        )
        await gateway.sequence()

        figures = {"statistics": {"serviceCategories": 26}}
        assert await socket.next("statisticsChanged") == figures
        await socket.say("ping")
        assert await socket.hear() == {"type": "pong"}


async def test_queries_and_commands_are_answered_on_a_socket(gateway: Served, visit: Visit) -> None:
    async with gateway.socket(visit.by(Role.WORKER)) as socket:
        await socket.say("subscribe", id="q", payload={"query": "{ viewer { role } }"})
        assert await socket.next("viewer") == {"role": "WORKER"}
        assert await socket.hear() == {"id": "q", "type": "complete"}

        command = "mutation ($i: StartTravelInput!) { startTravel(input: $i) { __typename } }"
        given = {"i": {"bookingId": visit.booking.id}}
        await socket.say("subscribe", id="q", payload={"query": command, "variables": given})
        assert await socket.next("startTravel") == {"__typename": "Booking"}
        assert await socket.hear() == {"id": "q", "type": "complete"}

        await socket.say("subscribe", id="q", payload={"query": "{ nothing }"})
        told = await socket.hear()
        assert (told["id"], told["type"]) == ("q", "error")


async def test_nothing_is_told_once_it_is_not_wanted_any_more(
    gateway: Served, visit: Visit
) -> None:
    async with gateway.socket(visit.by(Role.CITIZEN)) as socket:
        await socket.subscribe(CHANGED, booking=visit.booking.id)
        await socket.say("complete", id="1")
        await socket.subscribe(CHANGED, "2", booking=visit.booking.id)
        await go(gateway, visit, "startTravel")

        assert (await socket.hear())["id"] == "2"


async def test_a_token_that_ends_ends_the_socket(gateway: Served, visit: Visit) -> None:
    async with gateway.opened() as socket:
        await socket.begin(gateway.token(visit.by(Role.CITIZEN), minutes=2 / 60))

        assert await socket.code() == 4403


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE session SET ended_at = :now",
        "UPDATE citizen SET erased_at = :now",
        "DELETE FROM session; UPDATE citizen SET erased_at = :now",
    ],
)
async def test_who_is_signed_out_or_forgotten_is_told_no_more(
    gateway: Served, visit: Visit, statement: str
) -> None:
    await run_sql_async(
        visit.url,
        "INSERT INTO session (id, person_id, role, refresh_hash, expires_at) VALUES ('ss_1',"
        f" '{visit.citizen.id}', 'CITIZEN', 'x', :now + interval '1 day')",
    )
    viewer = replace(visit.by(Role.CITIZEN), session_id="ss_1")
    async with gateway.socket(viewer) as socket:
        await socket.subscribe(CHANGED, booking=visit.booking.id)
        await run_sql_async(visit.url, *statement.split(";"))
        assert await socket.code() == 4401

    async with gateway.opened() as socket:
        await socket.say("connection_init", payload={"authorization": gateway.token(viewer)})
        assert await socket.code() == 4403


async def test_a_suspended_worker_is_told_no_more(gateway: Served, visit: Visit) -> None:
    async with gateway.socket(visit.by(Role.WORKER)) as socket:
        await run_sql_async(visit.url, "UPDATE worker SET status = 'SUSPENDED'")
        assert await socket.code() == 4401


BROKEN: dict[str, tuple[list[dict[str, Any] | str], int]] = {
    "what is no JSON": (["{"], 4400),
    "what is no object": (["[]"], 4400),
    "no type": ([{}], 4400),
    "a type there is not": ([{"type": "start"}], 4400),
    "a payload that is no object": ([{"type": "connection_init", "payload": []}], 4400),
    "a token that is none": (
        [{"type": "connection_init", "payload": {"Authorization": "Bearer x.y.z"}}],
        4403,
    ),
    "beginning twice": ([{"type": "connection_init"}] * 2, 4429),
    "subscribing before": (
        [{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}],
        4401,
    ),
    "no id": ([{"type": "connection_init"}, {"type": "subscribe", "payload": {"query": ""}}], 4400),
    "no query": ([{"type": "connection_init"}, {"type": "subscribe", "id": "1"}], 4400),
    "an id that is taken": (
        [
            {"type": "connection_init"},
            *[{"type": "subscribe", "id": "1", "payload": {"query": STATISTICS}}] * 2,
        ],
        4409,
    ),
    "a message that is too large": (["x" * 200_000], 1009),
}


@pytest.mark.parametrize(("said", "code"), BROKEN.values(), ids=BROKEN)
async def test_who_breaks_the_protocol_is_told_how_and_let_go(
    gateway: Served, said: list[dict[str, Any] | str], code: int
) -> None:
    async with gateway.opened() as socket:
        for message in said:
            text = message if isinstance(message, str) else json.dumps(message)
            await socket.connection.send(text)
        assert await socket.code() == code


async def test_who_does_not_begin_is_let_go(
    gateway: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "BEGIN_SECONDS", 0.05)
    async with gateway.opened() as socket:
        assert await socket.code() == 4408


async def test_another_protocol_is_not_spoken(gateway: Served) -> None:
    async with gateway.opened(subprotocols=None) as socket:
        assert await socket.code() == 4406


async def test_pages_from_elsewhere_do_not_get_in(
    settings: Settings, inbox: Inbox, gateway: Served
) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        async with gateway.opened(origin="https://evil.example"):
            pass
    async with gateway.socket(origin=f"http://127.0.0.1:{gateway.port}"):
        pass
    named = create_app(replace(settings, cors_origins="https://app.example"), inbox)
    async with served(named) as other, other.socket(origin="https://app.example"):
        pass


async def test_there_are_limits_to_connections_and_operations(
    settings: Settings, inbox: Inbox
) -> None:
    few = replace(settings, live_per_viewer=1, live_each=2, operations_per_socket=1)
    viewer = Viewer(Role.CITIZEN, "cz_1")
    async with served(create_app(few, inbox)) as gateway, gateway.socket(viewer) as first:
        await first.say("subscribe", id="1", payload={"query": STATISTICS})
        await first.say("subscribe", id="2", payload={"query": STATISTICS})
        refused = await first.hear()
        assert (refused["id"], refused["type"]) == ("2", "error")
        assert refused["payload"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"

        async with gateway.opened() as second:
            await second.say("connection_init", payload={"authorization": gateway.token(viewer)})
            assert await second.code() == 1013
        async with gateway.socket(), gateway.opened() as third:
            assert await third.code() == 1013
        async with gateway.socket():
            pass


async def test_points_are_taken_of_what_is_asked_on_a_socket(
    settings: Settings, inbox: Inbox
) -> None:
    few = replace(settings, points_anonymous="20/1")
    query = "{ district(lgdCode: 162) { slug } }"
    async with served(create_app(few, inbox)) as gateway, gateway.socket() as socket:
        await socket.say("subscribe", id="1", payload={"query": query})
        first, complete = await socket.hear(), await socket.hear()
        await socket.say("subscribe", id="2", payload={"query": query})
        refused = await socket.hear()

    assert first["payload"]["data"] == {"district": {"slug": "lucknow"}}
    assert complete["type"] == "complete"
    assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_a_socket_takes_no_place_of_a_request(gateway: Served) -> None:
    taken = gateway.server.config.http_protocol_class.from_each  # type: ignore[attr-defined]
    async with gateway.socket():
        assert not taken


async def test_who_does_not_read_is_let_go_and_nothing_piles_up(
    gateway: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "SEND_SECONDS", 0.2)
    much = "{ __schema { types { description fields { description args { description } } } } }"
    async with gateway.socket(compression=None) as socket:
        (connection,) = gateway.server.server_state.connections
        wire = connection.transport.get_extra_info("socket")
        wire.setsockopt(SOL_SOCKET, SO_SNDBUF, 4096)
        socket.connection.transport.pause_reading()
        for number in range(20):
            await socket.say("subscribe", id=str(number), payload={"query": much})
        async with asyncio.timeout(PATIENCE):
            await gateway.all_left()
        held = connection.transport.get_write_buffer_size()
        socket.connection.transport.abort()
    # Of two megabytes one answer, and what the wire takes ahead.
    assert held < 300_000


async def test_a_server_that_stops_says_so(app: Starlette) -> None:
    async with served(app) as gateway, gateway.socket() as socket:
        await socket.subscribe(STATISTICS)
        gateway.server.should_exit = True

        assert await socket.code() == 1012


async def test_with_a_dead_redis_all_is_told(settings: Settings, inbox: Inbox) -> None:
    deaf = create_app(replace(settings, redis_url="redis://127.0.0.1:1"), inbox)
    async with served(deaf) as gateway:
        visit = await a_visit(gateway.process, inbox, BookingState.ACCEPTED)
        async with gateway.socket(visit.by(Role.CITIZEN)) as socket:
            await socket.subscribe(CHANGED, booking=visit.booking.id)
            await go(gateway, visit, "startTravel")

            assert (await socket.next("bookingChanged"))["event"] == "WorkerEnRoute"


async def test_subscriptions_that_are_given_up_at_once_cost_little_and_leave_nothing(
    gateway: Served, visit: Visit
) -> None:
    """As React's strict mode does it, over a log that has been kept for a while."""
    await run_sql_async(
        visit.url,
        "INSERT INTO change_log (position, event, subject_id, facts, happened_at)"
        " SELECT 1000 + n, 'Happened', 'a', '{}', '2026-11-30' FROM generate_series(1, 6000) AS n",
    )
    pairs = 100
    asked = {"query": CHANGED, "variables": {"booking": visit.booking.id}}
    with recorded() as sent:
        async with gateway.socket(visit.by(Role.CITIZEN)) as socket:
            for number in range(pairs):
                await socket.say("subscribe", id=f"{number}", payload=asked)
                await socket.say("complete", id=f"{number}")
            await socket.say("subscribe", id="last", payload={"query": "{ __typename }"})
            told = [await socket.hear() for _ in range(2)]

    assert [(each["id"], each["type"]) for each in told] == [("last", "next"), ("last", "complete")]
    # Each looks whether the booking shows; the log is read once for all of them.
    assert len(sent) <= 2 * pairs
    assert not gateway.process.feed._listeners
    assert gateway.process.feed._listening == 0
