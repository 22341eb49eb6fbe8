"""Bookings: what was agreed, how it went, and whose time it takes."""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Sequence,
    Text,
    UniqueConstraint,
    and_,
    any_,
    bindparam,
    cast,
    func,
    or_,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint, Range
from sqlalchemy.orm import Mapped

from models.account import Citizen, Gender
from models.base import (
    Paise,
    Row,
    RowRule,
    at_least,
    datetime,
    never,
    officer,
    one_of,
    owner,
    public,
    tellable,
    there_is,
    time_of_day,
)
from models.worker import Worker
from runtime import clock
from runtime.batch import DEPARTMENT, DISTRICTS, PROVIDER, VIEWER
from runtime.clock import NOW
from runtime.privacy import Privacy
from runtime.refusal import Refusal
from runtime.rights import Area, Rule


class BookingState(StrEnum):
    REQUESTED = "REQUESTED"
    ASSIGNED = "ASSIGNED"
    ACCEPTED = "ACCEPTED"
    EN_ROUTE = "EN_ROUTE"
    ARRIVED = "ARRIVED"
    IN_PROGRESS = "IN_PROGRESS"
    QUOTE_REVISED = "QUOTE_REVISED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    NO_SHOW = "NO_SHOW"


LIVE = (
    BookingState.ASSIGNED,
    BookingState.ACCEPTED,
    BookingState.EN_ROUTE,
    BookingState.ARRIVED,
    BookingState.IN_PROGRESS,
    BookingState.QUOTE_REVISED,
)
"""The states in which a booking takes its worker's time."""


class BookingChannel(StrEnum):
    APP = "APP"
    PORTAL = "PORTAL"
    HELPLINE = "HELPLINE"
    DEPARTMENT = "DEPARTMENT"
    ONDC = "ONDC"


class Actor(StrEnum):
    CITIZEN = "CITIZEN"
    WORKER = "WORKER"
    PROVIDER = "PROVIDER"
    HELPLINE = "HELPLINE"
    OFFICER = "OFFICER"
    DEPARTMENT = "DEPARTMENT"
    SYSTEM = "SYSTEM"


class AssignmentOutcome(StrEnum):
    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    LAPSED = "LAPSED"
    REASSIGNED = "REASSIGNED"
    CANCELLED = "CANCELLED"


class QuoteStatus(StrEnum):
    ESTIMATE = "ESTIMATE"
    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


class QuoteLineKind(StrEnum):
    ITEM = "ITEM"
    VISIT = "VISIT"
    TAX = "TAX"
    DISCOUNT = "DISCOUNT"
    FEE = "FEE"


class CodeKind(StrEnum):
    START = "START"
    FINISH = "FINISH"


class ProposalOutcome(StrEnum):
    OPEN = "OPEN"
    AGREED = "AGREED"
    TURNED_DOWN = "TURNED_DOWN"
    LAPSED = "LAPSED"


class PaymentKind(StrEnum):
    SERVICE = "SERVICE"
    CANCELLATION = "CANCELLATION"


class PaymentMode(StrEnum):
    CASH = "CASH"
    UPI = "UPI"
    WALLET = "WALLET"
    TREASURY = "TREASURY"


class PaymentState(StrEnum):
    DUE = "DUE"
    PAID = "PAID"
    REFUND_DUE = "REFUND_DUE"
    REFUNDED = "REFUNDED"


class WrongState(Refusal):
    """The booking does not stand where this can be done to it, or not by you."""

    english = "This cannot be done now: the booking has moved on."
    hindi = "अब यह नहीं किया जा सकता: बुकिंग की स्थिति बदल चुकी है।"
    state: Annotated[BookingState, "Where it stands."]


