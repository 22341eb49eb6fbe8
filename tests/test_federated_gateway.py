"""The gateway over our own schema and partners': which of them answers what, and how."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from deploy.compose import FOLDER
from deploy.packages import is_installed
from federation.gateway import Gateway
from federation.planner import Planner
from federation.search import Search
from federation.supergraph import BadSupergraph
from models.account import AuditEntry
from runtime.batch import Batches
from runtime.process import Process
from runtime.rights import Role
from runtime.settings import Settings
from runtime.viewer import ANYONE, Viewer
from server import create_app, runner_of
from tests.asking import Inbox, a_process
from tests.conftest import Statements, client_of
from tests.federation.joined.partners import Partner
from tests.federation.joined.served import FUND, Served, served
from tests.federation.world import SUPERGRAPHS, Hosts
from tests.make import a_worker, scalar
from tests.test_server import command

pytestmark = pytest.mark.skipif(
    not is_installed(FOLDER), reason="the composers are installed by `make compose`"
)
OTHERS = SUPERGRAPHS / "shop" / "supergraph.graphql"
WORKER = "query ($id: ID!) { worker(id: $id) { %s } }"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return served(tmp_path_factory.mktemp("joined"), FUND, "provident-fund")


@pytest.fixture
def fund(gateway: Served) -> Partner:
    gateway.forget()
    partner: Partner = gateway.theirs["provident-fund"]
    return partner


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


async def test_what_is_ours_alone_never_meets_the_planner(
    gateway: Served,
    process: Process,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asha = await a_worker(database_url)
    monkeypatch.setattr(Search, "of_root", None)
    fragments = "... on Worker { code } __typename ...W"
    document = f"{WORKER % fragments} fragment W on Worker {{ skills {{ id }} }}"
    answer = await gateway.ask(process, ANYONE, document, id=asha.id)

    assert answer["data"]["worker"]["code"] == asha.code


async def test_fields_of_a_partner_stand_beside_ours(
    gateway: Served, process: Process, database_url: str
) -> None:
    asha = await a_worker(database_url)
    answer = await gateway.ask(
        process,
        ANYONE,
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
    gateway: Served,
    process: Process,
    database_url: str,
    fund: Partner,
    statements: Statements,
) -> None:
    workers = [await a_worker(database_url) for _ in range(9)]
    query = "{ %s }"
    one = 'a%d: account(number: "PF-%s") { holder { code skills { id } } }'
    parts = [one % (n, worker.id) for n, worker in enumerate(workers)]
    await gateway.ask(process, ANYONE, query % parts[0])
    with statements(at_most=2) as few:
        await gateway.ask(process, ANYONE, query % " ".join(parts[:2]))
    with statements(at_most=2) as many:
        answer = await gateway.ask(process, ANYONE, query % " ".join(parts))

    assert len(few) == len(many)
    assert [answer["data"][f"a{n}"]["holder"]["code"] for n in range(9)] == [
        worker.code for worker in workers
    ]


async def test_what_is_wrong_with_a_document_is_told_of_the_schema_that_clients_see(
    gateway: Served,
    process: Process,
) -> None:
    answer = await gateway.ask(process, ANYONE, WORKER % "contribution", id="wk_1")

    assert "Did you mean 'contributions'" in answer["errors"][0]["message"]


async def test_commands_are_carried_out_beside_those_of_partners_in_their_order(
    gateway: Served, process: Process, inbox: Inbox
) -> None:
    send = '%s: requestCode(input: {mobile: "%s", role: CITIZEN}) { __typename }'
    first, second = send % ("a", "+919000000001"), send % ("b", "+919000000002")
    answer = await gateway.ask(
        process,
        ANYONE,
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
    gateway: Served, process: Process, fund: Partner
) -> None:
    nested = "reviews(first: 100) { nodes { worker { reviews(first: 100) { nodes { id } } } } }"
    page = f"bookings(first: 100) {{ nodes {{ worker {{ {nested} }} }} }}"
    query = f'{{ account(number: "1") {{ holder {{ {page} }} }} }}'
    answer = await gateway.ask(process, ANYONE, query)
    alone = await gateway.ask(process, ANYONE, WORKER % page, id="wk_1")

    (error,), (same,) = answer["errors"], alone["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert (
        error["extensions"]["costs"]["account.holder.bookings"]
        == same["extensions"]["costs"]["worker.bookings"]
    )
    assert fund.asked == []


async def test_a_fault_of_ours_is_masked_and_not_laid_to_a_partner(
    gateway: Served, process: Process, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = await a_worker(database_url)

    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("secret of ours")

    monkeypatch.setattr(Batches, "level", broken)
    answer = await gateway.ask(process, ANYONE, WORKER % "code contributions", id=asha.id)

    assert {error["extensions"]["code"] for error in answer["errors"]} == {"INTERNAL"}
    assert "secret" not in str(answer)
    assert "partner" not in str(answer["errors"])


async def test_what_is_hidden_is_hidden_beside_a_partners_fields_and_on_record(
    gateway: Served, process: Process, database_url: str
) -> None:
    asha = await a_worker(database_url)
    citizen = Viewer(Role.CITIZEN, "cz_1")
    answer = await gateway.ask(
        process, citizen, WORKER % "code eshramUan contributions", id=asha.id
    )
    alone = await gateway.ask(process, citizen, WORKER % "code eshramUan", id=asha.id)
    recorded = select(AuditEntry.fields).where(AuditEntry.actor_id == "cz_1", AuditEntry.refused)

    (error,), (same,) = answer["errors"], alone["errors"]
    assert {**error, "locations": None} == {**same, "locations": None}
    assert answer["data"]["worker"]["contributions"] == [1, 2]
    assert await scalar(database_url, recorded) == ["eshramUan"]


async def test_introspection_and_the_schema_as_text_show_all_of_it(
    gateway: Served, process: Process, settings: Settings
) -> None:
    answer = await gateway.ask(
        process,
        ANYONE,
        '{ __type(name: "Worker") { fields { name } } __schema { directives { name } } }',
    )
    chosen = replace(
        settings, supergraph=gateway.settings.supergraph, partners=gateway.settings.partners
    )
    async with client_of(create_app(chosen)) as client:
        text = (await client.get("/schema.graphql")).text
        served = await client.post("/graphql", json={"query": "{ __typename schemes { nope } }"})

    names = {field["name"] for field in answer["data"]["__type"]["fields"]}
    assert {"skills", "providentFundAccount"} <= names
    assert {"defer", "stream"} <= {d["name"] for d in answer["data"]["__schema"]["directives"]}
    assert "providentFundAccount" in text
    assert "_entities" not in text
    assert "join__" not in text
    assert "nope" in served.json()["errors"][0]["message"]


async def test_a_query_is_given_up_when_its_time_is_over(gateway: Served, process: Process) -> None:
    async def silent(_: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    slow = replace(gateway, theirs={"provident-fund": silent})
    slow.runner, _ = runner_of(
        replace(slow.settings, operation_seconds=0.05), transport=Hosts(slow.theirs)
    )
    answer = await slow.ask(process, ANYONE, "{ schemes { name } }")

    assert answer["data"] is None
    assert answer["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"


async def test_a_field_that_a_partner_has_taken_over_is_had_from_it(
    gateway: Served, process: Process, tmp_path: Path, fund: Partner, database_url: str
) -> None:
    asha = await a_worker(database_url)
    ours = "  code: String! @join__field(graph: SEWA_MITRA)"
    theirs = '  code: String! @join__field(graph: PROVIDENT_FUND, override: "sewa-mitra")'
    assert ours in gateway.text
    taken = replace(
        gateway,
        folder=tmp_path,
        text=gateway.text.replace(ours, theirs, 1),
        agreed=f'{FUND}"Worker.code" = "public"\n',
    )
    fund.instead = lambda asked: {
        "data": {
            "_entities": [
                {**given, "code": "theirs"}
                for given in asked["variables"]["_entities_representations"]
            ]
        }
    }
    answer = await taken.ask(process, ANYONE, WORKER % "code", id=asha.id)

    assert answer == {"data": {"worker": {"code": "theirs"}}}


async def test_a_newer_supergraph_is_taken_over_while_it_is_served(
    gateway: Served, process: Process, tmp_path: Path, fund: Partner, database_url: str
) -> None:
    asha = await a_worker(database_url)
    changing = replace(gateway, folder=tmp_path)
    before = await changing.ask(process, ANYONE, WORKER % "code contributions", id=asha.id)
    more = "  years: Int @join__field(graph: PROVIDENT_FUND)\n  contributions:"
    newer = gateway.text.replace("  contributions:", more, 1)
    (tmp_path / "supergraph.graphql").write_text(newer, encoding="utf-8")
    assert isinstance(changing.runner, Gateway)
    await changing.runner.current.look()
    after = await changing.ask(process, ANYONE, WORKER % "code years", id=asha.id)

    assert before["data"]["worker"] == {"code": asha.code, "contributions": [1, 2]}
    assert after["data"]["worker"] == {"code": asha.code, "years": None}
    assert after["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_what_each_role_has_asked_is_planned_for_it_before_a_newer_supergraph_is_taken(
    gateway: Served,
    process: Process,
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asha = await a_worker(database_url)
    changing = replace(gateway, folder=tmp_path)
    query = WORKER % "code contributions providentFundAccount"
    viewers = [ANYONE, Viewer(Role.CITIZEN, "cz_1"), Viewer(Role.STATE_OFFICER, "of_1")]
    before = [await changing.ask(process, viewer, query, id=asha.id) for viewer in viewers]
    (tmp_path / "supergraph.graphql").write_text(f"{gateway.text}\n", encoding="utf-8")
    assert isinstance(changing.runner, Gateway)
    former = changing.runner.current.router
    await changing.runner.current.look()

    assert changing.runner.current.router is not former
    monkeypatch.delattr(Planner, "plan")
    for viewer, answer in zip(viewers, before, strict=True):
        assert await changing.ask(process, viewer, query, id=asha.id) == answer
    assert before[-1] not in before[:-1]


async def test_a_supergraph_without_us_is_refused(settings: Settings) -> None:
    with pytest.raises(BadSupergraph, match="no subgraph sewa-mitra"):
        runner_of(replace(settings, supergraph=str(OTHERS)))


@pytest.mark.slow
def test_the_plan_of_an_operation_names_whom_it_asks(gateway: Served, tmp_path: Path) -> None:
    document = tmp_path / "page.graphql"
    document.write_text('{ worker(id: "wk_1") { code contributions } }', encoding="utf-8")
    files = {
        "SUPERGRAPH": str(gateway.settings.supergraph),
        "PARTNERS": str(gateway.settings.partners),
    }
    done = command("plan", str(document), **files)

    assert [line for line in done.stdout.splitlines() if not line.startswith(" ")] == [
        "1 sewa-mitra",
        "2 sewa-mitra for provident-fund after 1",
        "3 provident-fund after 1, 2",
    ]
