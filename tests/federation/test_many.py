"""More entities than a subgraph takes at once are asked for in several requests."""

from typing import Any

import pytest
from starlette.responses import Response

from federation.client import InParts
from tests.federation.world import Federation, same

LAST = "a"
"""Who wrote the third review."""
AUTHORS = "{ reviews { author { id name } } }"


@pytest.mark.parametrize("most", [1, 2, 1_000])
async def test_the_answer_is_that_to_one_request(shop: Federation, most: int) -> None:
    shop.router.client = InParts(shop.client, most)
    data = await same(shop, AUTHORS)

    asked = [given(each) for each in shop.subgraphs["people"].asked]
    assert max(map(len, asked)) <= most
    known = {review["author"]["id"] for review in data["reviews"] if review["author"]}
    assert sum(map(len, asked)) == len(known) > 1


async def test_an_error_is_laid_to_the_entity_it_is_about(shop: Federation) -> None:
    people = shop.subgraphs["people"]

    def failing(asked: Any) -> Any:
        answer = people.known(asked)
        for index, each in enumerate(given(asked)):
            if each["id"] == LAST:
                (alias,) = answer["data"]
                answer["data"][alias][index] = None
                answer["errors"] = [{"message": "sold", "path": [alias, index]}]
        return answer

    people.disturb = failing
    shop.router.client = InParts(shop.client, 1)
    _, errors = await authors(shop)

    assert [error["message"] for error in errors] == ["sold"]
    assert errors[0]["path"][:3] == ["reviews", 2, "author"]


async def test_another_number_in_one_part_is_believed_in_none(shop: Federation) -> None:
    people = shop.subgraphs["people"]

    def short(asked: Any) -> Any:
        answer = people.known(asked)
        if len(people.asked) == 1:
            (alias,) = answer["data"]
            answer["data"][alias] = answer["data"][alias][1:]
        return answer

    people.disturb = short
    shop.router.client = InParts(shop.client, 1)
    data, errors = await authors(shop)

    assert {author["name"] for author in data} == {None}
    assert errors


async def test_a_part_that_fails_costs_its_own_entities_and_no_more(shop: Federation) -> None:
    people = shop.subgraphs["people"]

    def failing(asked: Any) -> Any:
        if given(asked)[0]["id"] == LAST:
            return people.known(asked)
        return Response(status_code=500)

    people.disturb = failing
    shop.router.client = InParts(shop.client, 1)
    data, (error,) = await authors(shop)

    assert [author["name"] for author in data] == [None, "Asha"]
    assert error["extensions"]["code"] == "PARTNER_UNAVAILABLE"
    assert error["path"][:3] == ["reviews", 0, "author"]


async def test_what_has_to_wait_for_a_part_that_fails_is_not_asked_and_told_once(
    shop: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("federation.client.AT_ONCE", 1)
    shop.subgraphs["people"].disturb = lambda asked: Response(status_code=500)
    shop.router.client = InParts(shop.client, 1)
    data, errors = await authors(shop)

    assert {author["name"] for author in data} == {None}
    assert len(errors) == 1
    assert len(shop.subgraphs["people"].asked) == 1


async def authors(shop: Federation) -> tuple[list[Any], list[Any]]:
    answer: Any = (await shop.router.execute(AUTHORS)).formatted
    reviews = answer["data"]["reviews"]
    return [review["author"] for review in reviews if review["author"]], answer["errors"]


def given(asked: Any) -> Any:
    return asked["variables"]["_entities_representations"]