class PriceTooHigh(Refusal):
    """It comes to more than one price can be: ask for it in parts, each at a price of its own."""

    english = "This comes to more than {rupees} rupees. Ask for a price of less at once."
    hindi = "इसका मूल्य {rupees} रुपये से अधिक है। एक बार में कम का मूल्य पूछें।"
    rupees: Annotated[int, "The most that one price can be, in whole rupees."]


class SlotTaken(Refusal):
    """The worker's time is promised to somebody else. Choose another time or worker."""

    english = "This time is taken. Choose another time or another worker."
    hindi = "यह समय उपलब्ध नहीं है। दूसरा समय या दूसरा सेवा मित्र चुनें।"


booking_numbers = Sequence("booking_numbers", start=5_000_001, metadata=Row.metadata)
"""Lower numbers are those of demo data."""
NEXT_NUMBER = func.concat(
    func.to_char(bindparam(None, callable_=clock.today, type_=Date), '"SM"YY-'),
    func.lpad(cast(booking_numbers.next_value(), Text), 7, "0"),
)


class Booking(Row):
    """A citizen's request for work at a time and place, and what became of it.

    Category, services, state and the month of completion show with a published review;
    everything else belongs to the parties.
    """

    __tablename__ = "booking"
    __table_args__ = (
        one_of("state", BookingState),
        one_of("channel", BookingChannel),
        one_of("preferred_worker_gender", Gender),
        CheckConstraint("ends_at > starts_at", name="slot_ordered"),
        CheckConstraint("num_nonnulls(citizen_id, department_id) = 1", name="one_booker"),
        CheckConstraint("(state = 'COMPLETED') = (completed_at IS NOT NULL)", name="completed_at"),
        CheckConstraint(
            "worker_id IS NOT NULL OR state IN ('REQUESTED', 'CANCELLED', 'EXPIRED')",
            name="worker_assigned",
        ),
        Index("booking_of_worker", "worker_id", text("starts_at DESC"), text("id DESC")),
        Index("booking_of_citizen", "citizen_id", text("starts_at DESC"), text("id DESC")),
        Index("booking_by_state", "state", "district_id", "category_id"),
        # What officers list, a district's or all of them, stops where the page is full.
        Index("booking_by_start", text("starts_at DESC"), text("id DESC")),
        Index(
            "booking_rework_open",
            "rework_of_id",
            unique=True,
            postgresql_where=text("state NOT IN ('COMPLETED', 'CANCELLED', 'EXPIRED', 'NO_SHOW')"),
        ),
    )
    prefix: ClassVar[str] = "bk"
    named_by = ("id", "citizen_id")
    areas: ClassVar[dict[Privacy, Area]] = {
        Privacy.OWNER: Area.BOOKING,
        Privacy.OFFICER: Area.BOOKING_PREFERENCE,
    }
    rules: ClassVar[dict[Rule, RowRule]] = {
        Rule.OWN: lambda: or_(
            Booking.citizen_id == VIEWER, Booking.worker_id == VIEWER, Booking.created_by == VIEWER
        ),
        Rule.DISTRICT: lambda: Booking.district_id == any_(DISTRICTS),
        Rule.PROVIDER: lambda: Booking.provider_id == PROVIDER,
        Rule.OFFICE: lambda: Booking.department_id == DEPARTMENT,
        Rule.COUNTERPART: lambda: and_(
            or_(
                Booking.worker_id == VIEWER,
                Booking.citizen_id == VIEWER,
                Booking.department_id == DEPARTMENT,
            ),
            in_contact(),
        ),
    }

    id: Mapped[str] = public(primary_key=True)
    state: Mapped[str] = public()
    category_id: Mapped[str] = public(ForeignKey("service_category.id"))
    completed_month: Mapped[date | None] = public()
    """The first day of the month of completion, in India."""

    number: Mapped[str] = owner(unique=True, default=NEXT_NUMBER)
    citizen_id: Mapped[str | None] = owner(ForeignKey("citizen.id"))
    department_id: Mapped[str | None] = owner(ForeignKey("department.id"), index=True)
    created_by: Mapped[str] = owner()
    """The id of whoever made it: the citizen, or the user who made it for them."""
    worker_id: Mapped[str | None] = owner(ForeignKey("worker.id"))
    provider_id: Mapped[str | None] = owner(ForeignKey("provider.id"), index=True)
    district_id: Mapped[str] = owner(ForeignKey("district.id"))
    address: Mapped[str | None] = owner(area=Area.BOOKING_PLACE)
    latitude: Mapped[float | None] = owner(area=Area.BOOKING_PLACE)
    longitude: Mapped[float | None] = owner(area=Area.BOOKING_PLACE)
    starts_at: Mapped[datetime] = owner()
    ends_at: Mapped[datetime] = owner()
    first_starts_at: Mapped[datetime | None] = owner()
    """Where whoever booked had it moved, the start before: calling off late counts from it too."""
    channel: Mapped[str] = owner()
    language: Mapped[str] = owner()
    requested_at: Mapped[datetime] = owner()
    completed_at: Mapped[datetime | None] = owner()
    contact_from: Mapped[datetime | None] = owner()
    """When the parties began to see each other's contact: at acceptance."""
    contact_until: Mapped[datetime | None] = owner()
    """When they stop: a day after the end; null while the booking is live."""
    call_id: Mapped[str | None] = owner(unique=True, area=Area.CALL)
    """What connects a call between the parties without telling either's number."""
    cancellation_policy_version: Mapped[int] = owner()
    rework_of_id: Mapped[str | None] = owner(ForeignKey("booking.id"))
    replaces_id: Mapped[str | None] = owner(ForeignKey("booking.id"), unique=True)
    """The booking whose worker did not come."""
    preferred_worker_id: Mapped[str | None] = owner(ForeignKey("worker.id"))
    """The worker whom the citizen chose; they are asked first."""
    priority: Mapped[bool] = owner(server_default="false")
    moved: Mapped[int] = owner(server_default="0")
    """How often it was rescheduled."""
    version: Mapped[int] = owner()

    preferred_worker_gender: Mapped[str | None] = officer()

    # A change that does not know the version it changes is refused by the database layer.
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


