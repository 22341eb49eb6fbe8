"""Statements about deliveries: what is queued for whom, whose turn it is, and what came of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    Delete,
    Executable,
    Text,
    TextClause,
    Update,
    and_,
    any_,
    cast,
    delete,
    exists,
    false,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.orm import aliased
from sqlalchemy.sql.visitors import replacement_traverse

from loaders.webhook import KNOWN, may_be_told, shown_now, with_records
from models.account import ChangeLog, Follower
from models.base import Row
from models.change import ENDINGS, RecordChange
from models.partner import PartnerClient
from models.webhook import DeliveryState, Webhook, WebhookAttempt, WebhookDelivery, WebhookState
from runtime.batch import DISTRICTS, IDENTIFIER, PURPOSES, VIEWER
from runtime.clock import NOW
from runtime.rights import Role
from runtime.viewer import opened

KEPT_FOR = timedelta(days=30)

DELIVERIES = Row.metadata.tables[WebhookDelivery.__tablename__]
Client = aliased(PartnerClient, name="client")
# As text, for these stand in subqueries too: a column would bring its table along.
OF_CLIENT: Mapping[str, ColumnElement[Any]] = {
    VIEWER.key: literal_column("client.id", IDENTIFIER),
    DISTRICTS.key: literal_column("client.district_ids", ARRAY(IDENTIFIER)),
    PURPOSES.key: literal_column("client.purposes", ARRAY(IDENTIFIER)),
    **{
        gate: true() if is_open else false()
        for gate, is_open in opened(Role.PARTNER, False).items()
    },
}


def for_client(rule: ColumnElement[bool]) -> ColumnElement[bool]:
    """The rule with the client of each row as the viewer: one statement for all of them."""

    def replaced(element: Any, **_: Any) -> Any:
        return OF_CLIENT.get(element.key) if isinstance(element, BindParameter) else None

    found: ColumnElement[bool] = replacement_traverse(rule, {}, replaced)
    return found


def queue(after: int, until: int, webhook_id: str | None = None) -> Executable:
    """What webhooks are to be sent of these changes, those before `after` left out. For one
    webhook it is sent again as well."""
    told = (
        with_records(
            select(
                Webhook.id.label("webhook_id"),
                ChangeLog.position,
                ChangeLog.tag,
                func.coalesce(RecordChange.record_id, ChangeLog.subject_id).label("record_id"),
                RecordChange.whose,
                KNOWN.c.name,
                KNOWN.c.ends,
                for_client(shown_now()).label("is_shown"),
            ).select_from(ChangeLog)
        )
        .join(Webhook, KNOWN.c.name == any_(Webhook.events))
        .join(Client, Client.id == Webhook.client_id)
        .where(
            ChangeLog.position > after,
            ChangeLog.position <= until,
            Client.revoked_at.is_(None),
            for_client(may_be_told()),
        )
    )
    if webhook_id is not None:
        told = told.where(Webhook.id == webhook_id)
    found = told.subquery("told")
    before = aliased(WebhookDelivery)
    was_gone = (
        select(before.gone)
        .where(
            before.webhook_id == found.c.webhook_id,
            before.entity_id == found.c.record_id,
            before.sequence < found.c.position,
        )
        .order_by(before.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    people = func.array_remove(array([found.c.record_id, found.c.whose]), null())
    columns: dict[str, ColumnElement[Any]] = {
        "queued_at": NOW,
        "due_at": NOW,
        "id": literal("wd_") + func.replace(cast(func.gen_random_uuid(), Text), "-", ""),
        "webhook_id": found.c.webhook_id,
        "sequence": found.c.position,
        "tag": found.c.tag,
        "entity_id": found.c.record_id,
        "event": found.c.name,
        "gone": not_(found.c.is_shown),
        "about": people,
    }
    chosen = select(*columns.values()).where(
        # Who is gone is told of once; what happens to them after that is not the client's to know.
        or_(found.c.is_shown, found.c.ends, not_(func.coalesce(was_gone, false())))
    )
    made = insert(DELIVERIES).from_select(list(columns), chosen)
    key = ["webhook_id", "sequence"]
    if webhook_id is None:
        return made.on_conflict_do_nothing(index_elements=key)
    return made.on_conflict_do_update(
        index_elements=key,
        set_={
            "state": DeliveryState.PENDING,
            "gone": made.excluded.gone,
            "tag": made.excluded.tag,
            "due_at": NOW,
            "first_tried_at": None,
            "tries": 0,
        },
    )


def place_of_follower(name: str) -> Any:
    return select(Follower.position).where(Follower.name == name)


# Whether a delivery may be begun now.

UNCLAIMED = "(d.leased_until IS NULL OR d.leased_until <= :now)"
IN_TURN = """
    NOT EXISTS (
        SELECT FROM webhook_delivery earlier
         WHERE earlier.webhook_id = d.webhook_id AND earlier.entity_id = d.entity_id
           AND earlier.sequence < d.sequence AND earlier.state = 'PENDING'
    )"""
UNLOCKED = "FOR UPDATE SKIP LOCKED"
# Of each webhook a few: none can take all there is room for. One that fails is tried with one at a
# time until it answers again.
FEW = """
    greatest(0,
        CASE WHEN w.failures < :patience THEN :each ELSE 1 END
        - (SELECT count(*) FROM webhook_delivery under_way
            WHERE under_way.webhook_id = w.id AND under_way.state = 'PENDING'
              AND under_way.leased_until > :now))"""


def claim(most: int, each: int, patience: int, lease: str, seconds: float) -> TextClause:
    """Takes deliveries to be sent. What somebody else takes at the same time is passed over; if
    they die, it is free again when their lease ends."""
    return text(
        f"""
        WITH turn AS (
            SELECT next.id
              FROM webhook w
             CROSS JOIN LATERAL (
                 SELECT d.id, d.due_at
                   FROM webhook_delivery d
                  WHERE d.webhook_id = w.id AND d.state = 'PENDING' AND d.due_at <= :now
                    AND {UNCLAIMED} AND {IN_TURN}
                  ORDER BY d.due_at, d.sequence
                  LIMIT {FEW}
                  {UNLOCKED}
             ) next
             WHERE w.state = 'ACTIVE' AND (w.rests_until IS NULL OR w.rests_until <= :now)
             ORDER BY next.due_at
             LIMIT :most
        )
        UPDATE webhook_delivery d
           SET lease = :lease, leased_until = :now + make_interval(secs => :seconds)
          FROM turn, webhook w
         WHERE d.id = turn.id AND w.id = d.webhook_id
        RETURNING d.id, d.sequence, d.tag, d.event, d.queued_at, d.about, d.tries, d.first_tried_at,
                  w.id AS webhook_id, w.client_id, w.url, w.selection, w.contract,
                  w.seed, w.old_seed, w.old_until, w.failing_since, w.failures,
                  (SELECT happened_at FROM change_log WHERE position = d.sequence) AS happened_at,
                  (SELECT coalesce(max(position), 0) FROM change_log) AS position
        """
    ).bindparams(NOW, most=most, each=each, patience=patience, lease=lease, seconds=seconds)


def mine(id: str, lease: str) -> Any:
    """Whether it is still ours to send: it is another's if we took too long."""
    return (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.id == id, WebhookDelivery.lease == lease)
        .with_for_update()
    )


