"""The state's office keeps the register of partners' systems; each may use up so much, and is told
how much that is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, select, text

from models.account import AuditEntry, Outbox
from models.base import new_id
from models.partner import PartnerClient, PartnerUsage
from resolvers import partner_token
from runtime import partner, quota
from runtime.oauth import Asked, Denied
from runtime.process import Process
from runtime.quota import WARNING, Of, Per
from runtime.reads import Tally
from runtime.rights import Role
from runtime.secret import hashed
from runtime.viewer import Viewer
from server import create_app
from tests.asking import a_process, answer, send
from tests.conftest import client_of, run_sql_async
from tests.examples.worker import DETAILS, PHONE
from tests.make import LUCKNOW, a_worker, save, scalar
from tests.test_contracts import ACCEPT, SECRET, signed_in
from tests.test_server import command

OFFICE = Viewer(Role.STATE_OFFICER, "us_state")
SYSTEM: dict[str, Any] = {
    "name": "Skill Mission",
    "contact": "systems@mission.example",
    "purposes": ["SKILL_RECORDS"],
    "districtCodes": [162],
}
QUERY = {"query": "{ districts(first: 5) { nodes { lgdCode } } }"}


@pytest_asyncio.fixture
async def process(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Process]:
    monkeypatch.setattr(partner, "KNOWN_SECONDS", -1)
    async with a_process(database_url) as process:
        yield process


async def a_client(url: str, **columns: Any) -> Viewer:
    given = {
        "id": new_id(PartnerClient.prefix),
        "name": "Skill Mission",
        "secret_hash": await hashed(SECRET),
        "purposes": ["SKILL_RECORDS"],
        "district_ids": [LUCKNOW],
    }
    client = PartnerClient(**given | columns)
    await save(url, client)
    return Viewer(Role.PARTNER, client.id, districts=(LUCKNOW,), purposes=("SKILL_RECORDS",))


async def tried(process: Process, client_id: str, secret: str, scope: str | None = None) -> Viewer:
    """Whom a token speaks for that was got with the secret."""
    issued = await partner_token.issue(process, Asked(client_id, secret, None, scope))
    return await process.partners.viewer(process.bearers.viewer(issued.access_token))


async def test_the_office_registers_a_system_that_then_signs_in(process: Process) -> None:
    made = await send(
        process,
        OFFICE,
        "registerPartnerClient",
        "... on ClientSecret { clientId secret }",
        **SYSTEM,
    )

    viewer = await tried(process, made["clientId"], made["secret"])

    assert (viewer.districts, viewer.purposes) == ((LUCKNOW,), ("SKILL_RECORDS",))
    query = "{ viewer { client { name contact contractVersion districts { lgdCode } } } }"
    data, errors = await answer(process, viewer, query)
    assert not errors
    assert data["viewer"]["client"] == {
        "name": "Skill Mission",
        "contact": "systems@mission.example",
        "contractVersion": "2026-11",
        "districts": [{"lgdCode": 162}],
    }


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"purposes": []}, "BAD_INPUT"),
        ({"purposes": ["PHOTO"]}, "BAD_INPUT"),
        ({"districtCodes": []}, "NOT_FOUND"),
        ({"districtCodes": [162, 7]}, "NOT_FOUND"),
        ({"days": 0}, "BAD_INPUT"),
        ({"pointsPerDay": 0}, "BAD_INPUT"),
        ({"publicKeysJson": "{}"}, "BAD_INPUT"),
        ({"publicKeysJson": "no JSON"}, "BAD_INPUT"),
    ],
)
async def test_what_cannot_be_registered_is_told_by_its_name(
    process: Process, database_url: str, wrong: dict[str, Any], code: str
) -> None:
    assert await send(process, OFFICE, "registerPartnerClient", **SYSTEM | wrong) == [code]
    assert await scalar(database_url, select(func.count()).select_from(PartnerClient)) == 0


async def test_a_version_that_is_not_served_is_refused_with_those_that_are(
    process: Process,
) -> None:
    given = SYSTEM | {"contractVersion": "1999-01"}
    told = await send(process, OFFICE, "registerPartnerClient", **given)
    assert told["__typename"] == "ContractEnds"
    assert "2026-11" in told["message"]


async def test_the_former_secret_goes_on_for_as_long_as_was_said(
    process: Process, database_url: str
) -> None:
    client = await a_client(database_url)
    new = "... on ClientSecret { secret }"

    made = await send(process, OFFICE, "rotatePartnerSecret", new, clientId=client.id)
    for secret in (made["secret"], SECRET):
        assert (await tried(process, client.id or "", secret)).id == client.id

    over = "UPDATE partner_client SET previous_secret_until = :now - interval '1 second'"
    await run_sql_async(database_url, over)
    with pytest.raises(Denied):
        await tried(process, client.id or "", SECRET)

    last = await send(
        process, OFFICE, "rotatePartnerSecret", new, clientId=client.id, overlapHours=0
    )
    with pytest.raises(Denied):
        await tried(process, client.id or "", made["secret"])
    assert (await tried(process, client.id or "", last["secret"])).id == client.id


async def test_a_suspended_system_stops_with_the_tokens_it_has_until_it_is_resumed(
    process: Process, database_url: str
) -> None:
    client = await a_client(database_url)
    issued = await partner_token.issue(process, Asked(client.id or "", SECRET, None, None))
    claimed = process.bearers.viewer(issued.access_token)
    why: dict[str, Any] = {"clientId": client.id, "reason": "It asks for too much."}

    await send(process, OFFICE, "suspendPartnerClient", **why)

    with pytest.raises(Exception, match="has ended"):
        await process.partners.viewer(claimed)
    with pytest.raises(Denied, match="It asks for too much"):
        await tried(process, client.id or "", SECRET)
    assert not (await process.partners.client(client.id)).purposes

    await send(process, OFFICE, "resumePartnerClient", clientId=client.id)
    assert (await process.partners.viewer(claimed)).id == client.id


async def test_what_was_ended_for_good_is_neither_changed_nor_resumed(
    process: Process, database_url: str
) -> None:
    client = await a_client(database_url)
    of: dict[str, Any] = {"clientId": client.id}

    await send(process, OFFICE, "revokePartnerClient", **of, reason="The project is over.")

    for refused in ("resumePartnerClient", "changePartnerClient", "rotatePartnerSecret"):
        assert (await send(process, OFFICE, refused, **of))["__typename"] == "AccessEnded"
    with pytest.raises(Denied):
        await tried(process, client.id or "", SECRET)


async def test_tokens_that_are_out_lose_what_is_taken_away(
    process: Process, database_url: str
) -> None:
    client = await a_client(database_url, purposes=["RESEARCH", "SKILL_RECORDS"])
    issued = await partner_token.issue(process, Asked(client.id or "", SECRET, None, None))
    claimed = process.bearers.viewer(issued.access_token)

    given: dict[str, Any] = {"clientId": client.id, "purposes": ["RESEARCH"]}
    await send(process, OFFICE, "changePartnerClient", **given)

    assert (await process.partners.viewer(claimed)).purposes == ("RESEARCH",)


async def test_a_system_sees_itself_and_no_other(process: Process, database_url: str) -> None:
    one, other = await a_client(database_url), await a_client(database_url)
    query = "{ partnerClients { nodes { id } totalCount } }"

    own, _ = await answer(process, one, query)
    all_, _ = await answer(process, OFFICE, query)
    theirs, _ = await answer(process, one, f'{{ node(id: "{other.id}") {{ id }} }}')

    assert own["partnerClients"]["nodes"] == [{"id": one.id}]
    assert all_["partnerClients"]["totalCount"] == 2
    assert theirs["node"] is None


async def test_the_command_line_does_what_the_office_does(
    process: Process, database_url: str
) -> None:
    async def run(*arguments: str) -> Any:
        return await asyncio.to_thread(command, "partner", *arguments, DATABASE_URL=database_url)

    place = ("--purpose", "RESEARCH", "--district", "162", "--points-per-day", "5000")
    added = await run("add", "Skill Mission", *place)
    told = dict(line.split() for line in added.stdout.splitlines())
    assert process.ledger is not None
    await process.ledger.take(told["client_id"], 4_321, Tally())
    used = await run("usage", told["client_id"])
    suspended = await run("suspend", told["client_id"], "--reason", "A leak")

    assert suspended.returncode == 0
    assert "4,321" in used.stdout
    assert "5,000 points" in used.stdout
    with pytest.raises(Denied, match="A leak"):
        await tried(process, told["client_id"], told["client_secret"])


@pytest_asyncio.fixture
async def http(settings: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setattr(partner, "KNOWN_SECONDS", -1)
    async with client_of(create_app(settings)) as client:
        yield client


async def test_who_has_used_up_a_quota_is_refused_and_told_until_when(
    http: httpx.AsyncClient, database_url: str
) -> None:
    client = await a_client(database_url, points_per_day=30)
    headers = await signed_in(http, client)

    answers = [await http.post("/graphql", json=QUERY, headers=headers) for _ in range(4)]

    codes = [answered.status_code for answered in answers]
    assert codes[0] == 200
    assert codes[-1] == 429
    (error,) = answers[-1].json()["errors"]
    assert error["extensions"]["code"] == "QUOTA_EXHAUSTED"
    assert error["extensions"]["quota"] == "POINTS_PER_DAY"
    assert 0 < int(answers[-1].headers["retry-after"]) <= 86_400
    row = select(PartnerUsage.requests, PartnerUsage.refused)
    assert await scalar(database_url, row) == codes.count(200)
    assert await scalar(database_url, select(PartnerUsage.refused)) == codes.count(429)


async def test_rows_that_were_read_count_and_the_next_minute_begins_anew(
    http: httpx.AsyncClient, database_url: str
) -> None:
    client = await a_client(database_url, rows_per_minute=5)
    headers = await signed_in(http, client)

    first = await http.post("/graphql", json=QUERY, headers=headers)
    second = await http.post("/graphql", json=QUERY, headers=headers)

    assert first.status_code == 200
    assert second.status_code == 429
    assert second.json()["errors"][0]["extensions"]["quota"] == "ROWS_PER_MINUTE"
    assert await scalar(database_url, select(PartnerUsage.rows_read)) >= 5
    earlier = "UPDATE partner_usage SET minute = minute - interval '1 minute'"
    await run_sql_async(database_url, earlier)
    assert (await http.post("/graphql", json=QUERY, headers=headers)).status_code == 200


async def test_the_headers_and_the_view_say_what_is_left(
    http: httpx.AsyncClient, database_url: str
) -> None:
    client = await a_client(database_url, points_per_day=1_000)
    headers = await signed_in(http, client)
    query = """{
      rateLimit { cost quotas { of per limit used resetsAt } }
      viewer { client { usage { nodes { requests points } } } }
    }"""

    answered = await http.post("/graphql", json={"query": query}, headers=headers)

    told = answered.json()["data"]
    by_day = next(
        q for q in told["rateLimit"]["quotas"] if (q["of"], q["per"]) == ("POINTS", "DAY")
    )
    assert by_day["limit"] == 1_000
    assert by_day["used"] == told["rateLimit"]["cost"]
    (day,) = told["viewer"]["client"]["usage"]["nodes"]
    assert day == {"requests": 1, "points": by_day["used"]}
    left = 1_000 - by_day["used"]
    assert f'"points-day";r={left};t=' in answered.headers["ratelimit"]
    assert '"points-day";q=1000;w=86400' in answered.headers["ratelimit-policy"]


async def test_nobody_else_has_quotas(http: httpx.AsyncClient) -> None:
    query = {"query": "{ rateLimit { quotas { of } } }"}
    answered = await http.post("/graphql", json=query, headers=ACCEPT)
    assert answered.json()["data"]["rateLimit"]["quotas"] == []
    assert "day" not in answered.headers["ratelimit"]


async def test_four_fifths_of_a_day_are_told_once(process: Process, database_url: str) -> None:
    client = await a_client(database_url, points_per_day=100)
    assert process.ledger is not None
    told = select(func.count()).where(Outbox.event == WARNING, Outbox.subject_id == client.id)

    await process.ledger.take(client.id or "", 79, Tally())
    assert await scalar(database_url, told) == 0
    for _ in range(3):
        await process.ledger.take(client.id or "", 1, Tally())
    assert await scalar(database_url, told) == 1


async def test_many_at_once_use_up_what_there_is_and_no_more(
    process: Process, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await a_client(database_url, points_per_day=100)
    assert process.ledger is not None

    async def all_at_once() -> int:
        ledger = process.ledger
        assert ledger is not None
        uses = await asyncio.gather(*(ledger.take(client.id or "", 10, Tally()) for _ in range(30)))
        return sum(use is not None and use.allowed for use in uses)

    assert await all_at_once() == 10
    assert await scalar(database_url, select(PartnerUsage.points)) == 100

    # Without the condition in the statement that takes them, there is more than there is.
    unguarded = text(quota.USE.text.replace("WHERE NOT :enforced", "WHERE true OR NOT :enforced"))
    monkeypatch.setattr(quota, "USE", unguarded)
    await run_sql_async(database_url, "TRUNCATE partner_usage")
    assert await all_at_once() == 30
    assert await scalar(database_url, select(PartnerUsage.points)) == 300


async def test_where_limits_are_only_reported_nobody_is_refused(database_url: str) -> None:
    client = await a_client(database_url, points_per_day=10)
    async with a_process(database_url, rate_limits="report") as process:
        assert process.ledger is not None
        uses = [await process.ledger.take(client.id or "", 8, Tally()) for _ in range(3)]
    assert all(use is not None and use.allowed for use in uses)
    assert uses[-1] is not None
    day = next(q for q in uses[-1].quotas if (q.of, q.per) == (Of.POINTS, Per.DAY))
    assert day.used == 24


async def test_what_a_system_was_let_do_is_on_record_as_well(
    process: Process, database_url: str
) -> None:
    client = await a_client(database_url)
    of = {"mobile": PHONE, "details": DETAILS}
    enrolled = await send(process, client, "enrolWorker", "... on Node { id }", **of)

    data, _ = await answer(process, client, "{ audit { nodes { type fields subjectIds } } }")

    (entry,) = [node for node in data["audit"]["nodes"] if node["fields"] == ["enrolWorker"]]
    assert entry["type"] == "Mutation"
    assert enrolled["id"] in entry["subjectIds"]


async def test_everything_a_system_read_is_in_its_own_audit(
    process: Process, database_url: str
) -> None:
    """With the purpose; and nobody else's is."""
    client, other = await a_client(database_url), await a_client(database_url)
    worker = await a_worker(database_url)
    for viewer in (client, replace(other, purposes=("RESEARCH",))):
        await answer(process, viewer, f'{{ worker(id: "{worker.id}") {{ gender }} }}')

    data, _ = await answer(process, client, "{ audit { nodes { actorId purposes fields } } }")

    entries = data["audit"]["nodes"]
    assert {entry["actorId"] for entry in entries} == {client.id}
    assert {"actorId": client.id, "purposes": ["SKILL_RECORDS"], "fields": ["gender"]} in entries
    assert await scalar(database_url, select(func.count()).select_from(AuditEntry)) > len(entries)
