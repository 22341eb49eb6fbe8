"""What stands in the way of stopping a worker: the work that was promised with them."""

from sqlalchemy import Select, select

from models.booking import LIVE, Booking
from models.worker import Engagement, EngagementStatus


def live_bookings(worker_id: str) -> Select[Booking]:
    """Locked, in one order for whoever locks several."""
    return (
        select(Booking)
        .where(Booking.worker_id == worker_id, Booking.state.in_(LIVE))
        .order_by(Booking.id)
        .with_for_update(of=Booking)
    )


def lasting_engagements(worker_id: str) -> Select[Engagement]:
    return (
        select(Engagement)
        .where(Engagement.worker_id == worker_id, Engagement.status == EngagementStatus.ACTIVE)
        .order_by(Engagement.id)
        .with_for_update(of=Engagement)
    )
