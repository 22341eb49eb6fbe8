"""What the systems of partners are shown: nothing they would be refused, and what one is shown by
one purpose, another is not shown by another; in versions that do not change under them."""

from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

import httpx
import pytest
import pytest_asyncio
from graphql import (
    GraphQLObjectType,
    build_client_schema,
    get_introspection_query,
    print_schema,
    validate_schema,
)
from sqlalchemy import select

from engine.contracts import Contracts
from engine.engine import Engine
from models.account import AuditEntry, ConsentRecord
from models.base import new_id
from models.partner import PartnerClient
from models.worker import Worker
from resolvers import partner_token
from runtime import clock
from runtime import contract as versions
from runtime.contract import Contract, newest
from runtime.field import told
from runtime.oauth import Asked, Denied
from runtime.process import Process
from runtime.rights import PURPOSES, Role
from runtime.secret import hashed
from runtime.settings import Settings
from runtime.viewer import Viewer
from schema import contract as contracts
from schema.contract import contract
from schema.graph import gateway
from server import create_app
from tests.asking import a_process, answer
from tests.conftest import client_of, run_sql_async
from tests.make import LUCKNOW, NOON, a_worker, save, scalar
from tests.test_rights import CHECKED, hidden_fields, selection

SECRET = "a secret"
ACCEPT = {"accept": "application/graphql-response+json"}
ABOUT_PEOPLE = ("Worker", "WorkerSkill", "Verification")


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


async def who_agrees_to_all(url: str) -> Worker:
    worker = await a_worker(
        url, mobile="+910000000042", email="asha@example.org", eshram_uan="100000000001"
    )
    for purpose in PURPOSES:
        consent = ConsentRecord(
            id=new_id("cs"),
            subject_id=worker.id,
            purpose=purpose,
            notice_version="1",
            language="hi",
            channel="APP",
            given_at=NOON,
        )
        await save(url, consent)
    await run_sql_async(url, *CHECKED)
    return worker


async def a_client(url: str, *purposes: str, **columns: Any) -> Viewer:
    client = PartnerClient(
        id=new_id(PartnerClient.prefix),
        name="Skill Mission",
        secret_hash=await hashed(SECRET),
        purposes=sorted(purposes),
        district_ids=[LUCKNOW],
        **columns,
    )
    await save(url, client)
    return Viewer(Role.PARTNER, client.id, districts=(LUCKNOW,), purposes=tuple(client.purposes))


def fields_of(purpose: str) -> set[str]:
    schema = contract(Contract(newest(), frozenset({purpose})))
    return {
        f"{name}.{field}"
        for name in ABOUT_PEOPLE
        if isinstance(type_ := schema.get_type(name), GraphQLObjectType)
        for field in type_.fields
    }


@pytest.mark.parametrize("purpose", sorted(PURPOSES))
async def test_what_the_contract_has_is_shown_and_what_it_lacks_is_refused(
    process: Process, database_url: str, purpose: str
) -> None:
    worker = await who_agrees_to_all(database_url)
    viewer = await a_client(database_url, purpose)

    query = f'{{ worker(id: "{worker.id}") {{ {selection("Worker")} }} }}'
    _, errors = await answer(process, viewer, query)

    refused = {error["extensions"]["field"] for error in errors}
    hidden = {field for field in hidden_fields() if field.partition(".")[0] in ABOUT_PEOPLE}
    asked = {f for f in hidden if f.partition(".")[2] in query}
    assert refused == asked - fields_of(purpose)
    assert hidden & fields_of(purpose)


def test_what_tells_people_apart_is_not_for_those_who_study_them() -> None:
    assert "Worker.fullName" not in fields_of("RESEARCH")
    assert "WorkerSkill.certificateNumber" not in fields_of("RESEARCH")
    assert "Worker.birthYear" in fields_of("RESEARCH")


def test_the_number_of_the_labour_register_is_for_social_security_alone() -> None:
    assert [p for p in sorted(PURPOSES) if "Worker.eshramUan" in fields_of(p)] == [
        "SOCIAL_SECURITY"
    ]


async def test_who_agreed_to_one_purpose_is_not_shown_for_another(
    process: Process, database_url: str
) -> None:
    """A client of two purposes sees of each person what they agreed to."""
    worker = await a_worker(database_url, eshram_uan="100000000001")
    consent = ConsentRecord(
        id=new_id("cs"),
        subject_id=worker.id,
        purpose="SKILL_RECORDS",
        notice_version="1",
        language="hi",
        channel="APP",
        given_at=NOON,
    )
    await save(database_url, consent)
    viewer = await a_client(database_url, "SKILL_RECORDS", "SOCIAL_SECURITY")

    query = f'{{ worker(id: "{worker.id}") {{ fullName eshramUan mobile }} }}'
    data, errors = await answer(process, viewer, query)

    assert data["worker"]["fullName"]
    refused = {error["extensions"]["field"] for error in errors}
    assert refused == {"Worker.eshramUan", "Worker.mobile"}


def test_no_contract_leads_to_what_a_partner_is_never_shown() -> None:
    whole = contract(Contract(newest(), PURPOSES))
    for name in ("Citizen", "Address", "Grievance", "JobOffer", "SessionConnection"):
        assert gateway().schema.get_type(name) is not None
        assert whole.get_type(name) is None, name
    assert whole.mutation_type is not None
    assert "registerPartnerClient" not in whole.mutation_type.fields


def test_whoever_is_left_without_a_purpose_still_has_a_schema() -> None:
    """A client whose access has just ended."""
    schema = contract(Contract(newest(), frozenset()))

    assert validate_schema(schema) == []
    assert schema.mutation_type is None


