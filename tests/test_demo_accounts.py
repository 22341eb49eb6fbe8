"""Demo accounts: someone of each role to become, in demo data and nowhere else."""

import asyncio
import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from sqlalchemy import make_url, text

from data import demo
from data.demo.accounts import LUCKNOW
from edge.ide import Operation, operations
from runtime.database import engine_for
from runtime.geography import INDIA
from runtime.rights import Role
from runtime.settings import Settings
from server import create_app
from tests.conftest import CHECKOUT, client_of, database
from tests.patience import PATIENCE
from tests.test_server import free_port, serving

AS_OF = datetime(2026, 11, 20, tzinfo=ZoneInfo(INDIA))
EXAMPLES = operations(CHECKOUT / "docs" / "operations")
WHO_AM_I = {"query": "{ viewer { role } }"}


@pytest.fixture(scope="module")
def town(server_url: str, template: str) -> Iterator[str]:
    """A fifth of the launch."""
    with database(server_url, template) as url:
        profile = demo.PROFILES["launch"].sized(400)
        asyncio.run(demo.seed(url, profile, seed=1, as_of=AS_OF, progress=lambda *_: None))
        yield url


@pytest.fixture
def settings(town: str) -> Settings:
    return Settings(database_url=town, pool_size=5)


async def rows(url: str, query: str) -> list[Any]:
    engine = engine_for(url)
    async with engine.connect() as connection:
        found = (await connection.execute(text(query))).all()
    await engine.dispose()
    return list(found)


def sending(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer demo:{name}"}


async def test_everyone_can_be_become(client: httpx.AsyncClient, town: str) -> None:
    accounts = await demo.accounts_in(town)
    became = {
        name: (await client.post("/graphql", json=WHO_AM_I, headers=sending(name))).json()
        for name, _ in accounts
    }

    assert {role for _, role in accounts} == set(Role) - {Role.ANONYMOUS}
    assert {name: answer["data"]["viewer"]["role"] for name, answer in became.items()} == dict(
        accounts
    )


async def test_a_name_that_is_none_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/graphql", json=WHO_AM_I, headers=sending("governor"))

    assert answer.status_code == 401


async def test_outside_development_there_are_no_demo_accounts(settings: Settings) -> None:
    async with client_of(create_app(replace(settings, development=False))) as client:
        answers = [
            await client.post("/graphql", json=WHO_AM_I, headers=sending(name))
            for name in ("citizen", "state")
        ]

    assert [answer.status_code for answer in answers] == [401, 401]


async def test_only_demo_data_has_demo_accounts(database_url: str) -> None:
    assert await demo.accounts_in(database_url) == []


async def test_nobody_gets_a_partner_token_with_demo_data(client: httpx.AsyncClient) -> None:
    form = {"grant_type": "client_credentials", "client_id": "pc_skill-mission"}
    answer = await client.post("/oauth/token", data={**form, "client_secret": ""})

    assert answer.status_code == 401


GOOD_EXAMPLES = {
    "a citizen with work ahead and work done": """
        SELECT count(*) FROM demo_account a JOIN booking b ON b.citizen_id = a.person_id
         WHERE a.name = 'citizen' AND b.state IN ('ASSIGNED', 'ACCEPTED', 'COMPLETED')
        HAVING count(DISTINCT b.state) > 1""",
    "a worker with work ahead, reviews and a provider": """
        SELECT w.id FROM demo_account a JOIN worker w ON w.id = a.person_id
          JOIN rating_summary r ON r.subject_id = w.id
         WHERE a.name = 'worker' AND w.provider_id IS NOT NULL AND EXISTS (
               SELECT FROM booking WHERE worker_id = w.id AND state IN ('ASSIGNED', 'ACCEPTED'))""",
    "that worker's provider": """
        SELECT p.id FROM demo_account a JOIN demo_account b ON b.name = 'worker'
          JOIN worker w ON w.id = b.person_id JOIN provider p ON p.id = w.provider_id
         WHERE a.name = 'provider' AND a.provider_id = p.id AND a.person_id = p.id""",
    "a department with engagements": """
        SELECT e.id FROM demo_account a JOIN engagement e ON e.department_id = a.department_id
         WHERE a.name = 'department' AND e.status = 'ACTIVE'""",
    "a partner some of whose workers agreed": """
        SELECT w.id FROM demo_account a JOIN worker w ON w.district_id = ANY (a.district_ids)
          JOIN consent_record c ON c.subject_id = w.id AND c.purpose = ANY (a.purposes)
         WHERE a.name = 'partner' AND c.withdrawn_at IS NULL""",
    "a partner some of whose workers withdrew": """
        SELECT w.id FROM demo_account a JOIN worker w ON w.district_id = ANY (a.district_ids)
          JOIN consent_record c ON c.subject_id = w.id AND c.purpose = ANY (a.purposes)
         WHERE a.name = 'partner' AND c.withdrawn_at IS NOT NULL""",
    "a partner some of whose workers were never asked": """
        SELECT w.id FROM demo_account a JOIN worker w ON w.district_id = ANY (a.district_ids)
         WHERE a.name = 'partner' AND w.status = 'ACTIVE' AND NOT EXISTS (
               SELECT FROM consent_record c WHERE c.subject_id = w.id)""",
}


@pytest.mark.parametrize("query", GOOD_EXAMPLES.values(), ids=GOOD_EXAMPLES)
async def test_accounts_are_good_examples(town: str, query: str) -> None:
    assert await rows(town, query)


async def test_the_partner_reads_those_who_agreed_and_the_officer_everyone_near(
    client: httpx.AsyncClient, town: str
) -> None:
    workers = await rows(
        town,
        f"""SELECT w.id, EXISTS (SELECT FROM consent_record c WHERE c.subject_id = w.id
                    AND c.purpose IN ('JOB_MATCHING', 'SKILL_RECORDS')
                    AND c.withdrawn_at IS NULL) AS agreed
              FROM worker w WHERE status = 'ACTIVE' AND district_id = '{LUCKNOW}'""",
    )

    async def named(who: str) -> set[str]:
        found = set()
        for worker in workers:
            query = {"query": f'{{ worker(id: "{worker.id}") {{ fullName }} }}'}
            answer = await client.post("/graphql", json=query, headers=sending(who))
            if answer.json()["data"]["worker"]["fullName"]:
                found.add(worker.id)
        return found

    agreed = {worker.id for worker in workers if worker.agreed}
    assert 0 < len(agreed) < len(workers)
    assert await named("partner") == agreed
    assert await named("officer") == {worker.id for worker in workers}
    assert await named("citizen") == set()


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
async def test_every_example_has_an_answer_for_whom_it_is_meant(
    client: httpx.AsyncClient, example: Operation
) -> None:
    body = {"query": example.query, "variables": json.loads(example.variables or "null")}
    answer = (await client.post("/graphql", json=body, headers=json.loads(example.headers))).json()
    codes = {error["extensions"]["code"] for error in answer.get("errors", ())}

    # A partner asks for everyone in a district, and is told that not everyone agreed.
    assert codes == ({"FORBIDDEN"} if example.account == "partner" else set()), answer["errors"]
    assert None not in answer["data"].values()
    assert all(answer["data"]["viewer"].values()) if "viewer" in answer["data"] else True
    assert example.audience
    assert example.title


def test_serving_tells_how_to_become_whom(town: str) -> None:
    port = free_port()
    with serving(make_url(town).render_as_string(hide_password=False), port) as process:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE)

    for name in ("citizen", "worker", "provider", "officer", "partner", "auditor"):
        assert f"Authorization: Bearer demo:{name}" in said
