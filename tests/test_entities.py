"""What routers ask subgraphs for: entities by representations."""

from copy import deepcopy
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from engine.cost import Limits
from engine.engine import Engine
from runtime.batch import Batch, Batches
from runtime.context import Context
from runtime.faults import formatted
from runtime.language import Language
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from schema.subgraph import subgraph
from tests.asking import REQUEST_ID, a_process
from tests.conftest import Statements
from tests.make import LUCKNOW, a_booking, a_citizen, a_review, a_worker

ENGINES = {
    name: Engine(subgraph(name).schema, limits=Limits())
    for name in ("worker", "skill", "booking", "review")
}


async def entities(
    process: Process,
    name: str,
    representations: list[Any],
    selection: str,
    viewer: Viewer | None = None,
) -> tuple[Any, list[dict[str, Any]]]:
    """What the subgraph of that name answers a router."""
    query = (
        "query ($representations: [_Any!]!)"
        f" {{ _entities(representations: $representations) {{ __typename {selection} }} }}"
    )
    context = Context(viewer or Viewer(), Language.EN, process, REQUEST_ID, "")
    variables = {"representations": representations}
    result = await ENGINES[name].execute(query, variables, context)
    found = result.data and result.data["_entities"]
    return found, formatted(result.errors or [], REQUEST_ID, exact=True)


def worker(id: str) -> dict[str, Any]:
    return {"__typename": "Worker", "id": id}


async def test_entities_come_in_the_order_asked_and_absent_ones_are_null(
    database_url: str,
) -> None:
    first, second = await a_worker(database_url), await a_worker(database_url)
    asked = [worker(second.id), {"__typename": "District", "id": LUCKNOW}, worker("wk_nobody")]
    asked += [worker(first.id), worker(second.id)]
    async with a_process(database_url) as process:
        found, errors = await entities(process, "worker", asked, "... on Node { id }")

    assert errors == []
    assert [one and one["id"] for one in found] == [second.id, LUCKNOW, None, first.id, second.id]


async def test_an_entity_is_found_by_any_of_its_keys(database_url: str) -> None:
    district = {"__typename": "District", "lgdCode": 162}
    category = {"__typename": "ServiceCategory", "slug": "plumber"}
    async with a_process(database_url) as process:
        (found,), _ = await entities(process, "worker", [district], "... on District { slug }")
        (trade,), _ = await entities(process, "skill", [category], "... on ServiceCategory { id }")

    assert found["slug"] == "lucknow"
    assert trade["id"].endswith("plumber")


async def test_a_slice_answers_what_it_adds_to_entities_of_others(database_url: str) -> None:
    asha = await a_worker(database_url)
    await a_review(database_url, booking=await a_booking(database_url, worker=asha))
    async with a_process(database_url) as process:
        (found,), errors = await entities(
            process, "review", [worker(asha.id)], "... on Worker { rating { count } }"
        )

    assert errors == []
    assert found == {"__typename": "Worker", "rating": {"count": 1}}


BAD = [
    "wk_1",
    7,
    [],
    {},
    {"id": "wk_1"},
    {"__typename": 7, "id": "wk_1"},
    {"__typename": ["Worker"], "id": "wk_1"},
    {"__typename": "Nobody", "id": "wk_1"},
    {"__typename": "Booking", "id": "bk_1"},  # a stub here, served elsewhere
    {"__typename": "WorkerConnection", "id": "wk_1"},
    {"__typename": "Worker"},
    {"__typename": "Worker", "id": None},
    {"__typename": "Worker", "id": {"id": "wk_1"}},
    {"__typename": "Worker", "id": True},
    {"__typename": "Worker", "id": ""},
    {"__typename": "Worker", "id": "wk_\0"},
    {"__typename": "Worker", "id": "w" * 101},
    {"__typename": "Worker", "lgdCode": 162},
    {"__typename": "District", "lgdCode": "162; DROP TABLE district"},
    {"__typename": "District", "lgdCode": 2**40},
]


async def test_what_is_no_representation_is_an_error_of_its_own_and_spoils_no_other(
    database_url: str,
) -> None:
    asha = await a_worker(database_url)
    async with a_process(database_url) as process:
        found, errors = await entities(
            process, "worker", [*BAD, worker(asha.id)], "... on Worker { id }"
        )

    assert found == [*([None] * len(BAD)), {"__typename": "Worker", "id": asha.id}]
    assert [error["path"] for error in errors] == [["_entities", n] for n in range(len(BAD))]
    assert {error["extensions"]["code"] for error in errors} == {"BAD_INPUT"}


