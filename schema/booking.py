"""Bookings, what was agreed in them, and workers' free time."""

from datetime import date, datetime, time

from strawberry import ID

import resolvers.booking as resolve
from loaders import account as load_account
from loaders import booking as load
from loaders import place as load_place
from loaders import skill as load_skill
from loaders import worker as load_worker
from loaders.lifetimes import CARD, CATALOGUE
from models import booking as model
from models.account import Gender
from runtime.language import Language
from runtime.privacy import Privacy
from runtime.rights import Area
from schema.account import Citizen, Department, Viewer
from schema.base import (
    Node,
    adds_to,
    criteria,
    entity,
    enum,
    field,
    part,
    plain,
    query,
)
from schema.page import Connection
from schema.place import District, Point
from schema.skill import Money, RateCard, Service, ServiceCategory
from schema.worker import Provider, Worker

enum(
    model.BookingState,
    "Where a booking stands.",
    REQUESTED="Asked for; no worker yet.",
    ASSIGNED="Offered to a worker.",
    ACCEPTED="The worker will come.",
    EN_ROUTE="The worker is on the way.",
    ARRIVED="The worker is there.",
    IN_PROGRESS="The work is being done.",
    QUOTE_REVISED="The worker asks for another price; the citizen decides.",
    COMPLETED="Done.",
    CANCELLED="Called off.",
    EXPIRED="No worker was found in time.",
    NO_SHOW="One side did not turn up.",
)
enum(
    model.BookingChannel,
    "Where a booking was made.",
    APP="In the app.",
    PORTAL="On the portal.",
    HELPLINE="By calling 155330.",
    DEPARTMENT="By a government office.",
    ONDC="Through the ONDC network.",
)
enum(
    model.Actor,
    "Who moved a booking on.",
    CITIZEN="The citizen who booked.",
    WORKER="The worker.",
    PROVIDER="The worker's provider.",
    HELPLINE="An agent of the helpline.",
    OFFICER="An officer.",
    DEPARTMENT="The office that booked.",
    SYSTEM="The service itself, when time ran out.",
)
enum(
    model.AssignmentOutcome,
    "What became of an offer to a worker.",
    OFFERED="Not answered yet.",
    ACCEPTED="Accepted.",
    DECLINED="Declined.",
    LAPSED="Not answered in time.",
    REASSIGNED="Given to another worker.",
    CANCELLED="The booking was called off.",
)
enum(
    model.QuoteStatus,
    "Where a price stands.",
    ESTIMATE="Worked out before there is a booking.",
    OFFERED="Put to the citizen.",
    ACCEPTED="Agreed.",
    REJECTED="Turned down.",
    EXPIRED="Not answered in time.",
)
enum(
    model.QuoteLineKind,
    "What a line of a quote is for.",
    ITEM="A service.",
    VISIT="Coming there.",
    TAX="Tax.",
    DISCOUNT="A discount; its amount is negative.",
    FEE="A fee.",
)
criteria(load.BookingFilter)


@plain
class Slot:
    """A stretch of time, from its start up to, not including, its end."""

    starts_at: datetime = field("The start, in UTC.")
    ends_at: datetime = field("The end, in UTC.")


@part(model.BookingLine)
class BookingLine:
    """A service that was asked for."""

    service: Service | None = field("The service.", "service_id", load=load_skill.service_by_id)
    quantity: int | None = field("How many of its units.")


@part(model.QuoteLine)
class QuoteLine:
    """A line of a quote."""

    kind: model.QuoteLineKind | None = field("What it is for.")
    service: Service | None = field(
        "The service, on lines for one.",
        "service_id",
        load=load_skill.service_by_id,
        shows=Privacy.OWNER,
    )
    quantity: int | None = field("How many units.")
    rate: RateCard | None = field(
        "The version of the rate it was worked out by, on lines for a service.",
        "rate_card_id",
        load=load_skill.rate_by_id,
        shows=Privacy.OWNER,
    )
    amount: Money | None = field(
        "Of the whole line; negative for a discount.", "amount_paise", compute=resolve.line_amount
    )


