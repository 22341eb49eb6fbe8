"""What citizens keep about themselves, what people agree to, and what they see of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from models.account import AuditEntry, Citizen, ConsentRecord, Outbox
from models.base import new_id
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import a_process, answer, send
from tests.make import LUCKNOW, NOON, a_citizen, a_worker, save, scalar

ANYONE = Viewer()
HOME: dict[str, Any] = {
    "label": "Home",
    "line": "Flat 3, Block B",
    "districtLgdCode": 162,
    "latitude": 26.85,
    "longitude": 81.0,
}
CONSENT = {"noticeVersion": "2026.1", "language": "HI", "channel": "APP"}
ID = "... on Node { id }"


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


def as_citizen(citizen: Citizen) -> Viewer:
    return Viewer(Role.CITIZEN, citizen.id)


async def events(url: str, subject_id: str) -> list[str]:
    found = select(func.array_agg(Outbox.event)).where(Outbox.subject_id == subject_id)
    return list(await scalar(url, found) or [])


async def test_a_citizen_says_who_they_are_and_leaves_the_rest_as_it_was(
    process: Process, database_url: str
) -> None:
    citizen = await a_citizen(database_url)

    changed = await send(
        process,
        as_citizen(citizen),
        "changeProfile",
        "... on Citizen { firstName(language: HI) surname gender language district { lgdCode } }",
        firstNameHi=" सीता ",
        language="EN",
        districtLgdCode=118,
    )

    assert changed["firstName"] == "सीता"
    assert (changed["surname"], changed["gender"]) == ("Saxena", "FEMALE")
    assert (changed["language"], changed["district"]["lgdCode"]) == ("EN", 118)
    assert await events(database_url, citizen.id) == ["CitizenChanged"]


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("firstNameEn", "सीता"),
        ("firstNameHi", "Sita"),
        ("surnameEn", "Ram 1"),
        ("surnameHi", "राम१"),
        ("surnameEn", "<b>"),
        ("surnameEn", "x" * 101),
        ("surnameEn", " "),
    ],
)
async def test_a_name_is_letters_of_its_script(
    process: Process, database_url: str, field: str, name: str
) -> None:
    citizen = as_citizen(await a_citizen(database_url))

    assert await send(process, citizen, "changeProfile", **{field: name}) == ["BAD_INPUT"]


async def test_names_of_two_parts_pass(process: Process, database_url: str) -> None:
    citizen = as_citizen(await a_citizen(database_url))
    name = {"surnameEn": "D'Souza-Rao Jr.", "surnameHi": "राम प्रसाद", "firstNameHi": "ज़ैनब"}

    assert (await send(process, citizen, "changeProfile", **name))["__typename"] == "Citizen"


async def test_addresses_are_kept_and_removed(process: Process, database_url: str) -> None:
    viewer = as_citizen(await a_citizen(database_url))
    added = await send(process, viewer, "addAddress", ID, **HOME)

    mine = "{ viewer { addresses { id label line district { lgdCode } location { latitude } } } }"
    data, _ = await answer(process, viewer, mine)
    assert data["viewer"]["addresses"] == [
        {
            "id": added["id"],
            "label": "Home",
            "line": "Flat 3, Block B",
            "district": {"lgdCode": 162},
            "location": {"latitude": 26.85},
        }
    ]

    removed = await send(process, viewer, "removeAddress", ID, addressId=added["id"])
    assert removed["id"] == viewer.id
    data, _ = await answer(process, viewer, mine)
    assert data["viewer"]["addresses"] == []
    assert viewer.id is not None
    assert await events(database_url, viewer.id) == ["CitizenChanged"] * 2


async def test_nobody_removes_the_address_of_another(process: Process, database_url: str) -> None:
    owner, other = await a_citizen(database_url), await a_citizen(database_url)
    added = await send(process, as_citizen(owner), "addAddress", ID, **HOME)

    for id in (added["id"], "ad_nothing"):
        refused = await send(process, as_citizen(other), "removeAddress", addressId=id)
        assert refused == ["NOT_FOUND"]
    data, _ = await answer(process, as_citizen(owner), "{ viewer { addresses { id } } }")
    assert len(data["viewer"]["addresses"]) == 1


@pytest.mark.parametrize(
    ("changed", "comes"),
    [
        ({"districtLgdCode": 118}, "PlaceOutsideDistrict"),
        ({"latitude": 22.3, "longitude": 114.2}, "PlaceOutsideDistrict"),
        ({"latitude": 91.0}, ["BAD_INPUT"]),
        ({"districtLgdCode": 999}, ["NOT_FOUND"]),
    ],
)
async def test_a_place_lies_in_the_district_that_is_named(
    process: Process, database_url: str, changed: dict[str, Any], comes: Any
) -> None:
    viewer = as_citizen(await a_citizen(database_url))

    refused = await send(process, viewer, "addAddress", **(HOME | changed))

    assert (refused if isinstance(refused, list) else refused["__typename"]) == comes


async def test_parallel_additions_keep_to_the_limit(database_url: str) -> None:
    viewer = as_citizen(await a_citizen(database_url))
    async with a_process(database_url, addresses_per_citizen=3) as process:
        came = await asyncio.gather(
            *(send(process, viewer, "addAddress", **HOME) for _ in range(8))
        )

    kinds = [one["__typename"] for one in came]
    assert (kinds.count("Address"), kinds.count("TooManyAddresses")) == (3, 5)


async def test_consent_given_twice_is_the_one_that_stands(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url)
    viewer = Viewer(Role.WORKER, worker.id)
    given = CONSENT | {"purpose": "RESEARCH"}

    came = await asyncio.gather(
        *(send(process, viewer, "giveConsent", ID, **given) for _ in range(5))
    )

    assert len({one["id"] for one in came}) == 1
    assert await events(database_url, worker.id) == ["ConsentGiven"]


async def test_withdrawn_consent_can_be_given_again(process: Process, database_url: str) -> None:
    viewer = as_citizen(await a_citizen(database_url))
    given = CONSENT | {"purpose": "RESEARCH"}
    first = await send(process, viewer, "giveConsent", ID, **given)
    for _ in range(2):
        withdrawn = await send(process, viewer, "withdrawConsent", ID, purpose="RESEARCH")
        assert withdrawn["id"] == first["id"]
    second = await send(process, viewer, "giveConsent", ID, **given)

    assert second["id"] != first["id"]
    data, _ = await answer(
        process, viewer, "{ viewer { consents { nodes { id withdrawnAt } totalCount } } }"
    )
    assert [one["withdrawnAt"] is None for one in data["viewer"]["consents"]["nodes"]] == [
        True,
        False,
    ]
    assert viewer.id is not None
    assert await events(database_url, viewer.id) == [
        "ConsentGiven",
        "ConsentWithdrawn",
        "ConsentGiven",
    ]


async def test_what_was_never_given_cannot_be_withdrawn(
    process: Process, database_url: str
) -> None:
    viewer = as_citizen(await a_citizen(database_url))

    assert await send(process, viewer, "withdrawConsent", purpose="PHOTO") == ["NOT_FOUND"]
    assert await send(
        process, viewer, "giveConsent", **CONSENT | {"purpose": "PHOTO", "noticeVersion": "a b"}
    ) == ["BAD_INPUT"]


async def test_a_photo_shows_while_consent_for_it_stands(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url, photo_url="https://photos.example/1.jpg")
    viewer = Viewer(Role.WORKER, worker.id)

    async def photo() -> Any:
        query = f'{{ worker(id: "{worker.id}") {{ photoUrl }} }}'
        return (await answer(process, ANYONE, query))[0]["worker"]["photoUrl"]

    assert await photo() is None
    await send(process, viewer, "giveConsent", **CONSENT | {"purpose": "PHOTO"})
    assert await photo() == "https://photos.example/1.jpg"
    await send(process, viewer, "withdrawConsent", purpose="PHOTO")
    assert await photo() is None


async def test_consent_for_its_purpose_opens_a_worker_to_a_client_and_withdrawal_closes_it(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url)
    viewer = Viewer(Role.WORKER, worker.id)
    client = Viewer(Role.PARTNER, "pc_1", districts=(LUCKNOW,), purposes=("SKILL_RECORDS",))

    async def full_name() -> Any:
        query = f'{{ worker(id: "{worker.id}") {{ fullName }} }}'
        return (await answer(process, client, query))[0]["worker"]["fullName"]

    assert await full_name() is None
    await send(process, viewer, "giveConsent", **CONSENT | {"purpose": "SKILL_RECORDS"})
    assert await full_name() == "Anil Yadav"
    await send(process, viewer, "withdrawConsent", purpose="SKILL_RECORDS")
    assert await full_name() is None


async def test_whoever_was_forgotten_does_nothing_more_with_a_token_that_still_holds(
    process: Process, database_url: str
) -> None:
    citizen = as_citizen(await a_citizen(database_url, mobile=None, erased_at=NOON))
    worker = Viewer(Role.WORKER, (await a_worker(database_url, status="ERASED", mobile=None)).id)

    assert await send(process, citizen, "changeProfile", language="EN") == ["UNAUTHENTICATED"]
    assert await send(process, citizen, "addAddress", **HOME) == ["UNAUTHENTICATED"]
    for viewer in (citizen, worker):
        given = CONSENT | {"purpose": "RESEARCH"}
        assert await send(process, viewer, "giveConsent", **given) == ["UNAUTHENTICATED"]
        assert await send(process, viewer, "requestErasure") == ["UNAUTHENTICATED"]


async def test_one_request_to_be_forgotten_waits_at_a_time(
    process: Process, database_url: str
) -> None:
    viewer = as_citizen(await a_citizen(database_url))

    came = await asyncio.gather(*(send(process, viewer, "requestErasure") for _ in range(4)))

    kinds = [one["__typename"] for one in came]
    assert (kinds.count("ErasureRequest"), kinds.count("ErasurePending")) == (1, 3)
    data, _ = await answer(process, viewer, "{ viewer { erasureRequests { nodes { state } } } }")
    assert data["viewer"]["erasureRequests"]["nodes"] == [{"state": "REQUESTED"}]


async def test_the_anonymous_have_nothing_of_their_own(process: Process, database_url: str) -> None:
    await a_citizen(database_url)
    query = """{
      viewer {
        id role citizen { id } department { id } addresses { id }
        consents { nodes { id } totalCount } erasureRequests { nodes { id } }
        sessions { nodes { id } }
      }
      audit { nodes { type } totalCount }
      erasureRequests { nodes { id } totalCount }
    }"""

    data, errors = await answer(process, ANYONE, query)

    assert errors == []
    nothing: dict[str, Any] = {"nodes": []}
    assert data == {
        "viewer": {
            "id": None,
            "role": "ANONYMOUS",
            "citizen": None,
            "department": None,
            "addresses": [],
            "consents": nothing | {"totalCount": 0},
            "erasureRequests": nothing,
            "sessions": nothing,
        },
        "audit": nothing | {"totalCount": 0},
        "erasureRequests": nothing | {"totalCount": 0},
    }


async def an_entry(url: str, *subject_ids: str, actor_id: str = "us_officer") -> None:
    entry = AuditEntry(
        actor_id=actor_id,
        role="DISTRICT_OFFICER",
        purposes=[],
        refused=False,
        type="Worker",
        subject_ids=list(subject_ids),
        fields=["mobile"],
        request_id="request-0",
    )
    await save(url, entry)


async def test_people_see_who_looked_at_them_and_the_state_office_sees_all(
    process: Process, database_url: str
) -> None:
    worker, other = await a_worker(database_url), await a_worker(database_url)
    await an_entry(database_url, worker.id, other.id)
    await an_entry(database_url, other.id)
    await an_entry(database_url, other.id, actor_id="pc_1")
    query = "query ($of: ID) { audit(subjectId: $of) { nodes { fields } totalCount } }"

    async def seen(viewer: Viewer, of: str | None = None) -> int:
        return int((await answer(process, viewer, query, of=of))[0]["audit"]["totalCount"])

    assert await seen(Viewer(Role.WORKER, worker.id)) == 1
    assert await seen(Viewer(Role.WORKER, worker.id), worker.id) == 1
    assert await seen(Viewer(Role.WORKER, worker.id), other.id) == 0
    assert await seen(Viewer(Role.PARTNER, "pc_1"), other.id) == 1
    assert await seen(Viewer(Role.PARTNER, "pc_2"), other.id) == 0
    for role in (Role.STATE_OFFICER, Role.AUDITOR):
        assert await seen(Viewer(role, "us_1"), worker.id) == 1
        assert await seen(Viewer(role, "us_1"), other.id) == 3
    for role in (Role.HELPLINE, Role.DISTRICT_OFFICER, Role.MODERATOR, Role.PROVIDER):
        assert await seen(Viewer(role, "us_1", districts=(LUCKNOW,))) == 0


async def test_the_audit_is_read_in_pages_and_reading_it_is_on_record(
    process: Process, database_url: str
) -> None:
    auditor = Viewer(Role.AUDITOR, "us_auditor")
    for number in range(5):
        await an_entry(database_url, f"wk_{number}")
    query = """query ($after: String) {
      audit(first: 2, after: $after, actorId: "us_officer", refused: false) {
        nodes { subjectIds } pageInfo { endCursor hasNextPage }
      }
    }"""

    found: list[str] = []
    after, more = None, True
    while more:
        data, errors = await answer(process, auditor, query, after=after)
        assert errors == []
        found += [id for node in data["audit"]["nodes"] for id in node["subjectIds"]]
        after, more = (data["audit"]["pageInfo"][key] for key in ("endCursor", "hasNextPage"))

    assert found == [f"wk_{number}" for number in (4, 3, 2, 1, 0)]
    own = select(func.count()).where(
        AuditEntry.actor_id == "us_auditor", AuditEntry.type == "AuditEntry"
    )
    assert await scalar(database_url, own) == 3


async def test_lists_of_the_viewer_cost_one_statement_each(
    process: Process, database_url: str, statements: Any
) -> None:
    citizen = await a_citizen(database_url)
    records = [
        ConsentRecord(
            id=new_id("cs"),
            subject_id=citizen.id,
            purpose="RESEARCH",
            notice_version="1",
            language="hi",
            channel="APP",
            given_at=NOON + timedelta(days=number),
            withdrawn_at=NOON + timedelta(days=number, hours=1),
        )
        for number in range(10)
    ]
    query = "{ viewer { citizen { mobile } addresses { line } consents { nodes { purpose } } } }"
    for size in (1, 9):
        await save(database_url, *records[:size])
        records = records[size:]
        with statements(at_most=3):
            await answer(process, as_citizen(citizen), query)
