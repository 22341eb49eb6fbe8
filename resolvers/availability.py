"""When and how far a worker goes: weekly hours, days off, and the radius around their place."""

import itertools
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Annotated

from loaders import availability as load
from models.base import new_id
from models.booking import AvailabilityException, AvailabilityRule
from resolvers.worker import WorkerId, worker_named
from runtime.faults import BadInput
from runtime.geography import day_of
from runtime.transaction import Transaction
from runtime.words import Words

HOURS_LIMIT = 28
"""Four stretches a day, each day of the week."""
AHEAD = timedelta(days=366)


@dataclass(frozen=True)
class WeeklyHours:
    """A stretch of a weekday, in India's time."""

    weekday: Annotated[int, "1 is Monday, 7 is Sunday."]
    from_time: Annotated[time, "The start, such as `09:00`."]
    until_time: Annotated[time, "The end."]


async def set_availability(
    tx: Transaction,
    *,
    worker_id: WorkerId = None,
    hours: Annotated[list[WeeklyHours], "All their hours of a week; none for no bookings."],
    valid_from: Annotated[date | None, "The first day they hold; today if left out."] = None,
) -> str:
    """What was promised before stands."""
    worker = await worker_named(tx, worker_id)
    start = a_day_ahead(tx, valid_from or day_of(tx.now), "validFrom")
    check(hours)
    # Hours to come are replaced, those that hold already end: both with the worker locked.
    await tx.change(load.drop_rules(worker.id, start))
    await tx.change(load.end_rules(worker.id, start))
    rules = [
        AvailabilityRule(
            id=new_id(AvailabilityRule.prefix),
            worker_id=worker.id,
            weekday=stretch.weekday,
            from_time=stretch.from_time,
            until_time=stretch.until_time,
            valid_from=start,
        )
        for stretch in hours
    ]
    await tx.add(*rules)
    await tx.emit("AvailabilityChanged", worker.id)
    return worker.id


def a_day_ahead(tx: Transaction, day: date, argument: str) -> date:
    today = day_of(tx.now)
    if not today <= day <= today + AHEAD:
        raise BadInput(f"`{argument}` must be a day from today to a year on.", argument=argument)
    return day


def check(hours: list[WeeklyHours]) -> None:
    if len(hours) > HOURS_LIMIT:
        raise BadInput(f"`hours` may hold at most {HOURS_LIMIT}.", argument="hours")
    inside = all(
        1 <= stretch.weekday <= 7 and stretch.from_time < stretch.until_time for stretch in hours
    )
    if not inside:
        told = "`hours` must be stretches of weekdays 1 to 7, each ending after it starts."
        raise BadInput(told, argument="hours")
    ordered = sorted(hours, key=lambda stretch: (stretch.weekday, stretch.from_time))
    for earlier, later in itertools.pairwise(ordered):
        if earlier.weekday == later.weekday and later.from_time < earlier.until_time:
            raise BadInput("`hours` of one weekday must not overlap.", argument="hours")


Day = Annotated[date, "Which day."]


async def add_day_off(
    tx: Transaction,
    *,
    worker_id: WorkerId = None,
    day: Day,
    reason: Annotated[Words | None, "Why, for yourself and your provider."] = None,
) -> str:
    """Said again, the reason is the last one. What was promised for the day stands."""
    worker = await worker_named(tx, worker_id)
    off = await tx.find(load.day_off(worker.id, a_day_ahead(tx, day, "day")))
    if off is None:
        off = AvailabilityException(worker_id=worker.id, day=day)
    off.reason = reason
    await tx.add(off)
    await tx.emit("AvailabilityChanged", worker.id)
    return worker.id


async def remove_day_off(tx: Transaction, *, worker_id: WorkerId = None, day: Day) -> str:
    worker = await worker_named(tx, worker_id)
    await tx.remove(await tx.the(load.day_off(worker.id, day), "day"))
    await tx.emit("AvailabilityChanged", worker.id)
    return worker.id


async def set_service_area(
    tx: Transaction,
    *,
    worker_id: WorkerId = None,
    radius_km: Annotated[int, "How far from where they set out, in kilometres."],
) -> str:
    worker = await worker_named(tx, worker_id)
    furthest = tx.settings.radius_limit_km
    if not 1 <= radius_km <= furthest:
        raise BadInput(f"`radiusKm` must be 1 to {furthest}.", argument="radiusKm")
    await tx.change(load.put_service_area(worker.id, radius_km))
    await tx.emit("AvailabilityChanged", worker.id)
    return worker.id