async def test_representations_are_not_changed_and_what_else_stands_in_them_is_ignored(
    database_url: str,
) -> None:
    asha = await a_worker(database_url)
    given = {**worker(asha.id), "displayName": "Somebody Else", "more": [{"deep": 1}], "slug": None}
    before = deepcopy(given)
    async with a_process(database_url) as process:
        found, errors = await entities(
            process, "worker", [given, given], "... on Worker { displayName }"
        )

    assert errors == []
    assert found[0] == found[1]
    assert found[0]["displayName"] != "Somebody Else"
    assert given == before


async def test_a_thousand_are_one_statement_for_each_type(
    database_url: str, statements: Statements
) -> None:
    asha = await a_worker(database_url)
    asked = [worker(asha.id), {"__typename": "District", "id": LUCKNOW}]
    asked += [worker(f"wk_{n}") for n in range(498)]
    asked += [{"__typename": "District", "id": f"dt_{n}"} for n in range(500)]
    selection = "... on Worker { displayName } ... on District { slug }"
    async with a_process(database_url) as process:
        with statements(at_most=2):
            found, errors = await entities(process, "worker", asked, selection)

    assert errors == []
    assert len(found) == 1000
    assert [one is not None for one in found[:2]] == [True, True]


async def test_more_than_a_thousand_are_refused_before_anything_is_read(
    database_url: str, statements: Statements
) -> None:
    asked = [worker(f"wk_{n}") for n in range(5000)]
    async with a_process(database_url) as process:
        with statements(at_most=0):
            found, (error,) = await entities(process, "worker", asked, "")

    assert found is None
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert error["extensions"]["limit"] == 1000


async def test_a_read_that_fails_fails_its_own_type_only(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = await a_worker(database_url)
    level = Batches.level

    async def failing(self: Batches, batch: Batch, *given: Any, **more: Any) -> Any:
        if batch.entity is not None and batch.entity.__name__ == "District":
            raise OperationalError("SELECT", {}, Exception("gone"))
        return await level(self, batch, *given, **more)

    monkeypatch.setattr(Batches, "level", failing)
    asked = [{"__typename": "District", "id": LUCKNOW}, worker(asha.id)]
    async with a_process(database_url) as process:
        found, (error,) = await entities(process, "worker", asked, "... on Node { id }")

    assert [one and one["id"] for one in found] == [None, asha.id]
    assert error["path"] == ["_entities", 0]
    assert error["extensions"]["code"] == "UNAVAILABLE"


async def test_a_router_is_shown_no_more_than_the_viewer_it_asks_for(database_url: str) -> None:
    citizen = await a_citizen(database_url, mobile="+910000000045")
    asha = await a_worker(database_url, mobile="+910000000042")
    asked = [{"__typename": "Citizen", "id": citizen.id}]
    own = Viewer(Role.CITIZEN, citizen.id)
    async with a_process(database_url) as process:
        shown, errors = await entities(
            process, "worker", asked, "... on Citizen { mobile }", viewer=own
        )
        hidden, (error,) = await entities(
            process, "worker", [worker(asha.id)], "... on Worker { mobile }"
        )

    assert (shown[0]["mobile"], errors) == ("+910000000045", [])
    assert hidden[0]["mobile"] is None
    assert error["path"] == ["_entities", 0, "mobile"]
    assert error["extensions"]["code"] == "FORBIDDEN"


async def test_a_row_that_is_not_for_the_viewer_is_null_as_if_it_did_not_exist(
    database_url: str,
) -> None:
    asha = await a_worker(database_url)
    booking = await a_booking(database_url, worker=asha, state="ACCEPTED")
    asked = [{"__typename": "Booking", "id": booking.id}]
    async with a_process(database_url) as process:
        for name in ("booking", "review"):
            found, errors = await entities(process, name, asked, "... on Booking { id }")

            assert (found, errors) == ([None], [])


async def test_what_entities_cost_goes_by_how_many_are_asked_for(database_url: str) -> None:
    asked = [worker(f"wk_{n}") for n in range(1000)]
    selection = "... on Worker { reviews(first: 100) { nodes { id } } }"
    async with a_process(database_url) as process:
        found, (error,) = await entities(process, "review", asked, selection)

    assert found is None
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert error["extensions"]["cost"] > 100_000


async def test_what_a_review_shows_of_its_booking_is_found_and_no_more_of_it(
    database_url: str,
) -> None:
    booking = await a_booking(database_url, worker=await a_worker(database_url))
    asked = [{"__typename": "Booking", "id": booking.id}]
    async with a_process(database_url) as process:
        before, _ = await entities(process, "booking", asked, "... on Booking { state }")
        await a_review(database_url, booking=booking)
    async with a_process(database_url) as process:
        after, (error,) = await entities(
            process, "booking", asked, "... on Booking { state address }"
        )

    assert before == [None]
    assert after == [{"__typename": "Booking", "state": booking.state, "address": None}]
    assert error["extensions"]["code"] == "FORBIDDEN"
