"""Reads of what partners' systems can be told of, and of their webhooks."""

from typing import Any

from sqlalchemy import Boolean as Bool
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    Values,
    and_,
    any_,
    case,
    column,
    func,
    or_,
    select,
    values,
)

from loaders.change import (
    has_skill,
    has_worker,
    in_districts,
    of_people,
    was_shown,
    why_gone,
)
from loaders.history import MARK, at_keys
from loaders.page import Sort, pages
from loaders.shown import shown, visible
from models.account import ChangeLog
from models.base import there_is
from models.change import RecordChange, RecordKind
from models.webhook import EVENTS, Webhook, WebhookAttempt, WebhookDelivery
from models.worker import Worker
from runtime.batch import KEYS, PURPOSES, VIEWER, Columns, Read, many, one, value
from runtime.rights import Area

NEWEST = Sort((Webhook.created_at, Webhook.id), descending=True)


OWN = "OWN"
"""The kind of what is about the client itself."""


def known() -> Values:
    """The events that are told of, as a table."""
    columns = [column(name, Text) for name in ("event", "name", "kind", "fact")]
    rows = [
        (event, told.name, told.kind or OWN, told.fact or "", told.ends)
        for event, told in EVENTS.items()
    ]
    return values(*columns, column("ends", Bool), name="known", literal_binds=True).data(rows)


KNOWN = known()


def record_of() -> ColumnElement[str]:
    """The id of the record that a change in the log is one of."""
    return func.coalesce(ChangeLog.facts[KNOWN.c.fact].astext, ChangeLog.subject_id)


def with_records(log: Select[Any]) -> Select[Any]:
    """Of the log what is told of, each change with the record that it is one of, if any."""
    return log.join(KNOWN, KNOWN.c.event == ChangeLog.event).outerjoin(
        RecordChange,
        and_(RecordChange.kind == KNOWN.c.kind, RecordChange.record_id == record_of()),
    )


def is_own() -> ColumnElement[bool]:
    """Whether it is about the client itself, or what it has had done."""
    subjects = ChangeLog.subject_id, ChangeLog.facts["client"].astext
    return and_(KNOWN.c.kind == OWN, or_(*(subject == VIEWER for subject in subjects)))


def shown_now() -> ColumnElement[bool]:
    """Whether the client is shown the record; what is about nobody is shown in its districts."""
    return case(
        (KNOWN.c.kind == OWN, is_own()),
        (RecordChange.kind == RecordKind.WORKER, has_worker()),
        (RecordChange.kind == RecordKind.SKILL, has_skill()),
        else_=in_districts(),
    )


def may_be_told() -> ColumnElement[bool]:
    """The same rule as for those who keep copies; and what a person agreed to with others is not
    the client's business."""
    is_of_person = RecordChange.kind.in_((RecordKind.WORKER, RecordKind.SKILL))
    purpose = ChangeLog.facts["purpose"].astext
    of_record = and_(
        RecordChange.record_id.is_not(None),
        case((is_of_person, of_people(shown_now())), else_=in_districts()),
        or_(ChangeLog.event.not_like("Consent%"), purpose == any_(PURPOSES)),
    )
    return or_(is_own(), of_record)


@one(ChangeLog)
def event(columns: Columns) -> Read:
    told = [
        record_of().label("subject_id") if each.name == "subject_id" else each
        for each in shown(ChangeLog, columns)
    ]
    return with_records(select(MARK, *told).select_from(ChangeLog)).where(at_keys(), may_be_told())


@value(absent=None)
def why_subject_is_gone(columns: Columns) -> Read:
    """Only of whom the client may have been told: why others are not shown is not told."""
    told = there_is(
        RecordChange,
        RecordChange.kind == RecordKind.WORKER,
        RecordChange.record_id == Worker.id,
        was_shown(),
        of=Worker,
    )
    return select(Worker.id, why_gone()).where(Worker.id == any_(KEYS), told)


@one(Webhook)
def webhook_by_id(columns: Columns) -> Read:
    return select(Webhook.id, *shown(Webhook, columns)).where(
        Webhook.id == any_(KEYS), visible(Webhook, Area.WEBHOOK)
    )


@pages(Webhook, NEWEST)
def webhooks(key: Any) -> Read:
    return select(Webhook).where(visible(Webhook, Area.WEBHOOK))


@pages(WebhookDelivery, Sort((WebhookDelivery.queued_at, WebhookDelivery.id), descending=True))
def deliveries_by_webhook(key: Any) -> Read:
    return select(WebhookDelivery).where(
        WebhookDelivery.webhook_id == key, visible(WebhookDelivery, Area.WEBHOOK)
    )


@many(WebhookAttempt)
def attempts_by_delivery(columns: Columns) -> Read:
    return (
        select(WebhookAttempt.delivery_id, *shown(WebhookAttempt, columns))
        .where(WebhookAttempt.delivery_id == any_(KEYS), visible(WebhookAttempt, Area.WEBHOOK))
        .order_by(WebhookAttempt.position)
    )


def count_of(client_id: str) -> Select[Any]:
    return select(func.count()).where(Webhook.client_id == client_id)
