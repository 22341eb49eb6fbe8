"""What has become of records: told to clients that keep copies, each change of what they may see,
none missed, and nothing of anybody else."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, text, update

from loaders.change import Latest
from models.account import ConsentRecord
from models.base import new_id
from models.change import RecordKind, all_noted
from models.partner import PartnerClient
from models.review import RatingSummary
from models.skill import WorkerSkill
from models.worker import Worker
from runtime import clock
from runtime.changes import enrol, follow, sequence
from runtime.feed import Change
from runtime.process import Process
from runtime.rights import Role
from runtime.transaction import transaction
from runtime.viewer import Viewer
from tests.asking import a_process, answer
from tests.conftest import Statements, run_sql_async
from tests.make import LUCKNOW, a_booking, a_provider, a_worker, save

PURPOSE = "JOB_MATCHING"
VARANASI = "dt_187"
WORKERS = """query ($after: String, $first: Int, $district: Int, $category: String) {
  workerChanges(after: $after, first: $first, districtCode: $district, categorySlug: $category) {
    edges { node { workerId event gone worker { fullName yearsExperience } } }
    pageInfo { endCursor hasNextPage }
  }
}"""
SKILLS = "{ skillChanges { nodes { skillId event skill { qpCode } } } }"
WRITERS, WRITES, PEOPLE = 8, 40, 12


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url, pool_size=WRITERS + 8) as process:
        await enrol(process)
        yield process


@pytest_asyncio.fixture
async def client(database_url: str) -> Viewer:
    made = PartnerClient(
        id=new_id(PartnerClient.prefix),
        name="Skill Mission",
        purposes=[PURPOSE],
        district_ids=[LUCKNOW],
        registered_at=clock.now() - timedelta(days=30),
    )
    await save(database_url, made)
    return Viewer(Role.PARTNER, made.id, districts=(LUCKNOW,), purposes=(PURPOSE,))


async def who_agrees(url: str, purpose: str = PURPOSE, **columns: Any) -> Worker:
    worker = await a_worker(url, **columns)
    await save(url, a_consent(worker, purpose))
    return worker


def a_consent(worker: Worker, purpose: str = PURPOSE) -> ConsentRecord:
    return ConsentRecord(
        id=new_id(ConsentRecord.prefix),
        subject_id=worker.id,
        purpose=purpose,
        notice_version="1",
        language="hi",
        channel="APP",
        given_at=clock.now(),
    )


async def change(process: Process, statement: Any, event: str, subject: str, **facts: Any) -> None:
    async with transaction(process) as tx:
        if statement is not None:
            await tx.change(statement)
        await tx.emit(event, subject, **facts)
    await note(process)


async def note(process: Process) -> None:
    await sequence(process)
    await follow(process, "records")


def of(worker: Worker, **values: Any) -> Any:
    return update(Worker).where(Worker.id == worker.id).values(**values)


def withdrawal(worker: Worker) -> Any:
    return (
        update(ConsentRecord)
        .where(ConsentRecord.subject_id == worker.id)
        .values(withdrawn_at=clock.now())
    )


async def told(process: Process, viewer: Viewer, **variables: Any) -> tuple[dict[str, Any], Any]:
    """What a page says of each worker, and where to go on."""
    data, errors = await answer(process, viewer, WORKERS, **variables)
    assert not errors, errors
    page = data["workerChanges"]
    found = {edge["node"]["workerId"]: edge["node"] for edge in page["edges"]}
    assert len(found) == len(page["edges"])
    return found, page["pageInfo"]["endCursor"] or variables.get("after")


async def test_who_agreed_is_told_of_and_nobody_else(
    process: Process, database_url: str, client: Viewer
) -> None:
    here = await who_agrees(database_url)
    silent = await a_worker(database_url)
    other = await who_agrees(database_url, purpose="SOCIAL_SECURITY")
    far = await who_agrees(database_url, district_id=VARANASI)
    for worker in (here, silent, other, far):
        await change(process, None, "WorkerChanged", worker.id)

    found, _ = await told(process, client)

    assert found.keys() == {here.id}
    assert found[here.id]["worker"]["fullName"]
    assert found[here.id]["gone"] is None


ENDINGS: dict[str, tuple[Callable[[Worker], Any], str]] = {
    "NO_CONSENT": (withdrawal, "ConsentWithdrawn"),
    "SUSPENDED": (lambda worker: of(worker, status="SUSPENDED"), "WorkerSuspended"),
    "ERASED": (lambda worker: of(worker, status="ERASED", mobile=None), "WorkerErased"),
    "MOVED": (lambda worker: of(worker, district_id=VARANASI), "WorkerChanged"),
}


@pytest.mark.parametrize("gone", ENDINGS)
async def test_what_is_not_to_be_kept_any_more_is_told_as_gone(
    process: Process, database_url: str, client: Viewer, gone: str
) -> None:
    worker = await who_agrees(database_url)
    await change(process, None, "WorkerChanged", worker.id)
    _, cursor = await told(process, client)
    ending, event = ENDINGS[gone]
    await change(process, ending(worker), event, worker.id)

    found, further = await told(process, client, after=cursor)
    assert found == {
        worker.id: {"workerId": worker.id, "event": event, "gone": gone, "worker": None}
    }
    assert (await told(process, client, after=further))[0] == {}


async def test_who_was_enrolled_and_then_registers_without_consent_is_told_as_gone(
    process: Process, database_url: str, client: Viewer
) -> None:
    """The client was shown what it had told us itself, until the person took it over."""
    worker = await a_worker(database_url, status="DRAFT", enrolled_by=client.id)
    await change(process, None, "WorkerRegistered", worker.id)
    found, cursor = await told(process, client)
    assert found[worker.id]["worker"] is not None
    await change(process, of(worker, status="SUBMITTED"), "WorkerSubmitted", worker.id)

    found, _ = await told(process, client, after=cursor)

    assert (found[worker.id]["worker"], found[worker.id]["gone"]) == (None, "NO_CONSENT")


async def test_a_client_never_learns_of_who_was_gone_before_it_came(
    process: Process, database_url: str, client: Viewer
) -> None:
    worker = await who_agrees(database_url)
    await change(process, None, "WorkerChanged", worker.id)
    await change(process, withdrawal(worker), "ConsentWithdrawn", worker.id)
    assert (await told(process, client))[0].keys() == {worker.id}

    await run_sql_async(database_url, "UPDATE partner_client SET registered_at = :now")

    assert (await told(process, client))[0] == {}
    await change(process, of(worker, status="SUSPENDED"), "WorkerSuspended", worker.id)
    assert (await told(process, client))[0] == {}


async def test_what_was_there_before_anything_was_logged_is_told_as_well(
    process: Process, database_url: str, client: Viewer
) -> None:
    here, gone = await who_agrees(database_url), await who_agrees(database_url)
    async with transaction(process) as tx:
        await tx.change(withdrawal(gone))
        await tx.change(text(all_noted(RecordKind.WORKER)))

    found, cursor = await told(process, client)
    assert found.keys() == {here.id}
    assert found[here.id]["event"] == "Noted"

    await change(process, withdrawal(here), "ConsentWithdrawn", here.id)
    assert (await told(process, client, after=cursor))[0][here.id]["gone"] == "NO_CONSENT"


@pytest.mark.parametrize("people", [2, 12])
async def test_a_page_costs_the_same_statements_for_any_number_of_workers(
    process: Process, database_url: str, client: Viewer, statements: Statements, people: int
) -> None:
    for _ in range(people):
        worker = await who_agrees(database_url)
        await change(process, None, "WorkerChanged", worker.id)
    query = WORKERS.replace("fullName", "fullName district { name } skills { qpCode }")

    await process.partners.quotas(client.id or "")
    with statements(at_most=5) as sent:
        data, errors = await answer(process, client, query)

    assert not errors
    assert len(data["workerChanges"]["edges"]) == people
    assert len(sent) == 5
    assert sum("partner_usage" in statement for statement in sent) == 1


async def test_who_comes_back_is_told_of_again(
    process: Process, database_url: str, client: Viewer
) -> None:
    worker = await who_agrees(database_url)
    await change(process, withdrawal(worker), "ConsentWithdrawn", worker.id)
    _, cursor = await told(process, client)
    await save(database_url, a_consent(worker))
    await change(process, None, "ConsentGiven", worker.id)

    found, _ = await told(process, client, after=cursor)

    assert found[worker.id]["worker"] is not None


async def test_a_record_that_changes_often_is_told_once_as_it_is(
    process: Process, database_url: str, client: Viewer
) -> None:
    workers = [await who_agrees(database_url) for _ in range(3)]
    for years in (3, 4, 5):
        for worker in workers:
            await change(process, of(worker, years_experience=years), "WorkerChanged", worker.id)
    await change(process, of(workers[0], years_experience=9), "WorkerChanged", workers[0].id)

    found, _ = await told(process, client)

    assert list(found) == [workers[1].id, workers[2].id, workers[0].id]
    assert [node["worker"]["yearsExperience"] for node in found.values()] == [5, 5, 9]


async def test_work_that_is_offered_or_done_is_no_change_of_the_worker(
    process: Process, database_url: str, client: Viewer
) -> None:
    worker = await who_agrees(database_url)
    await change(process, None, "WorkerChanged", worker.id)
    _, cursor = await told(process, client)
    await change(process, None, "BookingAssigned", "bk_1", worker=worker.id, position=1)

    assert (await told(process, client, after=cursor))[0] == {}


async def test_a_district_and_a_category_narrow_what_is_told(
    process: Process, database_url: str, client: Viewer
) -> None:
    worker = await who_agrees(database_url)
    await change(process, None, "WorkerChanged", worker.id)

    async def is_told(**narrow: Any) -> bool:
        return worker.id in (await told(process, client, **narrow))[0]

    assert await is_told(district=162)
    assert not await is_told(district=187)
    assert await is_told(category="electrician")
    assert not await is_told(category="beautician")


async def test_skills_go_where_their_worker_goes(
    process: Process, database_url: str, client: Viewer
) -> None:
    worker = await who_agrees(database_url)
    async with transaction(process) as tx:
        skill: str = await tx.value(select(WorkerSkill.id))
    await change(process, None, "SkillVerified", skill, worker_id=worker.id)
    async with transaction(process) as tx:
        await tx.change(
            update(WorkerSkill).where(WorkerSkill.id == skill).values(qp_code="X", qp_version="1")
        )
    data, _ = await answer(process, client, SKILLS)
    (before,) = data["skillChanges"]["nodes"]
    await change(process, withdrawal(worker), "ConsentWithdrawn", worker.id)
    data, _ = await answer(process, client, SKILLS)
    (after,) = data["skillChanges"]["nodes"]

    assert before == {"skillId": skill, "event": "SkillVerified", "skill": {"qpCode": "X"}}
    assert after == {"skillId": skill, "event": "ConsentWithdrawn", "skill": None}


OTHERS = """{
  providerChanges { nodes { providerId event provider { status } } }
  bookingChanges { nodes { bookingId event booking { state category { slug } completedMonth } } }
  ratingChanges { nodes { subjectId event rating { count mean } } }
}"""


async def test_providers_bookings_and_ratings_are_told_of_in_ones_districts(
    process: Process, database_url: str, client: Viewer
) -> None:
    """Whether or not anybody agreed to anything: it is about nobody, or public."""
    provider, elsewhere = (
        await a_provider(database_url),
        await a_provider(database_url, districts=(VARANASI,)),
    )
    worker = await a_worker(database_url)
    booking = await a_booking(database_url, worker=worker, state="COMPLETED")
    rating = RatingSummary(
        subject_id=worker.id,
        worker_id=worker.id,
        count=1,
        sum=2,
        histogram=[0, 1, 0, 0, 0],
        prior=3.0,
        prior_weight=10,
        bayesian=2.9,
    )
    await save(database_url, rating)
    for each in (provider, elsewhere):
        await change(process, None, "ProviderEmpanelled", each.id)
    await change(process, None, "ServiceCompleted", booking.id, position=4)
    await change(process, None, "RatingRecomputed", worker.id)

    data, errors = await answer(process, client, OTHERS)

    assert not errors
    assert data["providerChanges"]["nodes"] == [
        {
            "providerId": provider.id,
            "event": "ProviderEmpanelled",
            "provider": {"status": "EMPANELLED"},
        }
    ]
    assert data["bookingChanges"]["nodes"] == [
        {
            "bookingId": booking.id,
            "event": "ServiceCompleted",
            "booking": {
                "state": "COMPLETED",
                "category": {"slug": "electrician"},
                "completedMonth": "2030-01-01",
            },
        }
    ]
    assert data["ratingChanges"]["nodes"] == [
        {
            "subjectId": worker.id,
            "event": "RatingRecomputed",
            "rating": {"count": 1, "mean": 2.0},
        }
    ]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PARTNER])
async def test_nobody_but_partners_systems_is_told(process: Process, role: Role) -> None:
    viewer = Viewer() if role is Role.ANONYMOUS else Viewer(role, "us_1", districts=(LUCKNOW,))
    _, (error,) = await answer(process, viewer, "{ workerChanges { nodes { workerId } } }")

    expected = "UNAUTHENTICATED" if role is Role.ANONYMOUS else "FORBIDDEN"
    assert error["extensions"]["code"] == expected


# A change that is committed late.


async def told_of_the_late(process: Process, url: str, client: Viewer) -> bool:
    """Of two changes the one that began first is committed last, when the other was told."""
    late, early = await who_agrees(url), await who_agrees(url)
    async with transaction(process) as tx:
        await tx.change(of(late, years_experience=41))
        await tx.emit("WorkerChanged", late.id)
        await change(process, of(early, years_experience=42), "WorkerChanged", early.id)
        found, cursor = await told(process, client)
        assert found.keys() == {early.id}
    await note(process)
    return late.id in (await told(process, client, after=cursor))[0]


async def test_what_is_committed_late_is_told_all_the_same(
    process: Process, database_url: str, client: Viewer
) -> None:
    assert await told_of_the_late(process, database_url, client)


async def test_by_their_times_it_would_be_missed(
    process: Process, database_url: str, client: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_time(latest: Mapping[str, Change]) -> Latest:
        return [
            (id, int(each.happened_at.timestamp() * 1e6), each.event, each.happened_at)
            for id, each in latest.items()
        ]

    monkeypatch.setattr("resolvers.change.in_rows", by_time)

    assert not await told_of_the_late(process, database_url, client)


# None missed, while many write at once and the reader stops and goes on.


async def write(process: Process, workers: list[Worker], seed: int) -> None:
    """Commands that take their time before they commit."""
    dice = random.Random(seed)
    for _ in range(WRITES):
        worker = dice.choice(workers)
        async with transaction(process) as tx:
            more = Worker.years_experience + 1
            await tx.change(of(worker, years_experience=more))
            await tx.emit("WorkerChanged", worker.id)
            await asyncio.sleep(dice.choice([0, 0, 0.002, 0.02, dice.random() * 0.1]))


async def copied(process: Process, client: Viewer, done: asyncio.Event) -> dict[str, int]:
    """A copy made by a client that forgets, at random, what it was told of a page."""
    dice, copy, kept = random.Random(3), dict[str, int](), None
    while True:
        through = done.is_set()
        found, cursor = await told(process, client, after=kept, first=dice.randint(1, 7))
        copy |= {id: node["worker"]["yearsExperience"] for id, node in found.items()}
        if dice.random() < 0.7:
            kept = cursor
        if through and not found:
            return copy
        await asyncio.sleep(dice.choice([0, 0.005, 0.03]))


async def while_many_write(process: Process, workers: list[Worker], done: asyncio.Event) -> None:
    committed = asyncio.Event()

    async def positions() -> None:
        last_round = False
        while True:
            moved = await sequence(process) + await follow(process, "records")
            if last_round and not moved:
                return
            last_round = committed.is_set() and not moved
            await asyncio.sleep(0.005)

    positioning = asyncio.create_task(positions())
    await asyncio.gather(*(write(process, workers, seed) for seed in range(WRITERS)))
    committed.set()
    await positioning
    done.set()


async def state_of(process: Process) -> dict[str, int]:
    async with process.database.engine.connect() as connection:
        rows = await connection.execute(text("SELECT id, years_experience FROM worker"))
        return dict(tuple(row) for row in rows)


async def test_a_copy_ends_equal_to_what_it_is_of(
    process: Process, database_url: str, client: Viewer
) -> None:
    workers = [await who_agrees(database_url) for _ in range(PEOPLE)]
    done = asyncio.Event()
    _, copy = await asyncio.gather(
        while_many_write(process, workers, done), copied(process, client, done)
    )

    assert copy == await state_of(process)