def in_contact() -> ColumnElement[bool]:
    """From acceptance until a day after the end: the one contact rule."""
    return and_(
        Booking.contact_from.is_not(None),
        or_(Booking.contact_until.is_(None), Booking.contact_until > NOW),
    )


Worker.rules[Rule.COUNTERPART] = lambda: there_is(
    Booking,
    Booking.worker_id == Worker.id,
    Booking.citizen_id == VIEWER,
    in_contact(),
    of=Worker,
)
Citizen.rules[Rule.COUNTERPART] = lambda: there_is(
    Booking,
    Booking.citizen_id == Citizen.id,
    Booking.worker_id == VIEWER,
    in_contact(),
    of=Citizen,
)


class BookingLine(Row):
    """A service that was asked for, and how many of its units."""

    __tablename__ = "booking_line"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.BOOKING}
    part_of = ("booking_id", Booking)
    __table_args__ = (at_least("quantity", 1),)

    booking_id: Mapped[str] = public(ForeignKey("booking.id"), primary_key=True)
    position: Mapped[int] = public(primary_key=True)
    service_id: Mapped[str] = public(ForeignKey("service.id"))
    quantity: Mapped[int] = owner()


class Quote(Row):
    """A price put to the citizen; the last accepted revision is what is charged.

    An estimate is made before there is a booking, for whoever asked; booking takes it up.
    """

    __tablename__ = "quote"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.BOOKING}
    rules: ClassVar[dict[Rule, RowRule]] = {
        Rule.OWN: lambda: or_(Quote.asked_by == VIEWER, of_booking(Rule.OWN)),
        Rule.DISTRICT: lambda: of_booking(Rule.DISTRICT),
        Rule.PROVIDER: lambda: or_(Quote.asked_by == VIEWER, of_booking(Rule.PROVIDER)),
        Rule.OFFICE: lambda: or_(Quote.asked_by == VIEWER, of_booking(Rule.OFFICE)),
        Rule.CASE: lambda: of_booking(Rule.CASE),
    }
    __table_args__ = (
        UniqueConstraint("booking_id", "revision"),
        one_of("status", QuoteStatus),
        one_of("preferred_worker_gender", Gender),
        CheckConstraint("(status = 'ESTIMATE') = (booking_id IS NULL)", name="estimate_unbooked"),
        at_least("total_paise", 0),
        tellable("total_paise"),
    )
    prefix: ClassVar[str] = "qt"

    id: Mapped[str] = public(primary_key=True)
    booking_id: Mapped[str | None] = owner(ForeignKey("booking.id"))
    asked_by: Mapped[str | None] = owner()
    """Whose estimate it is."""
    category_id: Mapped[str | None] = owner(ForeignKey("service_category.id"))
    district_id: Mapped[str | None] = owner(ForeignKey("district.id"))
    provider_id: Mapped[str | None] = owner(ForeignKey("provider.id"))
    worker_id: Mapped[str | None] = owner(ForeignKey("worker.id"))
    """Whom the estimate is for: what makes up its rates."""
    preferred_worker_gender: Mapped[str | None] = never()
    """Asked for with the estimate; the booking takes it over."""
    minutes: Mapped[int] = owner(server_default="60")
    """How long the work takes."""
    reason: Mapped[str | None] = owner()
    """Why the price was revised."""
    revision: Mapped[int] = owner()
    status: Mapped[str] = owner()
    total_paise: Mapped[Paise] = owner()
    offered_at: Mapped[datetime] = owner()
    expires_at: Mapped[datetime] = owner()


