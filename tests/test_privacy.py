"""Who sees what: by class before anything is read, by row where the row decides."""

from collections.abc import AsyncIterator

import pytest_asyncio
from graphql import GraphQLObjectType, GraphQLScalarType, get_named_type

from loaders.worker import worker_by_id
from runtime.batch import Access, Batches
from runtime.field import told
from runtime.privacy import Privacy
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import SCHEMA, a_process, answer
from tests.make import a_booking, a_citizen, a_review, a_worker

ANYONE = Viewer()


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


def hidden_leaves(type_name: str) -> list[str]:
    type_ = SCHEMA.type_map[type_name]
    assert isinstance(type_, GraphQLObjectType)
    return [
        name
        for name, field in type_.fields.items()
        if (record := told(field)) is not None
        and record.privacy is not Privacy.PUBLIC
        and isinstance(get_named_type(field.type), GraphQLScalarType)
    ]


async def test_nothing_above_public_leaves_for_the_anonymous(
    process: Process, database_url: str
) -> None:
    for _ in range(3):
        await a_worker(database_url)
    names = hidden_leaves("Worker")
    assert {"fullName", "mobile", "homeAddress", "birthYear", "aadhaarLast4"} <= set(names)

    data, errors = await answer(
        process, ANYONE, "{ workers { nodes { id " + " ".join(names) + " } } }"
    )

    assert all(worker[name] is None for worker in data["workers"]["nodes"] for name in names)
    assert len(data["workers"]["nodes"]) == 3
    assert sorted(error["path"][-1] for error in errors) == sorted(names)
    assert {error["extensions"]["code"] for error in errors} == {"FORBIDDEN"}
    assert errors[0]["path"][:2] == ["workers", "nodes"]


async def test_a_worker_sees_their_own_number_and_nobody_elses(
    process: Process, database_url: str
) -> None:
    own, other = await a_worker(database_url), await a_worker(database_url)
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Worker { id mobile } } }"

    data, errors = await answer(process, Viewer(Role.WORKER, own.id), query, ids=[own.id, other.id])

    assert data["nodes"] == [
        {"id": own.id, "mobile": own.mobile},
        {"id": other.id, "mobile": None},
    ]
    assert own.mobile is not None
    assert [error["extensions"]["code"] for error in errors] == ["FORBIDDEN"]


async def test_two_principals_in_one_request_do_not_share_a_read(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url)
    batches = Batches(process.database.reads, Access(ANYONE))
    owner = Access(Viewer(Role.WORKER, worker.id))

    seen = await batches.load(worker_by_id, worker.id, ("mobile",), owner)
    unseen = await batches.load(worker_by_id, worker.id, ("mobile",))

    assert seen.mobile == worker.mobile
    assert unseen.mobile is None


async def test_a_booking_shows_its_public_part_through_its_review_only(
    process: Process, database_url: str
) -> None:
    citizen, worker = await a_citizen(database_url), await a_worker(database_url)
    booking = await a_booking(database_url, worker=worker, citizen=citizen, state="COMPLETED")
    review = await a_review(database_url, booking=booking)
    query = """
      query ($review: ID!, $booking: ID!) {
        review(id: $review) {
          booking { id state completedMonth category { slug } services { slug } number address }
        }
        node(id: $booking) { id }
        booking(id: $booking) { id number }
      }
    """

    data, errors = await answer(process, ANYONE, query, review=review.id, booking=booking.id)
    shown = data["review"]["booking"]
    assert shown["id"] == booking.id
    assert shown["state"] == "COMPLETED"
    assert shown["completedMonth"] == f"{booking.completed_month:%Y-%m}"
    assert shown["category"] is not None
    assert (shown["number"], shown["address"]) == (None, None)
    assert sorted(error["path"][-1] for error in errors) == ["address", "number"]
    assert (data["node"], data["booking"]) == (None, None)

    data, errors = await answer(
        process, Viewer(Role.CITIZEN, citizen.id), query, review=review.id, booking=booking.id
    )
    assert errors == []
    assert data["review"]["booking"]["number"] == booking.number
    assert data["booking"] == {"id": booking.id, "number": booking.number}

    stranger = await a_citizen(database_url)
    data, _ = await answer(
        process, Viewer(Role.CITIZEN, stranger.id), query, review=review.id, booking=booking.id
    )
    assert (data["node"], data["booking"]) == (None, None)


async def test_a_hidden_review_is_gone_from_every_way_in(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url)
    booking = await a_booking(database_url, worker=worker, state="COMPLETED")
    review = await a_review(database_url, booking=booking, state="HIDDEN")

    data, _ = await answer(
        process,
        ANYONE,
        """query ($review: ID!, $worker: ID!) {
          review(id: $review) { id }
          node(id: $review) { id }
          reviews { nodes { id } totalCount }
          worker(id: $worker) { reviews { nodes { id } totalCount } }
        }""",
        review=review.id,
        worker=worker.id,
    )

    nothing = {"nodes": [], "totalCount": 0}
    assert data == {
        "review": None,
        "node": None,
        "reviews": nothing,
        "worker": {"reviews": nothing},
    }


async def test_a_worker_who_is_not_registered_yet_is_not_to_be_found(
    process: Process, database_url: str
) -> None:
    draft = await a_worker(database_url, status="DRAFT")

    data, errors = await answer(
        process,
        ANYONE,
        "query ($id: ID!) { worker(id: $id) { id } node(id: $id) { id } workers { totalCount } }",
        id=draft.id,
    )

    assert data == {"worker": None, "node": None, "workers": {"totalCount": 0}}
    assert errors == []


async def test_an_erased_worker_keeps_an_anonymous_card_behind_a_review(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(
        database_url,
        status="ERASED",
        first_name_en=None,
        first_name_hi=None,
        initial_en=None,
        initial_hi=None,
        surname_en=None,
        surname_hi=None,
        mobile=None,
    )
    booking = await a_booking(database_url, worker=worker, state="COMPLETED")
    await a_review(database_url, booking=booking)

    data, errors = await answer(
        process, ANYONE, "{ reviews { nodes { stars worker { displayName firstName } } } }"
    )

    assert errors == []
    assert data["reviews"]["nodes"][0]["worker"] == {
        "displayName": "Former worker",
        "firstName": None,
    }
