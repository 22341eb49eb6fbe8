"""Stopping a worker: nobody is left waiting for somebody who may not come.

It stands above bookings and engagements because it ends both. A suspension ends where a
registration does: with `activateWorker`, which asks whether everything is still verified.
"""

from typing import Annotated

from loaders import suspension as load
from models.account import BookingsUnderWay
from models.booking import BookingState
from resolvers.assignment import take_back
from resolvers.engagement import end
from resolvers.session import end_sessions
from resolvers.worker import move, worker_named
from runtime.transaction import Transaction
from runtime.words import Words

AT_THE_DOOR = (BookingState.ARRIVED, BookingState.IN_PROGRESS, BookingState.QUOTE_REVISED)
"""The states in which work is not given to somebody else any more."""
STOPPED = "The worker is not available any more."
"""All that a timeline says of it: why is between the worker and the office."""


async def suspend_worker(
    tx: Transaction,
    *,
    worker_id: Annotated[str, "Whom."],
    reason: Annotated[Words, "Why, for them to read; whoever booked them is not told."],
) -> str:
    """Refuses: NotAtThisStage, BookingsUnderWay. The worker is locked before their bookings are
    looked for: whoever assigns them one meanwhile waits, and is then told that they are not
    active."""
    await end_sessions(tx, worker_id)
    worker = await worker_named(tx, worker_id)
    move(worker, "suspend", reason)
    bookings = await tx.every(load.live_bookings(worker.id))
    if begun := sum(booking.state in AT_THE_DOOR for booking in bookings):
        raise BookingsUnderWay(count=begun)
    for booking in bookings:
        await take_back(tx, booking, STOPPED)
    for engagement in await tx.every(load.lasting_engagements(worker.id)):
        await end(tx, engagement)
    await tx.emit("WorkerSuspended", worker.id)
    return worker.id