def of_booking(rule: Rule) -> ColumnElement[bool]:
    return there_is(Booking, Booking.id == Quote.booking_id, Booking.rows(rule), of=Quote)


class QuoteLine(Row):
    __tablename__ = "quote_line"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.BOOKING}
    part_of = ("quote_id", Quote)
    __table_args__ = (one_of("kind", QuoteLineKind), tellable("amount_paise"))

    quote_id: Mapped[str] = owner(ForeignKey("quote.id"), primary_key=True)
    position: Mapped[int] = owner(primary_key=True)
    kind: Mapped[str] = owner()
    service_id: Mapped[str | None] = owner(ForeignKey("service.id"))
    rate_card_id: Mapped[str | None] = owner(ForeignKey("rate_card.id"))
    quantity: Mapped[int] = owner()
    amount_paise: Mapped[Paise] = owner()
    """Of the whole line; negative for a discount."""


class TimelineEntry(Row):
    """One transition of a booking."""

    __tablename__ = "timeline_entry"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.BOOKING}
    part_of = ("booking_id", Booking)
    __table_args__ = (
        one_of("from_state", BookingState),
        one_of("to_state", BookingState),
        one_of("actor", Actor),
        # The database itself knows which steps there are.
        ForeignKeyConstraint(
            ["command", "from_state", "to_state"],
            [
                "booking_transition.command",
                "booking_transition.from_state",
                "booking_transition.to_state",
            ],
            name="timeline_entry_in_table",
        ),
    )

    booking_id: Mapped[str] = owner(ForeignKey("booking.id"), primary_key=True)
    position: Mapped[int] = owner(primary_key=True)
    command: Mapped[str] = owner()
    from_state: Mapped[str | None] = owner()
    to_state: Mapped[str] = owner()
    actor: Mapped[str] = owner()
    reason: Mapped[str | None] = owner()
    happened_at: Mapped[datetime] = owner()


