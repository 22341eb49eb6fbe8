"""What HTTP says beside the operation: forms, methods, statuses, and what need not be sent."""

import gzip
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from edge.negotiation import GRAPHQL, negotiated
from runtime.settings import Settings
from server import create_app
from tests.conftest import client_of

JSON = "application/json"
DISTRICT = "query D($code: Int!) { district(lgdCode: $code) { slug } }"
LUCKNOW = {"data": {"district": {"slug": "lucknow"}}}
ALL = "{ districts { lgdCode slug nameHi: name(language: HI) nameEn: name(language: EN) } }"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", GRAPHQL),
        ("*/*", JSON),
        ("application/*", JSON),
        (GRAPHQL, GRAPHQL),
        (f"{GRAPHQL}, application/json;q=0.9", GRAPHQL),
        (f"application/json, {GRAPHQL};q=0.5", JSON),
        (f"application/json, {GRAPHQL}", JSON),
        (f"{GRAPHQL}, application/graphql+json, application/json, text/event-stream", GRAPHQL),
        (f"{GRAPHQL};q=0, application/json", JSON),
        (f"{GRAPHQL};q=0, */*", JSON),
        ("application/json;q=0, */*;q=0.1", GRAPHQL),
        (f"*/*, {GRAPHQL};q=0.2", JSON),
        ("APPLICATION/JSON; charset=utf-8", JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", JSON),
        ("text/html", None),
        ("application/json;q=0", None),
        (f"{GRAPHQL};q=oops", None),
    ],
)
def test_the_form_follows_what_the_client_likes_best(accept: str, chosen: str | None) -> None:
    assert negotiated(accept) == chosen


async def test_who_takes_no_form_of_ours_is_told_in_json(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"accept": "text/html"}
    )

    assert response.status_code == 406
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_ACCEPTABLE"


NEVER_RUN = {
    "a syntax error": {"query": "{"},
    "a field there is not": {"query": "{ wrokers }"},
    "an operation there is not": {"query": "query A { __typename }", "operationName": "B"},
    "a variable that is missing": {"query": DISTRICT},
    "a variable of another type": {"query": DISTRICT, "variables": {"code": "x"}},
    "too much at once": {
        "query": "{ workers(first: 100) { nodes { reviews(first: 100) { nodes { worker"
        " { reviews(first: 100) { nodes { id } } } } } } } }"
    },
}


@pytest.mark.parametrize("asked", NEVER_RUN.values(), ids=NEVER_RUN)
async def test_what_is_never_run_has_no_data_and_a_status_of_the_form(
    client: httpx.AsyncClient, asked: dict[str, Any]
) -> None:
    older = await client.post("/graphql", json=asked, headers={"accept": JSON})
    newer = await client.post("/graphql", json=asked, headers={"accept": GRAPHQL})

    assert (older.status_code, newer.status_code) == (200, 400)
    assert newer.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
    for response in (older, newer):
        assert response.json().keys() == {"errors"}


async def test_a_field_that_fails_is_part_of_an_answer(client: httpx.AsyncClient) -> None:
    for accept in (JSON, GRAPHQL):
        response = await client.post(
            "/graphql",
            json={"query": "{ workers(first: 5000) { nodes { id } } __typename }"},
            headers={"accept": accept},
        )

        assert response.status_code == 200
        assert response.json().keys() == {"errors", "data"}


async def test_queries_may_be_asked_for_with_get(client: httpx.AsyncClient) -> None:
    asked = {
        "query": DISTRICT,
        "operationName": "D",
        "variables": json.dumps({"code": 162}),
        "extensions": "",
    }
    response = await client.get("/graphql", params=asked)
    unnamed = await client.get("/graphql", params={**asked, "operationName": ""})

    assert response.json() == unnamed.json() == LUCKNOW


BAD_ADDRESSES = {
    "nothing": "",
    "no query": "variables=%7B%7D",
    "variables that are not JSON": "query=%7B__typename%7D&variables=%7B",
    "variables that are a list": "query=%7B__typename%7D&variables=%5B%5D",
    "a parameter twice": "query=%7B__typename%7D&query=%7B__typename%7D",
    "what is not UTF-8": "query=%FF",
    "variables nested too deep": "query=%7B__typename%7D&variables=%7B%22a%22%3A"
    + "%5B" * 70
    + "%5D" * 70
    + "%7D",
    "parameters by the dozen": "&".join(f"a{number}=1" for number in range(50)),
}


@pytest.mark.parametrize("address", BAD_ADDRESSES.values(), ids=BAD_ADDRESSES)
async def test_an_address_that_asks_for_nothing_sensible_is_refused(
    client: httpx.AsyncClient, address: str
) -> None:
    response = await client.get(f"/graphql?{address}")

    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"


async def test_nothing_is_changed_by_get(client: httpx.AsyncClient) -> None:
    mutation = (
        'mutation { requestCode(input: { mobile: "+919000000001", role: CITIZEN }) { __typename } }'
    )
    for accept in (JSON, GRAPHQL):
        response = await client.get(
            "/graphql", params={"query": mutation}, headers={"accept": accept}
        )

        assert (response.status_code, response.headers["allow"]) == (405, "POST")
        assert response.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"


async def test_what_a_client_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    params = {"query": "{ district(lgdCode: 162) { slug } }"}
    first = await client.get("/graphql", params=params)
    mark = first.headers["etag"]
    again = await client.get(
        "/graphql", params=params, headers={"if-none-match": f'W/"other", {mark}'}
    )
    changed = await client.get(
        "/graphql",
        params={"query": "{ district(lgdCode: 163) { slug } }"},
        headers={"if-none-match": mark},
    )

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", mark)
    assert again.headers["vary"] == first.headers["vary"]
    assert changed.status_code == 200
    assert changed.headers["etag"] != mark


