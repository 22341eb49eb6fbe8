"""A partner that lies is believed of its own fields at most."""

import asyncio
import copy
import os
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.federation.operations import Operations
from tests.federation.world import Federation, same
from tests.federation.worlds import WORLDS

USERS = "{ reviews { stars author { id name } } me { id } }"
Object = dict[str, Any]


def a_federation(name: str = "shop") -> Federation:
    world = WORLDS[name]
    partners = [graph.name for graph in Federation(name, world).supergraph.subgraphs.values()]
    return Federation(name, world, partners=partners)


@pytest.mark.parametrize("name", WORLDS)
async def test_whoever_tells_the_truth_is_believed(name: str) -> None:
    federation = a_federation(name)
    operations = Operations(federation.supergraph.schema, seed=7)
    for _ in range(12):
        await same(federation, operations.query())


async def telling(shop: Federation, change: Callable[[Any], Any]) -> Object:
    """The answer of the shop when `people` tells something else than it knows."""
    people = shop.subgraphs["people"]

    def disturb(asked: Object) -> Any:
        return change(copy.deepcopy(people.known(asked)))

    people.disturb = disturb
    return dict((await shop.router.execute(USERS)).formatted)


def entities(change: Callable[[list[Any]], list[Any]]) -> Callable[[Any], Any]:
    return lambda answer: {"data": {"_entities": change(answer["data"]["_entities"])}}


ABOUT = "people gave another entity than it was asked for."
NUMBER = "people gave another number of entities."


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (entities(lambda all: all[::-1]), ABOUT),
        (entities(lambda all: [all[0]] * len(all)), ABOUT),
        (entities(lambda all: [{**each, "id": "other"} for each in all]), ABOUT),
        (entities(lambda all: [{"name": each["name"]} for each in all]), ABOUT),
        (entities(lambda all: [*all, all[0]]), NUMBER),
        (entities(lambda all: all[1:]), NUMBER),
    ],
    ids=["turned round", "all the same", "of another", "of nobody", "one more", "one less"],
)
async def test_entities_that_are_not_those_asked_for_are_not_taken(
    change: Callable[[Any], Any], told: str
) -> None:
    found = await telling(a_federation(), change)

    truth = (await a_federation().router.execute(USERS)).formatted["data"]
    assert without_names(found["data"]) == without_names(truth)
    assert {error["message"] for error in found["errors"]} == {told}
    for error in found["errors"]:
        assert error["extensions"] == {
            "code": "PARTNER_UNAVAILABLE",
            "partner": "people",
            "retryable": False,
        }


async def test_what_was_not_asked_for_is_not_taken() -> None:
    def adding(answer: Any) -> Any:
        more = [{**each, "stars": 0, "email": "x", "reviews": []} for each in entities_of(answer)]
        return {"data": {"_entities": more, "me": None, "reviews": []}}

    found = await telling(a_federation(), adding)

    assert found == (await a_federation().router.execute(USERS)).formatted


async def test_what_another_has_yet_to_say_is_not_said_for_it() -> None:
    shop = a_federation()
    reviews, stock = shop.subgraphs["reviews"], shop.subgraphs["stock"]

    async def late(asked: Object) -> None:
        await asyncio.sleep(0.02)

    def meddling(asked: Object) -> Object:
        told = reviews.known(asked)["data"]["_entities"]
        return {"data": {"_entities": [{**each, "inStock": "lie"} for each in told]}}

    stock.before, reviews.disturb = late, meddling

    await same(shop, "{ products { inStock reviews { stars } } }")


async def test_an_id_may_be_written_as_number_or_text() -> None:
    shop = a_federation()
    document = "{ reviews { author { name } } }"
    shop.subgraphs["reviews"].disturb = lambda asked: {
        "data": {"reviews": [{"author": {"id": 1}}, {"author": {"id": "2"}}]}
    }
    shop.subgraphs["people"].disturb = lambda asked: {
        "data": {"_entities": [{"id": "1", "name": "Ada"}, {"id": 2, "name": "Bo"}]}
    }
    found = await shop.router.execute(document)

    assert found.errors is None
    assert found.data == {"reviews": [{"author": {"name": "Ada"}}, {"author": {"name": "Bo"}}]}


CODES = "PARTNER_UNAVAILABLE", "PARTNER_ERROR"
JUNK: list[Any] = [None, 5, -1.5, True, "x", [], {}, [[{}]], {"__typename": ["x"]}, [None, "y"]]


async def test_whatever_a_partner_says_others_are_answered_for() -> None:
    truth = (await a_federation().router.execute(USERS)).formatted["data"]
    chosen = random.Random(5)
    shop = a_federation()
    for _ in range(60):
        found = await telling(shop, lambda answer: spoiled(answer, chosen))

        assert without_names(found["data"]) == without_names(truth)
        assert all(error["extensions"]["code"] in CODES for error in found.get("errors", ()))


@pytest.mark.parametrize("name", WORLDS)
async def test_whatever_anybody_says_there_is_an_answer(name: str) -> None:
    federation = a_federation(name)
    operations = Operations(federation.supergraph.schema, seed=3)
    chosen = random.Random(5)
    for subgraph in federation.subgraphs.values():
        subgraph.disturb = lambda asked, it=subgraph: spoiled(
            copy.deepcopy(it.known(asked)), chosen
        )
    for _ in range(300 if os.environ.get("LONG") else 12):
        result = await federation.router.execute(operations.query())

        assert all((error.extensions or {})["code"] in CODES for error in result.errors or ())


def spoiled(answer: Any, chosen: random.Random) -> Any:
    """With something else in some place of it; perhaps errors, in some place as well."""
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        keys = value.keys() if isinstance(value, dict) else range(len(value))
        for key in keys:
            places.append((value, key))
            if isinstance(value[key], dict | list):
                walk(value[key])

    walk(answer)
    holder, key = chosen.choice(places)
    holder[key] = copy.deepcopy(chosen.choice(JUNK))
    if chosen.random() < 0.3:
        steps = [chosen.choice(["_entities", 0, "name", ["x"], 1.5, None]) for _ in range(3)]
        answer["errors"] = [
            {"message": chosen.choice(["m", 5]), "path": steps},
            chosen.choice(JUNK),
        ]
    return answer


def entities_of(answer: Any) -> list[Object]:
    found: list[Object] = answer["data"]["_entities"]
    return found


def without_names(value: Any) -> Any:
    if isinstance(value, list):
        return [without_names(each) for each in value]
    if isinstance(value, dict):
        return {k: without_names(each) for k, each in value.items() if k != "name"}
    return value
