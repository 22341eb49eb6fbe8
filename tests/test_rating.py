"""Ratings are exact at all times while many change reviews, and without the guards they are not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select, update

import resolvers.review
from loaders import review as load
from models.account import Outbox
from models.review import RatingSummary, Review
from models.worker import Worker
from runtime import clock
from runtime.process import Process
from runtime.rights import Role, Rule
from runtime.transaction import Transaction, transaction
from runtime.viewer import Viewer
from tests.asking import a_process, answer, send
from tests.conftest import run_sql_async
from tests.make import a_booking, a_citizen, a_provider, a_worker, scalar

YESTERDAY = clock.now() - timedelta(days=1)
AT_ONCE = 30
MODERATOR = Viewer(Role.MODERATOR, "us_moderator")
Booked = tuple[Viewer, str]
"""Who booked, and the booking."""


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    """With a connection for everybody: they are to be at it at once."""
    async with a_process(database_url, pool_size=AT_ONCE) as process:
        yield process


@pytest_asyncio.fixture
async def worker(database_url: str) -> Worker:
    return await a_worker(database_url, provider_id=(await a_provider(database_url)).id)


async def jobs(url: str, worker: Worker, count: int) -> list[Booked]:
    """Bookings that were completed yesterday, all of one citizen."""
    citizen = await a_citizen(url)
    return [
        (
            Viewer(Role.CITIZEN, citizen.id),
            (
                await a_booking(
                    url, worker=worker, citizen=citizen, state="COMPLETED", starts_at=YESTERDAY
                )
            ).id,
        )
        for _ in range(count)
    ]


async def submit(process: Process, booked: Booked, stars: int) -> Any:
    viewer, booking_id = booked
    return await send(
        process,
        viewer,
        "submitReview",
        "... on Review { id }",
        bookingId=booking_id,
        said={"stars": stars},
    )


async def edit(process: Process, booked: Booked, review_id: str, stars: int) -> Any:
    return await send(process, booked[0], "editReview", reviewId=review_id, said={"stars": stars})


async def moderate(process: Process, review_id: str, decision: str) -> Any:
    return await send(
        process,
        MODERATOR,
        "moderateReview",
        reviewId=review_id,
        decision=decision,
        reason="Looked into",
    )


async def rating(process: Process, worker: Worker) -> dict[str, Any]:
    data, errors = await answer(
        process,
        Viewer(),
        """query ($id: ID!) { worker(id: $id) {
          rating { count sum histogram mean bayesian }
          provider { rating { count sum histogram mean bayesian } }
        } }""",
        id=worker.id,
    )
    assert errors == []
    found: dict[str, Any] = data["worker"]["rating"]
    assert found == data["worker"]["provider"]["rating"]
    return found


async def drifted(process: Process) -> list[str]:
    async with transaction(process) as tx:
        return await tx.every(load.drifted_ratings())


async def test_a_rating_follows_everything_that_is_done_to_reviews(
    process: Process, worker: Worker, database_url: str
) -> None:
    first, second = await jobs(database_url, worker, 2)
    one = (await submit(process, first, 5))["id"]
    two = (await submit(process, second, 2))["id"]
    seen = [await rating(process, worker)]

    for step in (
        edit(process, second, two, 4),
        send(process, MODERATOR, "flagReview", reviewId=two, reason="Names a person"),
        moderate(process, two, "RESTORE"),
        moderate(process, two, "HIDE"),
        moderate(process, two, "RESTORE"),
        send(process, first[0], "withdrawReview", reviewId=one),
        send(process, second[0], "withdrawReview", reviewId=two),
    ):
        await step
        assert await drifted(process) == []
        seen.append(await rating(process, worker))

    assert [(now["count"], now["sum"], now["histogram"], now["mean"]) for now in seen] == [
        (2, 7, [0, 1, 0, 0, 1], 3.5),
        (2, 9, [0, 0, 0, 1, 1], 4.5),
        (1, 5, [0, 0, 0, 0, 1], 5.0),
        (2, 9, [0, 0, 0, 1, 1], 4.5),
        (1, 5, [0, 0, 0, 0, 1], 5.0),
        (2, 9, [0, 0, 0, 1, 1], 4.5),
        (1, 4, [0, 0, 0, 1, 0], 4.0),
        (0, 0, [0, 0, 0, 0, 0], None),
    ]


async def test_a_change_of_words_alone_leaves_the_rating(
    process: Process, worker: Worker, database_url: str
) -> None:
    (booked,) = await jobs(database_url, worker, 1)
    review = (await submit(process, booked, 4))["id"]
    await run_sql_async(database_url, "DELETE FROM outbox")

    await edit(process, booked, review, 4)

    events = await scalar(database_url, select(func.array_agg(Outbox.event)))
    assert events == ["ReviewEdited"]


async def test_few_reviews_count_less_than_the_mean_of_the_category(
    process: Process, worker: Worker, database_url: str
) -> None:
    other = await a_worker(database_url)
    elsewhere = await a_worker(database_url, category="plumber")
    for booked in await jobs(database_url, other, 3):
        await submit(process, booked, 3)
    (away,) = await jobs(database_url, elsewhere, 1)
    await run_sql_async(
        database_url, f"UPDATE booking SET category_id = 'ct_plumber' WHERE id = '{away[1]}'"
    )
    await submit(process, away, 1)
    (booked,) = await jobs(database_url, worker, 1)
    await submit(process, booked, 5)

    # C = (3 + 3 + 3 + 5) / 4, R = 5, v = 1, m = 10
    assert (await rating(process, worker))["bayesian"] == round((5 + 10 * 3.5) / 11, 3)


async def test_thirty_reviews_at_once_all_count(
    process: Process, worker: Worker, database_url: str
) -> None:
    booked = await jobs(database_url, worker, AT_ONCE)

    made = await asyncio.gather(
        *(submit(process, one, 1 + number % 5) for number, one in enumerate(booked))
    )

    assert {one["__typename"] for one in made} == {"Review"}
    now = await rating(process, worker)
    assert (now["count"], now["sum"], now["histogram"]) == (30, 90, [6, 6, 6, 6, 6])
    assert await drifted(process) == []


async def test_reviews_of_several_workers_of_a_provider_at_once_never_deadlock(
    process: Process, worker: Worker, database_url: str
) -> None:
    others = [await a_worker(database_url, provider_id=worker.provider_id) for _ in range(3)]
    booked = [one for each in (worker, *others) for one in await jobs(database_url, each, 6)]
    reviews = [(await submit(process, one, 5))["id"] for one in booked]

    changed = await asyncio.gather(
        *(edit(process, one, review, 1) for one, review in zip(booked, reviews, strict=True))
    )

    assert {one["__typename"] for one in changed} == {"Review"}
    assert await drifted(process) == []


async def read_then_write(
    tx: Transaction, review: Review, before: int | None, rendezvous: asyncio.Barrier
) -> None:
    """What `recount` would be without its guard."""
    found = select(RatingSummary.histogram).where(RatingSummary.subject_id == review.worker_id)
    histogram = list(await tx.value(found))
    await rendezvous.wait()
    for stars, by in ((before, -1), (resolvers.review.counted(review), 1)):
        if stars is not None:
            histogram[stars - 1] += by
    await tx.change(
        update(RatingSummary)
        .where(RatingSummary.subject_id == review.worker_id)
        .values(
            histogram=histogram,
            count=sum(histogram),
            sum=sum(n * count for n, count in enumerate(histogram, 1)),
        )
    )


async def test_without_the_increment_parallel_reviews_are_lost(
    process: Process, worker: Worker, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *booked = await jobs(database_url, worker, 11)
    await submit(process, first, 5)
    rendezvous = asyncio.Barrier(len(booked))

    async def unguarded(tx: Transaction, review: Review, before: int | None) -> None:
        await read_then_write(tx, review, before, rendezvous)

    monkeypatch.setattr(resolvers.review, "recount", unguarded)
    await asyncio.gather(*(submit(process, one, 5) for one in booked))

    assert await scalar(database_url, select(RatingSummary.count).limit(1)) < 11
    assert worker.id in await drifted(process)


async def edit_against_hide(process: Process, worker: Worker, url: str, *, rounds: int = 5) -> None:
    for booked in await jobs(url, worker, rounds):
        review = (await submit(process, booked, 5))["id"]
        await asyncio.gather(edit(process, booked, review, 1), moderate(process, review, "HIDE"))


async def test_whoever_changes_while_a_moderator_decides_is_counted_rightly(
    process: Process, worker: Worker, database_url: str
) -> None:
    await edit_against_hide(process, worker, database_url)

    assert await drifted(process) == []
    assert (await rating(process, worker))["count"] == 0


async def test_without_the_lock_on_the_review_they_are_counted_wrongly(
    process: Process, worker: Worker, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlocked(id: str, rule: Rule) -> Any:
        return select(Review).where(Review.id == id, Review.rows(rule))

    both_have_read = asyncio.Barrier(2)
    the = Transaction.the

    async def together(tx: Transaction, statement: Any, argument: str) -> Any:
        found = await the(tx, statement, argument)
        if argument == "reviewId":
            await both_have_read.wait()
        return found

    monkeypatch.setattr(load, "review_to_change", unlocked)
    monkeypatch.setattr(Transaction, "the", together)
    await edit_against_hide(process, worker, database_url, rounds=1)

    assert worker.id in await drifted(process)


async def two_of_one_booking(process: Process, booked: Booked) -> list[str]:
    made = await asyncio.gather(submit(process, booked, 5), submit(process, booked, 1))
    return sorted(one["__typename"] for one in made)


async def test_of_two_reviews_of_one_booking_at_once_one_is_made(
    process: Process, worker: Worker, database_url: str
) -> None:
    for booked in await jobs(database_url, worker, 5):
        assert await two_of_one_booking(process, booked) == ["AlreadyReviewed", "Review"]

    assert (await rating(process, worker))["count"] == 5
    assert await drifted(process) == []


async def test_without_the_constraint_both_are_made(
    process: Process, worker: Worker, database_url: str
) -> None:
    await run_sql_async(database_url, "ALTER TABLE review DROP CONSTRAINT review_booking_id_unique")
    (booked,) = await jobs(database_url, worker, 1)

    assert await two_of_one_booking(process, booked) == ["Review", "Review"]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE review SET stars = 1",
        "UPDATE review SET state = 'HIDDEN'",
        "DELETE FROM rating_summary",
        "UPDATE rating_summary SET count = count + 1, sum = sum + 3,"
        " histogram[3] = histogram[3] + 1",
    ],
)
async def test_the_nightly_check_finds_what_drifted(
    process: Process,
    worker: Worker,
    database_url: str,
    tampering: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (booked,) = await jobs(database_url, worker, 1)
    await submit(process, booked, 5)

    async def report() -> str:
        capsys.readouterr()
        async with transaction(process) as tx:
            await resolvers.review.check_ratings(tx)
        return capsys.readouterr().out

    assert "drift=0" in await report()
    await run_sql_async(database_url, tampering)
    assert "drift=2" in await report()
    ids: Sequence[str | None] = sorted((worker.id, worker.provider_id or ""))
    assert sorted(await drifted(process)) == ids