def test_a_contract_takes_nothing_away_from_the_graph() -> None:
    before = print_schema(gateway().schema)
    contract(Contract(newest(), frozenset({"RESEARCH"})))
    assert print_schema(gateway().schema) == before


@pytest_asyncio.fixture
async def http(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    # Where nobody else is told the schema.
    closed = {**vars(settings), "introspection": "never", "suggestions": "never"}
    async with client_of(create_app(Settings(**closed))) as client:
        yield client


async def signed_in(http: httpx.AsyncClient, client: Viewer, **scope: str) -> dict[str, str]:
    given = {"grant_type": "client_credentials", **scope}
    answered = await http.post("/oauth/token", data=given, auth=(client.id or "", SECRET))
    assert answered.status_code == 200, answered.text
    return ACCEPT | {"authorization": f"Bearer {answered.json()['access_token']}"}


async def test_a_system_is_told_its_own_schema_and_nobody_else_is(
    http: httpx.AsyncClient, database_url: str
) -> None:
    headers = await signed_in(http, await a_client(database_url, "RESEARCH"))
    own = contract(Contract(newest(), frozenset({"RESEARCH"})))

    text = await http.get("/schema.graphql", headers=headers)
    asked = {"query": get_introspection_query()}
    introspected = await http.post("/graphql", json=asked, headers=headers)

    assert text.text.strip() == print_schema(own)
    assert print_schema(build_client_schema(introspected.json()["data"])) == print_schema(own)
    assert (await http.get("/schema.graphql")).status_code == 404
    assert (await http.post("/graphql", json=asked, headers=ACCEPT)).status_code == 400


async def test_what_the_contract_lacks_cannot_be_named(
    http: httpx.AsyncClient, database_url: str
) -> None:
    headers = await signed_in(http, await a_client(database_url, "RESEARCH"))
    query = "{ workers { nodes { birthYear fullName } } }"

    answered = await http.post("/graphql", json={"query": query}, headers=headers)

    assert answered.status_code == 400
    (error,) = answered.json()["errors"]
    assert "Cannot query field 'fullName' on type 'Worker'" in error["message"]


async def test_each_purpose_of_a_client_can_be_asked_for_alone(
    http: httpx.AsyncClient, database_url: str
) -> None:
    """A token for one of its purposes is shown what that one allows, and on record with it."""
    worker = await who_agrees_to_all(database_url)
    client = await a_client(database_url, "RESEARCH", "SOCIAL_SECURITY")
    query = {"query": f'{{ worker(id: "{worker.id}") {{ eshramUan birthYear }} }}'}

    both = await signed_in(http, client)
    one = await signed_in(http, client, scope="purpose:RESEARCH")

    assert (await http.post("/graphql", json=query, headers=both)).json()["data"]["worker"]
    assert (await http.post("/graphql", json=query, headers=one)).status_code == 400
    narrow = {"query": query["query"].replace("eshramUan ", "")}
    assert (await http.post("/graphql", json=narrow, headers=one)).status_code == 200
    latest = select(AuditEntry.purposes).order_by(AuditEntry.position.desc()).limit(1)
    assert await scalar(database_url, latest) == ["RESEARCH"]


LATER = "2027-06"


@pytest.fixture
def two_versions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The next one has no `birthYear`; the present one goes on for a month."""
    month = clock.now().date() + timedelta(days=30)
    known = MappingProxyType({newest(): month, LATER: None})
    until = newest()
    for module in (versions, partner_token):
        monkeypatch.setattr(module, "VERSIONS", known)
    original = told

    def with_an_end(field: Any) -> Any:
        record = original(field)
        if record is not None and "birth_year" in record.needs:
            vars(record)["until"] = until
        return record

    monkeypatch.setattr(contracts, "told", with_an_end)
    contract.cache_clear()
    yield
    contract.cache_clear()


def test_a_field_that_goes_stays_in_the_version_that_has_it(two_versions: None) -> None:
    (older, newer) = sorted(versions.VERSIONS)
    skills = frozenset({"SKILL_RECORDS"})

    def worker_in(version: str) -> set[str]:
        type_ = contract(Contract(version, skills)).get_type("Worker")
        assert isinstance(type_, GraphQLObjectType)
        return set(type_.fields)

    assert worker_in(older) - worker_in(newer) == {"birthYear"}
    assert worker_in(newer) <= worker_in(older)


async def test_a_system_chooses_its_version_as_long_as_both_are_served(
    process: Process, database_url: str, two_versions: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = sorted(versions.VERSIONS)
    client = await a_client(database_url, "SKILL_RECORDS", contract_version=older)
    engines = Contracts(contract, Engine)

    async def shown(scope: str | None) -> bool:
        """Whether it has the field that is to go."""
        issued = await partner_token.issue(process, Asked(client.id or "", SECRET, None, scope))
        viewer = await process.partners.viewer(process.bearers.viewer(issued.access_token))
        worker = engines.engine_for(viewer).schema.get_type("Worker")
        assert isinstance(worker, GraphQLObjectType)
        return "birthYear" in worker.fields

    assert await shown(None)
    assert not await shown(f"contract:{newer}")
    with pytest.raises(Denied, match="is not served"):
        await shown("contract:1999-01")

    over = MappingProxyType({older: date(2020, 1, 1), newer: None})
    for module in (versions, partner_token):
        monkeypatch.setattr(module, "VERSIONS", over)
    with pytest.raises(Denied, match=f"There is contract:{newer}"):
        await shown(None)
