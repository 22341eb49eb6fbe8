"""Prices that change while the work is being done: nothing changes until whoever booked agrees."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select, text

from models.base import new_id
from models.booking import Quote, QuoteLine
from models.skill import RateCard
from runtime import clock
from runtime.process import Process
from runtime.rights import Role
from tests.asking import Inbox, a_process
from tests.background import settle
from tests.conftest import run_sql_async
from tests.make import LUCKNOW, a_department, save, scalar
from tests.visiting import (
    ANOTHER_PART,
    FAN_REPAIR,
    RATE,
    REVISED,
    SWITCHES,
    VISIT_CHARGE,
    Visit,
    a_visit,
)

PRICES = "quotes { revision status total { paise } } quote { revision total { paise } }"
DUE = text("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'expire_quote'")


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


async def revised(process: Process, inbox: Inbox) -> Visit:
    visit = await a_visit(process, inbox, "IN_PROGRESS")
    await visit.send(Role.WORKER, "reviseQuote", **ANOTHER_PART)
    return visit


def item(service: str = FAN_REPAIR, quantity: int = 1) -> dict[str, Any]:
    return {"kind": "ITEM", "serviceId": service, "quantity": quantity}


async def test_a_new_price_is_what_its_lines_sum_to(process: Process, inbox: Inbox) -> None:
    visit = await revised(process, inbox)

    seen, _ = await visit.see(
        Role.CITIZEN,
        "state quotes { revision status total { paise } lines { kind amount { paise } } }",
    )
    latest = seen["quotes"][0]
    assert seen["state"] == "QUOTE_REVISED"
    assert (latest["revision"], latest["status"]) == (2, "OFFERED")
    assert [(line["kind"], line["amount"]["paise"]) for line in latest["lines"]] == [
        ("ITEM", 2 * RATE),
        ("VISIT", VISIT_CHARGE),
        ("FEE", 15_000),
        ("DISCOUNT", -5_000),
    ]
    assert latest["total"]["paise"] == REVISED


async def test_a_revision_says_why_in_the_timeline_and_nothing_of_it_in_events(
    process: Process, inbox: Inbox
) -> None:
    visit = await revised(process, inbox)

    seen, _ = await visit.see(Role.CITIZEN, "timeline { reason }")
    assert seen["timeline"] == [{"reason": ANOTHER_PART["reason"]}]
    ((event, facts),) = await visit.told()
    assert (event, facts["revision"], facts["total_paise"]) == ("QuoteRevised", 2, REVISED)
    assert ANOTHER_PART["reason"] not in str(facts)


async def test_the_price_before_holds_until_the_new_one_is_approved(
    process: Process, inbox: Inbox
) -> None:
    visit = await revised(process, inbox)

    before, _ = await visit.see(Role.CITIZEN, PRICES)
    await visit.send(Role.CITIZEN, "approveQuote", revision=2)
    after, _ = await visit.see(Role.CITIZEN, f"state {PRICES} lines {{ quantity }}")

    assert before["quote"]["total"]["paise"] == RATE + VISIT_CHARGE
    assert after["quote"] == {"revision": 2, "total": {"paise": REVISED}}
    assert (after["state"], after["lines"]) == ("IN_PROGRESS", [{"quantity": 2}])


async def test_on_a_no_the_old_price_and_scope_stand(process: Process, inbox: Inbox) -> None:
    visit = await revised(process, inbox)

    await visit.send(Role.CITIZEN, "rejectQuote", revision=2, reason="Too dear")

    seen, _ = await visit.see(
        Role.WORKER, f"state {PRICES} lines {{ quantity }} timeline {{ reason }}"
    )
    assert seen["quote"] == {"revision": 1, "total": {"paise": RATE + VISIT_CHARGE}}
    assert seen["quotes"][0]["status"] == "REJECTED"
    assert (seen["state"], seen["lines"]) == ("IN_PROGRESS", [{"quantity": 1}])
    assert seen["timeline"][-1] == {"reason": "Too dear"}


async def test_a_department_decides_on_the_price_of_its_booking(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    office = await a_department(database_url)
    visit = await a_visit(process, inbox, "IN_PROGRESS", department_id=office.id)
    await visit.send(Role.WORKER, "reviseQuote", **ANOTHER_PART)

    approved = await visit.send(Role.DEPARTMENT, "approveQuote", revision=2)

    assert approved["__typename"] == "Booking"
    assert [step[-1] for step in await visit.timeline()] == ["WORKER", "DEPARTMENT"]


async def test_only_the_price_on_offer_is_answered(process: Process, inbox: Inbox) -> None:
    visit = await revised(process, inbox)

    for revision in (1, 3):
        for command in ("approveQuote", "rejectQuote"):
            assert await visit.send(Role.CITIZEN, command, revision=revision) == ["NOT_FOUND"]


async def test_silence_is_a_no(process: Process, inbox: Inbox) -> None:
    visit = await revised(process, inbox)
    now = clock.now()

    await settle(process, now + timedelta(minutes=59))
    early = (await visit.now()).state
    await settle(process, now + timedelta(minutes=61))

    seen, _ = await visit.see(Role.CITIZEN, f"state {PRICES}")
    assert (early, seen["state"]) == ("QUOTE_REVISED", "IN_PROGRESS")
    assert seen["quotes"][0]["status"] == "EXPIRED"
    assert seen["quote"]["revision"] == 1
    assert (await visit.timeline())[-1][-1] == "SYSTEM"


@pytest.mark.parametrize("command", ["approveQuote", "rejectQuote"])
async def test_an_answer_in_time_is_not_taken_back_by_the_clock(
    process: Process, inbox: Inbox, command: str
) -> None:
    visit = await revised(process, inbox)
    await visit.send(Role.CITIZEN, command, revision=2)
    steps = await visit.timeline()

    await settle(process, clock.now() + timedelta(minutes=61))

    assert await visit.timeline() == steps


async def test_an_old_clock_does_not_end_a_newer_revision(process: Process, inbox: Inbox) -> None:
    visit = await revised(process, inbox)
    await visit.send(Role.CITIZEN, "rejectQuote", revision=2)
    await run_sql_async(
        visit.url,
        "UPDATE procrastinate_jobs SET scheduled_at = :now WHERE args->>'revision' = '2'",
    )
    await visit.send(Role.WORKER, "reviseQuote", **ANOTHER_PART)

    await settle(process, clock.now())

    assert (await visit.now()).state == "QUOTE_REVISED"


async def test_a_price_that_was_not_answered_in_time_cannot_be_approved(
    process: Process, inbox: Inbox
) -> None:
    visit = await revised(process, inbox)
    await run_sql_async(visit.url, "UPDATE quote SET expires_at = :now WHERE revision = 2")

    refused = await visit.send(Role.CITIZEN, "approveQuote", revision=2)

    assert refused["__typename"] == "QuoteExpired"
    assert (await visit.now()).state == "QUOTE_REVISED"


async def test_a_service_costs_what_it_was_agreed_at_and_a_new_one_what_it_costs_today(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox, "IN_PROGRESS")
    day = clock.now().date()
    await run_sql_async(visit.url, f"UPDATE rate_card SET valid_until = '{day}'")
    today = {
        "provider_id": visit.worker.provider_id,
        "district_id": LUCKNOW,
        "visit_charge_paise": 0,
        "valid_from": day,
        "approved_at": clock.now(),
    }
    dearer = RateCard(
        id=new_id("rc"), service_id=FAN_REPAIR, amount_paise=99_000, version=2, **today
    )
    switch = RateCard(id=new_id("rc"), service_id=SWITCHES, amount_paise=7_000, version=1, **today)
    await save(visit.url, dearer, switch)

    lines = [item(FAN_REPAIR), item(SWITCHES, 3)]
    await visit.send(Role.PROVIDER, "reviseQuote", reason="Switches too", lines=lines)

    seen, _ = await visit.see(
        Role.CITIZEN, "quotes { lines { service { slug } quantity amount { paise } } }"
    )
    assert [
        (line["service"]["slug"], line["quantity"], line["amount"]["paise"])
        for line in seen["quotes"][0]["lines"]
    ] == [("fan-repair", 1, RATE), ("switch-socket", 3, 21_000)]
    used = select(QuoteLine.rate_card_id).where(QuoteLine.service_id == SWITCHES)
    assert await scalar(visit.url, used) == switch.id


async def test_a_worker_of_no_provider_revises_by_their_own_rates(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox, "IN_PROGRESS", direct=True)
    own = RateCard(
        id=new_id("rc"),
        worker_id=visit.worker.id,
        service_id=SWITCHES,
        district_id=LUCKNOW,
        amount_paise=6_000,
        visit_charge_paise=0,
        valid_from=clock.now().date(),
        version=1,
        approved_at=clock.now(),
    )
    await save(visit.url, own)

    await visit.send(Role.WORKER, "reviseQuote", reason="Switches too", lines=[item(SWITCHES, 2)])

    seen, _ = await visit.see(Role.CITIZEN, "quotes { total { paise } }")
    assert seen["quotes"][0]["total"]["paise"] == 12_000


async def test_no_revised_price_is_higher_than_the_schema_can_say(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox, "IN_PROGRESS")
    await run_sql_async(visit.url, "UPDATE rate_card SET amount_paise = 1000000000")
    less = {"kind": "DISCOUNT", "amountPaise": -100_000_000}

    for lines in (
        [item(quantity=3)],
        [item(quantity=1_000)] * 20,
        [item(quantity=3)] + [less] * 12,
    ):
        refused = await visit.send(Role.WORKER, "reviseQuote", reason="More", lines=lines)
        assert refused["__typename"] == "PriceTooHigh"
    await visit.send(Role.WORKER, "reviseQuote", reason="More", lines=[item(quantity=2)])

    seen, _ = await visit.see(Role.CITIZEN, "quotes { total { paise } }")
    assert seen["quotes"][0]["total"]["paise"] == 2_000_000_000


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([], "BAD_INPUT"),
        ([item()] * 21, "BAD_INPUT"),
        ([{"kind": "FEE", "amountPaise": 100}], "BAD_INPUT"),
        ([item(quantity=0)], "BAD_INPUT"),
        ([item(quantity=1_001)], "BAD_INPUT"),
        ([{"kind": "ITEM", "amountPaise": 100}], "BAD_INPUT"),
        ([{**item(), "amountPaise": 100}], "BAD_INPUT"),
        ([item(), {"kind": "FEE", "serviceId": FAN_REPAIR}], "BAD_INPUT"),
        ([item(), {"kind": "FEE"}], "BAD_INPUT"),
        ([item(), {"kind": "FEE", "amountPaise": 0}], "BAD_INPUT"),
        ([item(), {"kind": "FEE", "amountPaise": -100}], "BAD_INPUT"),
        ([item(), {"kind": "DISCOUNT", "amountPaise": 100}], "BAD_INPUT"),
        ([item(), {"kind": "DISCOUNT", "amountPaise": -RATE - 1}], "BAD_INPUT"),
        ([item(), {"kind": "FEE", "amountPaise": 100_000_001}], "BAD_INPUT"),
        ([item("sv_plumber-tap-repair")], "NOT_FOUND"),
        ([item(SWITCHES)], "NOT_FOUND"),
    ],
)
async def test_lines_that_are_no_price_are_refused(
    process: Process, inbox: Inbox, lines: list[Any], code: str
) -> None:
    visit = await a_visit(process, inbox, "IN_PROGRESS")

    assert await visit.send(Role.WORKER, "reviseQuote", reason="More", lines=lines) == [code]
    assert await scalar(visit.url, select(func.count()).select_from(Quote)) == 1
    assert await scalar(visit.url, DUE) == 0


async def test_work_that_ends_early_ends_at_a_part_of_the_price(
    process: Process, inbox: Inbox
) -> None:
    visit = await a_visit(process, inbox, "IN_PROGRESS")
    lines = [item(), {"kind": "DISCOUNT", "amountPaise": -RATE // 2}]

    await visit.send(Role.WORKER, "reviseQuote", reason="Half of it is done", lines=lines)
    await visit.send(Role.CITIZEN, "approveQuote", revision=2)
    await visit.send(Role.DISTRICT_OFFICER, "completeService", reason="The citizen agreed")

    seen, _ = await visit.see(Role.CITIZEN, "payments { amount { paise } }")
    assert seen["payments"] == [{"amount": {"paise": RATE // 2}}]
