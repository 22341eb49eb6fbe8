"""Who asks for too much in a while has to wait, and is told for how long."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from edge.limits import address_of
from edge.request import Incoming
from models.account import DemoAccount
from runtime import clock
from runtime.identity import DEMO
from runtime.rights import Role
from runtime.settings import Settings
from server import OPERATIONS, create_app
from tests.conftest import client_of
from tests.make import a_citizen, save

DISTRICT = {"query": "{ district(lgdCode: 162) { slug } }"}
"""Two objects, and one statement."""
COST = 12


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Points that come back while a machine is busy would change what is told."""
    monkeypatch.setattr(clock, "elapsed", lambda: 98_765.4321)


@asynccontextmanager
async def limited(settings: Settings, points: str, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    chosen = replace(settings, points_anonymous=points, points_person=points, **more)
    async with client_of(create_app(chosen)) as client:
        yield client


async def test_who_has_spent_all_is_told_when_to_come_again(settings: Settings) -> None:
    async with limited(settings, "30/1") as client:
        first, second = [await client.post("/graphql", json=DISTRICT) for _ in range(2)]
        third = await client.post("/graphql", json=DISTRICT)

    assert first.headers["ratelimit-policy"] == '"anonymous";q=30;w=30'
    assert first.headers["ratelimit"] == f'"anonymous";r={30 - COST};t={COST}'
    assert "errors" not in second.json()
    assert third.status_code == 429
    (error,) = third.json()["errors"]
    assert error["extensions"] == {
        "code": "RATE_LIMITED",
        "points": COST,
        "limit": 30,
        "retryAfter": int(third.headers["retry-after"]),
    }
    assert error["extensions"]["retryAfter"] == 6
    assert third.headers["ratelimit"] == '"anonymous";r=6;t=24'


async def test_who_is_signed_in_has_points_of_their_own(
    settings: Settings, database_url: str
) -> None:
    for name in ("one", "other"):
        citizen = await a_citizen(database_url)
        await save(
            database_url,
            DemoAccount(
                name=name, role=Role.CITIZEN, person_id=citizen.id, district_ids=[], purposes=[]
            ),
        )
    async with limited(settings, "20/1") as client:

        async def status(account: str) -> int:
            headers = {"authorization": f"Bearer {DEMO}{account}"} if account else {}
            return (await client.post("/graphql", json=DISTRICT, headers=headers)).status_code

        found = [await status(who) for who in ("one", "one", "other", "", "", "other")]

    assert found == [200, 429, 200, 200, 429, 429]


@pytest.mark.parametrize("mode", ["report", "off"])
async def test_where_nothing_is_enforced_nobody_is_refused(settings: Settings, mode: str) -> None:
    async with limited(settings, "1/1", rate_limits=mode) as client:
        answers = [await client.post("/graphql", json=DISTRICT) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert ("ratelimit" in answers[0].headers) is (mode == "report")


async def test_mistakes_cost_points_as_well_until_nothing_is_looked_at(settings: Settings) -> None:
    """At least so many: what finding out took of the processor comes on top."""
    async with limited(settings, "120/1") as client:
        answers = [await client.post("/graphql", json={"query": "{ wrokers }"}) for _ in range(5)]

    codes = [answer.status_code for answer in answers]
    assert codes[0] == 200
    assert codes[-2:] == [429, 429]
    assert codes == sorted(codes)


async def test_an_operation_tells_where_it_leaves_you(settings: Settings) -> None:
    asked = {
        "query": "{ rateLimit { cost limit remaining resetAt } }",
        "extensions": {"cost": True},
    }
    async with limited(settings, "1000/10") as client:
        answer = (await client.post("/graphql", json=asked)).json()
        priced = await client.post("/graphql", json={**DISTRICT, "extensions": {"cost": True}})

    told = answer["data"]["rateLimit"]
    assert (told["limit"], told["remaining"]) == (1000, 1000 - told["cost"])
    assert told["cost"] > 0
    assert answer["extensions"]["cost"]["requested"] == told["cost"]
    assert priced.json()["extensions"]["cost"] == {"requested": COST, "actual": COST}


async def test_two_processes_count_together(settings: Settings, redis_url: str) -> None:
    # By the clock of Redis, which goes on: what is spent takes hours to come back.
    shared = {"redis_url": redis_url}
    async with (
        limited(settings, "20/0.001", **shared) as one,
        limited(settings, "20/0.001", **shared) as other,
    ):
        found = [await client.post("/graphql", json=DISTRICT) for client in (one, other)]

    assert [answer.status_code for answer in found] == [200, 429]


@pytest.mark.parametrize("path", sorted(OPERATIONS.glob("*.graphql")), ids=lambda path: path.stem)
async def test_no_example_is_refused_as_things_are(settings: Settings, path: Any) -> None:
    async with client_of(create_app(settings)) as client:
        beside = path.with_suffix(".json")
        given = beside.read_text() if beside.is_file() else "{}"
        asked = {"query": path.read_text(), "variables": json.loads(given)}
        answers = [await client.post("/graphql", json=asked) for _ in range(5)]

    assert 429 not in {answer.status_code for answer in answers}


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("no:address", "no:address"),
    ],
)
def test_a_network_of_ipv6_is_one_address(address: str, key: str) -> None:
    async def receive() -> Any:
        raise AssertionError

    assert address_of(Incoming({"client": (address, 1)}, {}, receive, "")).key == key


@pytest.mark.parametrize("given", [{"rate_limits": "on"}, {"points_person": "many"}])
async def test_limits_that_cannot_be_are_refused_at_the_start(
    settings: Settings, given: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"RATE_LIMITS|could not convert"):
        async with client_of(create_app(replace(settings, **given))):
            pass
