"""A price before anything is promised, and the booking that is asked for at it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from loaders import account as load_account
from loaders import request as load
from models.account import Citizen, Gender, SignInAs
from models.base import new_id
from models.booking import (
    Booking,
    BookingChannel,
    BookingLine,
    BookingState,
    Quote,
    QuoteLine,
    QuoteLineKind,
    QuoteStatus,
)
from models.code import CodePurpose
from models.request import (
    NotOffered,
    OutOfArea,
    OutsideBookingWindow,
    PinElsewhere,
    SlotNotOffered,
)
from models.skill import RateCard, Service, ServiceCategory
from models.visit import QuoteExpired
from models.worker import Worker
from resolvers.account import SUBJECTS, Subject, district_around, district_of, prove_mobile
from resolvers.booking import LONGEST_MINUTES, SHORTEST_MINUTES
from resolvers.journey import move
from resolvers.price import total_of
from runtime.faults import BadInput, NotFound
from runtime.geography import day_of, in_india, kilometres
from runtime.language import Language
from runtime.phone import checked_mobile
from runtime.rights import Role
from runtime.transaction import Transaction
from runtime.words import Exact, Words

MOST_SERVICES = 20
MOST_UNITS = 1_000


@dataclass(frozen=True)
class WantedService:
    """A service, and how much of it."""

    service_id: Annotated[str, "The service."]
    quantity: Annotated[int, "How many of its units."] = 1


@dataclass(frozen=True)
class BookingPlace:
    """Where the work is to be done."""

    line: Annotated[Words, "House, street, landmark: how to find it."]
    district_lgd_code: Annotated[int, "The LGD code of the district it lies in."]
    latitude: Annotated[float, "Degrees north."]
    longitude: Annotated[float, "Degrees east."]
    pin: Annotated[str | None, "The PIN code, to catch a slip; it never decides the district."] = (
        None
    )


@dataclass(frozen=True)
class Caller:
    """Whom the booking is for, where someone else makes it: they have their phone in hand."""

    mobile: Annotated[Exact, "Their mobile number, such as +919876543210."]
    code: Annotated[Exact, "The one-time code they were sent, to book at this price."]


@dataclass(frozen=True)
class Spot:
    """An address as the booking keeps it."""

    line: str
    district_id: str
    latitude: float
    longitude: float


async def request_quote(
    tx: Transaction,
    *,
    services: Annotated[list[WantedService], "What is to be done: services of one category."],
    district_lgd_code: Annotated[int, "The LGD code of the district, such as 162."],
    provider_id: Annotated[str | None, "Whose price; the lowest if nobody is named."] = None,
    worker_id: Annotated[
        str | None, "The worker you would like: their provider's price, or their own."
    ] = None,
    preferred_worker_gender: Annotated[
        Gender | None,
        "Only where the category lets you choose, and without naming anybody: a price of a"
        " provider that can send somebody. Nobody else is shown it.",
    ] = None,
) -> str:
    """Refuses: NotOffered, PriceTooHigh."""
    wanted = quantities_of(services)
    known = await tx.every(load.services_wanted(list(wanted)))
    if len(known) < len(wanted):
        raise NotFound("serviceId")
    if len({service.category_id for service in known}) > 1:
        raise BadInput("`services` must be of one category: book each apart.", argument="services")
    category = await tx.the(load.category_with_id(known[0].category_id), "services")
    if preferred_worker_gender is not None:
        check_preference(category, provider_id or worker_id)
    district = await district_of(tx, district_lgd_code)
    if tx.viewer.role is Role.PROVIDER:
        provider_id = tx.viewer.provider_id
    preferred, rates_of_worker = worker_id, None
    if worker_id is not None:
        worker = await tx.the(load.worker_to_choose(worker_id), "workerId")
        if provider_id not in (None, worker.provider_id):
            raise NotOffered
        provider_id, rates_of_worker = (
            worker.provider_id,
            None if worker.provider_id else worker.id,
        )
    today = day_of(tx.now)
    offers = await tx.rows(
        load.cheapest_offer(
            wanted,
            district.id,
            today,
            provider_id,
            rates_of_worker,
            (category.id, preferred_worker_gender) if preferred_worker_gender else None,
        )
    )
    if not offers:
        raise NotOffered
    rates = await tx.every(load.rates_of(offers[0], list(wanted), district.id, today))
    lines = estimate_lines(wanted, {rate.service_id: rate for rate in rates})
    quote = Quote(
        id=new_id(Quote.prefix),
        asked_by=tx.viewer.id,
        category_id=category.id,
        preferred_worker_gender=preferred_worker_gender,
        district_id=district.id,
        provider_id=offers[0].provider_id,
        worker_id=preferred or offers[0].worker_id,
        minutes=minutes_of(wanted, known),
        revision=1,
        status=QuoteStatus.ESTIMATE,
        total_paise=total_of(lines),
        offered_at=tx.now,
        expires_at=tx.now + timedelta(hours=tx.settings.quote_hours),
    )
    for position, line in enumerate(lines):
        line.quote_id, line.position = quote.id, position
    await tx.add(quote)
    await tx.add(*lines)
    await tx.emit("QuoteMade", quote.id, district=district.id, category=quote.category_id)
    return quote.id


def check_preference(category: ServiceCategory, named: str | None) -> None:
    """Raises BadInput. Whoever is named with it would have their gender told by the answer."""
    argument = "preferredWorkerGender"
    if not category.gender_preference:
        raise BadInput("In this category you cannot choose the worker's gender.", argument=argument)
    if named is not None:
        raise BadInput("Name a provider or a worker, or a gender, not both.", argument=argument)


def quantities_of(services: list[WantedService]) -> dict[str, int]:
    """Raises BadInput."""
    wanted = {service.service_id: service.quantity for service in services}
    if not 1 <= len(services) <= MOST_SERVICES or len(wanted) < len(services):
        raise BadInput(f"`services` must be 1 to {MOST_SERVICES}, each once.", argument="services")
    if not all(1 <= quantity <= MOST_UNITS for quantity in wanted.values()):
        raise BadInput(f"`quantity` must be 1 to {MOST_UNITS}.", argument="quantity")
    return wanted


def minutes_of(wanted: dict[str, int], services: list[Service]) -> int:
    """How long it takes together. Raises BadInput where that is more than a day's work."""
    minutes = sum(service.duration_minutes * wanted[service.id] for service in services)
    if minutes > LONGEST_MINUTES:
        raise BadInput(
            f"This takes {minutes} minutes, and a booking at most {LONGEST_MINUTES}: book it in"
            " parts.",
            argument="services",
        )
    return max(minutes, SHORTEST_MINUTES)


