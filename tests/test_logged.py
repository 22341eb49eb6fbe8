"""What the log says of requests and operations, and that it says nothing of anybody."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from engine.engine import Engine
from runtime.faults import Invalid
from runtime.settings import Settings
from server import OPERATIONS, create_app
from tests.asking import SCHEMA
from tests.conftest import client_of

HOME = (OPERATIONS / "home_view.graphql").read_text()
VARIABLES = json.loads((OPERATIONS / "home_view.json").read_text())
DISTRICT = {
    "query": "query Named($code: Int!) { district(lgdCode: $code) { slug } }",
    "variables": {"code": 162},
}
DEAR = "{ workers(first: 100) { nodes { id reviews(first: 10) { nodes { id } } } } }"

Lines = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs() as logged:
        yield lambda event: [dict(line) for line in logged if line["event"] == event]


async def test_the_line_of_a_request_names_the_client_and_the_operation(
    settings: Settings, lines: Lines
) -> None:
    told = {"apollographql-client-name": "portal", "graphql-client-version": "2.1" * 100}
    async with client_of(create_app(replace(settings, batch_limit=2))) as client:
        await client.post("/graphql", json=DISTRICT, headers=told)
        await client.post("/graphql", json=[DISTRICT, {"query": "{ __typename }"}])

    one, several = lines("request")
    assert one["operation"] == "Named"
    assert (one["client"], one["version"]) == ("portal", ("2.1" * 100)[:100])
    assert len(one["hash"]) == 64
    assert one["cost"] == 12
    assert several["operation"] == "Named"
    assert several["hash"].split(",")[0] == one["hash"]
    assert len(several["hash"].split(",")) == 2
    assert "162" not in str([one, several])


async def test_an_operation_that_takes_long_is_logged_with_what_it_waited_for(
    settings: Settings, lines: Lines
) -> None:
    async with client_of(create_app(replace(settings, slow_seconds=0.000_001))) as client:
        answer = await client.post("/graphql", json={"query": HOME, "variables": VARIABLES})

    assert "errors" not in answer.json()
    (slow,) = lines("slow")
    assert (slow["operation"], slow["kind"]) == ("HomeView", "query")
    reads = slow["waited_for"]
    assert {read["read"] for read in reads} > {"loaders.nearby.nearby_run"}
    for read in reads:
        assert read["sql"].startswith("SELECT")
        assert read["ms"] >= 0
        assert read["rows"] is not None
    assert [read["level"] for read in reads] == sorted(read["level"] for read in reads)
    assert str(VARIABLES["latitude"]) not in str(slow)


@pytest.mark.parametrize("seconds", [0.0, 100.0])
async def test_others_are_not(settings: Settings, lines: Lines, seconds: float) -> None:
    async with client_of(create_app(replace(settings, slow_seconds=seconds))) as client:
        await asyncio.gather(*(client.post("/graphql", json=DISTRICT) for _ in range(3)))

    assert lines("slow") == []


async def test_limits_that_are_only_reported_refuse_nothing(
    settings: Settings, lines: Lines
) -> None:
    asked = {"query": DEAR}
    reported = replace(settings, cost_limit=100, cost_limits="report")
    async with client_of(create_app(replace(settings, cost_limit=100))) as client:
        refused = (await client.post("/graphql", json=asked)).json()
        assert lines("limit") == []
    async with client_of(create_app(reported)) as client:
        answered = (await client.post("/graphql", json=asked)).json()

    assert "data" not in refused
    assert answered["data"]["workers"] == {"nodes": []}
    (line,) = lines("limit")
    told = refused["errors"][0]["extensions"]
    assert told.items() <= line.items()
    assert line["enforced"] is False


async def test_what_cannot_even_be_reckoned_is_refused_all_the_same(settings: Settings) -> None:
    doubled = "".join(
        f"fragment F{i} on Worker {{ a{i}: provider {{ team {{ nodes {{ ...F{i + 1} }} }} }}"
        f" b{i}: provider {{ team {{ nodes {{ ...F{i + 1} }} }} }} }} "
        for i in range(20)
    )
    query = f"{{ workers {{ nodes {{ ...F0 }} }} }} {doubled} fragment F20 on Worker {{ id }}"
    async with client_of(create_app(replace(settings, cost_limits="report"))) as client:
        (error,) = (await client.post("/graphql", json={"query": query})).json()["errors"]

    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"


SHOWN = ["ide", "introspection", "suggestions"]


@pytest.mark.parametrize("development", [True, False])
@pytest.mark.parametrize("chosen", ["always", "development", "never"])
async def test_what_helps_to_write_operations_is_shown_where_it_is_chosen(
    settings: Settings, chosen: str, development: bool
) -> None:
    choices: Any = dict.fromkeys(SHOWN, chosen)
    served = replace(settings, development=development, **choices)
    async with client_of(create_app(served)) as client:
        page = await client.get("/graphql", headers={"accept": "text/html"})
        text = await client.get("/schema.graphql")
        type_ = await client.post("/graphql", json={"query": '{ __type(name: "Worker") { name } }'})
        slip = await client.post("/graphql", json={"query": "{ wrokers { nodes { id } } }"})
        name = await client.post("/graphql", json={"query": "{ __typename }"})

    is_shown = chosen == "always" or (chosen == "development" and development)
    assert ("text/html" in page.headers["content-type"]) is is_shown
    assert (text.status_code == 200) is is_shown
    assert ("data" in type_.json()) is is_shown
    assert ("Did you mean" in slip.text) is is_shown
    assert name.json() == {"data": {"__typename": "Query"}}
    if not is_shown:
        (error,) = type_.json()["errors"]
        assert error["extensions"] == {"code": "FORBIDDEN", "field": "__type"}


def test_without_limits_everything_is_shown() -> None:
    engine = Engine(SCHEMA)

    assert engine.prepare("{ __schema { queryType { name } } }")
    with pytest.raises(Invalid) as raised:
        engine.prepare("{ wrokers { nodes { id } } }")
    assert "Did you mean" in raised.value.errors[0].message
