"""What the systems of partner departments are sent when something happens, and what came of it."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, ClassVar, NamedTuple

from sqlalchemy import BigInteger, Double, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from models.base import Row, RowRule, datetime, never, now, one_of, owner, public
from models.change import RecordKind
from runtime.batch import VIEWER
from runtime.privacy import Privacy
from runtime.refusal import Refusal
from runtime.rights import Area, Rule


class Told(NamedTuple):
    name: str
    """What clients know the event by: it never changes."""
    kind: RecordKind | None
    """What has changed: who may have that record may be told. None where it is about the client
    itself, and told to nobody else."""
    ends: bool = False
    """Whether it is told even of those who were gone before."""
    fact: str | None = None
    """Which fact of the event names the record, where it is not what the event is about."""


EVENTS: Mapping[str, Told] = MappingProxyType(
    {
        "WorkerRegistered": Told("worker.registered", RecordKind.WORKER),
        "WorkerSubmitted": Told("worker.changed", RecordKind.WORKER),
        "WorkerActivated": Told("worker.activated", RecordKind.WORKER),
        "WorkerChanged": Told("worker.changed", RecordKind.WORKER),
        "VerificationRecorded": Told("worker.changed", RecordKind.WORKER, fact="worker_id"),
        "AvailabilityChanged": Told("worker.changed", RecordKind.WORKER),
        "WorkerSuspended": Told("worker.suspended", RecordKind.WORKER),
        "WorkerErased": Told("worker.erased", RecordKind.WORKER, ends=True),
        "ConsentGiven": Told("consent.given", RecordKind.WORKER),
        "ConsentWithdrawn": Told("consent.withdrawn", RecordKind.WORKER, ends=True),
        "SkillChanged": Told("skill.changed", RecordKind.SKILL),
        "SkillVerified": Told("skill.verified", RecordKind.SKILL),
        "ProviderApplied": Told("provider.changed", RecordKind.PROVIDER),
        "ProviderChanged": Told("provider.changed", RecordKind.PROVIDER),
        "ProviderEmpanelled": Told("provider.empanelled", RecordKind.PROVIDER),
        "ProviderSuspended": Told("provider.suspended", RecordKind.PROVIDER),
        "ProviderExpired": Told("provider.expired", RecordKind.PROVIDER),
        "RatingRecomputed": Told("rating.changed", RecordKind.RATING),
        "ReviewPublished": Told("review.published", RecordKind.REVIEW),
        **{
            event: Told("review.changed", RecordKind.REVIEW)
            for event in (
                *("ReviewEdited", "ReviewReplied", "ReviewFlagged", "ReviewRestored"),
                *("ReviewHidden", "ReviewWithdrawn", "ReviewCleared"),
            )
        },
        "CategoryAdded": Told("category.changed", RecordKind.CATEGORY),
        "CategoryChanged": Told("category.changed", RecordKind.CATEGORY),
        "ServiceAdded": Told("category.changed", RecordKind.CATEGORY, fact="category_id"),
        "ServiceChanged": Told("category.changed", RecordKind.CATEGORY, fact="category_id"),
        "BookingRequested": Told("booking.requested", RecordKind.BOOKING),
        "BookingAssigned": Told("booking.assigned", RecordKind.BOOKING),
        "BookingAccepted": Told("booking.accepted", RecordKind.BOOKING),
        "BookingDeclined": Told("booking.declined", RecordKind.BOOKING),
        "OfferExpired": Told("booking.offer_expired", RecordKind.BOOKING),
        "BookingReassigned": Told("booking.reassigned", RecordKind.BOOKING),
        "WorkerEnRoute": Told("booking.en_route", RecordKind.BOOKING),
        "WorkerArrived": Told("booking.arrived", RecordKind.BOOKING),
        "QuoteRevised": Told("booking.quote_revised", RecordKind.BOOKING),
        "QuoteApproved": Told("booking.quote_approved", RecordKind.BOOKING),
        "QuoteRejected": Told("booking.quote_rejected", RecordKind.BOOKING),
        "BookingRescheduled": Told("booking.rescheduled", RecordKind.BOOKING),
        "ServiceStarted": Told("booking.started", RecordKind.BOOKING),
        "ServiceCompleted": Told("booking.completed", RecordKind.BOOKING),
        "BookingCancelled": Told("booking.cancelled", RecordKind.BOOKING),
        "BookingExpired": Told("booking.expired", RecordKind.BOOKING),
        "NoShowRecorded": Told("booking.no_show", RecordKind.BOOKING),
        "ExportEnded": Told("export.ended", None),
        "PartnerQuotaNearlyUsed": Told("quota.nearly_used", None),
    }
)
"""What is told of, by the event inside."""
NAMES: Sequence[str] = sorted({told.name for told in EVENTS.values()})
TEST = "webhook.test"
"""The one that is sent because somebody asked for it."""


class WebhookState(StrEnum):
    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    PARKED = "PARKED"


class DeliveryState(StrEnum):
    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    WITHHELD = "WITHHELD"


class WebhookUrlRefused(Refusal):
    """The address is none that anything is sent to."""

    english = "The address must begin with https:// and lead to a server on the public internet."
    hindi = "पता https:// से शुरू होना चाहिए और सार्वजनिक इंटरनेट के किसी सर्वर का होना चाहिए।"


class SelectionRefused(Refusal):
    """The selection cannot be read of `PartnerEvent` with what the client is shown."""

    english = "The selection cannot be used: {error}"
    hindi = "यह चयन इस्तेमाल नहीं किया जा सकता: {error}"
    error: Annotated[str, "The first thing that is wrong with it, as for any operation."]


class TooManyWebhooks(Refusal):
    """The client has as many webhooks as it may. Delete one first."""

    english = "You may keep {limit} webhooks. Delete one first."
    hindi = "आप अधिकतम {limit} वेबहुक रख सकते हैं। पहले कोई एक हटाएँ।"
    limit: Annotated[int, "How many one may keep."]


class Webhook(Row):
    __tablename__ = "webhook"
    __table_args__ = (one_of("state", WebhookState),)
    prefix: ClassVar[str] = "wh"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.WEBHOOK}
    rules: ClassVar[dict[Rule, RowRule]] = {Rule.OWN: lambda: Webhook.client_id == VIEWER}

    id: Mapped[str] = public(primary_key=True)
    client_id: Mapped[str] = owner(ForeignKey("partner_client.id"), index=True)
    url: Mapped[str] = owner()
    events: Mapped[list[str]] = owner()
    selection: Mapped[str] = owner()
    contract: Mapped[str] = owner()
    """The version that the selection was written for."""
    state: Mapped[str] = owner(server_default=WebhookState.ACTIVE)
    reason: Mapped[str | None] = owner()
    created_at: Mapped[datetime] = public()
    seed: Mapped[str] = never()
    """What the secret is made from, with a key that is not in the database."""
    old_seed: Mapped[str | None] = never()
    old_until: Mapped[datetime | None] = owner()
    failures: Mapped[int] = never(server_default="0")
    """Since the last success."""
    failing_since: Mapped[datetime | None] = owner()
    rests_until: Mapped[datetime | None] = never()


class WebhookDelivery(Row):
    """One event on its way to one webhook. It has a row of its own, not a place in the log that a
    webhook has come to: one that has to be sent again holds up no other."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        one_of("state", DeliveryState),
        UniqueConstraint("webhook_id", "sequence"),
        Index("webhook_delivery_newest", "webhook_id", "queued_at", "id"),
        Index(
            "webhook_delivery_due",
            "webhook_id",
            "due_at",
            "sequence",
            postgresql_where=text("state = 'PENDING'"),
        ),
        Index("webhook_delivery_of_entity", "webhook_id", "entity_id", "sequence"),
        Index("webhook_delivery_by_age", "queued_at"),
        Index(
            "webhook_delivery_open",
            "state",
            "queued_at",
            postgresql_where=text("state IN ('PENDING', 'FAILED')"),
        ),
        Index("webhook_delivery_about", "about", postgresql_using="gin"),
    )
    prefix: ClassVar[str] = "wd"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.WEBHOOK}
    part_of = ("webhook_id", Webhook)

    id: Mapped[str] = public(primary_key=True)
    webhook_id: Mapped[str] = owner(ForeignKey("webhook.id", ondelete="CASCADE"))
    sequence: Mapped[int | None] = owner(BigInteger)
    """The position in the change log; null for a test."""
    tag: Mapped[str | None] = owner()
    """Of that position."""
    entity_id: Mapped[str | None] = owner()
    event: Mapped[str] = owner()
    gone: Mapped[bool] = never(server_default="false")
    """Whether the record was none for the client any more when this was queued."""
    state: Mapped[str] = owner(server_default=DeliveryState.PENDING)
    queued_at: Mapped[datetime] = public(default=now)
    due_at: Mapped[datetime] = owner(default=now)
    first_tried_at: Mapped[datetime | None] = never()
    tries: Mapped[int] = never(server_default="0")
    lease: Mapped[str | None] = never()
    """Of whoever is sending it."""
    leased_until: Mapped[datetime | None] = never()
    """Then whoever was sending it has died, and it is another's to send."""
    body: Mapped[str | None] = owner(area=Area.WEBHOOK_CONTENT)
    """As it was sent last."""
    about: Mapped[list[str]] = never(server_default="{}")
    """Of each person that it says something of, the id."""


class WebhookAttempt(Row):
    __tablename__ = "webhook_attempt"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.WEBHOOK}
    part_of = ("delivery_id", WebhookDelivery)

    position: Mapped[int] = never(BigInteger, Identity(), primary_key=True)
    delivery_id: Mapped[str] = owner(
        ForeignKey("webhook_delivery.id", ondelete="CASCADE"), index=True
    )
    began_at: Mapped[datetime] = owner()
    seconds: Mapped[float] = owner(Double)
    status: Mapped[int | None] = owner()
    """Null where there was no answer."""
    error: Mapped[str | None] = owner()
    response: Mapped[str | None] = owner(area=Area.WEBHOOK_CONTENT)
