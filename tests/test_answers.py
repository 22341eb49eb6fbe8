"""Answers that are kept: the same for all who get them, and gone when they are out of date."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import GraphQLObjectType, get_named_type, is_leaf_type, is_required_argument

import runtime.batch
from edge.answers import Answers, Key, Ran
from edge.negotiation import Answer, manner_of
from models.account import ConsentRecord, ErasureRequest
from models.base import new_id
from models.booking import BookingState
from models.review import ReviewState
from models.worker import ProviderStatus, WorkerStatus
from runtime import clock as our_clock
from runtime.bearer import claims_of
from runtime.changes import sequence
from runtime.feed import Change
from runtime.field import told
from runtime.process import Process
from runtime.recent import Recent
from runtime.redis import SharedRedis
from runtime.rights import Role
from runtime.settings import Settings
from runtime.store import Store, store_of
from runtime.tokens import Keys, rotate
from runtime.transaction import transaction
from runtime.viewer import ANYONE, Viewer
from server import create_app
from tests.asking import SCHEMA, Inbox, send
from tests.conftest import Statements, client_of, run_sql_async
from tests.make import (
    LUCKNOW,
    NOON,
    a_booking,
    a_citizen,
    a_provider,
    a_review,
    a_worker,
    save,
)
from tests.patience import PATIENCE

LONG = bool(os.environ.get("LONG"))
MANNER = manner_of(b"", b"")
KEY: Key = ("document", None, "{}", "EN", "ANONYMOUS")
CARD = "query ($id: ID!) { worker(id: $id) { displayName status photoUrl yearsExperience } }"
LIST = "{ workers { nodes { id } } }"
STATE = Viewer(Role.STATE_OFFICER, "us_state")
OFFICER = Viewer(Role.AUDITOR, "us_dpo")
"""Of data protection."""


@dataclass
class Gateway:
    """One that keeps answers, and the parts of it that a test looks into."""

    client: httpx.AsyncClient
    process: Process
    answers: Answers

    async def ask(
        self, query: str, viewer: Viewer = ANYONE, language: str = "en", **variables: Any
    ) -> httpx.Response:
        return await post(self.client, self.process, viewer, language, query, variables)

    async def data(self, query: str, viewer: Viewer = ANYONE, **variables: Any) -> Any:
        answer = (await self.ask(query, viewer, **variables)).json()
        assert "errors" not in answer, answer
        return answer["data"]

    async def followed(self) -> None:
        """Everything that has happened so far has been heard of."""
        while await sequence(self.process):
            pass
        position = await self.process.feed.latest()
        async with asyncio.timeout(PATIENCE):
            while self.answers._recent.position < position:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def post(
    client: httpx.AsyncClient,
    process: Process,
    viewer: Viewer,
    language: str,
    query: str,
    variables: dict[str, Any],
) -> httpx.Response:
    headers = {"x-request-id": "request-1", "accept-language": language}
    if viewer is not ANYONE:
        headers["authorization"] = token_of(viewer, process.keys)
    body = {"query": query, "variables": variables}
    return await client.post("/graphql", json=body, headers=headers)


@cache
def token_of(viewer: Viewer, keys: Keys) -> str:
    return f"Bearer {keys.sign(600, **claims_of(viewer))}"


@asynccontextmanager
async def a_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    app = create_app(settings, Inbox())
    async with app.router.lifespan_context(app) as state:
        assert state is not None

        async def with_state(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "state": dict(state)}, receive, send)

        transport = httpx.ASGITransport(with_state, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield Gateway(client, state["process"], state["answers"])


@pytest.fixture
def keeping(settings: Settings, tmp_path: Path) -> Settings:
    keys = tmp_path / "keys.json"
    rotate(keys)
    return replace(
        settings, signing_keys=str(keys), response_cache_bytes=1_000_000, entity_cache_rows=1_000
    )


@pytest_asyncio.fixture
async def gateway(keeping: Settings) -> AsyncIterator[Gateway]:
    async with a_gateway(keeping) as gateway:
        yield gateway


# Who gets what


@dataclass(frozen=True)
class World:
    ids: dict[str, str]
    viewers: list[Viewer]


async def a_world(url: str) -> World:
    """In which what there is depends on who is looking."""
    author, other = await a_citizen(url), await a_citizen(url)
    provider, applied = (
        await a_provider(url),
        await a_provider(url, status=ProviderStatus.APPLIED),
    )
    worker = await a_worker(url, provider_id=provider.id)
    new = await a_worker(url, status=WorkerStatus.SUBMITTED)
    done: dict[str, Any] = {"worker": worker, "citizen": author, "state": BookingState.COMPLETED}
    shown = await a_review(url, booking=await a_booking(url, **done))
    later = NOON + timedelta(days=1)
    hidden = await a_review(
        url, booking=await a_booking(url, **done, starts_at=later), state=ReviewState.FLAGGED
    )
    ids = {
        "worker": worker.id,
        "new": new.id,
        "provider": provider.id,
        "applied": applied.id,
        "shown": shown.id,
        "hidden": hidden.id,
    }
    viewers = [
        ANYONE,
        Viewer(Role.CITIZEN, author.id),
        Viewer(Role.CITIZEN, other.id),
        Viewer(Role.WORKER, worker.id),
        Viewer(Role.WORKER, new.id),
        Viewer(Role.PROVIDER, "us_owner", provider_id=provider.id),
        Viewer(Role.PROVIDER, "us_applied", provider_id=applied.id),
        Viewer(Role.HELPLINE, "us_helpline"),
        Viewer(Role.DISTRICT_OFFICER, "us_here", districts=(LUCKNOW,)),
        Viewer(Role.DISTRICT_OFFICER, "us_there", districts=("dt_118",)),
        STATE,
        Viewer(Role.MODERATOR, "us_moderator"),
        Viewer(Role.AUDITOR, "us_auditor"),
    ]
    return World(ids, viewers)


# What some are shown and others are not comes first.
ROOTS = {
    "worker": ['id: "$new"', 'id: "$worker"', 'id: "wk_nobody"'],
    "provider": ['id: "$applied"', 'id: "$provider"'],
    "review": ['id: "$hidden"', 'id: "$shown"'],
    "workers": ["first: 2, orderBy: EXPERIENCE", "last: 1"],
    "providers": ["first: 2", "filter: {districtCode: 162}"],
    "reviews": ["first: 2", "filter: {minimumStars: 4}"],
    "district": ["lgdCode: 162"],
    "districts": ["first: 2"],
    "serviceCategory": ['slug: "electrician"'],
    "serviceCategories": ["last: 2"],
    "searchWorkers": ['text: "anil"'],
    "nearbyWorkers": ['categorySlug: "electrician", latitude: 26.85, longitude: 81.0, radiusKm: 9'],
    "statistics": [""],
}


def an_operation(choose: Random, number: int, ids: dict[str, str]) -> str:
    """Of fields that may be kept, and seldom of others too. Every root field has its turn."""
    assert SCHEMA.query_type is not None
    first, names = number % len(ROOTS), list(ROOTS)
    asked = []
    for place in range(choose.randint(1, 2)):
        name = choose.choice(names) if place else names[first]
        given = choose.choice(ROOTS[name]) if place else ROOTS[name][0]
        for key, id in ids.items():
            given = given.replace(f"${key}", id)
        type_ = get_named_type(SCHEMA.query_type.fields[name].type)
        arguments = f"({given})" if given else ""
        asked.append(f"r{place}: {name}{arguments} {some_of(choose, type_, 3)}")
    return f"{{ {' '.join(asked)} }}"


def some_of(choose: Random, type_: Any, deep: int) -> str:
    assert isinstance(type_, GraphQLObjectType)
    asked = ["__typename"]
    for name, field in type_.fields.items():
        record, inner = told(field), get_named_type(field.type)
        if record is None or any(is_required_argument(each) for each in field.args.values()):
            continue
        if not record.lifetime and choose.random() > 0.01:
            continue
        given = "(first: 2)" if "first" in field.args else ""
        if is_leaf_type(inner):
            if choose.random() < 0.6:
                asked.append(f"{name}{given}")
        elif isinstance(inner, GraphQLObjectType) and deep and choose.random() < 0.5:
            shallower = deep - (not type_.name.endswith("Connection"))
            asked.append(f"{name}{given} {some_of(choose, inner, shallower)}")
    return f"{{ {' '.join(asked)} }}"


async def wrong_in(gateway: Gateway, settings: Settings, world: World) -> int:
    """How many answers are not what they would be if nothing were kept: each operation as each
    viewer, in both languages, twice and in any order."""
    choose, wrong = Random(2026), 0
    asking = [an_operation(choose, number, world.ids) for number in range(OPERATIONS)]
    turns = [
        (query, viewer, language)
        for query in asking
        for viewer in world.viewers
        for language in ("en", "hi")
    ] * 2
    choose.shuffle(turns)
    bare: dict[Any, bytes] = {}
    app = create_app(replace(settings, response_cache_bytes=0), Inbox())
    async with client_of(app) as without:
        for turn in turns:
            query, viewer, language = turn
            answer = await gateway.ask(query, viewer, language)
            if turn not in bare:
                plain = await post(without, gateway.process, viewer, language, query, {})
                bare[turn] = plain.content
            wrong += answer.content != bare[turn]
    return wrong


OPERATIONS = 30 if LONG else 4


async def test_nobody_ever_gets_what_others_are_shown(
    gateway: Gateway, keeping: Settings, database_url: str
) -> None:
    world = await a_world(database_url)

    assert await wrong_in(gateway, keeping, world) == 0
    # Much of it was kept, or the test would say nothing.
    assert gateway.answers.told > 5 * OPERATIONS


async def test_somebody_would_if_nothing_looked_at_who_is_asking(
    gateway: Gateway, keeping: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await a_world(database_url)
    monkeypatch.setattr(runtime.batch, "depends_on_viewer", lambda *_: False)
    runtime.batch.query_of.cache_clear()
    try:
        assert await wrong_in(gateway, keeping, world) > 0
    finally:
        runtime.batch.query_of.cache_clear()


async def test_what_is_kept_depends_on_variables_defaults_and_operation(
    gateway: Gateway, database_url: str
) -> None:
    asha, bela = (
        await a_worker(database_url, first_name_en="Asha"),
        await a_worker(database_url, first_name_en="Bela"),
    )
    query = (
        f'query A($id: ID! = "{asha.id}") {{ worker(id: $id) {{ firstName }} }}'
        f' query B {{ worker(id: "{bela.id}") {{ firstName }} }}'
    )
    for _ in range(2):
        for asked, name in (
            ({"operationName": "A"}, "Asha"),
            ({"operationName": "A", "variables": {"id": bela.id}}, "Bela"),
            ({"operationName": "B"}, "Bela"),
        ):
            answer = await gateway.client.post("/graphql", json={"query": query, **asked})
            assert answer.json() == {"data": {"worker": {"firstName": name}}}
    assert (gateway.answers.runs, gateway.answers.told) == (3, 3)


async def test_what_is_kept_reads_nothing_from_the_database(
    gateway: Gateway, database_url: str, statements: Statements
) -> None:
    worker = await a_worker(database_url)
    first = await gateway.ask(CARD, id=worker.id)

    with statements(at_most=1) as sent:
        again = await gateway.ask(CARD, id=worker.id)

    assert [each for each in sent if "change_log" not in each] == []
    assert again.content == first.content
    assert again.headers["cache-control"].startswith("public, max-age=")


async def test_an_answer_with_errors_is_never_kept(gateway: Gateway) -> None:
    query = '{ searchWorkers(text: "…") { nodes { id } } districts(first: 1) { nodes { id } } }'

    for _ in range(2):
        answer = await gateway.ask(query)
        assert "errors" in answer.json()
        assert answer.headers["cache-control"] == "private, no-store"

    assert (gateway.answers.runs, gateway.answers.told) == (2, 0)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("{ districts { nodes { slug } } }", "public, max-age=300"),
        ("{ workers { nodes { displayName district { name } } } }", "public, max-age=20"),
        ("{ statistics { registeredWorkers } }", "public, max-age=30"),
        ('{ node(id: "dt_162") { id } }', "private, no-store"),
        ("{ viewer { role } }", "private, no-store"),
        ("{ bookings { nodes { id } } }", "private, no-store"),
        ("{ workers { nodes { mobile } } }", "private, no-store"),
        ("{ __typename }", "private, no-store"),
        ("{ nope }", "private, no-store"),
    ],
)
async def test_others_are_told_for_how_long_they_may_keep_it(
    client: httpx.AsyncClient, query: str, told: str
) -> None:
    answer = await client.get("/graphql", params={"query": query})

    assert answer.headers["cache-control"] == told
    assert "Authorization" in answer.headers["vary"]


async def test_what_only_some_are_shown_is_theirs_alone(
    gateway: Gateway, database_url: str
) -> None:
    new = await a_worker(database_url, status=WorkerStatus.SUBMITTED)

    answer = await gateway.ask(CARD, STATE, id=new.id)

    assert answer.json()["data"]["worker"]["status"] == "SUBMITTED"
    assert answer.headers["cache-control"] == "private, no-store"
    assert await gateway.data(CARD, id=new.id) == {"worker": None}


# What has changed


async def test_a_change_shows_as_soon_as_it_is_heard_of(
    gateway: Gateway, database_url: str
) -> None:
    asha, bela = await a_worker(database_url), await a_worker(database_url)
    for worker in (asha, bela):
        assert (await gateway.data(CARD, id=worker.id))["worker"]["yearsExperience"] == 5
    await run_sql_async(database_url, "UPDATE worker SET years_experience = 6")
    assert (await gateway.data(CARD, id=asha.id))["worker"]["yearsExperience"] == 5

    async with transaction(gateway.process) as tx:
        await tx.emit("WorkerChanged", asha.id)
    await gateway.followed()

    assert (await gateway.data(CARD, id=asha.id))["worker"]["yearsExperience"] == 6
    assert (await gateway.data(CARD, id=bela.id))["worker"]["yearsExperience"] == 5


async def test_a_worker_who_is_suspended_is_gone_from_lists(
    gateway: Gateway, database_url: str
) -> None:
    asha, bela = await a_worker(database_url), await a_worker(database_url)
    assert len((await gateway.data(LIST))["workers"]["nodes"]) == 2

    await send(gateway.process, STATE, "suspendWorker", workerId=asha.id, reason="A complaint")
    await gateway.followed()

    assert await gateway.data(LIST) == {"workers": {"nodes": [{"id": bela.id}]}}


async def test_a_photo_is_gone_when_its_consent_is(gateway: Gateway, database_url: str) -> None:
    worker = await a_worker(database_url, photo_url="https://photos.example/1.jpg")
    await save(
        database_url,
        ConsentRecord(
            id=new_id("cn"),
            subject_id=worker.id,
            purpose="PHOTO",
            notice_version="2026-01",
            language="hi",
            channel="APP",
            given_at=NOON,
        ),
    )
    assert (await gateway.data(CARD, id=worker.id))["worker"]["photoUrl"] is not None

    await send(gateway.process, Viewer(Role.WORKER, worker.id), "withdrawConsent", purpose="PHOTO")
    await gateway.followed()

    assert (await gateway.data(CARD, id=worker.id))["worker"]["photoUrl"] is None


async def test_whoever_is_forgotten_is_gone_from_what_is_kept(
    gateway: Gateway, database_url: str
) -> None:
    citizen, worker = await a_citizen(database_url), await a_worker(database_url)
    booking = await a_booking(
        database_url, worker=worker, citizen=citizen, state=BookingState.COMPLETED
    )
    await a_review(database_url, booking=booking)
    people = "{ workers { nodes { firstName } } reviews { nodes { reviewerName } } }"
    shown = await gateway.data(people)
    assert shown["workers"]["nodes"] == [{"firstName": "Anil"}]
    assert shown["reviews"]["nodes"] == [{"reviewerName": "Meera"}]

    for person in (citizen.id, worker.id):
        request = ErasureRequest(
            id=new_id("er"), subject_id=person, requested_at=our_clock.now(), state="REQUESTED"
        )
        await save(database_url, request)
        decided = await send(
            gateway.process, OFFICER, "decideErasure", requestId=request.id, granted=True
        )
        assert decided == {"__typename": "ErasureRequest"}
    await gateway.followed()

    shown = await gateway.data(people)
    assert shown["workers"]["nodes"] == []
    assert shown["reviews"]["nodes"] == [{"reviewerName": None}]
    card = await gateway.data("query ($id: ID!) { worker(id: $id) { firstName } }", id=worker.id)
    assert card == {"worker": {"firstName": None}}


# The answers alone, without a gateway


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def running(
    says: Callable[[], str], *ids: str, seconds: float = 20
) -> Callable[[], Awaitable[Ran]]:
    async def run() -> Ran:
        said = says()
        await asyncio.sleep(0)
        return Ran(MANNER.encoded(said.encode()), seconds, frozenset(ids))

    return run


def counting() -> Callable[[], str]:
    number = iter(range(1, 1000))
    return lambda: str(next(number))


def a_change(position: int, subject: str = "wk_1", **facts: Any) -> Change:
    return Change(position, "Changed", subject, facts, our_clock.now())


def key(number: int) -> Key:
    return ("document", None, str(number), "EN", "ANONYMOUS")


async def test_nothing_is_told_any_more_when_its_time_is_over(clock: Clock) -> None:
    answers, run = Answers(10_000, Recent(0), clock=clock), running(counting())
    assert (await answers.answer(KEY, MANNER, run)).body == b"1"
    clock.now += 19
    kept = await answers.answer(KEY, MANNER, run)
    assert kept.body == b"1"
    # Whoever keeps it further on keeps it for what is left of its time.
    assert dict(kept.headers)[b"cache-control"] == b"public, max-age=1"

    clock.now += 1

    assert (await answers.answer(KEY, MANNER, run)).body == b"2"


class Forgetful(dict[Any, Any]):
    def get(self, key: Any, default: Any = None) -> Any:
        return default

    def __delitem__(self, key: Any) -> None:
        self.pop(key, None)


async def fifty(answers: Answers, run: Callable[[], Awaitable[Ran]]) -> list[Answer]:
    return await asyncio.gather(*(answers.answer(KEY, MANNER, run) for _ in range(50)))


async def test_who_asks_the_same_at_once_has_it_run_once() -> None:
    answers = Answers(10_000, Recent(0))

    told = await fifty(answers, running(counting()))

    assert {answer.body for answer in told} == {b"1"}
    assert answers.runs == 1


async def test_everybody_would_run_it_if_nobody_waited() -> None:
    answers = Answers(10_000, Recent(0))
    answers._coming = Forgetful()

    await fifty(answers, running(counting()))

    assert answers.runs == 50


async def test_who_waits_for_what_is_not_kept_runs_it(clock: Clock) -> None:
    answers = Answers(10_000, Recent(0), clock=clock)

    told = await fifty(answers, running(counting(), seconds=0))

    assert len({answer.body for answer in told}) == 50


async def test_a_run_that_fails_leaves_nobody_waiting() -> None:
    answers, says = Answers(10_000, Recent(0)), counting()

    async def fails() -> Ran:
        await asyncio.sleep(0)
        raise RuntimeError(says())

    failed = asyncio.gather(
        *(answers.answer(KEY, MANNER, fails) for _ in range(3)), return_exceptions=True
    )

    assert sorted(str(error) for error in await failed) == ["1", "2", "3"]
    assert (await answers.answer(KEY, MANNER, running(says))).body == b"4"


async def raced(recent: Recent) -> list[bytes]:
    """An answer that is read before a change, and comes after it has been heard of."""
    answers, stored = Answers(10_000, recent), ["old"]

    async def run() -> Ran:
        read = stored[0]
        stored[0] = "new"
        recent.note(a_change(recent.position + 1))
        return Ran(MANNER.encoded(read.encode()), 20, frozenset(["wk_1"]))

    first = await answers.answer(KEY, MANNER, run)
    return [first.body, (await answers.answer(KEY, MANNER, running(lambda: stored[0]))).body]


async def test_what_was_read_before_a_change_is_not_kept_after_it() -> None:
    assert await raced(Recent(0)) == [b"old", b"new"]


async def test_it_would_be_if_nobody_looked_at_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recent, "stands", lambda *_: True)

    assert await raced(Recent(0)) == [b"old", b"old"]


async def test_no_more_is_kept_than_there_is_room_for() -> None:
    answers = Answers(5_000, Recent(0))

    for number in range(100):
        await answers.answer(key(number), MANNER, running(lambda: "x" * 300, "wk_1"))

    assert 0 < answers.size <= 5_000
    await answers.answer(key(99), MANNER, running(lambda: "y"))
    assert answers.runs == 100
    await answers.answer(key(0), MANNER, running(lambda: "y"))
    assert answers.runs == 101


def test_what_changed_too_long_ago_to_be_known_does_not_stand() -> None:
    recent = Recent(10, remembered=2)
    for position in range(11, 14):
        recent.note(a_change(position, f"wk_{position}"))

    assert recent.stands(["wk_1"], 13)
    assert recent.stands(["wk_1", "wk_13"], 13)
    assert recent.stands(["wk_12"], 12)
    assert not recent.stands(["wk_13"], 12)
    # The eleventh is not remembered: of what was read before it nobody can tell.
    assert not recent.stands(["wk_1"], 10)


def test_a_change_is_of_its_subject_and_of_whom_its_facts_name() -> None:
    recent = Recent(0)
    recent.note(a_change(1, "bk_1", worker="wk_1", touched=["rv_1"], district="dt_162", price=3))

    assert not any(recent.stands([id], 0) for id in ("bk_1", "wk_1", "rv_1"))
    assert recent.stands(["dt_162", "wk_2"], 0)


# Several processes


@pytest_asyncio.fixture
async def shared(redis_url: str) -> AsyncIterator[Callable[[], Store]]:
    """A store for each process, all of them in the same place."""
    prefix, opened = new_id("test"), list[SharedRedis]()

    def store() -> Store:
        opened.append(SharedRedis(redis_url))
        return store_of(opened[-1], prefix, 0)

    yield store
    for redis in opened:
        await redis.close()


async def test_what_one_process_has_read_others_tell(shared: Callable[[], Store]) -> None:
    one, other = (Answers(10_000, Recent(5), shared()) for _ in range(2))
    run = running(counting(), "wk_1")

    assert (await one.answer(KEY, MANNER, run)).body == b"1"
    assert (await other.answer(KEY, MANNER, run)).body == b"1"


async def test_what_has_changed_since_is_not_told_wherever_it_was_read(
    shared: Callable[[], Store],
) -> None:
    behind, ahead = Recent(5), Recent(5)
    ahead.note(a_change(6))
    slow, fast = Answers(10_000, behind, shared()), Answers(10_000, ahead, shared())
    run = running(counting(), "wk_1")

    assert (await slow.answer(KEY, MANNER, run)).body == b"1"
    assert (await fast.answer(KEY, MANNER, run)).body == b"2"


async def test_of_two_processes_one_runs_and_the_other_waits(shared: Callable[[], Store]) -> None:
    one, other = (Answers(10_000, Recent(0), shared()) for _ in range(2))
    begun, says = asyncio.Event(), counting()

    async def run() -> Ran:
        begun.set()
        await asyncio.sleep(0.05)
        return Ran(MANNER.encoded(says().encode()), 20, frozenset())

    first = asyncio.create_task(one.answer(KEY, MANNER, run))
    await begun.wait()
    second = await other.answer(KEY, MANNER, run)

    assert (second.body, (await first).body) == (b"1", b"1")
    assert one.runs + other.runs == 1


async def test_without_redis_each_process_keeps_its_own() -> None:
    gone = SharedRedis("redis://127.0.0.1:1/0")
    answers, run = Answers(10_000, Recent(0), store_of(gone, "", 0)), running(counting())

    assert (await answers.answer(KEY, MANNER, run)).body == b"1"
    assert (await answers.answer(KEY, MANNER, run)).body == b"1"
    await gone.close()


async def test_who_serves_by_other_settings_has_answers_of_its_own(
    keeping: Settings, redis_url: str, database_url: str
) -> None:
    worker = await a_worker(database_url, first_name_en="Asha")
    query = f'{{ worker(id: "{worker.id}") {{ firstName }} }}'
    told = []
    for suppressed in (10, 10, 11):
        settings = replace(keeping, redis_url=redis_url, suppress_below=suppressed)
        async with a_gateway(settings) as gateway:
            await gateway.data(query)
            told.append(gateway.answers.told)

    assert told == [0, 1, 0]
