"""The gateway over our own schema and partners': which of them answers what, and how."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select
from starlette.applications import Starlette

from deploy.compose import FOLDER
from deploy.packages import is_installed
from federation.search import Search
from federation.supergraph import BadSupergraph
from models.account import AuditEntry
from runtime.batch import Batches
from runtime.rights import Role
from runtime.settings import Settings
from server import create_app
from tests.asking import Inbox
from tests.conftest import Statements, client_of
from tests.federation.joined.partners import Partner, composed, partners
from tests.federation.joined.served import asked, signed_in
from tests.federation.world import SUPERGRAPHS, Hosts
from tests.make import a_citizen, a_worker, scalar
from tests.test_server import command

pytestmark = pytest.mark.skipif(
    not is_installed(FOLDER), reason="the composers are installed by `make compose`"
)
OTHERS = (SUPERGRAPHS / "shop" / "supergraph.graphql").read_text()
PARTNERS = """
[provident-fund]
private_addresses = true
"""
WORKER = "query ($id: ID!) { worker(id: $id) { %s } }"


@pytest.fixture(scope="session")
def text() -> str:
    return composed("provident-fund")


@pytest.fixture
def supergraph(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "supergraph.graphql"
    written(path, text)
    return path


def federated(settings: Settings, supergraph: Path) -> Settings:
    agreed = supergraph.with_name("partners.toml")
    written(agreed, PARTNERS)
    return replace(settings, supergraph=str(supergraph), partners=str(agreed))


@pytest.fixture
def fund() -> Partner:
    return partners()["provident-fund"]


@pytest.fixture
def app(settings: Settings, supergraph: Path, fund: Partner, inbox: Inbox) -> Starlette:
    return create_app(
        federated(settings, supergraph), inbox, transport=Hosts({"provident-fund": fund})
    )


@pytest_asyncio.fixture
async def client(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


def written(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


async def test_what_is_ours_alone_never_meets_the_planner(
    client: httpx.AsyncClient,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asha = await a_worker(database_url)
    monkeypatch.setattr(Search, "of_root", None)
    fragments = "... on Worker { code } __typename ...W"
    document = f"{WORKER % fragments} fragment W on Worker {{ skills {{ id }} }}"
    answer = await asked(client, document, id=asha.id)

    assert answer["data"]["worker"]["code"] == asha.code


async def test_fields_of_a_partner_stand_beside_ours(
    client: httpx.AsyncClient, database_url: str
) -> None:
    asha = await a_worker(database_url)
    answer = await asked(
        client,
        "query ($id: ID!) {"
        "  worker(id: $id) { name: code ...W }"
        "  schemes { name }"
        '  account(number: "PF-7") { balance }'
        "} fragment W on Worker { contributions account { number holder { id } } }",
        id=asha.id,
    )

    assert answer == {
        "data": {
            "worker": {
                "name": asha.code,
                "contributions": [1, 2],
                "account": {"number": f"PF-{asha.id}", "holder": {"id": asha.id}},
            },
            "schemes": [{"name": "EPF"}, {"name": "EPS"}],
            "account": {"balance": 1000},
        }
    }


async def test_what_a_partner_leads_to_of_ours_is_read_once_for_all_of_it(
    client: httpx.AsyncClient,
    database_url: str,
    fund: Partner,
    statements: Statements,
) -> None:
    workers = [await a_worker(database_url) for _ in range(9)]
    query = "{ %s }"
    one = 'a%d: account(number: "PF-%s") { holder { code skills { id } } }'
    parts = [one % (n, worker.id) for n, worker in enumerate(workers)]
    await asked(client, query % parts[0])
    with statements(at_most=2) as few:
        await asked(client, query % " ".join(parts[:2]))
    with statements(at_most=2) as many:
        answer = await asked(client, query % " ".join(parts))

    assert len(few) == len(many)
    assert [answer["data"][f"a{n}"]["holder"]["code"] for n in range(9)] == [
        worker.code for worker in workers
    ]


async def test_what_is_hidden_is_hidden_beside_a_partners_fields_and_on_record(
    client: httpx.AsyncClient, database_url: str
) -> None:
    asha = await a_worker(database_url)
    meera = await a_citizen(database_url)
    citizen = await signed_in(database_url, Role.CITIZEN, meera.id)
    answer = await asked(client, WORKER % "code eshramUan contributions", citizen, id=asha.id)
    alone = await asked(client, WORKER % "code eshramUan", citizen, id=asha.id)

    (error,), (same,) = answer["errors"], alone["errors"]
    assert error["path"] == ["worker", "eshramUan"]
    assert (error["message"], error["extensions"]) == (same["message"], same["extensions"])
    assert answer["data"]["worker"]["contributions"] == [1, 2]
    entries = await scalar(
        database_url,
        select(AuditEntry.fields).where(AuditEntry.actor_id == meera.id, AuditEntry.refused),
    )
    assert entries == ["eshramUan"]


async def test_what_is_wrong_with_a_document_is_told_of_the_schema_that_clients_see(
    client: httpx.AsyncClient,
) -> None:
    answer = await asked(client, WORKER % "contribution", id="wk_1")

    assert "Did you mean 'contributions'" in answer["errors"][0]["message"]


async def test_introspection_and_the_schema_as_text_show_all_of_it(
    client: httpx.AsyncClient,
) -> None:
    answer = await asked(
        client, '{ __type(name: "Worker") { fields { name } } __schema { directives { name } } }'
    )
    text = (await client.get("/schema.graphql")).text

    names = {field["name"] for field in answer["data"]["__type"]["fields"]}
    assert {"skills", "providentFundAccount"} <= names
    assert {"defer", "stream"} <= {d["name"] for d in answer["data"]["__schema"]["directives"]}
    assert "providentFundAccount" in text
    assert "_entities" not in text
    assert "join__" not in text


async def test_commands_are_carried_out_beside_those_of_partners_in_their_order(
    client: httpx.AsyncClient, inbox: Inbox
) -> None:
    send = '%s: requestCode(input: {mobile: "%s", role: CITIZEN}) { __typename }'
    first, second = send % ("a", "+919000000001"), send % ("b", "+919000000002")
    answer = await asked(
        client,
        f'mutation {{ {first} nominate(number: "PF-1", nominee: "Asha") {{ nominee }} {second} }}',
    )

    assert answer == {
        "data": {
            "a": {"__typename": "CodeSent"},
            "nominate": {"nominee": "Asha"},
            "b": {"__typename": "CodeSent"},
        }
    }
    assert [mobile for mobile, _ in inbox.sent] == ["+919000000001", "+919000000002"]


async def test_costs_are_those_of_our_fields_whoever_leads_to_them(
    client: httpx.AsyncClient, fund: Partner
) -> None:
    nested = "reviews(first: 100) { nodes { worker { reviews(first: 100) { nodes { id } } } } }"
    page = f"bookings(first: 100) {{ nodes {{ worker {{ {nested} }} }} }}"
    query = f'{{ account(number: "1") {{ holder {{ {page} }} }} }}'
    answer = await asked(client, query)
    alone = await asked(client, WORKER % page, id="wk_1")

    (error,), (same,) = answer["errors"], alone["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert (
        error["extensions"]["costs"]["account.holder.bookings"]
        == same["extensions"]["costs"]["worker.bookings"]
    )
    assert fund.asked == []


async def test_a_query_is_given_up_when_its_time_is_over(
    settings: Settings, supergraph: Path
) -> None:
    async def silent(_: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    app = create_app(
        replace(federated(settings, supergraph), operation_seconds=0.05),
        transport=Hosts({"provident-fund": silent}),
    )
    async with client_of(app) as client:
        answer = await asked(client, "{ schemes { name } }")

    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


async def test_a_fault_of_ours_is_masked_and_not_laid_to_a_partner(
    client: httpx.AsyncClient, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = await a_worker(database_url)

    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret of ours")

    monkeypatch.setattr(Batches, "level", broken)
    answer = await asked(client, WORKER % "code contributions", id=asha.id)

    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INTERNAL"}
    assert "secret" not in str(answer)
    assert "partner" not in str(answer["errors"])


async def test_a_field_that_a_partner_has_taken_over_is_had_from_it(
    settings: Settings, supergraph: Path, fund: Partner, database_url: str, text: str
) -> None:
    asha = await a_worker(database_url)
    ours = "  code: String! @join__field(graph: SEWA_MITRA)"
    theirs = '  code: String! @join__field(graph: PROVIDENT_FUND, override: "sewa-mitra")'
    assert ours in text
    written(supergraph, text.replace(ours, theirs, 1))
    fund.instead = lambda asked: {
        "data": {
            "_entities": [
                {**given, "code": "theirs"}
                for given in asked["variables"]["_entities_representations"]
            ]
        }
    }
    app = create_app(
        federated(settings, supergraph),
        transport=Hosts({"provident-fund": fund}),
    )
    async with client_of(app) as client:
        answer = await asked(client, WORKER % "code", id=asha.id)

    assert answer == {"data": {"worker": {"code": "theirs"}}}


async def test_a_newer_supergraph_is_taken_over_while_it_is_served(
    client: httpx.AsyncClient, app: Starlette, supergraph: Path, text: str, database_url: str
) -> None:
    asha = await a_worker(database_url)
    before = await asked(client, WORKER % "code contributions", id=asha.id)
    without = re.sub(r"\n  contributions: [^\n]*", "", text)
    written(supergraph, without)
    async with asyncio.timeout(20):
        after = before
        while "data" in after:
            after = await asked(client, WORKER % "contributions", id=asha.id)

    assert before["data"]["worker"]["contributions"] == [1, 2]
    assert "contributions" in after["errors"][0]["message"]
    assert "errors" not in await asked(client, WORKER % "code", id=asha.id)


async def test_a_supergraph_without_us_is_refused(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "other.graphql"
    written(path, OTHERS)

    with pytest.raises(BadSupergraph, match="no subgraph sewa-mitra"):
        create_app(replace(settings, supergraph=str(path)))


def test_the_plan_of_an_operation_names_whom_it_asks(tmp_path: Path, supergraph: Path) -> None:
    document = tmp_path / "page.graphql"
    document.write_text('{ worker(id: "wk_1") { code contributions } }', encoding="utf-8")
    chosen = federated(Settings(), supergraph)
    files = {"SUPERGRAPH": str(chosen.supergraph), "PARTNERS": str(chosen.partners)}
    done = command("plan", str(document), **files)
    document.write_text('{ worker(id: "wk_1") { code } }', encoding="utf-8")
    alone = command("plan", str(document), **files)

    assert [line for line in done.stdout.splitlines() if not line.startswith(" ")] == [
        "1 sewa-mitra",
        "2 provident-fund after 1",
    ]
    assert "level 1" in alone.stdout