def estimate_lines(wanted: dict[str, int], rates: dict[str, RateCard]) -> list[QuoteLine]:
    """A line for each service at its rate, and one for coming, once however much is done."""
    lines = [
        QuoteLine(
            kind=QuoteLineKind.ITEM,
            service_id=service_id,
            rate_card_id=rates[service_id].id,
            quantity=quantity,
            amount_paise=rates[service_id].amount_paise * quantity,
        )
        for service_id, quantity in wanted.items()
    ]
    visit = max(rate.visit_charge_paise for rate in rates.values())
    if visit:
        lines.append(QuoteLine(kind=QuoteLineKind.VISIT, quantity=1, amount_paise=visit))
    return lines


async def request_booking(
    tx: Transaction,
    *,
    quote_id: Annotated[str, "The price you were told; it becomes what is agreed."],
    starts_at: Annotated[datetime, "When the work begins, with the offset."],
    address_id: Annotated[str | None, "One of your addresses; or say `place`."] = None,
    place: Annotated[BookingPlace | None, "Where; or one of your addresses."] = None,
    caller: Annotated[
        Caller | None, "Whom it is for; for helpline and providers, who book for callers."
    ] = None,
    language: Annotated[
        Language | None, "The language the worker must speak; Hindi if left out."
    ] = None,
    channel: Annotated[BookingChannel | None, "Where a citizen books: APP or PORTAL."] = None,
) -> str:
    """Refuses: CodeWrong, QuoteExpired, OutOfArea, PinElsewhere, PlaceOutsideDistrict,
    OutsideBookingWindow, SlotNotOffered."""
    # First of all, since a wrong code is counted even though nothing else is done.
    citizen_id = await booker(tx, caller, quote_id)
    quote = await tx.the(load.own_estimate(quote_id, tx.viewer.id or ""), "quoteId")
    if quote.expires_at <= tx.now:
        raise QuoteExpired
    spot = await spot_of(tx, citizen_id, address_id, place)
    if spot.district_id != quote.district_id:
        raise OutOfArea
    ends_at = end_of(tx, starts_at, quote.minutes)
    if quote.worker_id is not None:
        worker = await tx.find(load.worker_to_choose(quote.worker_id))
        await fits(tx, worker, spot, starts_at, ends_at)
    booking = Booking(
        id=new_id(Booking.prefix),
        state=BookingState.REQUESTED,
        category_id=quote.category_id,
        citizen_id=citizen_id,
        department_id=tx.viewer.department_id if citizen_id is None else None,
        created_by=tx.viewer.id,
        provider_id=quote.provider_id,
        preferred_worker_id=quote.worker_id,
        district_id=spot.district_id,
        address=spot.line,
        latitude=spot.latitude,
        longitude=spot.longitude,
        starts_at=starts_at,
        ends_at=ends_at,
        channel=channel_of(tx, channel),
        language=(language or Language.HI).lower(),
        requested_at=tx.now,
        cancellation_policy_version=await tx.value(load.current_policy()),
        preferred_worker_gender=quote.preferred_worker_gender,
    )
    await move(tx, booking, "requestBooking", BookingState.REQUESTED, total_paise=quote.total_paise)
    quote.booking_id, quote.status = booking.id, QuoteStatus.ACCEPTED
    quote.preferred_worker_gender = None
    await tx.flush()
    await tx.add(
        *(
            BookingLine(
                booking_id=booking.id,
                position=line.position,
                service_id=line.service_id,
                quantity=line.quantity,
            )
            for line in await tx.every(load.item_lines(quote.id))
        )
    )
    return booking.id


