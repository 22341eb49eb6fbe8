"""Asking for work, and the visit from setting out to the money."""

from datetime import timedelta
from typing import Any

from models.base import new_id
from models.booking import BookingState, Payment, PaymentKind, PaymentMode, PaymentState
from runtime import clock
from runtime.geography import in_india
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.examples.account import as_citizen
from tests.examples.scene import LUCKNOW_CODE, Scene, Sending, example
from tests.make import GOMTI_NAGAR, a_provider, a_rate, save
from tests.visiting import ANOTHER_PART, AT_THE_DOOR, FAN_REPAIR, RATE, Visit, a_visit

WANTED = {"services": [{"serviceId": FAN_REPAIR}], "districtLgdCode": LUCKNOW_CODE}
PLACE = {
    "line": "Flat 3, Block B",
    "districtLgdCode": LUCKNOW_CODE,
    "latitude": GOMTI_NAGAR[0],
    "longitude": GOMTI_NAGAR[1],
}


def at_eleven(days: int = 1) -> str:
    day = in_india(clock.now() + timedelta(days=days))
    return day.replace(hour=11, minute=0, second=0, microsecond=0).isoformat()


def of(visit: Visit, role: Role, **given: Any) -> Sending:
    return Sending(visit.by(role), {"bookingId": visit.booking.id, **given})


async def at(scene: Scene, state: str, **given: Any) -> Visit:
    return await a_visit(scene.process, scene.inbox, state, **given)


async def offered(scene: Scene) -> None:
    """By a provider, at a rate."""
    await a_rate(scene.url, provider=await a_provider(scene.url))


@example("requestQuote")
async def request_quote(scene: Scene) -> Sending:
    await offered(scene)
    return Sending(await as_citizen(scene), dict(WANTED))


@example("requestBooking")
async def request_booking(scene: Scene) -> Sending:
    """For a caller nobody knew."""
    await offered(scene)
    viewer, mobile = Viewer(Role.HELPLINE, "us_helpline"), "+910000700003"
    quote = await scene.send(viewer, "requestQuote", "... on Node { id }", **WANTED)
    about = {"purpose": "BOOKING", "subjectId": quote["id"]}
    caller = {"mobile": mobile, "code": await scene.code(mobile, "CITIZEN", viewer, **about)}
    given = {"quoteId": quote["id"], "startsAt": at_eleven(), "place": PLACE, "caller": caller}
    return Sending(viewer, given)


@example("startTravel")
async def start_travel(scene: Scene) -> Sending:
    return of(await at(scene, BookingState.ACCEPTED), Role.WORKER)


@example("markArrived")
async def mark_arrived(scene: Scene) -> Sending:
    return of(await at(scene, BookingState.EN_ROUTE), Role.WORKER, **AT_THE_DOOR)


@example("issueCode")
async def issue_code(scene: Scene) -> Sending:
    return of(await at(scene, BookingState.ARRIVED), Role.CITIZEN)


@example("startService")
async def start_service(scene: Scene) -> Sending:
    visit = await at(scene, BookingState.EN_ROUTE)
    await visit.send(Role.WORKER, "markArrived", **AT_THE_DOOR)
    return of(visit, Role.WORKER, code=visit.code)


@example("reviseQuote")
async def revise_quote(scene: Scene) -> Sending:
    return of(await at(scene, BookingState.IN_PROGRESS), Role.WORKER, **ANOTHER_PART)


async def revised(scene: Scene) -> Visit:
    visit = await at(scene, BookingState.IN_PROGRESS)
    await visit.send(Role.WORKER, "reviseQuote", **ANOTHER_PART)
    return visit


@example("approveQuote")
async def approve_quote(scene: Scene) -> Sending:
    return of(await revised(scene), Role.CITIZEN, revision=2)


@example("rejectQuote")
async def reject_quote(scene: Scene) -> Sending:
    return of(await revised(scene), Role.CITIZEN, revision=2)


@example("completeService")
async def complete_service(scene: Scene) -> Sending:
    visit = await at(scene, BookingState.IN_PROGRESS)
    await visit.send(Role.CITIZEN, "issueCode")
    return of(visit, Role.WORKER, code=visit.code)


@example("logCall")
async def log_call(scene: Scene) -> Sending:
    return of(await at(scene, BookingState.ACCEPTED), Role.CITIZEN)


async def nobody_came(scene: Scene) -> Visit:
    return await at(scene, BookingState.ACCEPTED, starts_in=-timedelta(hours=1))


@example("recordNoShow")
async def record_no_show(scene: Scene) -> Sending:
    return of(await nobody_came(scene), Role.CITIZEN)


@example("replaceBooking")
async def replace_booking(scene: Scene) -> Sending:
    visit = await nobody_came(scene)
    await visit.send(Role.CITIZEN, "recordNoShow")
    return of(visit, Role.CITIZEN, startsAt=at_eleven())


@example("askRework")
async def ask_rework(scene: Scene) -> Sending:
    visit = await at(scene, BookingState.COMPLETED, starts_in=-timedelta(days=1))
    return of(visit, Role.CITIZEN, startsAt=at_eleven(), reason="The fan stopped again")


async def owing(scene: Scene, state: PaymentState) -> Visit:
    visit = await at(scene, BookingState.COMPLETED, starts_in=-timedelta(hours=3))
    payment = Payment(
        id=new_id(Payment.prefix),
        booking_id=visit.booking.id,
        kind=PaymentKind.SERVICE,
        state=state,
        mode=None if state is PaymentState.DUE else PaymentMode.CASH,
        amount_paise=RATE,
        changed_at=clock.now(),
    )
    await save(scene.url, payment)
    return visit


@example("recordPayment")
async def record_payment(scene: Scene) -> Sending:
    return of(await owing(scene, PaymentState.DUE), Role.WORKER, mode="CASH")


@example("grantRefund")
async def grant_refund(scene: Scene) -> Sending:
    return of(await owing(scene, PaymentState.PAID), Role.PROVIDER, reason="Not as agreed")


@example("refundPayment")
async def refund_payment(scene: Scene) -> Sending:
    return of(await owing(scene, PaymentState.REFUND_DUE), Role.PROVIDER)