class Assignment(Row):
    """An offer of a booking to a worker."""

    __tablename__ = "assignment"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.BOOKING}
    part_of = ("booking_id", Booking)
    __table_args__ = (
        one_of("outcome", AssignmentOutcome),
        CheckConstraint("expires_at > offered_at", name="offer_ordered"),
        Index(
            "assignment_open",
            "booking_id",
            unique=True,
            postgresql_where=text("outcome = 'OFFERED'"),
        ),
    )

    booking_id: Mapped[str] = owner(ForeignKey("booking.id"), primary_key=True)
    position: Mapped[int] = owner(primary_key=True)
    worker_id: Mapped[str] = owner(ForeignKey("worker.id"), index=True)
    offered_at: Mapped[datetime] = owner()
    expires_at: Mapped[datetime] = owner()
    outcome: Mapped[str] = owner()
    reason: Mapped[str | None] = owner()


class AvailabilityRule(Row):
    """Hours of a weekday, in India's time, in which a worker takes bookings."""

    __tablename__ = "availability_rule"
    __table_args__ = (
        CheckConstraint("weekday BETWEEN 1 AND 7", name="weekday_known"),
        CheckConstraint("until_time > from_time", name="hours_ordered"),
        Index("availability_rule_of_worker", "worker_id", "weekday"),
    )
    prefix: ClassVar[str] = "av"

    id: Mapped[str] = public(primary_key=True)
    worker_id: Mapped[str] = public(ForeignKey("worker.id"))
    weekday: Mapped[int] = public()
    """As ISO 8601 counts: 1 is Monday, 7 is Sunday."""
    from_time: Mapped[time_of_day] = public()
    until_time: Mapped[time_of_day] = public()
    valid_from: Mapped[date] = public()
    valid_until: Mapped[date | None] = public()


class AvailabilityException(Row):
    """A day on which a worker's rules do not hold."""

    __tablename__ = "availability_exception"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.WORKER_STANDING}
    part_of = ("worker_id", Worker)

    worker_id: Mapped[str] = owner(ForeignKey("worker.id"), primary_key=True)
    day: Mapped[date] = owner(primary_key=True)
    reason: Mapped[str | None] = owner()


class ServiceArea(Row):
    """How far from the set-out point a worker travels."""

    __tablename__ = "service_area"
    __table_args__ = (at_least("radius_km", 1),)

    worker_id: Mapped[str] = public(ForeignKey("worker.id"), primary_key=True)
    radius_km: Mapped[int] = public()


class WorkerTime(Row):
    """Every promise of a worker's time, and the one constraint that no two overlap.

    A row stands only while its booking is live or its engagement lasts. Core PostgreSQL has
    no gist operator class for text; a range from a worker's id to itself overlaps only
    itself, which lets the constraint compare workers.
    """

    __tablename__ = "worker_time"
    __table_args__ = (
        CheckConstraint("num_nonnulls(booking_id, engagement_id) = 1", name="one_promise"),
        CheckConstraint(
            "NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during)"
            " AND lower(during) IS NOT NULL AND upper(during) IS NOT NULL",
            name="half_open",
        ),
        ExcludeConstraint(
            (func.textrange(text("worker_id"), text("worker_id"), "[]"), "&&"),
            ("during", "&&"),
            name="worker_time_taken",
            using="gist",
        ),
    )

    id: Mapped[str] = officer(primary_key=True)
    worker_id: Mapped[str] = officer(ForeignKey("worker.id"), index=True)
    during: Mapped[Range[datetime]] = officer(TSTZRANGE())
    booking_id: Mapped[str | None] = officer(ForeignKey("booking.id"), unique=True)
    engagement_id: Mapped[str | None] = officer(ForeignKey("engagement.id"), unique=True)


class BookingTransition(Row):
    """A row of the state machine: who may take a booking from one state to another."""

    __tablename__ = "booking_transition"
    __table_args__ = (UniqueConstraint("command", "from_state", "to_state"),)

    number: Mapped[int] = public(primary_key=True)
    command: Mapped[str] = public()
    from_state: Mapped[str | None] = public()
    to_state: Mapped[str] = public()
    actors: Mapped[list[str]] = public()
    condition: Mapped[str | None] = public()
    event: Mapped[str] = public()


