"""Looking for a worker: by the way they have, how they are rated, how busy they are, whom the
citizen would like, and whose turn it is."""

from datetime import timedelta

from loaders import assignment as load_assignment
from loaders import matching as load
from models.assignment import NobodyAvailable, NotQualified
from models.booking import Booking, BookingState, SlotTaken
from models.request import OutOfArea
from resolvers.assignment import give_up, offer
from resolvers.journey import BookingId, Version, the_booking, the_step
from runtime.jobs import job
from runtime.transaction import Transaction


async def match_worker(tx: Transaction, *, booking_id: BookingId, version: Version = None) -> str:
    """Refuses: WrongState, NobodyAvailable."""
    booking = await the_booking(tx, booking_id, version)
    await the_step(tx, booking, "assignWorker", BookingState.ASSIGNED)
    if not await match(tx, booking):
        raise NobodyAvailable
    return booking.id


async def match(tx: Transaction, booking: Booking) -> bool:
    """Whether somebody was found: the first of them whose time nobody takes meanwhile."""
    if booking.latitude is None:
        return False
    for worker_id in await tx.every(load.candidates(booking, tx.settings, tx.now)):
        try:
            await offer(tx, booking, worker_id)
        except (SlotTaken, NotQualified, OutOfArea):
            continue
        return True
    return False


@job("find_worker")
async def find_worker(tx: Transaction, *, booking_id: str, version: int) -> None:
    """Looked for again and again until the start: nobody's answer is final. Whatever happens to
    the booking begins another search, which ends this one."""
    booking = await the_booking(tx, booking_id)
    if booking.version != version or booking.state != BookingState.REQUESTED:
        return
    if await tx.value(load_assignment.offers_in_vain(booking.id)) >= tx.settings.offers_per_booking:
        await give_up(tx, booking)
    elif tx.settings.automatic_matching and not await match(tx, booking):
        again = tx.now + timedelta(minutes=tx.settings.search_again_minutes)
        if again < booking.starts_at:
            await tx.later(again, "find_worker", booking_id=booking.id, version=version)
