"""What partners' systems are told when it happens: docs/webhooks.md."""

from datetime import datetime

from strawberry import ID

import resolvers.webhook as resolve
from loaders import change as load_change
from loaders import export as load_export
from loaders import history as load_history
from loaders import review as load_review
from loaders import skill as load_skill
from loaders import webhook as load
from loaders import worker as load_worker
from models import change as model_change
from models import webhook as model
from models.account import ChangeLog
from runtime.privacy import Privacy
from runtime.rights import Act, Role
from runtime.words import AadhaarInText
from schema.base import Node, command, entity, enum, field, mutation, outcome, part, query
from schema.change import BookingFacts
from schema.export import Export
from schema.page import Connection
from schema.review import RatingSummary, Review
from schema.skill import ServiceCategory, WorkerSkill
from schema.worker import Provider, Worker

enum(
    model.WebhookState,
    "Whether a webhook is told anything.",
    ACTIVE="It is told.",
    PAUSED="Its client paused it; what happens meanwhile waits.",
    PARKED="It took nothing for days, or there is nothing left for it; `reason` says which.",
)
enum(
    model.DeliveryState,
    "What has become of a delivery.",
    PENDING="It is to be sent, or sent again.",
    DELIVERED="The receiver answered with a status of success.",
    FAILED="The receiver did not take it in all the time that there was.",
    WITHHELD="It was not sent: when its turn came, the client might not be told of it any more.",
)


@part(ChangeLog)
class PartnerEvent:
    """Something that has happened to a record that you may have, or had, or to what you had done;
    read as it is now."""

    sequence: ID = field(
        "Its number and a tag, such as `48211-3f9a2c1b`: higher numbers happened later.",
        "position tag",
        compute=resolve.number_of,
    )
    name: str = field("What happened, such as `worker.changed`.", "event", compute=resolve.name_of)
    happened_at: datetime = field("When.")
    subject_id: ID = field(
        "The worker, skill, provider, booking, review, category or export it happened to, or you."
    )
    worker: Worker | None = field(
        "The worker, if it is one. Null: delete what you have.",
        "subject_id",
        load=load_change.worker_to_copy,
    )
    skill: WorkerSkill | None = field(
        "The skill, if it is one. Null: delete what you have.",
        "subject_id",
        load=load_change.skill_to_copy,
    )
    provider: Provider | None = field(
        "The provider, if it is one.", "subject_id", load=load_worker.provider_by_id
    )
    booking: BookingFacts | None = field(
        "What of the booking is about nobody, if it is one.",
        "subject_id",
        load=load_change.booking_facts,
    )
    rating: RatingSummary | None = field(
        "The sums of the worker's or provider's reviews.",
        "subject_id",
        load=load_review.rating_by_subject,
    )
    review: Review | None = field(
        "The review, if it is one. Null: delete what you have.",
        "subject_id",
        load=load_review.review_to_copy,
    )
    category: ServiceCategory | None = field(
        "The category, if it is one.", "subject_id", load=load_skill.category_by_id
    )
    export: Export | None = field(
        "Your export, if it is one.", "subject_id", load=load_export.export_by_id
    )
    gone: model_change.Gone | None = field(
        "Why there is no worker for you any more.", "subject_id", load=load.why_subject_is_gone
    )


@part(model.WebhookAttempt)
class WebhookAttempt:
    """One try at a delivery."""

    began_at: datetime | None = field("When.")
    seconds: float | None = field("How long it took.")
    status: int | None = field("The HTTP status of the answer; null where there was none.")
    error: str | None = field("Why there was no answer.")
    response: str | None = field("The first 4 kB of the answer.")


@part(model.WebhookDelivery)
class WebhookDelivery:
    """One event on its way to a webhook. Kept for 30 days."""

    id: ID = field("What the header `webhook-id` says, at each attempt.", shows=Privacy.PUBLIC)
    queued_at: datetime = field("Since when it is to be sent.")
    sequence: ID | None = field(
        "Of the event; null for a test.", "sequence tag", compute=resolve.sequence_of
    )
    event: str | None = field("What happened, such as `worker.changed`.")
    state: model.DeliveryState | None = field("What has become of it.")
    next_attempt_at: datetime | None = field(
        "When it is sent, or sent again.", "due_at state", compute=resolve.next_attempt
    )
    body: str | None = field("What was sent last; gone when whoever it is about is.")
    attempts: list[WebhookAttempt] | None = field(
        "The tries, the first one first.",
        "id",
        load=load.attempts_by_delivery,
        shows=Privacy.OWNER,
        size=20,
    )