async def test_the_schema_is_not_sent_again_to_who_has_it(client: httpx.AsyncClient) -> None:
    first = await client.get("/schema.graphql")
    again = await client.get("/schema.graphql", headers={"if-none-match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0, br;q=0.5", "br"),
        ("identity", None),
        ("deflate", None),
    ],
)
@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_large_answers_are_packed_as_the_client_can_unpack(
    client: httpx.AsyncClient, accept: str, accepted: str, chosen: str | None
) -> None:
    plain = await client.post("/graphql", json={"query": ALL}, headers={"accept": accept})
    response = await client.post(
        "/graphql", json={"query": ALL}, headers={"accept": accept, "accept-encoding": accepted}
    )

    assert response.headers.get("content-encoding") == chosen
    assert "Accept-Encoding" in response.headers["vary"]
    assert response.content == plain.content
    assert chosen is None or int(response.headers["content-length"]) < len(plain.content) / 2


async def test_what_is_small_leaves_as_it_is(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "{ __typename }"})

    assert "gzip" in response.request.headers["accept-encoding"]
    assert "content-encoding" not in response.headers


async def test_a_packed_body_is_read(client: httpx.AsyncClient) -> None:
    headers = {"content-type": JSON, "content-encoding": "gzip"}
    body = gzip.compress(json.dumps({"query": DISTRICT, "variables": {"code": 162}}).encode())
    response = await client.post("/graphql", content=body, headers=headers)

    assert response.json() == LUCKNOW


BAD_PACKS = {
    "no gzip": (b"plain", 400),
    "half of one": (gzip.compress(b'{"query": "{ __typename }"}')[:-10], 400),
    "one and more": (gzip.compress(b'{"query": "{ __typename }"}') + b"more", 400),
    "a bomb": (gzip.compress(b" " * 50_000_000), 413),
}


@pytest.mark.parametrize(("body", "status"), BAD_PACKS.values(), ids=BAD_PACKS)
async def test_a_pack_that_is_none_or_holds_too_much_is_refused(
    client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    headers = {"content-type": JSON, "content-encoding": "gzip"}
    response = await client.post("/graphql", content=body, headers=headers)

    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"]


async def test_several_operations_are_answered_in_their_order(database_url: str) -> None:
    settings = Settings(database_url=database_url, batch_limit=3)
    async with client_of(create_app(settings)) as client:
        response = await client.post(
            "/graphql",
            json=[
                {"query": DISTRICT, "variables": {"code": 162}},
                {"query": "{ wrokers }"},
                {"query": "{ __typename }"},
            ],
        )
        many = await client.post("/graphql", json=[{"query": "{ __typename }"}] * 4)
        none = await client.post("/graphql", json=[])
        nested = await client.post("/graphql", json=[[{"query": "{ __typename }"}]])

    first, wrong, last = response.json()
    assert response.status_code == 200
    assert int(response.headers["content-length"]) == len(response.content)
    assert (first, last) == (LUCKNOW, {"data": {"__typename": "Query"}})
    assert wrong["errors"][0]["extensions"]["code"] == "BAD_INPUT"
    assert many.json()["errors"][0]["extensions"] == {"code": "LIMIT_EXCEEDED", "limit": 3}
    assert [many.status_code, none.status_code, nested.status_code] == [400, 400, 400]


ORIGIN = "https://sewamitra.up.gov.in"


async def allowed(settings: Settings, *origins: str) -> list[tuple[str | None, int, str | None]]:
    """Of each: whom its preflight names, how that is answered, and whom the answer names."""
    preflight = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type",
    }
    found = []
    async with client_of(create_app(settings)) as client:
        for origin in origins:
            headers = {"origin": origin}
            asked = await client.options("/graphql", headers={**headers, **preflight})
            answer = await client.post(
                "/graphql", json={"query": "{ __typename }"}, headers=headers
            )
            found.append(
                (
                    asked.headers.get("access-control-allow-origin"),
                    asked.status_code,
                    answer.headers.get("access-control-allow-origin"),
                )
            )
    return found


LOCAL = ("http://localhost:3000", "http://127.0.0.1:5173", "http://localhost")
ELSEWHERE = (
    *("https://evil.example", f"{ORIGIN}.evil.example", "null"),
    *("http://localhost.evil.example", "http://evil.example:80/localhost:3000", "localhost:3000"),
)


async def test_pages_of_other_origins_may_not_read_answers(settings: Settings) -> None:
    named = replace(settings, cors_origins=f"{ORIGIN}, http://localhost:3000")

    assert await allowed(named, ORIGIN, LOCAL[0]) == [(o, 200, o) for o in (ORIGIN, LOCAL[0])]
    others = (*ELSEWHERE, *LOCAL[1:])
    assert await allowed(named, *others) == [(None, 400, None)] * len(others)


async def test_in_development_pages_of_one_s_own_machine_may_read_answers(
    settings: Settings,
) -> None:
    assert await allowed(settings, *LOCAL) == [(o, 200, o) for o in LOCAL]
    assert await allowed(settings, *ELSEWHERE) == [(None, 400, None)] * len(ELSEWHERE)


async def test_in_production_they_may_not_unless_they_are_named(settings: Settings) -> None:
    production = replace(settings, development=False)

    assert {(told, answer) for told, _, answer in await allowed(production, *LOCAL)} == {
        (None, None)
    }
    named = replace(production, cors_origins=LOCAL[0])
    assert await allowed(named, LOCAL[0]) == [(LOCAL[0], 200, LOCAL[0])]


async def test_no_page_elsewhere_may_read_answers_unless_it_is_named(
    client: httpx.AsyncClient,
) -> None:
    response = await client.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"origin": ORIGIN}
    )

    assert "access-control-allow-origin" not in response.headers
