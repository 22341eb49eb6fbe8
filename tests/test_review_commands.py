"""What people do about reviews: write, change, take back, answer, report, decide."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from models.account import Citizen, Outbox
from models.booking import Booking
from models.review import Flag, Review, ReviewReply
from models.worker import Provider
from runtime import clock
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import a_process, answer, send
from tests.conftest import Statements, run_sql_async
from tests.make import LUCKNOW, a_booking, a_citizen, a_department, a_provider, a_worker, scalar

YESTERDAY = clock.now() - timedelta(days=1)
AADHAAR = "2345 6789 0124"
SELECTED = """... on Review {
  id stars tags text language state month reviewerName reply { text }
}"""
DATED = "... on Review { editedAt }"
STANDS = "... on ReviewStands { state }"
MODERATOR = Viewer(Role.MODERATOR, "us_moderator")
OTHERS = [Viewer(role, "us_other") for role in Role if role is not Role.ANONYMOUS]


@dataclass(frozen=True)
class Job:
    """A booking that was completed yesterday, and its parties."""

    booking: Booking
    citizen: Citizen
    provider: Provider

    @property
    def booker(self) -> Viewer:
        return Viewer(Role.CITIZEN, self.citizen.id)

    @property
    def agency(self) -> Viewer:
        return Viewer(Role.PROVIDER, self.provider.id, provider_id=self.provider.id)

    @property
    def worker(self) -> Viewer:
        return Viewer(Role.WORKER, self.booking.worker_id)


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


@pytest_asyncio.fixture
async def job(database_url: str) -> Job:
    provider, citizen = await a_provider(database_url), await a_citizen(database_url)
    worker = await a_worker(database_url, provider_id=provider.id)
    booking = await a_booking(
        database_url, worker=worker, citizen=citizen, state="COMPLETED", starts_at=YESTERDAY
    )
    return Job(booking, citizen, provider)


async def submit(process: Process, viewer: Viewer, booking_id: str, **said: Any) -> Any:
    given = {"stars": 4, "text": "समय पर आए और अच्छा काम किया", "tags": ["on-time"], **said}
    selection = f"{SELECTED} {DATED} ... on ReviewClosed {{ days }}"
    return await send(process, viewer, "submitReview", selection, bookingId=booking_id, said=given)


async def edit(process: Process, viewer: Viewer, review_id: str, **said: Any) -> Any:
    selection = f"{SELECTED} {DATED} {STANDS} ... on EditingClosed {{ days }}"
    given = {"stars": 2, **said}
    return await send(process, viewer, "editReview", selection, reviewId=review_id, said=given)


async def withdraw(process: Process, viewer: Viewer, review_id: str) -> Any:
    return await send(process, viewer, "withdrawReview", SELECTED + STANDS, reviewId=review_id)


async def reply(process: Process, viewer: Viewer, review_id: str, text: str = "धन्यवाद") -> Any:
    return await send(process, viewer, "replyToReview", SELECTED, reviewId=review_id, text=text)


async def flag(
    process: Process, viewer: Viewer, review_id: str, reason: str = "It names a person"
) -> Any:
    return await send(process, viewer, "flagReview", reviewId=review_id, reason=reason)


async def moderate(
    process: Process,
    viewer: Viewer,
    review_id: str,
    decision: str,
    reason: str = "It names a person",
) -> Any:
    return await send(
        process,
        viewer,
        "moderateReview",
        f"{SELECTED} {STANDS}",
        reviewId=review_id,
        decision=decision,
        reason=reason,
    )


@pytest_asyncio.fixture
async def review(process: Process, job: Job) -> str:
    return str((await submit(process, job.booker, job.booking.id))["id"])


async def events(url: str) -> list[str]:
    listed = select(func.array_agg(Outbox.event).label("events"))
    found: list[str] | None = await scalar(url, listed)
    return sorted(found or [])


def kind(result: Any) -> str:
    return str(result["__typename"])


async def test_whoever_booked_says_how_it_was(
    process: Process, job: Job, database_url: str
) -> None:
    made = await submit(process, job.booker, job.booking.id)

    assert kind(made) == "Review"
    assert (made["stars"], made["tags"], made["state"]) == (4, ["on-time"], "PUBLISHED")
    assert (made["language"], made["reviewerName"], made["editedAt"]) == ("hi", "Meera", None)
    assert await events(database_url) == [
        "RatingRecomputed",
        "RatingRecomputed",
        "ReviewPublished",
    ]


async def test_a_department_reviews_too(process: Process, database_url: str, job: Job) -> None:
    office = await a_department(database_url)
    worker = await a_worker(database_url)
    booking = await a_booking(
        database_url,
        worker=worker,
        state="COMPLETED",
        starts_at=YESTERDAY,
        citizen_id=None,
        department_id=office.id,
    )
    clerk = Viewer(Role.DEPARTMENT, "us_clerk", department_id=office.id)

    made = await submit(process, clerk, booking.id)

    assert (kind(made), made["reviewerName"]) == ("Review", None)
    data, errors = await answer(
        process, clerk, "{ viewer { reviews { nodes { id } totalCount } } }"
    )
    assert errors == []
    assert data["viewer"]["reviews"] == {"nodes": [{"id": made["id"]}], "totalCount": 1}
    assert await submit(process, clerk, job.booking.id) == ["NOT_FOUND"]


@pytest.mark.parametrize("state", ["ACCEPTED", "IN_PROGRESS", "CANCELLED", "NO_SHOW"])
async def test_only_completed_work_is_reviewed(
    process: Process, job: Job, database_url: str, state: str
) -> None:
    worker = await a_worker(database_url)
    booking = await a_booking(
        database_url, worker=worker, citizen=job.citizen, state=state, starts_at=YESTERDAY
    )

    assert kind(await submit(process, job.booker, booking.id)) == "NothingToReview"


async def test_a_month_after_the_work_it_is_too_late(
    process: Process, job: Job, database_url: str
) -> None:
    await run_sql_async(
        database_url, "UPDATE booking SET completed_at = :now - interval '30 days 1 second'"
    )
    late = await submit(process, job.booker, job.booking.id)
    assert (kind(late), late["days"]) == ("ReviewClosed", 30)

    await run_sql_async(
        database_url, "UPDATE booking SET completed_at = :now - interval '29 days 23 hours'"
    )
    assert kind(await submit(process, job.booker, job.booking.id)) == "Review"


async def test_a_booking_is_reviewed_once_even_if_the_review_is_taken_back(
    process: Process, job: Job, review: str, database_url: str
) -> None:
    assert kind(await submit(process, job.booker, job.booking.id)) == "AlreadyReviewed"

    await withdraw(process, job.booker, review)

    assert kind(await submit(process, job.booker, job.booking.id)) == "AlreadyReviewed"
    assert await scalar(database_url, select(func.count()).select_from(Review)) == 1


async def test_nobody_reviews_what_somebody_else_booked(
    process: Process, job: Job, database_url: str
) -> None:
    stranger = Viewer(Role.CITIZEN, (await a_citizen(database_url)).id)

    assert await submit(process, stranger, job.booking.id) == ["NOT_FOUND"]
    assert await submit(process, job.worker, job.booking.id) == ["FORBIDDEN"]
    assert await submit(process, job.agency, job.booking.id) == ["FORBIDDEN"]
    assert await submit(process, Viewer(), job.booking.id) == ["UNAUTHENTICATED"]
    assert await events(database_url) == []


async def test_whoever_was_forgotten_publishes_nothing(
    process: Process, job: Job, database_url: str
) -> None:
    await run_sql_async(database_url, "UPDATE citizen SET erased_at = :now")

    assert await submit(process, job.booker, job.booking.id) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize(
    "said",
    [{"stars": 0}, {"stars": 6}, {"tags": ["cheap"]}, {"language": "Hindi"}, {"text": "  "}],
)
async def test_what_makes_no_sense_is_refused(
    process: Process, job: Job, said: dict[str, Any]
) -> None:
    assert await submit(process, job.booker, job.booking.id, **said) == ["BAD_INPUT"]


async def test_no_text_about_a_review_holds_an_aadhaar_number(
    process: Process, job: Job, review: str
) -> None:
    spoken = f"My number is {AADHAAR}"
    citizen = job.booker

    refused = [
        await submit(process, citizen, job.booking.id, text=spoken),
        await edit(process, citizen, review, text=spoken),
        await reply(process, job.agency, review, spoken),
        await flag(process, job.agency, review, spoken),
        await moderate(process, MODERATOR, review, "HIDE", spoken),
    ]

    assert {kind(one) for one in refused} == {"AadhaarInText"}


@pytest.mark.parametrize(
    ("text", "stated", "kept"),
    [
        ("बहुत अच्छा, very good काम किया", None, "hi"),
        ("Came on time", None, "en"),
        ("بہت اچھا کام", None, "ur"),
        ("Bahut achha kaam", "hi", "hi"),
        ("5/5", None, None),
        (None, "hi", None),
    ],
)
async def test_the_language_is_the_stated_one_or_that_of_the_script(
    process: Process, job: Job, text: str | None, stated: str | None, kept: str | None
) -> None:
    made = await submit(process, job.booker, job.booking.id, text=text, language=stated)

    assert made["language"] == kept


async def test_a_review_costs_the_same_whatever_there_is(
    process: Process, job: Job, statements: Statements
) -> None:
    with statements(at_most=14):
        await submit(process, job.booker, job.booking.id)


async def test_its_author_changes_a_review_for_a_week(
    process: Process, job: Job, review: str, database_url: str
) -> None:
    changed = await edit(process, job.booker, review, tags=["late", "late"])

    assert (changed["stars"], changed["tags"], changed["text"]) == (2, ["late"], None)
    assert changed["editedAt"] is not None
    assert (await events(database_url)).count("ReviewEdited") == 1

    await run_sql_async(
        database_url, "UPDATE review SET published_at = :now - interval '7 days 1 second'"
    )
    late = await edit(process, job.booker, review)
    assert (kind(late), late["days"]) == ("EditingClosed", 7)


async def test_nobody_else_changes_or_takes_back_a_review(
    process: Process, job: Job, review: str, database_url: str
) -> None:
    stranger = Viewer(Role.CITIZEN, (await a_citizen(database_url)).id)

    for attempt in (edit, withdraw):
        assert await attempt(process, stranger, review) == ["NOT_FOUND"]
        for viewer in (MODERATOR, job.worker, job.agency, Viewer(Role.STATE_OFFICER, "us_state")):
            assert await attempt(process, viewer, review) == ["FORBIDDEN"]


async def test_what_a_moderator_took_down_its_author_does_not_change(
    process: Process, job: Job, review: str
) -> None:
    await moderate(process, MODERATOR, review, "HIDE")

    refused = await edit(process, job.booker, review)

    assert (kind(refused), refused["state"]) == ("ReviewStands", "HIDDEN")


async def test_its_author_takes_a_review_back_once(
    process: Process, job: Job, review: str, database_url: str
) -> None:
    await flag(process, job.agency, review)

    gone = await withdraw(process, job.booker, review)
    again = await withdraw(process, job.booker, review)

    assert gone["state"] == "WITHDRAWN"
    assert (kind(again), again["state"]) == ("ReviewStands", "WITHDRAWN")
    assert await scalar(database_url, select(Flag.outcome)) == "WITHDRAWN"
    assert kind(await edit(process, job.booker, review)) == "ReviewStands"
    assert kind(await moderate(process, MODERATOR, review, "RESTORE")) == "ReviewStands"


async def test_the_provider_answers_once(
    process: Process, job: Job, review: str, database_url: str
) -> None:
    answered = await reply(process, job.agency, review)
    again = await reply(process, job.agency, review, "और")

    assert answered["reply"] == {"text": "धन्यवाद"}
    assert kind(again) == "AlreadyReplied"
    assert (await events(database_url)).count("ReviewReplied") == 1


async def test_only_the_provider_of_the_time_answers(
    process: Process, job: Job, review: str, database_url: str
) -> None:
    later = await a_provider(database_url)
    await run_sql_async(database_url, f"UPDATE worker SET provider_id = '{later.id}'")
    other = Viewer(Role.PROVIDER, later.id, provider_id=later.id)

    assert await reply(process, other, review) == ["NOT_FOUND"]
    assert await reply(process, job.worker, review) == ["FORBIDDEN"]
    assert kind(await reply(process, job.agency, review)) == "Review"


async def test_what_is_not_shown_is_not_answered(
    process: Process, job: Job, review: str, database_url: str
) -> None:
    await moderate(process, MODERATOR, review, "HIDE")

    assert await reply(process, job.agency, review) == ["NOT_FOUND"]
    assert await scalar(database_url, select(func.count()).select_from(ReviewReply)) == 0


async def test_a_reported_review_waits_for_a_moderator(
    process: Process, job: Job, review: str
) -> None:
    assert kind(await flag(process, job.agency, review)) == "ReviewFlagged"

    query = "query ($id: ID!) { review(id: $id) { state } }"
    for viewer, seen in (
        (Viewer(), None),
        (job.worker, None),
        (job.booker, {"state": "FLAGGED"}),
        (MODERATOR, {"state": "FLAGGED"}),
    ):
        data, _ = await answer(process, viewer, query, id=review)
        assert data["review"] == seen


async def test_everyone_reports_a_review_once(
    process: Process, job: Job, review: str, database_url: str
) -> None:
    for viewer in (job.worker, job.agency, Viewer(Role.HELPLINE, "us_helpline")):
        assert kind(await flag(process, viewer, review)) == "ReviewFlagged"
        assert kind(await flag(process, viewer, review)) == "AlreadyFlagged"

    assert await flag(process, Viewer(), review) == ["UNAUTHENTICATED"]
    for role in (Role.AUDITOR, Role.PARTNER, Role.DEPARTMENT):
        assert await flag(process, Viewer(role, "us_x"), review) == ["FORBIDDEN"]
    assert await scalar(database_url, select(func.count()).select_from(Flag)) == 3


async def test_what_cannot_be_read_is_not_reported(process: Process, job: Job, review: str) -> None:
    await moderate(process, MODERATOR, review, "HIDE")

    assert await flag(process, job.agency, review) == ["NOT_FOUND"]
    assert await flag(process, job.agency, "rv_unknown") == ["NOT_FOUND"]


async def test_a_moderator_sees_the_reports_and_closes_them_by_deciding(
    process: Process, job: Job, review: str
) -> None:
    await flag(process, job.worker, review, "It is about somebody else")
    await flag(process, job.agency, review)
    queue = """{ flaggedReviews { totalCount nodes {
      id moderationReason flags { nodes { reason role outcome } }
    } } }"""

    data, errors = await answer(process, MODERATOR, queue)
    assert errors == []
    (waiting,) = data["flaggedReviews"]["nodes"]
    assert waiting["id"] == review
    assert waiting["flags"]["nodes"][0] == {
        "reason": "It is about somebody else",
        "role": "WORKER",
        "outcome": None,
    }

    decided = await moderate(process, MODERATOR, review, "HIDE", "It is about somebody else")
    assert decided["state"] == "HIDDEN"
    assert decided["text"] == "समय पर आए और अच्छा काम किया"
    data, _ = await answer(process, MODERATOR, queue)
    assert data["flaggedReviews"] == {"totalCount": 0, "nodes": []}
    data, _ = await answer(
        process,
        MODERATOR,
        "query ($id: ID!) { review(id: $id) { moderationReason flags { nodes { outcome } } } }",
        id=review,
    )
    assert data["review"]["moderationReason"] == "It is about somebody else"
    assert [one["outcome"] for one in data["review"]["flags"]["nodes"]] == ["UPHELD", "UPHELD"]


async def test_reports_are_for_those_who_look_into_them(
    process: Process, job: Job, review: str
) -> None:
    await flag(process, job.agency, review)
    queue = "{ flaggedReviews { nodes { id flags { nodes { reason } } } } }"
    near = Viewer(Role.DISTRICT_OFFICER, "us_near", districts=(LUCKNOW,))
    far = Viewer(Role.DISTRICT_OFFICER, "us_far", districts=("dt_118",))

    for viewer, count in ((near, 1), (far, 0), (job.agency, 0), (job.booker, 0), (Viewer(), 0)):
        data, _ = await answer(process, viewer, queue)
        assert len(data["flaggedReviews"]["nodes"]) == count, viewer.role

    data, errors = await answer(
        process,
        job.booker,
        "query ($id: ID!) { review(id: $id) { flags { nodes { reason } } moderationReason } }",
        id=review,
    )
    assert data["review"] == {"flags": None, "moderationReason": None}
    assert {error["extensions"]["code"] for error in errors} == {"FORBIDDEN"}


async def test_a_restored_review_stands_until_a_moderator_looks_again(
    process: Process, job: Job, review: str, database_url: str
) -> None:
    await flag(process, job.agency, review)
    assert (await moderate(process, MODERATOR, review, "RESTORE", "Fair"))["state"] == "RESTORED"
    assert await scalar(database_url, select(Flag.outcome)) == "DISMISSED"

    await flag(process, job.worker, review)
    data, _ = await answer(process, MODERATOR, "{ flaggedReviews { nodes { id state } } }")
    assert data["flaggedReviews"]["nodes"] == [{"id": review, "state": "RESTORED"}]

    # What was looked at is no longer what stands there.
    assert (await edit(process, job.booker, review))["state"] == "PUBLISHED"
    await flag(process, Viewer(Role.HELPLINE, "us_helpline"), review)
    assert await scalar(database_url, select(Review.state)) == "FLAGGED"


async def test_only_moderators_and_the_state_office_decide(
    process: Process, job: Job, review: str
) -> None:
    state_office = Viewer(Role.STATE_OFFICER, "us_state")
    for viewer in OTHERS:
        if viewer.role not in (Role.MODERATOR, Role.STATE_OFFICER):
            assert await moderate(process, viewer, review, "HIDE") == ["FORBIDDEN"]

    assert (await moderate(process, state_office, review, "HIDE"))["state"] == "HIDDEN"
    again = await moderate(process, MODERATOR, review, "HIDE")
    assert (kind(again), again["state"]) == ("ReviewStands", "HIDDEN")
    assert (await moderate(process, MODERATOR, review, "RESTORE"))["state"] == "RESTORED"
    assert await moderate(process, MODERATOR, "rv_unknown", "HIDE") == ["NOT_FOUND"]


async def test_an_author_sees_their_reviews_wherever_they_stand(
    process: Process, job: Job, review: str
) -> None:
    await moderate(process, MODERATOR, review, "HIDE")
    query = """query ($booking: ID!) {
      viewer { reviews { nodes { id state } } }
      booking(id: $booking) { review { state } }
    }"""

    data, errors = await answer(process, job.booker, query, booking=job.booking.id)
    assert errors == []
    assert data["viewer"]["reviews"]["nodes"] == [{"id": review, "state": "HIDDEN"}]
    assert data["booking"]["review"] == {"state": "HIDDEN"}

    data, errors = await answer(process, job.worker, query, booking=job.booking.id)
    assert errors == []
    assert data == {"viewer": {"reviews": {"nodes": []}}, "booking": {"review": None}}