@entity(model.Webhook, by_id=load.webhook_by_id)
class Webhook(Node):
    """A server of a partner's that is told what happens."""

    client_id: ID | None = field("Whose it is.")
    url: str | None = field("Where it is told.")
    events: list[str] | None = field("What of.")
    selection: str | None = field("What it is sent of each event.")
    contract: str | None = field("The version of the schema that the selection is for.")
    state: model.WebhookState | None = field("Whether it is told anything.")
    reason: str | None = field("Why it was parked.")
    created_at: datetime | None = field("When it was made.")
    failing_since: datetime | None = field("Since when it has taken nothing; null if it does.")
    old_secret_until: datetime | None = field(
        "Until when the secret before this one signs too.", "old_until", compute=resolve.old_until
    )
    deliveries: Connection[WebhookDelivery] | None = field(
        "What it was sent, and is to be sent, the newest first.",
        "id",
        load=load.deliveries_by_webhook,
        shows=Privacy.OWNER,
    )


@outcome(resolve.Signed)
class WebhookSecret:
    """A webhook with the secret that verifies what it is sent."""

    webhook: Webhook | None = field("The webhook.", "webhook_id", load=load.webhook_by_id)
    secret: str = field("Told this once. Keep it where other secrets are.")


@outcome(resolve.Deleted)
class WebhookDeleted:
    """The webhook is told nothing any more, and its deliveries are gone."""

    webhook_id: ID = field("Which it was.")


@query
class Query:
    event: PartnerEvent | None = field(
        "Something that has happened, by its number. Null if there is no such event for you.",
        load=load.event,
        by="sequence",
        stands=load_history.of_this_history,
        kind=ID,
        check=resolve.check_sequence,
        roles=[Role.PARTNER],
    )
    webhooks: Connection[Webhook] = field(
        "Your webhooks, the newest first.",
        load=load.webhooks,
        roles=[Role.PARTNER, Role.STATE_OFFICER, Role.AUDITOR],
    )
    webhook: Webhook | None = field(
        "A webhook, by id.",
        load=load.webhook_by_id,
        by="id",
        kind=ID,
        roles=[Role.PARTNER, Role.STATE_OFFICER, Role.AUDITOR],
    )


@mutation
class Mutation:
    create_webhook = command(
        "Have a server of yours told what happens, signed with a secret that you get here.",
        resolve.create_webhook,
        may=Act.KEEP_WEBHOOKS,
        gives=WebhookSecret,
        refuses=(
            model.WebhookUrlRefused,
            model.SelectionRefused,
            model.TooManyWebhooks,
            AadhaarInText,
        ),
    )
    change_webhook = command(
        "Change where a webhook is told, what of, or what it is sent.",
        resolve.change_webhook,
        may=Act.KEEP_WEBHOOKS,
        gives=Webhook,
        refuses=(model.WebhookUrlRefused, model.SelectionRefused, AadhaarInText),
    )
    rotate_webhook_secret = command(
        "Get another secret; the one before signs too for a while.",
        resolve.rotate_webhook_secret,
        may=Act.KEEP_WEBHOOKS,
        gives=WebhookSecret,
    )
    pause_webhook = command(
        "Have nothing sent for now; what happens meanwhile waits.",
        resolve.pause_webhook,
        may=Act.KEEP_WEBHOOKS,
        gives=Webhook,
    )
    resume_webhook = command(
        "Have sent what waits, and what happens from now on.",
        resolve.resume_webhook,
        may=Act.KEEP_WEBHOOKS,
        gives=Webhook,
    )
    delete_webhook = command(
        "Be told nothing any more.",
        resolve.delete_webhook,
        may=Act.KEEP_WEBHOOKS,
        gives=WebhookDeleted,
    )
    test_webhook = command(
        "Have `webhook.test` sent.",
        resolve.test_webhook,
        may=Act.KEEP_WEBHOOKS,
        gives=Webhook,
    )
    replay_webhook = command(
        "Have everything sent again from an event on.",
        resolve.replay_webhook,
        may=Act.KEEP_WEBHOOKS,
        gives=Webhook,
    )
