"""What is refused costs what it took to refuse it, whichever way it came."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from edge.limits import MISTAKE, SECOND, points_for
from engine.cost import Limits
from engine.engine import Engine
from engine.mistakes import bare
from runtime.faults import Invalid, formatted
from runtime.settings import Settings
from server import create_app
from tests.asking import SCHEMA, Inbox
from tests.conftest import client_of

WRONG = "{ " + " ".join(f"a{n}: wrokers {{ id }}" for n in range(300)) + " }"
"""Dear to refuse, and of 7 KB."""
SUBSCRIBED = {"accept": "text/event-stream"}


def refused(engine: Engine, document: str) -> Invalid:
    with pytest.raises(Invalid) as found:
        engine.prepare(document)
    return found.value


def test_a_document_that_was_refused_is_refused_again_in_the_same_words_for_nothing() -> None:
    engine = Engine(SCHEMA, limits=Limits())

    first, again = refused(engine, WRONG), refused(engine, WRONG)

    assert formatted(again.errors, "1") == formatted(first.errors, "1")
    assert again.errors[0].locations == first.errors[0].locations
    assert again.seconds < first.seconds / 5
    assert points_for(first) > MISTAKE + SECOND * first.seconds - 1


def test_what_is_remembered_of_a_mistake_does_not_hold_the_document() -> None:
    (error, *_) = refused(Engine(SCHEMA, limits=Limits()), WRONG).errors

    kept = bare(error)

    assert error.nodes
    assert kept.nodes is None
    assert kept.__traceback__ is None
    assert formatted([kept], "1") == formatted([error], "1")


@pytest.mark.parametrize(
    "document",
    ["{ __schema { description } }", "{ wor", "{ worker(id: {}) { id } }", "{ a b c d e f }"],
)
def test_every_kind_of_mistake_is_remembered(document: str) -> None:
    engine = Engine(SCHEMA, limits=Limits(tokens=6, introspection=False))

    first, again = refused(engine, document), refused(engine, document)

    assert formatted(again.errors, "1") == formatted(first.errors, "1")
    assert formatted(first.errors, "1")[0]["extensions"]["code"]


async def left(client: httpx.AsyncClient) -> int:
    answer = await client.post("/graphql", json={"query": "{ __typename }"})
    return int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0])


def different(number: int) -> dict[str, Any]:
    return {"query": WRONG.replace("wrokers", f"wrokers{number}")}


WAYS: dict[str, dict[str, Any]] = {
    "POST": {"json": different(1)},
    "GET": {"params": different(2)},
    "events": {"json": different(3), "headers": SUBSCRIBED},
    "an array": {"json": [different(4), different(5)]},
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_mistake_is_paid_for_by_what_it_took(settings: Settings, way: str) -> None:
    """No points come back here while it is looked."""
    few = replace(settings, points_anonymous="10000000/0.001", batch_limit=5)
    async with client_of(create_app(few, Inbox())) as client:
        before = await left(client)
        answer = await client.request("GET" if way == "GET" else "POST", "/graphql", **WAYS[way])
        paid = before - await left(client)

    assert "wrokers" in answer.text
    assert paid > 20 * MISTAKE


async def test_who_made_dear_mistakes_waits_before_anything_is_looked_into(
    settings: Settings,
) -> None:
    few = replace(settings, points_anonymous="5000/1")
    async with client_of(create_app(few, Inbox())) as client:
        statuses = [
            (await client.post("/graphql", json=different(n))).status_code for n in range(4)
        ]

    assert statuses[0] == 200
    assert statuses[-1] == 429