@entity(model.Quote, by_id=load.quote_by_id)
class Quote(Node):
    """A price put to whoever books. Its lines sum to its total."""

    id: ID = field("Opaque and stable.", shows=Privacy.PUBLIC)
    revision: int | None = field("1 for the first; counts up.")
    status: model.QuoteStatus | None = field("Where it stands.")
    total: Money | None = field("The whole price.", "total_paise", compute=resolve.total)
    offered_at: datetime | None = field("When it was put.")
    expires_at: datetime | None = field("Until when it could be accepted.")
    minutes: int | None = field("How long the work takes.")
    provider: Provider | None = field(
        "Whose price it is; null where it is a worker's own.",
        "provider_id",
        load=load_worker.provider_by_id,
    )
    worker: Worker | None = field(
        "The worker who was asked for, or whose own price it is.",
        "worker_id",
        load=load_worker.worker_by_id,
    )
    reason: str | None = field("Why the price was revised.")
    lines: list[QuoteLine] | None = field(
        "What it is made of.", "id", load=load.lines_by_quote, shows=Privacy.OWNER, size=20
    )


@part(model.TimelineEntry)
class TimelineEntry:
    """One step of a booking from state to state."""

    command: str | None = field("What was done, such as `acceptBooking`.")
    from_state: model.BookingState | None = field("The state before; null for the first step.")
    to_state: model.BookingState | None = field("The state after.")
    actor: model.Actor | None = field("Who did it.")
    reason: str | None = field("Why, where a reason was asked for.")
    happened_at: datetime | None = field("When.")


@part(model.Assignment)
class Assignment:
    """An offer of a booking to a worker."""

    worker: Worker | None = field(
        "The worker.", "worker_id", load=load_worker.worker_by_id, shows=Privacy.OWNER
    )
    offered_at: datetime | None = field("When it was offered.")
    expires_at: datetime | None = field("Until when it could be accepted.")
    outcome: model.AssignmentOutcome | None = field("What became of it.")
    reason: str | None = field("Why, if it was declined or taken back.")


@entity(model.Booking, by_id=load.booking_by_id)
class Booking(Node):
    """A citizen's request for work at a time and place, and what became of it.

    Category, services, state and month show with a published review; all else belongs to
    the parties.
    """

    id: ID = field("Opaque and stable.")
    state: model.BookingState = field("Where it stands.")
    category: ServiceCategory | None = field(
        "The kind of work.", "category_id", load=load_skill.category_by_id, max_age=CATALOGUE
    )
    services: list[Service] = field(
        "What was asked for.", "id", load=load.services_by_booking, size=20, max_age=CATALOGUE
    )
    completed_month: str | None = field(
        "The month it was completed, as YYYY-MM.", compute=resolve.month, needs="completed_month"
    )

    number: str | None = field("The number people know it by.")
    lines: list[BookingLine] | None = field(
        "The services with their quantities.",
        "id",
        load=load.lines_by_booking,
        size=20,
        shows=Privacy.OWNER,
    )
    citizen: Citizen | None = field(
        "Who booked; null where a department did.",
        "citizen_id",
        load=load_account.citizen_by_id,
    )
    department: Department | None = field(
        "The department that booked, if one did.",
        "department_id",
        load=load_account.department_by_id,
    )
    worker: Worker | None = field(
        "Who comes; null while nobody is assigned.", "worker_id", load=load_worker.worker_by_id
    )
    provider: Provider | None = field(
        "The worker's provider at the time.", "provider_id", load=load_worker.provider_by_id
    )
    district: District | None = field(
        "Where the work is.", "district_id", load=load_place.district_by_id
    )
    address: str | None = field("The address.")
    location: Point | None = field(
        "The address on the map.", "latitude longitude", compute=resolve.address_point
    )
    slot: Slot | None = field("When.", "starts_at ends_at", compute=resolve.slot)
    channel: model.BookingChannel | None = field("Where it was made.")
    language: Language | None = field(
        "The language the worker must speak.", "language", compute=resolve.language
    )
    preferred_worker: Worker | None = field(
        "Who is asked first, if somebody was chosen.",
        "preferred_worker_id",
        load=load_worker.worker_by_id,
    )
    priority: bool | None = field("Whether it comes before other requests.")
    requested_at: datetime | None = field("When it was made.")
    version: int | None = field("Counts up with every change; commands may name it.")
    completed_at: datetime | None = field("When it was completed.")
    quote: Quote | None = field(
        "The price agreed last.",
        "id",
        load=load.accepted_quote_by_booking,
        shows=Privacy.OWNER,
    )
    quotes: list[Quote] | None = field(
        "All prices put, the latest first.",
        "id",
        load=load.quotes_by_booking,
        size=10,
        shows=Privacy.OWNER,
    )
    timeline: list[TimelineEntry] | None = field(
        "Every step so far, in order.",
        "id",
        load=load.timeline_by_booking,
        size=30,
        shows=Privacy.OWNER,
    )
    assignments: list[Assignment] | None = field(
        "To whom it was offered, in order.",
        "id",
        load=load.assignments_by_booking,
        size=10,
        shows=Privacy.OWNER,
    )
    rework_of: "Booking | None" = field(
        "The completed booking this one puts right, without charge.",
        "rework_of_id",
        load=load.booking_by_id,
    )
    preferred_worker_gender: Gender | None = field("The gender asked for in the worker.")


