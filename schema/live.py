"""What clients are told as it happens. The gateway alone tells it: see docs/live.md."""

from datetime import datetime

from strawberry import ID

import resolvers.discovery as resolve_discovery
import resolvers.live as resolve
from loaders import booking as load_booking
from loaders import export as load_export
from loaders import grievance as load_grievance
from loaders import place as load_place
from runtime.rights import Role
from schema.base import event, field, plain, subscription
from schema.booking import Booking
from schema.discovery import Statistics
from schema.export import Export
from schema.grievance import Grievance, Incident
from schema.place import District


@plain
class BookingChange:
    """Something has happened to a booking."""

    event_id: ID = field("To go on from after a break: send it as `after`.")
    event: str = field("What has happened, such as `BookingAccepted`.")
    happened_at: datetime = field("When.")
    booking: Booking | None = field(
        "The booking as it is now. Null in the last event of a worker whom it was taken from.",
        "booking_id",
        load=load_booking.booking_by_id,
    )


@plain
class JobOffer:
    """A booking is offered to you; `assignments` says until when."""

    event_id: ID = field("To go on from after a break: send it as `after`.")
    happened_at: datetime = field("When.")
    booking: Booking | None = field(
        "The booking as it is now.", "booking_id", load=load_booking.booking_by_id
    )


@plain
class StatisticsChange:
    """The published figures may have changed."""

    event_id: ID = field("To go on from after a break: send it as `after`.")
    happened_at: datetime = field("When the latest change was.")
    statistics: Statistics = field(
        "The figures as they are now.", compute=lambda _: resolve_discovery.Statistics()
    )


@plain
class BoardChange:
    """Something has happened in a district: to a booking, a complaint or a call for help."""

    event_id: ID = field("To go on from after a break: send it as `after`.")
    event: str = field("What has happened, such as `BookingRequested` or `SosRaised`.")
    happened_at: datetime = field("When.")
    district: District | None = field("Where.", "district_id", load=load_place.district_by_id)
    booking: Booking | None = field(
        "The booking as it is now, if it is about one.",
        "booking_id",
        load=load_booking.booking_by_id,
    )
    grievance: Grievance | None = field(
        "The complaint as it is now, if it is about one.",
        "grievance_id",
        load=load_grievance.grievance_by_id,
    )
    incident: Incident | None = field(
        "The call for help, if it is about one.",
        "incident_id",
        load=load_grievance.incident_by_id,
    )


@plain
class ExportChange:
    """An export has gone on, or has ended."""

    event_id: ID = field("To go on from after a break: send it as `after`.")
    event: str = field("What has happened: `ExportStarted`, `ExportProgressed` or `ExportEnded`.")
    happened_at: datetime = field("When.")
    export: Export | None = field(
        "The export as it is now.", "export_id", load=load_export.export_by_id
    )


@subscription
class Subscription:
    booking_changed: BookingChange = event(
        "What happens to a booking, for whom it shows; in order. Ends when it shows no more.",
        resolve.booking_changed,
    )
    job_offered: JobOffer = event(
        "Work that is offered to you, a worker.", resolve.job_offered, roles=[Role.WORKER]
    )
    statistics_changed: StatisticsChange = event(
        "The published figures, every few seconds while they change.", resolve.statistics_changed
    )
    district_board: BoardChange = event(
        "What happens in the districts of an officer: bookings, complaints, calls for help.",
        resolve.district_board,
        roles=[Role.DISTRICT_OFFICER, Role.STATE_OFFICER],
    )
    export_changed: ExportChange = event(
        "How an export goes on. Ends when it has.",
        resolve.export_changed,
        roles=[Role.PARTNER, Role.STATE_OFFICER, Role.AUDITOR],
    )
