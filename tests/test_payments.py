"""Payments: due when the work is done, put on record once, by whoever sees the money."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from models.base import new_id
from models.booking import Payment
from runtime import clock
from runtime.geography import day_of
from runtime.process import Process
from runtime.rights import Role
from tests.asking import Inbox, a_process, send
from tests.make import a_department, save, scalar
from tests.visiting import RATE, VISIT_CHARGE, Visit, a_visit

PAYMENTS = "payments { kind state mode reference amount { paise } reason }"


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


async def a_debt(
    process: Process, inbox: Inbox, state: str = "DUE", kind: str = "SERVICE", **columns: Any
) -> Visit:
    visit = await a_visit(process, inbox, "COMPLETED", starts_in=timedelta(hours=-3), **columns)
    payment = Payment(
        id=new_id("py"),
        booking_id=visit.booking.id,
        kind=kind,
        state=state,
        mode=None if state == "DUE" else "CASH",
        amount_paise=RATE + VISIT_CHARGE,
        changed_at=clock.now(),
    )
    await save(visit.url, payment)
    return visit


def upi(ago: int = 0) -> str:
    """A reference of some days ago."""
    day = day_of(clock.now()) - timedelta(days=ago)
    return f"{day.year % 10}{day:%j}12345678"


async def test_cash_is_recorded_by_whoever_took_it(process: Process, inbox: Inbox) -> None:
    visit = await a_debt(process, inbox)

    await visit.send(Role.WORKER, "recordPayment", mode="CASH")

    seen, _ = await visit.see(Role.CITIZEN, PAYMENTS)
    assert seen["payments"] == [
        {
            "kind": "SERVICE",
            "state": "PAID",
            "mode": "CASH",
            "reference": None,
            "amount": {"paise": RATE + VISIT_CHARGE},
            "reason": None,
        }
    ]
    ((event, facts),) = await visit.told()
    assert event == "PaymentRecorded"
    assert (facts["mode"], facts["state"], facts["amount_paise"]) == (
        "CASH",
        "PAID",
        RATE + VISIT_CHARGE,
    )


MODES = {
    "CASH": ({Role.WORKER, Role.PROVIDER}, None),
    "UPI": ({Role.WORKER, Role.PROVIDER}, upi()),
    "WALLET": ({Role.PROVIDER, Role.STATE_OFFICER}, "WAL/2031-77"),
    "TREASURY": ({Role.DEPARTMENT, Role.STATE_OFFICER}, "TV/2031/004711"),
}


@pytest.mark.parametrize("mode", MODES)
async def test_each_mode_is_recorded_by_those_who_see_the_money(
    process: Process, inbox: Inbox, database_url: str, mode: str
) -> None:
    recorders, reference = MODES[mode]
    office = await a_department(database_url)
    for role in (Role.WORKER, Role.PROVIDER, Role.DEPARTMENT, Role.STATE_OFFICER):
        visit = await a_debt(process, inbox, department_id=office.id)
        came = await visit.send(role, "recordPayment", mode=mode, reference=reference)
        if role in recorders:
            assert came["__typename"] == "Booking", role
        else:
            assert came == ["FORBIDDEN"], role
            assert await visit.events() == []


@pytest.mark.parametrize(
    ("mode", "reference"),
    [
        ("CASH", "TV/2031/004711"),
        ("UPI", None),
        ("UPI", "12345"),
        ("UPI", upi(ago=40)),
        ("UPI", upi(ago=-3)),
        ("UPI", upi() + "9"),
        ("WALLET", None),
        ("WALLET", "no"),
        ("WALLET", "a reference in words"),
    ],
)
async def test_a_reference_that_the_mode_does_not_leave_is_bad_input(
    process: Process, inbox: Inbox, mode: str, reference: str | None
) -> None:
    visit = await a_debt(process, inbox)

    came = await visit.send(Role.PROVIDER, "recordPayment", mode=mode, reference=reference)

    assert came == ["BAD_INPUT"]


async def test_a_number_that_is_no_upi_reference_has_no_place_here(
    process: Process, inbox: Inbox
) -> None:
    """Twelve digits may be somebody's Aadhaar number; of a recent day they hardly are."""
    visit = await a_debt(process, inbox)
    aadhaar = "499118665246"

    for mode, reference in (("UPI", aadhaar), ("WALLET", aadhaar), ("WALLET", f"W/{aadhaar}")):
        came = await visit.send(Role.PROVIDER, "recordPayment", mode=mode, reference=reference)
        assert came == ["BAD_INPUT"]


