"""Reads and changes of engagements."""

from typing import Any

from sqlalchemy import Delete, Select, delete, or_, select

from loaders.page import Sort, pages
from loaders.shown import visible
from models.account import Department
from models.booking import WorkerTime
from models.worker import Engagement, Worker, WorkerStatus
from runtime.rights import Area, Rule


@pages(Engagement, Sort((Engagement.starts_on, Engagement.id), descending=True))
def engagements_by_department(key: Any) -> Any:
    return select(Engagement).where(
        Engagement.department_id == key, visible(Engagement, Area.ENGAGEMENT)
    )


def worker_to_engage(worker_id: str, department_id: str) -> Select[Worker]:
    """In the department's district, or anywhere if it is of none. Locked: whoever suspends the
    worker meanwhile waits."""
    return (
        select(Worker)
        .join(
            Department,
            or_(Department.district_id.is_(None), Department.district_id == Worker.district_id),
        )
        .where(
            Worker.id == worker_id,
            Worker.status != WorkerStatus.ERASED,
            Department.id == department_id,
        )
        .with_for_update(of=Worker)
    )


def engagement_to_end(id: str, rule: Rule) -> Select[Engagement]:
    return (
        select(Engagement)
        .where(Engagement.id == id, Engagement.rows(rule))
        .with_for_update(of=Engagement)
    )


def free_time(engagement_id: str) -> Delete:
    return delete(WorkerTime).where(WorkerTime.engagement_id == engagement_id)