class VisitCode(Row):
    """A code that the citizen tells the worker: one to begin with, one to end with."""

    __tablename__ = "visit_code"
    __table_args__ = (one_of("kind", CodeKind),)

    booking_id: Mapped[str] = never(ForeignKey("booking.id"), primary_key=True)
    kind: Mapped[str] = never(primary_key=True)
    hash: Mapped[str] = never()
    issued_at: Mapped[datetime] = never()
    expires_at: Mapped[datetime] = never()
    issues: Mapped[int] = never(server_default="1")
    tries: Mapped[int] = never(server_default="0")
    used_at: Mapped[datetime | None] = never()


class Call(Row):
    """A call from one party to the other, through the masked call id."""

    __tablename__ = "call"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.BOOKING}
    part_of = ("booking_id", Booking)
    __table_args__ = (one_of("caller", Actor),)
    prefix: ClassVar[str] = "ca"

    id: Mapped[str] = owner(primary_key=True)
    booking_id: Mapped[str] = owner(ForeignKey("booking.id"), index=True)
    caller: Mapped[str] = owner()
    called_at: Mapped[datetime] = owner()


class RescheduleProposal(Row):
    """Another time, proposed by one party and answered by the other."""

    __tablename__ = "reschedule_proposal"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.BOOKING}
    part_of = ("booking_id", Booking)
    __table_args__ = (
        one_of("proposed_by", Actor),
        one_of("outcome", ProposalOutcome),
        Index(
            "reschedule_proposal_open",
            "booking_id",
            unique=True,
            postgresql_where=text("outcome = 'OPEN'"),
        ),
    )
    prefix: ClassVar[str] = "rp"

    id: Mapped[str] = owner(primary_key=True)
    booking_id: Mapped[str] = owner(ForeignKey("booking.id"))
    proposed_by: Mapped[str] = owner()
    starts_at: Mapped[datetime] = owner()
    ends_at: Mapped[datetime] = owner()
    proposed_at: Mapped[datetime] = owner()
    outcome: Mapped[str] = owner()


class Payment(Row):
    """What is owed for a booking and how it was paid. No money is moved here."""

    __tablename__ = "payment"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.BOOKING}
    part_of = ("booking_id", Booking)
    __table_args__ = (
        UniqueConstraint("booking_id", "kind"),
        one_of("kind", PaymentKind),
        one_of("mode", PaymentMode),
        one_of("state", PaymentState),
        at_least("amount_paise", 0),
        tellable("amount_paise"),
        CheckConstraint("state = 'DUE' OR mode IS NOT NULL", name="paid_somehow"),
    )
    prefix: ClassVar[str] = "py"

    id: Mapped[str] = owner(primary_key=True)
    booking_id: Mapped[str] = owner(ForeignKey("booking.id"))
    kind: Mapped[str] = owner()
    state: Mapped[str] = owner()
    mode: Mapped[str | None] = owner()
    amount_paise: Mapped[Paise] = owner()
    reference: Mapped[str | None] = owner()
    reason: Mapped[str | None] = owner()
    """Why it is given back."""
    changed_at: Mapped[datetime] = owner()


class CancellationPolicy(Row):
    """What calling a booking off costs, as a share of its price, by version and state."""

    __tablename__ = "cancellation_policy"
    __table_args__ = (
        one_of("state", BookingState),
        CheckConstraint("percent BETWEEN 0 AND 100", name="percent_range"),
    )

    version: Mapped[int] = public(primary_key=True)
    state: Mapped[str] = public(primary_key=True)
    hours_before: Mapped[int] = public()
    """Only when called off fewer hours than this before the start."""
    percent: Mapped[int] = public()