async def test_a_payment_is_recorded_once(process: Process, inbox: Inbox) -> None:
    visit = await a_debt(process, inbox)

    came = await asyncio.gather(
        *(visit.send(Role.WORKER, "recordPayment", mode="CASH") for _ in range(5))
    )
    refused = await visit.send(
        Role.PROVIDER, "recordPayment", "... on PaymentSettled { paymentState }", mode="CASH"
    )

    names = sorted(one["__typename"] for one in came)
    assert names == ["Booking"] + ["PaymentSettled"] * 4
    assert refused["paymentState"] == "PAID"
    assert await visit.events() == ["PaymentRecorded"]


async def test_where_nothing_is_due_nothing_is_recorded(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox, "IN_PROGRESS")

    recorded = await visit.send(Role.WORKER, "recordPayment", mode="CASH")
    granted = await visit.send(Role.PROVIDER, "grantRefund", reason="Why not")
    refunded = await visit.send(Role.PROVIDER, "refundPayment")

    assert {one["__typename"] for one in (recorded, granted, refunded)} == {"NothingDue"}


async def test_a_fee_for_calling_off_is_paid_like_a_price(process: Process, inbox: Inbox) -> None:
    visit = await a_debt(process, inbox, kind="CANCELLATION")

    service = await visit.send(Role.WORKER, "recordPayment", mode="CASH")
    fee = await visit.send(Role.WORKER, "recordPayment", mode="CASH", kind="CANCELLATION")

    assert (service["__typename"], fee["__typename"]) == ("NothingDue", "Booking")


@pytest.mark.parametrize("role", [Role.PROVIDER, Role.STATE_OFFICER])
async def test_a_payment_is_given_back_in_two_steps(
    process: Process, inbox: Inbox, role: Role
) -> None:
    visit = await a_debt(process, inbox, "PAID")

    granted = await visit.send(
        role, "grantRefund", f"... on Booking {{ {PAYMENTS} }}", reason="Not as agreed"
    )
    refunded = await visit.send(role, "refundPayment", f"... on Booking {{ {PAYMENTS} }}")

    assert granted["payments"][0]["state"] == "REFUND_DUE"
    assert granted["payments"][0]["reason"] == "Not as agreed"
    assert refunded["payments"][0]["state"] == "REFUNDED"
    assert [(event, facts["state"]) for event, facts in await visit.told()] == [
        ("RefundGranted", "REFUND_DUE"),
        ("RefundIssued", "REFUNDED"),
    ]
    assert "Not as agreed" not in str(await visit.told())


STEPS = {"recordPayment": "DUE", "grantRefund": "PAID", "refundPayment": "REFUND_DUE"}
GIVEN = {"recordPayment": {"mode": "CASH"}, "grantRefund": {"reason": "Why"}, "refundPayment": {}}


@pytest.mark.parametrize("state", ["DUE", "PAID", "REFUND_DUE", "REFUNDED"])
async def test_a_payment_takes_its_steps_in_order(
    process: Process, inbox: Inbox, state: str
) -> None:
    for command, begins in STEPS.items():
        visit = await a_debt(process, inbox, state)
        came = await visit.send(Role.PROVIDER, command, **GIVEN[command])
        assert came["__typename"] == ("Booking" if state == begins else "PaymentSettled"), command


@pytest.mark.parametrize("command", STEPS)
async def test_strangers_and_other_roles_record_nothing(
    process: Process, inbox: Inbox, command: str
) -> None:
    visit, other = await a_debt(process, inbox), await a_debt(process, inbox)

    given = {"bookingId": visit.booking.id} | GIVEN[command]
    strange = await send(process, other.by(Role.PROVIDER), command, **given)
    stopped = {
        role: await visit.send(role, command, **GIVEN[command])
        for role in (Role.CITIZEN, Role.HELPLINE, Role.DISTRICT_OFFICER, Role.AUDITOR)
    }

    assert strange == ["NOT_FOUND"]
    assert all(came == ["FORBIDDEN"] for came in stopped.values())
    settled = select(func.count()).where(Payment.state != "DUE")
    assert await scalar(visit.url, settled) == 0
