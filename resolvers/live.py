"""What is told as it happens: of which changes, and to whom."""

import asyncio
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from loaders import booking as load
from loaders import export as load_export
from models.booking import Booking
from models.export import OPEN
from models.review import Grievance, Incident
from runtime.context import Context
from runtime.faults import AnotherHistory, BadInput, Coded, Forbidden, NotFound
from runtime.feed import RECENT, Change, Events, Listener
from runtime.rights import Role

EVENT_ID = re.compile(r"ev_([0-9a-f]{1,15})(?:-([0-9a-f]{0,8}))?")
STATISTICS_SECONDS = 5.0
"""The figures are counted anew each time: who watches them is told this often at most."""
STATISTICS = (
    *("WorkerRegistered", "WorkerSubmitted", "WorkerActivated", "WorkerChanged", "WorkerErased"),
    *("ProviderEmpanelled", "ProviderSuspended", "ProviderExpired"),
    *("CategoryAdded", "CategoryChanged", "ServiceCompleted"),
)
"""What may change a figure."""

After = Annotated[
    str | None,
    "The `eventId` you were told last: what has happened since comes first. Left out, you are told"
    " of what happens from now on.",
]


@dataclass(frozen=True)
class Told:
    event_id: str
    event: str
    happened_at: datetime


@dataclass(frozen=True)
class BookingChange(Told):
    booking_id: str


@dataclass(frozen=True)
class JobOffer(Told):
    booking_id: str


@dataclass(frozen=True)
class StatisticsChange(Told):
    pass


@dataclass(frozen=True)
class ExportChange(Told):
    export_id: str


@dataclass(frozen=True)
class BoardChange(Told):
    district_id: str
    booking_id: str | None
    grievance_id: str | None
    incident_id: str | None


async def booking_changed(
    context: Context, *, booking_id: Annotated[str, "Which booking."], after: After = None
) -> Events[BookingChange]:
    """To whom the booking shows, for as long as it does. What names a booking without being its
    own, such as a call for help, is not told: it may be from one party about the other."""
    if not await shows(context, booking_id):
        raise NotFound("bookingId")
    listener = await listen(context, after, booking_id)

    async def event_of(change: Change) -> BookingChange | None:
        if change.subject_id != booking_id:
            return None
        if not await shows(context, booking_id):
            listener.close()
            if change.facts.get("worker") != context.viewer.id:
                return None
        return BookingChange(*told(change), booking_id)

    return Events(listener, event_of)


async def job_offered(context: Context, *, after: After = None) -> Events[JobOffer]:
    viewer = context.viewer
    assert viewer.id is not None
    listener = await listen(context, after, viewer.id)

    async def event_of(change: Change) -> JobOffer | None:
        offered = change.event == "BookingAssigned" and change.facts.get("worker") == viewer.id
        # It may have been answered, or taken back, since.
        if offered and await shows(context, change.subject_id):
            return JobOffer(*told(change), change.subject_id)
        return None

    return Events(listener, event_of)


async def statistics_changed(context: Context, *, after: After = None) -> Events[StatisticsChange]:
    listener = await listen(context, after, *STATISTICS)
    clock = asyncio.get_running_loop().time
    next_at = clock()

    async def event_of(change: Change) -> StatisticsChange:
        nonlocal next_at
        await asyncio.sleep(max(0, next_at - clock()))
        next_at = clock() + STATISTICS_SECONDS
        return StatisticsChange(*told(listener.latest() or change))

    return Events(listener, event_of)


async def district_board(
    context: Context,
    *,
    district_code: Annotated[
        int | None, "The LGD code of the district; all that you are in charge of if left out."
    ] = None,
    after: After = None,
) -> Events[BoardChange]:
    viewer = context.viewer
    districts = set(viewer.districts) if viewer.role is Role.DISTRICT_OFFICER else None
    if district_code is not None:
        chosen = f"dt_{district_code}"
        if districts is not None and chosen not in districts:
            raise Forbidden("districtBoard", "is shown to you of your own districts only")
        districts = {chosen}
    listener = await listen(context, after, *(districts or ()))

    async def event_of(change: Change) -> BoardChange | None:
        district = change.facts.get("district")
        if district is None or (districts is not None and district not in districts):
            return None
        subjects = [
            change.subject_id if change.subject_id.startswith(f"{kind.prefix}_") else None
            for kind in (Booking, Grievance, Incident)
        ]
        return BoardChange(*told(change), district, *subjects) if any(subjects) else None

    return Events(listener, event_of)


async def export_changed(
    context: Context, *, export_id: Annotated[str, "Which export."], after: After = None
) -> Events[ExportChange]:
    """To whom the export shows. What follows its end, that it expires, nobody waits for."""
    listener = await listen(context, after, export_id)
    shown = await context.again().batches.load(load_export.export_by_id, export_id, ("state",))
    if shown is None or (after is None and shown.state not in OPEN):
        listener.close()
    if shown is None:
        raise NotFound("exportId")

    async def event_of(change: Change) -> ExportChange | None:
        if change.subject_id != export_id:
            return None
        if change.event == "ExportEnded":
            listener.close()
        return ExportChange(*told(change), export_id)

    return Events(listener, event_of)


def told(change: Change) -> tuple[str, str, datetime]:
    return event_id(change), change.event, change.happened_at


async def shows(context: Context, booking_id: str) -> bool:
    """As things are now."""
    batches = context.again().batches
    return await batches.load(load.booking_by_id, booking_id, ("id",)) is not None


async def listen(context: Context, after: str | None, *topics: str) -> Listener:
    """From the event that was told last. Browsers that come back by themselves name it in a
    header, and send the `after` that they began with again."""
    header = context.headers.get(b"last-event-id", b"").decode("latin-1")
    known = header or after
    position, tag = place_of(known) if known else (None, "")
    feed = context.process.feed
    if position is not None and not await feed.is_there(position, tag):
        raise AnotherHistory("after")
    listener = await feed.listen(*topics, after=position)
    # Another process may have been told of more than this one has.
    if position is not None and not feed.oldest <= position <= feed.position + RECENT:
        listener.close()
        raise Coded(
            "TOO_OLD",
            "What has happened since `after` is not at hand any more: look at how things stand,"
            " and subscribe without it.",
            argument="after",
        )
    return listener


def event_id(change: Change) -> str:
    return f"ev_{change.position:x}-{change.tag or ''}"


def place_of(id: str) -> tuple[int, str]:
    """The position, and the tag of what was there; none in ids that are older than tags."""
    if found := EVENT_ID.fullmatch(id):
        return int(found[1], 16), found[2] or ""
    raise BadInput("`after` is not an `eventId` that you were told.", argument="after")