@part(model.AvailabilityRule)
class AvailabilityRule:
    """Hours of a weekday in which a worker takes bookings."""

    weekday: int = field("1 is Monday, 7 is Sunday.")
    from_time: time = field("The start, in India's time.")
    until_time: time = field("The end, in India's time.")
    valid_from: date = field("The first day it holds.")
    valid_until: date | None = field("The first day it no longer holds; null while none is set.")


@part(model.ServiceArea)
class ServiceArea:
    """Where a worker goes."""

    radius_km: int = field("How far from where they set out, in kilometres.")


@adds_to(Worker)
class WorkerBookings:
    """A worker's time, promised and free."""

    bookings: Connection[Booking] | None = field(
        "Their bookings, latest first.",
        "id",
        load=load.bookings_by_worker,
        shows=Privacy.OWNER,
        area=Area.BOOKING,
    )
    availability: list[AvailabilityRule] | None = field(
        "Their weekly hours.", "id", load=load.availability_by_worker, size=28, max_age=CARD
    )
    service_area: ServiceArea | None = field(
        "Where they go.", "id", load=load.service_area_by_worker, max_age=CARD
    )
    next_free_slot: Slot | None = field(
        "When they are free next; null if not within two weeks. Whole hours of the next seven days"
        " to whoever is not signed in.",
        "id",
        load=load.next_free_slot_by_worker,
        check=resolve.check_slots,
    )
    free_slots: list[Slot] | None = field(
        "When they are free, soonest first. Whole hours of the next seven days to whoever is not"
        " signed in.",
        "id",
        load=load.free_slots_by_worker,
        size="first",
        check=resolve.check_slots,
    )


@adds_to(Provider)
class ProviderBookings:
    """What a provider is booked for."""

    bookings: Connection[Booking] | None = field(
        "Bookings at its prices, latest first.",
        "id",
        load=load.bookings_by_provider,
        shows=Privacy.OWNER,
        area=Area.BOOKING,
    )


@adds_to(Viewer)
class ViewerBookings:
    """What the viewer is a party to."""

    bookings: Connection[Booking] = field(
        "Bookings you made or work at, or your provider or department does; latest first.",
        load=load.bookings_of_viewer,
    )


@query
class Query:
    bookings: Connection[Booking] = field(
        "The bookings you may see: yours, your provider's, your office's, your district's; latest"
        " first.",
        load=load.bookings,
    )
    booking: Booking | None = field(
        "A booking, by id; for its parties only.", load=load.booking_by_id, by="id", kind=ID
    )
    free_slots: list[Slot] = field(
        "When a worker is free, soonest first. Whole hours of the next seven days to whoever is"
        " not signed in.",
        load=load.free_slots_by_worker,
        size="first",
        check=resolve.check_slots,
        by="worker_id",
        kind=ID,
    )