async def booker(tx: Transaction, caller: Caller | None, quote_id: str) -> str | None:
    """The citizen it is for; None for a department. A caller becomes known by their phone."""
    for_others = tx.viewer.role in (Role.HELPLINE, Role.PROVIDER)
    if for_others is not (caller is not None):
        raise BadInput(
            "Helpline and providers book for a `caller`, everyone else for themselves.",
            argument="caller",
        )
    if caller is None:
        return tx.viewer.id if tx.viewer.role is Role.CITIZEN else None
    mobile = checked_mobile(caller.mobile, tx.settings)
    await prove_mobile(tx, mobile, SignInAs.CITIZEN, caller.code, CodePurpose.BOOKING, quote_id)
    citizen = await tx.find(load_account.citizen_called(mobile))
    if citizen is None:
        citizen = Citizen(
            id=new_id(Citizen.prefix),
            unproven_mobile=mobile,
            language=tx.language.lower(),
            registered_at=tx.now,
        )
        await tx.add(citizen)
        await tx.emit("CitizenRegistered", citizen.id)
    tx.acts_for(citizen.id)
    return citizen.id


async def quote_to_book(tx: Transaction, role: SignInAs, quote_id: str | None) -> Subject:
    """Of whoever books for the caller: nobody else has a code sent for it."""
    quote = await tx.the(load.own_estimate(quote_id or "", tx.viewer.id or ""), "subjectId")
    category = await tx.the(load.category_with_id(quote.category_id or ""), "subjectId")
    return Subject(quote.id, category.name_en, category.name_hi)


SUBJECTS[CodePurpose.BOOKING] = quote_to_book


async def spot_of(
    tx: Transaction, citizen_id: str | None, address_id: str | None, place: BookingPlace | None
) -> Spot:
    if (address_id is None) is (place is None):
        raise BadInput("Give `addressId` or `place`.", argument="place")
    if place is None:
        address = await tx.the(load.own_address(address_id or "", citizen_id or ""), "addressId")
        return Spot(address.line, address.district_id, address.latitude, address.longitude)
    district = await district_around(tx, place.district_lgd_code, place.latitude, place.longitude)
    if place.pin is not None:
        pin = await tx.find(load.pin_with_code(place.pin))
        if pin is None or district.id not in (pin.district_id, *pin.other_district_ids):
            raise PinElsewhere(pin=place.pin)
    return Spot(place.line, district.id, place.latitude, place.longitude)


def end_of(tx: Transaction, starts_at: datetime, minutes: int) -> datetime:
    """Refuses: OutsideBookingWindow."""
    earliest = tx.now + timedelta(minutes=tx.settings.notice_minutes)
    latest = tx.now + timedelta(days=tx.settings.book_ahead_days)
    if not earliest <= starts_at <= latest:
        raise OutsideBookingWindow(earliest=in_india(earliest), latest=in_india(latest))
    return starts_at + timedelta(minutes=minutes)


async def fits(
    tx: Transaction, worker: Worker | None, spot: Spot, starts_at: datetime, ends_at: datetime
) -> None:
    """That the worker who was chosen goes there, and is free as far as can be seen now; what
    holds their time is the assignment. Refuses: SlotNotOffered, OutOfArea."""
    if worker is None:
        raise SlotNotOffered
    reach = await tx.find(load.reach_of(worker.id))
    away = kilometres((worker.latitude, worker.longitude), (spot.latitude, spot.longitude))
    if worker.district_id != spot.district_id or (reach is not None and away > reach.radius_km):
        raise OutOfArea
    if not await tx.value(load.is_free(worker.id, starts_at, ends_at)):
        raise SlotNotOffered


def channel_of(tx: Transaction, said: BookingChannel | None) -> BookingChannel:
    match tx.viewer.role:
        case Role.HELPLINE:
            return BookingChannel.HELPLINE
        case Role.DEPARTMENT:
            return BookingChannel.DEPARTMENT
        case Role.PROVIDER:
            return BookingChannel.PORTAL
    return BookingChannel.PORTAL if said is BookingChannel.PORTAL else BookingChannel.APP