def is_about(id: str, people: Sequence[str]) -> Update:
    """Noted before it is sent: whoever is forgotten meanwhile is to be found here."""
    return update(WebhookDelivery).where(WebhookDelivery.id == id).values(about=list(people))


def ended_since(position: int, people: Sequence[str]) -> Any:
    return select(
        exists().where(
            ChangeLog.position > position,
            ChangeLog.event.in_(ENDINGS),
            ChangeLog.subject_id.in_(people),
        )
    )


def settle(id: str, **values: Any) -> Update:
    return (
        update(WebhookDelivery)
        .where(WebhookDelivery.id == id)
        .values(lease=None, leased_until=None, **values)
    )


def note_success(webhook_id: str) -> Update:
    """Nothing is written where nothing was wrong: many are sent at a time."""
    return (
        update(Webhook)
        .where(Webhook.id == webhook_id, Webhook.failures > 0)
        .values(failures=0, failing_since=None, rests_until=None)
    )


def note_failure(webhook_id: str, now: datetime, rests_until: datetime | None) -> Update:
    return (
        update(Webhook)
        .where(Webhook.id == webhook_id)
        .values(
            failures=Webhook.failures + 1,
            failing_since=func.coalesce(Webhook.failing_since, now),
            rests_until=rests_until,
        )
    )


def park(webhook_id: str, reason: str) -> Update:
    is_active = and_(Webhook.id == webhook_id, Webhook.state == WebhookState.ACTIVE)
    return update(Webhook).where(is_active).values(state=WebhookState.PARKED, reason=reason)


def begin_anew(webhook_id: str) -> Update:
    """What is being noted at this moment is left out: whoever does so waits for the webhook."""
    is_waiting = WebhookDelivery.state == DeliveryState.PENDING
    waiting = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.webhook_id == webhook_id, is_waiting)
        .with_for_update(skip_locked=True)
    )
    return (
        update(WebhookDelivery)
        .where(WebhookDelivery.id.in_(waiting))
        .values(due_at=NOW, first_tried_at=None, tries=0)
    )


def forget(people: Sequence[str]) -> list[Update]:
    """What was sent about them, and what was said to it."""
    about = WebhookDelivery.about.op("&&")(cast(list(people), ARRAY(IDENTIFIER)))
    theirs = select(WebhookDelivery.id).where(about)
    return [
        update(WebhookAttempt).where(WebhookAttempt.delivery_id.in_(theirs)).values(response=None),
        update(WebhookDelivery).where(about, WebhookDelivery.body.is_not(None)).values(body=None),
    ]


def outlived(now: datetime) -> Delete:
    return delete(WebhookDelivery).where(WebhookDelivery.queued_at < now - KEPT_FOR)
