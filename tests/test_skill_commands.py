"""Skills and their certificates, rates and their versions, the catalogue and who edits it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select, true
from structlog.testing import capture_logs

import loaders.skill
import loaders.worker
from data import reference
from models.account import Outbox
from models.skill import RateCard, Service, ServiceCategory, WorkerSkill
from models.worker import Provider, Worker
from runtime import clock
from runtime.geography import day_of
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import a_process, answer, send
from tests.conftest import run_sql_async
from tests.make import LUCKNOW, a_citizen, a_provider, a_worker, scalar

LUCKNOW_CODE = 162
FAN = "sv_electrician-fan-repair"
OFFICER = Viewer(Role.DISTRICT_OFFICER, "us_officer", districts=(LUCKNOW,))
FAR_OFFICER = replace(OFFICER, districts=("dt_118",))
STATE = Viewer(Role.STATE_OFFICER, "us_state")
ANYONE = Viewer()
PACK = {"qpCode": "PSC/Q0104", "qpVersion": "2.0", "nsqfLevel": "4"}
SKILL = "... on WorkerSkill { id verified position qpCode qpVersion nsqfLevel }"
RATE = "... on RateCard { id version validFrom validUntil approvedAt rejectionReason }"
TODAY = day_of(clock.now())


@pytest.fixture
def faults() -> Iterator[None]:
    """Where faults are expected: nobody waits for their tracebacks to be written out."""
    with capture_logs():
        yield


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


def me(worker: Worker) -> Viewer:
    return Viewer(Role.WORKER, worker.id)


def of_provider(provider: Provider) -> Viewer:
    return Viewer(Role.PROVIDER, provider.id, provider_id=provider.id)


def day(n: int) -> str:
    return (TODAY + timedelta(days=n)).isoformat()


async def events(url: str, subject_id: str) -> list[str]:
    statement = select(func.array_agg(Outbox.event)).where(Outbox.subject_id == subject_id)
    return list(await scalar(url, statement) or [])


async def skill_of(url: str, worker: Worker) -> str:
    return str(await scalar(url, select(WorkerSkill.id).where(WorkerSkill.worker_id == worker.id)))


# Skills


async def test_a_skill_is_added_and_counts_once_it_is_verified(
    process: Process, database_url: str
) -> None:
    provider = await a_provider(database_url)
    worker = await a_worker(database_url, provider_id=provider.id)

    async def add(viewer: Viewer, category: str, years: int = 9) -> Any:
        given = {"workerId": worker.id, "categoryId": category, "yearsExperience": years}
        return await send(process, viewer, "addSkill", SKILL, **given)

    added = await add(me(worker), "ct_plumber")
    assert (added["verified"], added["position"]) == (False, 1)
    assert (await add(me(worker), "ct_plumber"))["__typename"] == "SkillExists"
    assert (await add(of_provider(provider), "ct_painter"))["position"] == 2
    assert (await add(OFFICER, "ct_carpenter"))["position"] == 3
    assert await add(OFFICER, "ct_cook", -1) == ["BAD_INPUT"]
    years = select(Worker.years_experience).where(Worker.id == worker.id)
    assert await scalar(database_url, years) == 9

    verified = await send(process, OFFICER, "verifySkill", SKILL, skillId=added["id"], **PACK)
    assert verified["verified"] is True
    assert (verified["qpCode"], verified["qpVersion"]) == ("PSC/Q0104", "2.0")
    assert await events(database_url, added["id"]) == ["SkillChanged", "SkillVerified"]


async def test_a_certificate_names_its_pack_version_and_level(
    process: Process, database_url: str
) -> None:
    skill = await skill_of(database_url, await a_worker(database_url))
    for wrong in (
        {"qpCode": "PSC-Q0104"},
        {"qpCode": "psc/q0104"},
        {"qpCode": "PSC/Q01045"},
        {"qpVersion": "two"},
        {"qpVersion": "2"},
        {"nsqfLevel": "4.2"},
        {"nsqfLevel": "9"},
    ):
        refused = await send(process, OFFICER, "verifySkill", skillId=skill, **PACK | wrong)
        assert refused == ["BAD_INPUT"], wrong


async def test_a_certificate_stands_behind_one_skill(process: Process, database_url: str) -> None:
    skills = [await skill_of(database_url, await a_worker(database_url)) for _ in range(2)]

    answers = [
        await send(
            process, OFFICER, "verifySkill", skillId=id, **PACK, certificateNumber="UP/2024/7"
        )
        for id in skills
    ]

    assert [one["__typename"] for one in answers] == ["WorkerSkill", "CertificateTaken"]


async def test_an_active_worker_keeps_a_verified_skill(process: Process, database_url: str) -> None:
    worker = await a_worker(database_url)
    skill = await skill_of(database_url, worker)

    for command, viewer in (
        ("withdrawSkillVerification", OFFICER),
        ("removeSkill", me(worker)),
    ):
        refused = await send(process, viewer, command, skillId=skill)
        assert refused["__typename"] == "LastSkill", command

    given = {"categoryId": "ct_plumber", "yearsExperience": 1}
    other = (await send(process, me(worker), "addSkill", SKILL, **given))["id"]
    await send(process, OFFICER, "verifySkill", skillId=other, **PACK)
    withdrawn = await send(process, OFFICER, "withdrawSkillVerification", SKILL, skillId=skill)
    assert withdrawn["verified"] is False
    left = "... on Worker { skills { id position } }"
    removed = await send(process, me(worker), "removeSkill", left, skillId=skill)
    assert removed["skills"] == [{"id": other, "position": 0}]


async def withdrawals_at_once(process: Process, url: str) -> set[bool]:
    """What is left of two verified skills that two officers withdraw together."""
    worker = await a_worker(url)
    given = {"categoryId": "ct_plumber", "yearsExperience": 1}
    other = (await send(process, me(worker), "addSkill", SKILL, **given))["id"]
    await send(process, OFFICER, "verifySkill", skillId=other, **PACK)
    both = [other, await skill_of_category(url, worker, "ct_electrician")]
    await asyncio.gather(
        *(send(process, OFFICER, "withdrawSkillVerification", skillId=id) for id in both)
    )
    left = select(func.array_agg(WorkerSkill.verified)).where(WorkerSkill.worker_id == worker.id)
    return set(await scalar(url, left))


async def skill_of_category(url: str, worker: Worker, category_id: str) -> str:
    found = select(WorkerSkill.id).where(
        WorkerSkill.worker_id == worker.id, WorkerSkill.category_id == category_id
    )
    return str(await scalar(url, found))


async def test_of_two_withdrawals_at_once_one_is_refused(
    process: Process, database_url: str
) -> None:
    for _ in range(5):
        assert await withdrawals_at_once(process, database_url) == {True, False}


async def test_unless_the_worker_is_locked_both_are_withdrawn(
    process: Process, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        loaders.worker, "worker_to_change", lambda _, id: select(Worker).where(Worker.id == id)
    )

    left = [await withdrawals_at_once(process, database_url) for _ in range(10)]

    assert {False} in left


async def test_who_may_not_touch_a_skill_does_not(process: Process, database_url: str) -> None:
    provider = await a_provider(database_url)
    worker = await a_worker(database_url, provider_id=provider.id)
    stranger = await a_worker(database_url)
    this = {"skillId": await skill_of(database_url, worker)}
    checks: dict[str, dict[str, Any]] = {"verifySkill": PACK, "withdrawSkillVerification": {}}

    for command, told in checks.items():
        for viewer in (me(worker), of_provider(provider)):
            assert await send(process, viewer, command, **this, **told) == ["FORBIDDEN"]
        assert await send(process, FAR_OFFICER, command, **this, **told) == ["NOT_FOUND"]
    for viewer in (me(stranger), of_provider(await a_provider(database_url)), FAR_OFFICER):
        assert await send(process, viewer, "removeSkill", **this) == ["NOT_FOUND"]


# Rates


async def publish(process: Process, viewer: Viewer, **changes: Any) -> Any:
    given = {
        "serviceId": FAN,
        "districtCode": LUCKNOW_CODE,
        "amountPaise": 25_000,
        "visitChargePaise": 4_900,
        "validFrom": day(0),
    }
    return await send(process, viewer, "publishRate", RATE, **given | changes)


async def approve(process: Process, rate: Any, viewer: Viewer = OFFICER) -> Any:
    return await send(
        process,
        viewer,
        "approveRate",
        f"{RATE} ... on RateSuperseded {{ version }}",
        rateId=rate["id"],
    )


async def periods(url: str) -> list[str]:
    """Version, first day and the first day after, of versions that hold or held."""
    rows = select(
        func.array_agg(
            func.concat_ws("|", RateCard.version, RateCard.valid_from, RateCard.valid_until)
        )
    ).where(RateCard.approved_at.is_not(None))
    return sorted(await scalar(url, rows) or [])


async def test_a_rate_holds_once_it_is_approved(process: Process, database_url: str) -> None:
    provider = await a_provider(database_url)
    viewer = of_provider(provider)
    query = f'{{ provider(id: "{provider.id}") {{ rates {{ nodes {{ version }} }} }} }}'

    published = await publish(process, viewer)
    data, _ = await answer(process, ANYONE, query)
    assert (published["version"], data["provider"]["rates"]["nodes"]) == (1, [])

    approved = await approve(process, published)
    assert approved["approvedAt"]
    data, _ = await answer(process, ANYONE, query)
    assert data["provider"]["rates"]["nodes"] == [{"version": 1}]
    assert (await approve(process, published))["__typename"] == "RateDecided"
    assert await events(database_url, published["id"]) == [
        "RateCardPublished",
        "RateCardApproved",
    ]


async def test_a_new_version_replaces_the_old_from_its_first_day(
    process: Process, database_url: str
) -> None:
    viewer = of_provider(await a_provider(database_url))
    first = await publish(process, viewer)
    second = await publish(process, viewer, amountPaise=30_000, validFrom=day(10))
    third = await publish(process, viewer, amountPaise=35_000, validFrom=day(5))

    for rate in (first, second, third):
        assert (await approve(process, rate))["__typename"] == "RateCard"

    # The second is replaced before its first day.
    assert await periods(database_url) == [
        f"1|{day(0)}|{day(5)}",
        f"2|{day(10)}|{day(10)}",
        f"3|{day(5)}",
    ]


async def test_a_version_approved_late_holds_until_the_later_one(
    process: Process, database_url: str
) -> None:
    viewer = of_provider(await a_provider(database_url))
    first = await publish(process, viewer)
    second = await publish(process, viewer, validFrom=day(5))
    third = await publish(process, viewer, validFrom=day(9))
    fourth = await publish(process, viewer, validFrom=day(5))

    await approve(process, fourth)
    superseded = await approve(process, second)
    assert (superseded["__typename"], superseded["version"]) == ("RateSuperseded", 4)
    assert (await approve(process, third))["__typename"] == "RateSuperseded"
    await approve(process, first)

    assert await periods(database_url) == [f"1|{day(0)}|{day(5)}", f"4|{day(5)}"]


async def test_a_rate_approved_after_its_first_day_holds_from_today(
    process: Process, database_url: str
) -> None:
    viewer = of_provider(await a_provider(database_url))
    rate = await publish(process, viewer)
    await run_sql_async(database_url, "UPDATE rate_card SET valid_from = '2020-01-01'")

    assert (await approve(process, rate))["validFrom"] == day(0)


async def test_a_rejected_rate_says_why_to_whoever_set_it(
    process: Process, database_url: str
) -> None:
    viewer = of_provider(await a_provider(database_url))
    rate = await publish(process, viewer)

    given = {"rateId": rate["id"], "reason": "Above the ceiling"}
    assert await send(process, FAR_OFFICER, "rejectRate", **given) == ["NOT_FOUND"]
    rejected = await send(process, OFFICER, "rejectRate", RATE, **given)
    assert rejected["rejectionReason"] == "Above the ceiling"
    assert (await approve(process, rate))["__typename"] == "RateDecided"
    read = f'{{ node(id: "{rate["id"]}") {{ ... on RateCard {{ rejectionReason }} }} }}'
    data, _ = await answer(process, viewer, read)
    assert data["node"] == {"rejectionReason": "Above the ceiling"}
    for stranger in (ANYONE, FAR_OFFICER, Viewer(Role.PROVIDER, "pv_1", provider_id="pv_1")):
        data, _ = await answer(process, stranger, read)
        assert data["node"] is None
    assert await events(database_url, rate["id"]) == ["RateCardPublished", "RateCardRejected"]


async def test_rates_that_wait_are_listed_for_the_two_sides(
    process: Process, database_url: str
) -> None:
    viewer = of_provider(await a_provider(database_url))
    rate = await publish(process, viewer)

    async def waiting(asker: Viewer) -> list[str]:
        data, errors = await answer(process, asker, "{ rateProposals { nodes { id } } }")
        assert not errors
        return [node["id"] for node in data["rateProposals"]["nodes"]]

    for asker in (viewer, OFFICER, STATE):
        assert await waiting(asker) == [rate["id"]]
    for asker in (ANYONE, FAR_OFFICER, Viewer(Role.PROVIDER, "pv_1", provider_id="pv_1")):
        assert await waiting(asker) == []
    await approve(process, rate)
    assert await waiting(OFFICER) == []


async def test_what_is_no_rate_is_refused(process: Process, database_url: str) -> None:
    viewer = of_provider(await a_provider(database_url))
    for wrong in (
        {"amountPaise": 0},
        {"amountPaise": 1_000_000_001},
        {"visitChargePaise": -1},
        {"validFrom": day(-1)},
    ):
        assert await publish(process, viewer, **wrong) == ["BAD_INPUT"], wrong
    assert await publish(process, viewer, serviceId="sv_nothing") == ["NOT_FOUND"]
    assert await publish(process, viewer, districtCode=1) == ["NOT_FOUND"]
    assert (await publish(process, viewer, districtCode=118))["__typename"] == "DistrictNotServed"
    await run_sql_async(database_url, "UPDATE service_category SET active = false")
    assert (await publish(process, viewer))["__typename"] == "CategoryRetired"
    await run_sql_async(database_url, "UPDATE provider SET status = 'SUSPENDED'")
    assert await publish(process, viewer) == ["SUSPENDED"]
    await run_sql_async(database_url, "UPDATE provider SET status = 'EXPIRED'")
    assert (await publish(process, viewer))["__typename"] == "NotEmpanelled"


async def test_a_worker_of_no_provider_sets_their_own_rate(
    process: Process, database_url: str
) -> None:
    direct = await a_worker(database_url)
    provider = await a_provider(database_url)
    employed = await a_worker(database_url, provider_id=provider.id)

    for version in (1, 2):
        rate = await publish(process, me(direct), districtCode=None)
        assert rate["version"] == version
        assert (await approve(process, rate))["__typename"] == "RateCard"
    assert await periods(database_url) == [f"1|{day(0)}|{day(0)}", f"2|{day(0)}"]
    refused = await publish(process, me(employed), districtCode=None)
    assert refused["__typename"] == "WorksThroughProvider"


async def test_others_set_and_decide_on_no_rates(process: Process, database_url: str) -> None:
    provider = await a_provider(database_url)
    citizen = Viewer(Role.CITIZEN, (await a_citizen(database_url)).id)
    rate = await publish(process, of_provider(provider))

    assert await publish(process, ANYONE) == ["UNAUTHENTICATED"]
    for viewer in (citizen, OFFICER, STATE):
        assert await publish(process, viewer) == ["FORBIDDEN"]
    for viewer in (citizen, of_provider(provider)):
        assert await approve(process, rate, viewer) == ["FORBIDDEN"]
    assert await approve(process, rate, FAR_OFFICER) == ["NOT_FOUND"]


async def test_versions_published_at_once_count_up(process: Process, database_url: str) -> None:
    viewer = of_provider(await a_provider(database_url))

    published = await asyncio.gather(*(publish(process, viewer) for _ in range(5)))

    assert sorted(one["version"] for one in published) == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("faults")
async def test_unless_the_provider_is_locked_versions_collide(
    process: Process, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = of_provider(await a_provider(database_url))
    monkeypatch.setattr(
        loaders.worker,
        "provider_to_change",
        lambda _, id: select(Provider).where(Provider.id == id),
    )

    published = await asyncio.gather(*(publish(process, viewer) for _ in range(5)))

    assert ["INTERNAL"] in published


async def approvals_at_once(process: Process, url: str) -> list[Any]:
    viewer = of_provider(await a_provider(url))
    rates = [await publish(process, viewer, validFrom=day(n)) for n in range(4)]
    return list(await asyncio.gather(*(approve(process, rate) for rate in rates)))


async def test_versions_approved_at_once_never_hold_together(
    process: Process, database_url: str
) -> None:
    answers = await approvals_at_once(process, database_url)

    assert {one["__typename"] for one in answers} == {"RateCard"}
    assert await periods(database_url) == [
        f"1|{day(0)}|{day(1)}",
        f"2|{day(1)}|{day(2)}",
        f"3|{day(2)}|{day(3)}",
        f"4|{day(3)}",
    ]


async def test_without_lock_and_constraint_two_rates_hold_on_one_day(
    process: Process, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run_sql_async(database_url, "ALTER TABLE rate_card DROP CONSTRAINT rate_card_holds_alone")
    # Nothing of the series is seen, as if each had read before the others wrote.
    monkeypatch.setattr(
        loaders.skill, "versions_of", lambda rate: select(RateCard).where(RateCard.id == rate.id)
    )

    await approvals_at_once(process, database_url)

    assert await periods(database_url) == [f"{n + 1}|{day(n)}" for n in range(4)]


@pytest.mark.usefixtures("faults")
async def test_the_constraint_alone_keeps_two_rates_apart(
    process: Process, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        loaders.skill, "versions_of", lambda rate: select(RateCard).where(RateCard.id == rate.id)
    )

    answers = await approvals_at_once(process, database_url)

    assert answers.count(["INTERNAL"]) == 3
    assert len(await periods(database_url)) == 1


# The catalogue


async def add_category(process: Process, viewer: Viewer = STATE, slug: str = "gardener") -> Any:
    return await send(
        process,
        viewer,
        "addCategory",
        "... on ServiceCategory { id number slug name active ncoCode regulations }",
        slug=slug,
        name={"en": "Gardener", "hi": "माली"},
        group="household",
        trade={"ncoCode": "6113.0301", "regulations": ["No poisons near wells"]},
    )


async def test_the_state_office_adds_changes_and_retires_a_category(
    process: Process, database_url: str
) -> None:
    last = await scalar(database_url, select(func.max(ServiceCategory.number)))

    added = await add_category(process)
    assert (added["number"], added["active"]) == (last + 1, True)
    assert (added["ncoCode"], added["regulations"]) == ("6113.0301", ["No poisons near wells"])
    assert (await add_category(process))["__typename"] == "SlugTaken"

    this = {"categoryId": added["id"]}
    changed = await send(
        process,
        STATE,
        "changeCategory",
        "... on ServiceCategory { name ncoCode qpCode }",
        **this,
        name={"en": "Gardening", "hi": "बाग़बानी"},
        trade={"qpCode": "AGR/Q0801"},
    )
    assert changed == {
        "__typename": "ServiceCategory",
        "name": "Gardening",
        "ncoCode": "6113.0301",
        "qpCode": "AGR/Q0801",
    }
    retired = await send(
        process, STATE, "retireCategory", "... on ServiceCategory { active }", **this
    )
    assert retired["active"] is False
    again = await send(process, STATE, "retireCategory", **this)
    assert again["__typename"] == "CategoryRetired"
    back = await send(
        process, STATE, "changeCategory", "... on ServiceCategory { active }", **this, active=True
    )
    assert back["active"] is True
    assert await events(database_url, added["id"]) == ["CategoryAdded"] + ["CategoryChanged"] * 3


async def test_what_the_office_has_changed_outlives_the_next_start(
    process: Process, database_url: str
) -> None:
    name = {"en": "Wiring", "hi": "वायरिंग"}
    await send(process, STATE, "changeCategory", categoryId="ct_electrician", name=name)
    await send(process, STATE, "changeService", serviceId=FAN, name=name)

    await reference.load(database_url)

    for table, id in ((ServiceCategory, "ct_electrician"), (Service, FAN)):
        told = select(table.name_en).where(table.id == id)
        assert await scalar(database_url, told) == "Wiring"


async def test_the_state_office_adds_and_changes_a_service(
    process: Process, database_url: str
) -> None:
    given: dict[str, Any] = {
        "categoryId": "ct_electrician",
        "slug": "doorbell",
        "name": {"en": "Doorbell", "hi": "घंटी"},
        "unit": "job",
        "durationMinutes": 20,
    }
    selection = "... on Service { id name durationMinutes unit category { slug } }"

    added = await send(process, STATE, "addService", selection, **given)
    assert (added["durationMinutes"], added["category"]) == (20, {"slug": "electrician"})
    assert (await send(process, STATE, "addService", **given))["__typename"] == "SlugTaken"
    for wrong in ({"durationMinutes": 0}, {"unit": "per job"}, {"slug": "Door Bell"}):
        assert await send(process, STATE, "addService", **given | wrong) == ["BAD_INPUT"]

    changed = await send(
        process, STATE, "changeService", selection, serviceId=added["id"], unit="point"
    )
    assert (changed["name"], changed["unit"]) == ("Doorbell", "point")
    await send(process, STATE, "retireCategory", categoryId="ct_electrician")
    late = await send(process, STATE, "addService", **given | {"slug": "bell"})
    assert late["__typename"] == "CategoryRetired"
    assert await events(database_url, added["id"]) == ["ServiceAdded", "ServiceChanged"]


async def test_nobody_but_the_state_office_edits_the_catalogue(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url)

    assert await add_category(process, ANYONE) == ["UNAUTHENTICATED"]
    for viewer in (OFFICER, me(worker), of_provider(await a_provider(database_url))):
        assert await add_category(process, viewer) == ["FORBIDDEN"]
        for command, given in (
            ("changeCategory", {"categoryId": "ct_plumber"}),
            ("retireCategory", {"categoryId": "ct_plumber"}),
            ("changeService", {"serviceId": FAN}),
        ):
            assert await send(process, viewer, command, **given) == ["FORBIDDEN"]
    assert await send(process, STATE, "retireCategory", categoryId="ct_none") == ["NOT_FOUND"]


async def test_categories_added_at_once_are_numbered_apart(process: Process) -> None:
    added = await asyncio.gather(*(add_category(process, slug=f"trade-{n}") for n in range(5)))

    assert len({one["number"] for one in added}) == 5


@pytest.mark.usefixtures("faults")
async def test_unless_they_wait_for_each_other_their_numbers_collide(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaders.skill, "one_at_a_time", lambda: select(true()))

    added = await asyncio.gather(*(add_category(process, slug=f"trade-{n}") for n in range(5)))

    assert ["INTERNAL"] in added
