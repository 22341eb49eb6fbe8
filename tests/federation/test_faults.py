"""A subgraph that fails costs its own fields, and the client learns which it was."""

import asyncio
from typing import Any

import pytest
from starlette.responses import Response

from federation.client import BySubgraph
from federation.http import HttpClient
from federation.partner import Partner
from tests.federation.world import Federation, Hosts

DOCUMENT = "{ products(first: 2) { upc reviews { stars author { name } } } me { id } }"


async def answer(federation: Federation, document: str = DOCUMENT) -> dict[str, Any]:
    result = await federation.router.execute(document)
    return dict(result.formatted)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (Response(status_code=503), "answered with status 503"),
        (Response(status_code=307, headers={"location": "http://elsewhere/"}), "status 307"),
        (Response(b"<html>"), "did not answer with JSON"),
        (Response(b'{"data": null}', media_type="text/html"), "did not answer with JSON"),
        (Response(b"{", media_type="application/json"), "did not answer with JSON"),
        (Response(b"[]", media_type="application/json"), "did not answer with a GraphQL response"),
        (Response(b"{}", 404, media_type="application/json"), "answered with status 404"),
        (
            Response(b"{" + b" " * 1_000_001 + b"}", media_type="application/json"),
            "more than 1000000 bytes",
        ),
    ],
    ids=[
        *("down", "elsewhere", "a page", "called a page", "no JSON", "no response", "not there"),
        "too much",
    ],
)
async def test_one_that_does_not_answer(shop: Federation, given: Response, told: str) -> None:
    shop.subgraphs["people"].disturb = lambda asked: given
    found = await answer(shop)

    product = found["data"]["products"][0]
    assert product["upc"] == "u1"
    assert product["reviews"][0] == {"stars": 1, "author": {"name": None}}
    (error,) = found["errors"]
    assert told in error["message"]
    assert error["path"] == ["products", 0, "reviews", 0, "author", "name"]
    assert error["extensions"]["code"] == "PARTNER_UNAVAILABLE"
    assert error["extensions"]["partner"] == "people"


async def test_one_that_hangs_is_given_up(shop: Federation) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(30)

    agreed = Partner(url="http://hangs/", seconds=0.05, private_addresses=True)
    people = HttpClient("people", agreed, Hosts({"hangs": app}))
    others = shop.subgraphs.keys() - {"people"}
    shop.router.client = BySubgraph({**dict.fromkeys(others, shop.client), "people": people})
    found = await answer(shop)

    assert found["data"]["products"][0]["reviews"][0]["author"] == {"name": None}
    (error,) = found["errors"]
    assert "did not answer within 0.05 seconds" in error["message"]
    assert error["extensions"]["retryable"] is True


@pytest.mark.parametrize(
    "entities",
    [[], [{"name": "x"}], "none", [{"name": [5]}, 7], None],
    ids=["none", "too few", "no list", "of other kinds", "null"],
)
async def test_one_that_gives_what_it_may_not(shop: Federation, entities: Any) -> None:
    shop.subgraphs["people"].disturb = lambda asked: {"data": {"_entities": entities}}
    found = await answer(shop, "{ reviews { stars author { id name } } users: me { id } }")

    assert [review["stars"] for review in found["data"]["reviews"]] == [1, 2, 3]
    assert all(
        review["author"] is None or review["author"]["name"] is None
        for review in found["data"]["reviews"]
    )
    assert {error["extensions"]["code"] for error in found["errors"]} == {"PARTNER_UNAVAILABLE"}


@pytest.mark.parametrize(
    "reviews", ["many", 5, {"stars": 1}, [3], [{"stars": "five"}], [{}]], ids=str
)
async def test_values_of_other_kinds_are_null(shop: Federation, reviews: Any) -> None:
    def lying(asked: dict[str, Any]) -> Any:
        count = len(asked["variables"]["_entities_representations"])
        return {"data": {"_entities": [{"reviews": reviews}] * count}}

    shop.subgraphs["reviews"].disturb = lying
    found = await answer(shop, "{ products { reviews { stars } } warehouses { code } }")

    assert found["data"] is None
    for error in found["errors"]:
        assert error["extensions"]["code"] == "PARTNER_UNAVAILABLE"
        assert error["extensions"]["partner"] == "reviews"
        assert error["path"][:3] == ["products", 0, "reviews"]


async def test_an_error_is_told_where_the_client_asked_for_it(shop: Federation) -> None:
    def failing(asked: dict[str, Any]) -> Any:
        path = ["_entities", 1, "name"]
        told = {"message": "No name.", "path": path, "extensions": {"code": "SHY", "why": 1}}
        return {"data": {"_entities": [{"name": "Bo"}, {"name": None}]}, "errors": [told]}

    shop.subgraphs["people"].disturb = failing
    found = await answer(shop, "{ all: reviews { by: author { called: name } } }")

    (error,) = found["errors"]
    assert error["message"] == "No name."
    assert error["path"] == ["all", 2, "by", "called"]
    assert error["extensions"] == {"code": "SHY", "why": 1, "partner": "people"}


async def test_an_error_below_a_null_keeps_its_whole_path(shop: Federation) -> None:
    def failing(asked: dict[str, Any]) -> Any:
        path = ["me", "reviews", 1, "product", "upc"]
        return {"data": {"me": None}, "errors": [{"message": "Lost.", "path": path}]}

    shop.subgraphs["reviews"].disturb = failing
    found = await answer(shop, "{ i: me { wrote: reviews { of: product { code: upc } } } }")

    assert found["data"] == {"i": None}
    (error,) = found["errors"]
    assert error["path"] == ["i", "wrote", 1, "of", "code"]


async def test_a_null_where_none_may_be_takes_what_is_around_it(library: Federation) -> None:
    library.subgraphs["ratings"].disturb = lambda asked: Response(status_code=500)
    found = await answer(library, '{ media(id: "b1") { title stars } loans { days } }')

    assert found["data"] == {"media": None, "loans": [{"days": 3}, {"days": 4}]}
    (error,) = found["errors"]
    assert error["path"] == ["media", "stars"]


async def test_a_field_beside_is_not_lost_with_what_another_requires(office: Federation) -> None:
    def no_badge(asked: dict[str, Any]) -> Any:
        if "badge" in asked["query"]:
            return Response(status_code=500)
        return None

    office.subgraphs["staff"].disturb = no_badge
    found = await answer(office, "{ payslips { amount } offices { floor head { id } } }")
    assert "errors" not in found

    found = await answer(office, "{ payslips { amount employee { id account } } version }")
    assert found["errors"][0]["path"] == ["payslips", 0, "employee", "account"]
