"""What partners are told of our people, and who sees what they tell: whoever asks, and however."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from deploy.compose import FOLDER
from deploy.packages import is_installed
from federation.disclosure import BadDisclosure
from models.account import AuditDetail, AuditEntry, ConsentPurpose, ConsentRecord
from models.base import new_id
from models.partner import PartnerClient
from models.worker import Worker
from runtime import clock
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import ANYONE, Viewer
from tests.asking import a_process
from tests.conftest import Statements, run_sql_async
from tests.federation.joined.partners import Partner
from tests.federation.joined.served import FUND, POLICE, Served, served
from tests.make import LUCKNOW, a_worker, save, scalar

pytestmark = pytest.mark.skipif(
    not is_installed(FOLDER), reason="the composers are installed by `make compose`"
)
AGRA = "dt_118"
OFFICER = Viewer(Role.STATE_OFFICER, "of_1")
CITIZEN = Viewer(Role.CITIZEN, "cz_1")
WORKER = "query ($id: ID!) { worker(id: $id) { %s } }"
ACCOUNT = WORKER % "providentFundAccount"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return served(tmp_path_factory.mktemp("joined"), FUND + POLICE, "provident-fund", "police")


@pytest.fixture
def fund(gateway: Served) -> Partner:
    gateway.forget()
    partner: Partner = gateway.theirs["provident-fund"]
    return partner


@pytest.fixture
def police(gateway: Served, fund: Partner) -> Partner:
    partner: Partner = gateway.theirs["police"]
    return partner


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    await save(
        database_url,
        *(
            PartnerClient(
                id=id,
                name=id,
                purposes=[ConsentPurpose.SOCIAL_SECURITY],
                district_ids=[LUCKNOW],
            )
            for id in ("pc_fund", "pc_police")
        ),
    )
    async with a_process(database_url) as process:
        yield process


async def a_registered_worker(url: str, number: int, *, agrees: bool = True, **more: Any) -> Worker:
    worker = await a_worker(url, eshram_uan=f"{number:012}", **more)
    if agrees:
        await save(
            url,
            ConsentRecord(
                id=new_id("cs"),
                subject_id=worker.id,
                purpose=ConsentPurpose.SOCIAL_SECURITY,
                notice_version="1",
                language="hi",
                channel="APP",
                given_at=clock.now(),
            ),
        )
    return worker


def codes(answer: Any) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", [])]


async def test_a_partner_is_sent_what_it_requires_and_no_more(
    gateway: Served, fund: Partner, process: Process, database_url: str
) -> None:
    asha = await a_registered_worker(database_url, 7)
    answer = await gateway.ask(
        process, OFFICER, WORKER % "code mobile providentFundAccount", id=asha.id
    )

    assert answer["data"]["worker"]["providentFundAccount"] == "account of 000000000007"
    assert fund.representations == [
        {"__typename": "Worker", "id": asha.id, "eshramUan": "000000000007"}
    ]
    assert not any(b"authorization" in headers for headers in fund.headers)


@pytest.mark.parametrize("missing", ["consent", "district"])
async def test_what_a_partner_may_not_see_it_is_not_sent_though_the_viewer_may(
    gateway: Served, fund: Partner, process: Process, database_url: str, missing: str
) -> None:
    told = await a_registered_worker(database_url, 7)
    untold = await a_registered_worker(
        database_url,
        8,
        agrees=missing != "consent",
        district_id=AGRA if missing == "district" else LUCKNOW,
    )
    query = (
        "query ($a: ID!, $b: ID!) {"
        " a: worker(id: $a) { ...W } b: worker(id: $b) { ...W } } fragment W on Worker {"
        " uan: eshramUan ... on Worker { account: providentFundAccount eshramUan } }"
    )
    answer = await gateway.ask(process, OFFICER, query, a=told.id, b=untold.id)

    assert "000000000008" not in str(fund.asked)
    assert answer["data"]["b"] == {
        "uan": "000000000008",
        "account": None,
        "eshramUan": "000000000008",
    }
    assert answer["data"]["a"]["account"] == "account of 000000000007"
    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]) == (
        ["b", "account"],
        {"code": "CONSENT_MISSING", "partner": "provident-fund"},
    )


async def test_what_the_viewer_may_not_see_is_not_asked_for(
    gateway: Served, fund: Partner, process: Process, database_url: str
) -> None:
    asha = await a_registered_worker(database_url, 7)
    for viewer in (ANYONE, CITIZEN, Viewer(Role.PROVIDER, "pn_1", provider_id="pv_other")):
        answer = await gateway.ask(
            process, viewer, WORKER % "code providentFundAccount eshramUan", id=asha.id
        )

        assert answer["data"]["worker"] == {
            "code": asha.code,
            "providentFundAccount": None,
            "eshramUan": None,
        }
        assert codes(answer) == ["FORBIDDEN", "FORBIDDEN"]
        assert "000000000007" not in str(answer)
    assert fund.asked == []
    answer = await gateway.ask(process, Viewer(Role.WORKER, asha.id), ACCOUNT, id=asha.id)
    assert answer == {"data": {"worker": {"providentFundAccount": "account of 000000000007"}}}


async def test_a_field_that_is_not_classed_is_shown_to_nobody(
    gateway: Served, fund: Partner, process: Process, database_url: str
) -> None:
    asha = await a_registered_worker(database_url, 7)
    answer = await gateway.ask(process, OFFICER, WORKER % "note: secretNote", id=asha.id)

    assert answer["data"]["worker"] == {"note": None}
    assert codes(answer) == ["FORBIDDEN"]
    assert fund.asked == []


async def test_one_reading_for_all_rows_is_made_for_the_viewer_and_one_for_the_partner(
    gateway: Served, fund: Partner, process: Process, database_url: str, statements: Statements
) -> None:
    workers = [await a_registered_worker(database_url, number) for number in range(12)]
    one = 'a%d: worker(id: "%s") { code eshramUan providentFundAccount }'
    parts = [one % (n, worker.id) for n, worker in enumerate(workers)]
    counts = []
    for size in (2, 12):
        query = "{ " + " ".join(parts[:size]) + " }"
        await gateway.ask(process, OFFICER, query)
        with statements(at_most=8) as sent:
            answer = await gateway.ask(process, OFFICER, query)
        assert answer["data"][f"a{size - 1}"]["providentFundAccount"] is not None
        counts.append(len(sent))

    assert counts[0] == counts[1]


async def test_what_is_sent_goes_on_record_as_asked_by_the_viewer(
    gateway: Served, fund: Partner, process: Process, database_url: str
) -> None:
    asha = await a_registered_worker(database_url, 7)
    await gateway.ask(process, OFFICER, ACCOUNT, id=asha.id)
    for_fund = select(AuditDetail.id).where(AuditDetail.reason == "Sent to pc_fund.")
    sent = select(AuditEntry.fields).where(
        AuditEntry.detail_id.in_(for_fund),
        AuditEntry.actor_id == "of_1",
        AuditEntry.subject_ids == [asha.id],
        AuditEntry.refused.is_(False),
    )
    seen = select(AuditEntry.fields).where(
        func.coalesce(AuditEntry.detail_id, "").not_in(for_fund),
        AuditEntry.actor_id == "of_1",
        AuditEntry.subject_ids == [asha.id],
    )

    assert await scalar(database_url, sent) == ["eshramUan"]
    assert await scalar(database_url, seen) == ["providentFundAccount"]


async def test_nothing_that_a_partner_was_sent_comes_back_as_text(
    gateway: Served, fund: Partner, process: Process, database_url: str
) -> None:
    asha = await a_registered_worker(database_url, 7)
    fund.instead = lambda asked: {
        "data": {"_entities": [None]},
        "errors": [
            {
                "message": f"I know {asked['variables']}",
                "path": ["_entities", 0],
                "extensions": {"code": "FORBIDDEN", "note": str(asked["variables"])},
            },
            {"message": str(asked["variables"]), "extensions": {"x": str(asked["variables"])}},
        ],
    }
    answer = await gateway.ask(process, OFFICER, ACCOUNT, id=asha.id)

    assert "000000000007" not in str(answer)
    assert answer["data"]["worker"] == {"providentFundAccount": None}
    assert codes(answer)[0] == "PARTNER_ERROR"


async def test_what_a_partner_says_of_our_fields_is_not_believed(
    gateway: Served, fund: Partner, process: Process, database_url: str
) -> None:
    asha = await a_registered_worker(database_url, 7)
    fund.instead = lambda asked: {
        "data": {
            "_entities": [
                {**given, "contributions": [3], "mobile": "+91", "eshramUan": "000000000007"}
                for given in asked["variables"]["_entities_representations"]
            ]
        }
    }
    query = WORKER % "contributions mobile eshramUan"
    answer = await gateway.ask(process, CITIZEN, query, id=asha.id)

    assert answer["data"]["worker"] == {"contributions": [3], "mobile": None, "eshramUan": None}


async def test_a_partner_of_a_partner_is_sent_what_it_may_see_itself(
    gateway: Served, fund: Partner, police: Partner, process: Process, database_url: str
) -> None:
    told = await a_registered_worker(database_url, 7)
    untold = await a_registered_worker(database_url, 8, agrees=False)
    query = (
        "query ($a: ID!, $b: ID!) { a: worker(id: $a) { clearance }"
        " b: worker(id: $b) { clearance eshramUan } }"
    )
    answer = await gateway.ask(process, OFFICER, query, a=told.id, b=untold.id)

    assert answer["data"]["a"] == {"clearance": "clearance by account of 000000000007"}
    assert answer["data"]["b"] == {"clearance": None, "eshramUan": "000000000008"}
    assert codes(answer) == ["CONSENT_MISSING"]
    assert police.representations == [
        {
            "__typename": "Worker",
            "id": told.id,
            "providentFundAccount": "account of 000000000007",
        }
    ]
    assert "000000000008" not in str(fund.asked)


async def test_what_is_required_of_an_interface_is_read_for_whom_it_is_told(
    gateway: Served, fund: Partner, police: Partner, process: Process, database_url: str
) -> None:
    told = await a_registered_worker(database_url, 7)
    untold = await a_registered_worker(database_url, 8, agrees=False)
    query = (
        "query ($a: ID!, $b: ID!) { a: worker(id: $a) { ...W } b: worker(id: $b) { ...W } }"
        " fragment W on Worker { standing benefits { called: name } }"
    )
    answer = await gateway.ask(process, OFFICER, query, a=told.id, b=untold.id)
    (sent,) = police.representations
    called = [{"called": "pension"}, {"called": "gratuity"}]

    assert sent == {
        "__typename": "Worker",
        "id": told.id,
        "benefits": [
            {"__typename": "Pension", "name": "pension", "number": f"P-{told.id}"},
            {"__typename": "Gratuity", "name": "gratuity"},
        ],
    }
    assert answer["data"]["a"]["benefits"] == called
    assert f"P-{told.id}" in answer["data"]["a"]["standing"]
    assert answer["data"]["b"] == {"standing": None, "benefits": called}
    assert codes(answer) == ["CONSENT_MISSING"]


async def test_the_way_to_a_field_makes_no_difference_to_who_sees_it(
    gateway: Served, fund: Partner, process: Process, database_url: str
) -> None:
    asha = await a_registered_worker(database_url, 7)
    ways = (
        "query ($id: ID!) { node(id: $id) { ... on Worker { x: providentFundAccount } } }",
        "query ($id: ID!) { nodes(ids: [$id]) { ...W } } fragment W on Worker {"
        " ... on Node { ... on Worker { x: providentFundAccount } } }",
        "query ($id: ID!) { workers(first: 5) { edges { node { x: providentFundAccount } } }"
        " node(id: $id) { id } }",
        "query ($id: ID!, $yes: Boolean = true) { worker(id: $id) {"
        " x: providentFundAccount @include(if: $yes) } }",
    )
    for way in ways:
        hidden = await gateway.ask(process, CITIZEN, way, id=asha.id)
        assert "FORBIDDEN" in codes(hidden)
        assert "000000000007" not in str(hidden)
    assert fund.asked == []
    for way in ways:
        shown = await gateway.ask(process, OFFICER, way, id=asha.id)
        assert "account of 000000000007" in str(shown), way


async def test_neither_sees_what_was_read_for_the_other(
    gateway: Served, fund: Partner, process: Process, database_url: str
) -> None:
    asha = await a_registered_worker(database_url, 7)
    masked = Viewer(Role.HELPLINE, "hl_1")
    query = WORKER % "eshramUan: code providentFundAccount mobile"
    answer = await gateway.ask(process, masked, query, id=asha.id)

    assert answer["data"]["worker"]["eshramUan"] == asha.code
    assert str(asha.mobile) not in str(answer)
    assert asha.code not in str(fund.asked)
    assert [given["eshramUan"] for given in fund.representations] == ["000000000007"]


async def test_what_a_partner_leads_to_is_guarded_like_what_leads_to_it(
    gateway: Served, fund: Partner, process: Process, database_url: str
) -> None:
    asha = await a_registered_worker(database_url, 7)
    query = '{ account(number: "PF-%s") { holder { code eshramUan providentFundAccount } } }'
    hidden = await gateway.ask(process, CITIZEN, query % asha.id)
    shown = await gateway.ask(process, OFFICER, query % asha.id)

    assert hidden["data"]["account"]["holder"] == {
        "code": asha.code,
        "eshramUan": None,
        "providentFundAccount": None,
    }
    assert "000000000007" not in str(fund.asked[0])
    assert shown["data"]["account"]["holder"]["providentFundAccount"] == "account of 000000000007"


async def test_a_client_whose_access_has_ended_is_sent_nothing_that_is_not_public(
    gateway: Served, fund: Partner, process: Process, database_url: str
) -> None:
    asha = await a_registered_worker(database_url, 7)
    await run_sql_async(database_url, "UPDATE partner_client SET revoked_at = :now")
    answer = await gateway.ask(process, OFFICER, ACCOUNT, id=asha.id)

    assert codes(answer) == ["CONSENT_MISSING"]
    assert fund.asked == []


ESHRAM = """
[eshram]
private_addresses = true
client = "pc_fund"
discloses = ["Worker.eshramUan"]
[eshram.fields]
"Worker.isListed" = "worker_record"
"""


async def test_what_is_not_public_may_be_a_key_all_the_same(
    process: Process, database_url: str, tmp_path: Path
) -> None:
    told = await a_registered_worker(database_url, 7)
    untold = await a_registered_worker(database_url, 8, agrees=False)
    gateway = served(tmp_path, ESHRAM, "eshram")
    query = "query ($a: ID!, $b: ID!) { a: worker(id: $a) { ...W } b: worker(id: $b) { ...W } }"
    query += " fragment W on Worker { isListed eshramUan }"
    answer = await gateway.ask(process, OFFICER, query, a=told.id, b=untold.id)
    hidden = await gateway.ask(process, CITIZEN, query, a=told.id, b=untold.id)

    assert answer["data"] == {
        "a": {"isListed": True, "eshramUan": "000000000007"},
        "b": {"isListed": None, "eshramUan": "000000000008"},
    }
    assert codes(answer) == ["CONSENT_MISSING"]
    assert hidden["data"]["a"] == hidden["data"]["b"] == {"isListed": None, "eshramUan": None}
    assert gateway.theirs["eshram"].representations == [
        {"__typename": "Worker", "eshramUan": "000000000007"}
    ]
    with pytest.raises(BadDisclosure, match="is of the class PUBLIC, but made of"):
        Served(tmp_path, gateway.text, ESHRAM.replace("worker_record", "public"), gateway.theirs)


async def test_what_nobody_may_see_of_a_partner_is_neither_asked_nor_done(
    gateway: Served, fund: Partner, process: Process, tmp_path: Path
) -> None:
    less = FUND.replace('"Query.account" = "public"\n', "")
    less = less.replace('"Mutation.nominate" = "public"\n', "")
    strict = Served(tmp_path, gateway.text, less + POLICE, gateway.theirs)
    asked = await strict.ask(process, OFFICER, '{ account(number: "1") { balance } }')
    sent = await strict.ask(
        process, OFFICER, 'mutation { nominate(number: "1", nominee: "2") { balance } }'
    )

    assert (asked["data"], sent["data"]) == ({"account": None}, {"nominate": None})
    assert codes(asked) == codes(sent) == ["FORBIDDEN"]
    assert fund.asked == []


BAD = {
    "is sent Worker.eshramUan for Worker.providentFundAccount, which its `discloses`": (
        '"Worker.eshramUan", ',
        "",
    ),
    "is sent Worker.id as a key of Worker, which its `discloses`": ('"Worker.id", ', ""),
    "is of the class PUBLIC, but made of Worker.eshramUan, which is PARTNER": (
        '"Worker.providentFundAccount" = "worker_record"',
        '"Worker.providentFundAccount" = "public"',
    ),
    "serves no Worker.nothing": ('"Worker.account"', '"Worker.nothing"'),
    "is nonsense, which is neither public nor an area": (
        '"Worker.account" = "public"',
        '"Worker.account" = "nonsense"',
    ),
    "is grievance, of which no Worker of ours can say": (
        '"Worker.account" = "public"',
        '"Worker.account" = "grievance"',
    ),
    "PARTNERS names no `client` of ours": ('client = "pc_fund"\n', ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("told", BAD)
def test_a_supergraph_that_tells_more_than_was_agreed_is_refused(
    gateway: Served, tmp_path: Path, told: str
) -> None:
    was, is_now = BAD[told]
    assert was in FUND

    with pytest.raises(BadDisclosure) as refused:
        Served(tmp_path, gateway.text, FUND.replace(was, is_now) + POLICE, gateway.theirs)
    assert told in str(refused.value)
