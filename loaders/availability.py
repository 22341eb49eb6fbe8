"""Reads and changes of when and how far a worker goes."""

from datetime import date

from sqlalchemy import Delete, Executable, Select, Update, any_, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from loaders.shown import shown, visible
from loaders.skill import today
from models.booking import AvailabilityException, AvailabilityRule, ServiceArea
from runtime.batch import KEYS, Columns, Read, many
from runtime.rights import Area


@many(AvailabilityException)
def days_off_by_worker(columns: Columns) -> Read:
    """Those to come, at most a year of them."""
    return (
        select(AvailabilityException.worker_id, *shown(AvailabilityException, columns))
        .where(
            AvailabilityException.worker_id == any_(KEYS),
            AvailabilityException.day >= today(),
            visible(AvailabilityException, Area.WORKER_STANDING),
        )
        .order_by(AvailabilityException.worker_id, AvailabilityException.day)
    )


def drop_rules(worker_id: str, start: date) -> Delete:
    """Those that would begin on the day or later."""
    return delete(AvailabilityRule).where(
        AvailabilityRule.worker_id == worker_id, AvailabilityRule.valid_from >= start
    )


def end_rules(worker_id: str, start: date) -> Update:
    return (
        update(AvailabilityRule)
        .where(
            AvailabilityRule.worker_id == worker_id,
            or_(AvailabilityRule.valid_until.is_(None), AvailabilityRule.valid_until > start),
        )
        .values(valid_until=start)
    )


def day_off(worker_id: str, day: date) -> Select[AvailabilityException]:
    return select(AvailabilityException).where(
        AvailabilityException.worker_id == worker_id, AvailabilityException.day == day
    )


def put_service_area(worker_id: str, radius_km: int) -> Executable:
    new = insert(ServiceArea).values(worker_id=worker_id, radius_km=radius_km)
    return new.on_conflict_do_update(index_elements=["worker_id"], set_={"radius_km": radius_km})
