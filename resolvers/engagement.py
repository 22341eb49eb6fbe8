"""Engagements: a department holds a worker from day to day, and nobody else books them."""

from datetime import date, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from loaders import engagement as load
from models.base import new_id
from models.engagement import EngagementOver, WorkerNotActive
from models.worker import Engagement, EngagementStatus, WorkerStatus
from resolvers.journey import hold
from runtime.faults import BadInput
from runtime.geography import INDIA, day_of
from runtime.jobs import job
from runtime.transaction import Transaction
from runtime.words import Words


async def engage_worker(
    tx: Transaction,
    *,
    worker_id: Annotated[str, "Whom; a worker of your district."],
    starts_on: Annotated[date, "The first day."],
    ends_on: Annotated[date, "The first day after."],
    purpose: Annotated[Words, "What for."],
) -> str:
    """Refuses: WorkerNotActive, SlotTaken."""
    department_id = tx.viewer.department_id or ""
    worker = await tx.the(load.worker_to_engage(worker_id, department_id), "workerId")
    check_days(tx, starts_on, ends_on)
    if worker.status != WorkerStatus.ACTIVE:
        raise WorkerNotActive
    engagement = Engagement(
        id=new_id(Engagement.prefix),
        worker_id=worker.id,
        department_id=department_id,
        purpose=purpose,
        starts_on=starts_on,
        ends_on=ends_on,
        status=EngagementStatus.ACTIVE,
    )
    await tx.add(engagement)
    over = midnight(ends_on)
    await hold(tx, worker.id, midnight(starts_on), over, engagement_id=engagement.id)
    await tx.emit(
        "EngagementStarted",
        engagement.id,
        worker=worker.id,
        department=department_id,
        district=worker.district_id,
    )
    await tx.later(over, "finish_engagement", engagement_id=engagement.id)
    return engagement.id


def check_days(tx: Transaction, starts_on: date, ends_on: date) -> None:
    today, longest = day_of(tx.now), timedelta(days=tx.settings.engagement_days)
    if not today <= starts_on <= today + longest:
        told = f"`startsOn` must be a day from today to {longest.days} days on."
        raise BadInput(told, argument="startsOn")
    if not timedelta() < ends_on - starts_on <= longest:
        told = f"`endsOn` must be 1 to {longest.days} days after `startsOn`."
        raise BadInput(told, argument="endsOn")


def midnight(day: date) -> datetime:
    """When the day begins, in India."""
    return datetime.combine(day, time(), ZoneInfo(INDIA))


async def end_engagement(
    tx: Transaction, *, engagement_id: Annotated[str, "Which engagement."]
) -> str:
    """Before the day that was agreed. Refuses: EngagementOver."""
    engagement = await tx.the(load.engagement_to_end(engagement_id, tx.rule), "engagementId")
    await end(tx, engagement)
    return engagement.id


@job("finish_engagement")
async def finish_engagement(tx: Transaction, *, engagement_id: str) -> None:
    engagement = await tx.find(load.engagement_to_end(engagement_id, tx.rule))
    if engagement is not None and midnight(engagement.ends_on) <= tx.now:
        await end(tx, engagement)


async def end(tx: Transaction, engagement: Engagement) -> None:
    """The worker can be booked again. Refuses: EngagementOver."""
    if engagement.status == EngagementStatus.ENDED:
        raise EngagementOver
    engagement.status = EngagementStatus.ENDED
    await tx.change(load.free_time(engagement.id))
    await tx.emit(
        "EngagementEnded",
        engagement.id,
        worker=engagement.worker_id,
        department=engagement.department_id,
    )
