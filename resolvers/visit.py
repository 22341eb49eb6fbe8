"""The visit: setting out, arriving, beginning and ending the work; nobody there, and what then.

The work begins and ends with a code that only whoever booked is told. What the worker can read,
in an answer, an event or a log, holds neither.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

from loaders import price as load_price
from loaders import visit as load
from models.account import CodeWrong, TooManyCodes
from models.base import new_id
from models.booking import (
    Actor,
    Booking,
    BookingLine,
    BookingState,
    Call,
    CodeKind,
    PaymentKind,
    QuoteLine,
    QuoteLineKind,
    QuoteStatus,
    WrongState,
)
from models.visit import (
    CallFirst,
    NobodyAbsent,
    NotCompleted,
    NotInContact,
    NotThere,
    ReplacedAlready,
    ReworkTooLate,
    ReworkUnderWay,
    SlotPast,
    TooEarly,
    WaitLonger,
)
from resolvers.account import reached_at
from resolvers.journey import BookingId, Version, actor_of, move, the_booking, the_step
from resolvers.payment import owe
from resolvers.price import agreed_total, put_price
from runtime.faults import BadInput, LimitExceeded
from runtime.geography import in_india, kilometres
from runtime.jobs import job
from runtime.language import Language
from runtime.secret import a_code, hashed, matches
from runtime.transaction import Transaction, refused_as
from runtime.words import Exact, Words

T = TypeVar("T")

LIMITED_WITHIN = timedelta(hours=1)
SAID = {
    CodeKind.START: (
        "{code} is the code to begin the work of booking {number}. Tell it to the worker at the"
        " door.",
        "बुकिंग {number} का काम शुरू करने का कोड {code} है। इसे आए हुए सेवा मित्र को बताएँ।",
    ),
    CodeKind.FINISH: (
        "{code} is the code to end the work of booking {number}. Tell it to the worker when all"
        " is done.",
        "बुकिंग {number} का काम समाप्त करने का कोड {code} है। काम पूरा होने पर ही बताएँ।",
    ),
}

NewStart = Annotated[datetime, "When the work is to begin, with the offset of the time zone."]


@dataclass(frozen=True)
class VisitCodeSent:
    expires_at: datetime
    code: str | None


def stated(argument: str, value: T | None) -> T:
    """What is asked of some who send the command, and not of others. Raises BadInput."""
    if value is None:
        raise BadInput(f"`{argument}` is needed from you.", argument=argument)
    return value


async def start_travel(tx: Transaction, *, booking_id: BookingId, version: Version = None) -> str:
    """Refuses: WrongState, TooEarly."""
    booking = await the_booking(tx, booking_id, version)
    await the_step(tx, booking, "startTravel", BookingState.EN_ROUTE)
    not_before(tx, booking.starts_at - timedelta(hours=tx.settings.travel_hours))
    await move(tx, booking, "startTravel", BookingState.EN_ROUTE)
    return booking.id


def not_before(tx: Transaction, moment: datetime) -> None:
    if tx.now < moment:
        raise TooEarly(possible_from=in_india(moment))


async def mark_arrived(
    tx: Transaction,
    *,
    booking_id: BookingId,
    latitude: Annotated[float | None, "Where the worker is, in degrees north."] = None,
    longitude: Annotated[float | None, "Where the worker is, in degrees east."] = None,
    reason: Annotated[Words | None, "How a provider, who is not there, knows."] = None,
    version: Version = None,
) -> str:
    """Whoever booked is sent the code to begin with. Refuses: WrongState, NotThere."""
    booking = await the_booking(tx, booking_id, version)
    await the_step(tx, booking, "markArrived", BookingState.ARRIVED)
    if actor_of(tx) is Actor.PROVIDER:
        stated("reason", reason)
    else:
        here = stated("latitude", latitude), stated("longitude", longitude)
        metres = metres_away(booking, here)
        if metres > tx.settings.arrival_metres:
            raise NotThere(metres=metres)
    await move(tx, booking, "markArrived", BookingState.ARRIVED, reason=reason)
    await send_code(tx, booking, CodeKind.START)
    return booking.id


def metres_away(booking: Booking, here: tuple[float, float]) -> int:
    """0 where the address is not on the map: there is nothing to hold against the worker."""
    latitude, longitude = here
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise BadInput("`latitude` and `longitude` must be a place on earth.", argument="latitude")
    if booking.latitude is None or booking.longitude is None:
        return 0
    return round(1000 * kilometres(here, (booking.latitude, booking.longitude)))


async def send_code(
    tx: Transaction, booking: Booking, kind: CodeKind, issues: int = 1
) -> VisitCodeSent:
    """A new code for whoever booked, in the place of the one before. A department has no phone:
    it is told the code when it asks for one."""
    code, settings = a_code(), tx.settings
    lasts = {
        CodeKind.START: timedelta(minutes=settings.code_minutes),
        CodeKind.FINISH: timedelta(hours=settings.finish_code_hours),
    }
    expires_at = tx.now + lasts[kind]
    await tx.change(
        load.write_code(booking.id, kind, await hashed(code), tx.now, expires_at, issues)
    )
    citizen = await tx.find(load.citizen_named(booking.citizen_id))
    mobile = None if citizen is None else reached_at(citizen)
    if citizen is not None and mobile is not None:
        english, hindi = (said.format(code=code, number=booking.number) for said in SAID[kind])
        language = Language.EN if citizen.language == "en" else Language.HI
        tx.tell(mobile, language, english, hindi)
    return VisitCodeSent(expires_at, code if actor_of(tx) is Actor.DEPARTMENT else None)


async def issue_code(tx: Transaction, *, booking_id: BookingId) -> VisitCodeSent:
    """The code that the booking waits for. Refuses: WrongState, TooManyCodes."""
    booking = await the_booking(tx, booking_id)
    kinds = {
        BookingState.ARRIVED.value: CodeKind.START,
        BookingState.IN_PROGRESS.value: CodeKind.FINISH,
    }
    if booking.state not in kinds:
        raise WrongState(state=booking.state)
    kind, issues = kinds[booking.state], 1
    last = await tx.find(load.code_of(booking.id, kind))
    if last is not None and last.issued_at > tx.now - LIMITED_WITHIN:
        if last.issues >= tx.settings.codes_per_visit:
            wait = last.issued_at + LIMITED_WITHIN - tx.now
            raise TooManyCodes(minutes=-(-wait // timedelta(minutes=1)))
        issues = last.issues + 1
    return await send_code(tx, booking, kind, issues)


async def redeem(tx: Transaction, booking: Booking, kind: CodeKind, code: str) -> None:
    """That whoever booked has told the code. Raises CodeWrong, the try counted."""
    limit = tx.settings.code_tries
    tried = await tx.rows(load.count_try(booking.id, kind))
    if not tried:
        raise CodeWrong(tries_left=0)
    (found,) = tried
    usable = found.used_at is None and found.expires_at > tx.now and found.tries <= limit
    if not usable or not await matches(found.hash, code):
        raise CodeWrong(tries_left=max(0, limit - found.tries) if usable else 0)
    await tx.change(load.use_code(booking.id, kind, tx.now))


async def start_service(
    tx: Transaction,
    *,
    booking_id: BookingId,
    code: Annotated[Exact, "The code that whoever booked was sent when you arrived."],
    version: Version = None,
) -> str:
    """Whoever booked is sent the code to end with. Refuses: WrongState, CodeWrong."""
    booking = await the_booking(tx, booking_id, version)
    await the_step(tx, booking, "startService", BookingState.IN_PROGRESS)
    await redeem(tx, booking, CodeKind.START, code)
    await move(tx, booking, "startService", BookingState.IN_PROGRESS)
    await send_code(tx, booking, CodeKind.FINISH)
    return booking.id


async def complete_service(
    tx: Transaction,
    *,
    booking_id: BookingId,
    code: Annotated[Exact | None, "The code to end with; an officer needs none."] = None,
    reason: Annotated[Words | None, "Why an officer ends it without the code."] = None,
    version: Version = None,
) -> str:
    """What was agreed last is due. Refuses: WrongState, CodeWrong."""
    booking = await the_booking(tx, booking_id, version)
    await the_step(tx, booking, "completeService", BookingState.COMPLETED)
    if actor_of(tx) is Actor.OFFICER:
        stated("reason", reason)
    else:
        await redeem(tx, booking, CodeKind.FINISH, stated("code", code))
    total = await agreed_total(tx, booking)
    await move(
        tx,
        booking,
        "completeService",
        BookingState.COMPLETED,
        reason=reason,
        total_paise=total,
    )
    await owe(tx, booking, PaymentKind.SERVICE, total)
    return booking.id


async def log_call(tx: Transaction, *, booking_id: BookingId) -> str:
    """Refuses: NotInContact."""
    booking = await the_booking(tx, booking_id)
    begins, ends = booking.contact_from, booking.contact_until
    if begins is None or (ends is not None and ends <= tx.now):
        raise NotInContact
    caller, limit = actor_of(tx), tx.settings.calls_per_booking
    if await tx.value(load.calls_of(booking.id)) >= limit:
        raise LimitExceeded(f"A booking has at most {limit} calls on record.", limit=limit)
    call = Call(id=new_id(Call.prefix), booking_id=booking.id, caller=caller, called_at=tx.now)
    await tx.add(call)
    await tx.emit("CallLogged", booking.id, call=call.id, caller=caller)
    return booking.id


async def record_no_show(tx: Transaction, *, booking_id: BookingId, version: Version = None) -> str:
    """Who did not come follows from where the booking stands: once the worker is at the door, it
    is the citizen. Refuses: WrongState, TooEarly, WaitLonger, CallFirst."""
    booking = await the_booking(tx, booking_id, version)
    await the_step(tx, booking, "recordNoShow", BookingState.NO_SHOW)
    if booking.state == BookingState.ARRIVED:
        absent = Actor.CITIZEN
        await check_tried(tx, booking)
    else:
        absent = Actor.WORKER
        not_before(tx, booking.starts_at + timedelta(minutes=tx.settings.absent_worker_minutes))
    await move(tx, booking, "recordNoShow", BookingState.NO_SHOW, absent=absent)
    return booking.id


async def check_tried(tx: Transaction, booking: Booking) -> None:
    """Nobody is absent before the slot, or without having been called from the door."""
    came_at = await tx.value(load.came_at(booking.id))
    wait = timedelta(minutes=tx.settings.absent_citizen_minutes)
    until = max(came_at, booking.starts_at) + wait
    if tx.now < until:
        raise WaitLonger(until=in_india(until))
    if not await tx.value(load.calls_by(booking.id, Actor.WORKER, came_at)):
        raise CallFirst


@job("record_absent_worker")
async def record_absent_worker(tx: Transaction, *, booking_id: str, version: int = 0) -> None:
    """Due some time after the start. Whether it is still right is seen from the booking itself,
    not from its version: one that was put off has a later start, and a worker on their way is
    late like any other."""
    await record_no_show(tx, booking_id=booking_id)


async def replace_booking(tx: Transaction, *, booking_id: BookingId, starts_at: NewStart) -> str:
    """The same work at the same price, at another time and before others. Refuses: NobodyAbsent,
    ReplacedAlready, SlotPast."""
    booking = await the_booking(tx, booking_id)
    last = await tx.find(load.last_step(booking.id))
    waited = (BookingState.ACCEPTED, BookingState.EN_ROUTE)
    if booking.state != BookingState.NO_SHOW or last is None or last.from_state not in waited:
        raise NobodyAbsent
    again = booked_again(tx, booking, starts_at)
    again.replaces_id, again.priority = booking.id, True
    agreed = await tx.the(load_price.agreed_quote(booking.id), "bookingId")
    lines = [
        QuoteLine(
            kind=line.kind,
            service_id=line.service_id,
            rate_card_id=line.rate_card_id,
            quantity=line.quantity,
            amount_paise=line.amount_paise,
        )
        for line in await tx.every(load_price.lines_of(agreed.id))
    ]
    with refused_as("booking_replaces_id_unique", ReplacedAlready()):
        await request(tx, again, await tx.every(load.lines_of(booking.id)), lines)
    return again.id


async def ask_rework(
    tx: Transaction,
    *,
    booking_id: BookingId,
    starts_at: NewStart,
    reason: Annotated[Words, "What is wrong with the work."],
) -> str:
    """Refuses: NotCompleted, ReworkTooLate, ReworkUnderWay, SlotPast."""
    booking = await the_booking(tx, booking_id)
    if booking.completed_at is None:
        raise NotCompleted
    days = await tx.value(load.rework_days(booking))
    until = booking.completed_at + timedelta(days=days)
    if tx.now > until:
        raise ReworkTooLate(until=in_india(until))
    again = booked_again(tx, booking, starts_at)
    again.rework_of_id = booking.id
    if booking.provider_id is None:
        again.preferred_worker_id = booking.worker_id
    lines = await tx.every(load.lines_of(booking.id))
    free = [
        QuoteLine(
            kind=QuoteLineKind.ITEM,
            service_id=line.service_id,
            quantity=line.quantity,
            amount_paise=0,
        )
        for line in lines
    ]
    with refused_as("booking_rework_open", ReworkUnderWay()):
        await request(tx, again, lines, free, reason)
    return again.id


def booked_again(tx: Transaction, booking: Booking, starts_at: datetime) -> Booking:
    """Of the same people, for the same work in the same place."""
    if starts_at <= tx.now:
        raise SlotPast
    return Booking(
        id=new_id(Booking.prefix),
        state=BookingState.REQUESTED,
        created_by=tx.viewer.id,
        starts_at=starts_at,
        ends_at=starts_at + (booking.ends_at - booking.starts_at),
        requested_at=tx.now,
        **{column: getattr(booking, column) for column in SAME},
    )


SAME = (
    "category_id",
    "citizen_id",
    "department_id",
    "provider_id",
    "district_id",
    "address",
    "latitude",
    "longitude",
    "channel",
    "language",
    "cancellation_policy_version",
    "preferred_worker_gender",
)


async def request(
    tx: Transaction,
    again: Booking,
    lines: Iterable[BookingLine],
    price: list[QuoteLine],
    reason: str | None = None,
) -> None:
    """It is asked for at a price that needs no answer."""
    await move(tx, again, "requestBooking", BookingState.REQUESTED, reason=reason)
    await tx.add(
        *(
            BookingLine(
                booking_id=again.id,
                position=line.position,
                service_id=line.service_id,
                quantity=line.quantity,
            )
            for line in lines
        )
    )
    await put_price(
        tx, again, price, revision=1, status=QuoteStatus.ACCEPTED, expires_at=again.starts_at
    )
