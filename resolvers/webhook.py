"""Webhooks as the systems of partner departments keep them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import unquote

from graphql import GraphQLError, parse

from loaders import account as load_account
from loaders import delivery as load_delivery
from loaders import history as load_history
from loaders import partner as load_partner
from loaders import webhook as load
from models.account import ChangeLog
from models.base import new_id
from models.webhook import (
    EVENTS,
    NAMES,
    TEST,
    DeliveryState,
    SelectionRefused,
    TooManyWebhooks,
    Webhook,
    WebhookDelivery,
    WebhookState,
    WebhookUrlRefused,
)
from runtime import clock
from runtime.context import Context
from runtime.contract import newest
from runtime.faults import AnotherHistory, BadInput, Coded, Invalid
from runtime.page import MARK
from runtime.receiver import leads_out, secret_of
from runtime.transaction import Transaction
from runtime.viewer import Viewer
from runtime.words import Exact, refuse_identity_numbers, searchable

URL_LIMIT, SELECTION_LIMIT = 2_000, 10_000
WebhookId = Annotated[str, "Which of your webhooks."]
Url = "Where it is told: an https address on the public internet."
Events = "What it is told of, such as `worker.changed`."
Selection = (
    "What of `PartnerEvent` is sent, as in an operation: `{ sequence name worker { code } }`."
)


@dataclass(frozen=True)
class Signed:
    """What is told once."""

    webhook_id: str
    secret: str


@dataclass(frozen=True)
class Deleted:
    webhook_id: str


def name_of(row: ChangeLog) -> str:
    return EVENTS[row.event].name


def number_of(row: ChangeLog) -> str:
    return sequence_text(row.position, row.tag)


def sequence_of(row: WebhookDelivery) -> str | None:
    return None if row.sequence is None else sequence_text(row.sequence, row.tag)


def sequence_text(position: int, tag: str | None) -> str:
    """Of the position and its tag: after a backup is restored, what has the same position has
    another tag."""
    return f"{position}-{tag or ''}"


def next_attempt(row: WebhookDelivery) -> datetime | None:
    return row.due_at if row.state == DeliveryState.PENDING else None


def old_until(row: Webhook) -> datetime | None:
    """Null once it has ended."""
    return row.old_until if row.old_until and row.old_until > clock.now() else None


def check_sequence(_: Context, arguments: dict[str, Any]) -> None:
    arguments["sequence"] = sequence_text(*place_in(str(arguments["sequence"]), "sequence"))


def place_in(sequence: str, argument: str) -> tuple[int, str]:
    """The position and the tag of what is there; none in numbers that are older than tags."""
    position, _, tag = sequence.partition("-")
    if MARK.fullmatch(f"{position}-{tag}"):
        return int(position), tag
    raise BadInput(f"`{argument}` is the number of an event.", argument=argument)


def document_of(selection: str) -> str:
    return f"query ($sequence: ID!) {{ event(sequence: $sequence) {selection}\n}}"


async def create_webhook(
    tx: Transaction,
    *,
    url: Annotated[Exact, Url],
    events: Annotated[list[str], Events],
    selection: Annotated[Exact, Selection],
) -> Signed:
    """Refuses: WebhookUrlRefused, SelectionRefused, TooManyWebhooks, AadhaarInText."""
    refuse_identity_numbers(unquote(url))
    refuse_identity_numbers(searchable(selection))
    refuse_switched_off(tx)
    await check_url(tx, url)
    contract = tx.viewer.contract or newest()
    await check_selection(tx, selection, contract)
    client_id = tx.viewer.id or ""
    # One at a time for each client: they are counted.
    await tx.the(load_partner.partner_client_to_change(client_id), "viewer")
    limit = tx.settings.webhooks_each
    if await tx.value(load.count_of(client_id)) >= limit:
        raise TooManyWebhooks(limit=limit)
    webhook = Webhook(
        id=new_id(Webhook.prefix),
        client_id=client_id,
        url=url,
        events=checked_events(events),
        selection=selection,
        contract=contract,
        created_at=tx.now,
        seed=secrets.token_urlsafe(),
    )
    await tx.add(webhook)
    await tx.emit("WebhookCreated", webhook.id)
    return Signed(webhook.id, secret_of(webhook.seed, tx.settings.webhook_key))


async def change_webhook(
    tx: Transaction,
    *,
    webhook_id: WebhookId,
    url: Annotated[Exact | None, Url] = None,
    events: Annotated[list[str] | None, Events] = None,
    selection: Annotated[Exact | None, Selection] = None,
) -> str:
    """What is left out stays as it is. Refuses: WebhookUrlRefused, SelectionRefused,
    AadhaarInText."""
    refuse_identity_numbers(unquote(url or ""))
    refuse_identity_numbers(searchable(selection or ""))
    webhook = await the_webhook(tx, webhook_id)
    if url is not None:
        await check_url(tx, url)
        webhook.url = url
    if events is not None:
        webhook.events = checked_events(events)
    if selection is not None:
        webhook.contract = tx.viewer.contract or newest()
        await check_selection(tx, selection, webhook.contract)
        webhook.selection = selection
    return await changed(tx, webhook)


async def rotate_webhook_secret(tx: Transaction, *, webhook_id: WebhookId) -> Signed:
    """The old one goes on signing beside the new one for a while."""
    refuse_switched_off(tx)
    webhook = await the_webhook(tx, webhook_id)
    webhook.old_seed, webhook.seed = webhook.seed, secrets.token_urlsafe()
    webhook.old_until = tx.now + timedelta(hours=tx.settings.webhook_overlap_hours)
    await changed(tx, webhook)
    return Signed(webhook.id, secret_of(webhook.seed, tx.settings.webhook_key))


async def pause_webhook(tx: Transaction, *, webhook_id: WebhookId) -> str:
    """What happens meanwhile waits."""
    webhook = await the_webhook(tx, webhook_id)
    webhook.state, webhook.reason = WebhookState.PAUSED, None
    return await changed(tx, webhook)


async def resume_webhook(tx: Transaction, *, webhook_id: WebhookId) -> str:
    """What waits goes out at once, and has all the time again that it may take."""
    webhook = await the_webhook(tx, webhook_id)
    webhook.state, webhook.reason = WebhookState.ACTIVE, None
    webhook.failures, webhook.failing_since, webhook.rests_until = 0, None, None
    await tx.change(load_delivery.begin_anew(webhook.id))
    return await changed(tx, webhook)


async def delete_webhook(tx: Transaction, *, webhook_id: WebhookId) -> Deleted:
    webhook = await the_webhook(tx, webhook_id)
    await tx.remove(webhook)
    await tx.emit("WebhookDeleted", webhook_id)
    return Deleted(webhook_id)


async def test_webhook(tx: Transaction, *, webhook_id: WebhookId) -> str:
    """About nothing that has happened."""
    refuse_switched_off(tx)
    webhook = await the_webhook(tx, webhook_id)
    await tx.add(
        WebhookDelivery(
            id=new_id(WebhookDelivery.prefix),
            webhook_id=webhook.id,
            event=TEST,
            queued_at=tx.now,
            due_at=tx.now,
        )
    )
    return str(webhook.id)


async def replay_webhook(
    tx: Transaction,
    *,
    webhook_id: WebhookId,
    from_sequence: Annotated[
        str, "The `sequence` of the first event to be sent again; `0` for all there are."
    ],
) -> str:
    """By and by: there may be very many."""
    refuse_switched_off(tx)
    webhook = await the_webhook(tx, webhook_id)
    position, tag = place_in(from_sequence, "fromSequence")
    if position and await tx.find(load_history.change_at(position, tag)) is None:
        raise AnotherHistory("fromSequence")
    await tx.later(tx.now, "replay_webhook", webhook_id=webhook.id, after=max(0, position - 1))
    return str(webhook.id)


def refuse_switched_off(tx: Transaction) -> None:
    """What exists can still be read, paused and deleted."""
    if not tx.settings.signs_webhooks:
        raise Coded("UNAVAILABLE", "Webhooks are switched off here.")


async def the_webhook(tx: Transaction, id: str) -> Webhook:
    found: Webhook = await tx.the(load_account.mine(Webhook, tx.rule, id), "webhookId")
    return found


async def changed(tx: Transaction, webhook: Webhook) -> str:
    await tx.emit("WebhookChanged", webhook.id, state=webhook.state)
    return str(webhook.id)


def checked_events(events: Sequence[str]) -> list[str]:
    if not events or (unknown := sorted(set(events) - set(NAMES))):
        told = f"`{unknown[0]}` is none" if events else "There are none"
        raise BadInput(f"{told} of the events: {', '.join(NAMES)}.", argument="events")
    return sorted(set(events))


async def check_url(tx: Transaction, url: str) -> None:
    private = tx.settings.webhook_private
    if len(url) > URL_LIMIT or not await leads_out(url, private=private):
        raise WebhookUrlRefused


async def check_selection(tx: Transaction, selection: str, contract: str) -> None:
    """As it will be run: with all that the client has, whatever less this token is for."""
    runner_for = tx.process.runner_for
    if runner_for is None:
        raise Coded("UNAVAILABLE", "Webhooks are not set up here.")
    if len(selection) > SELECTION_LIMIT:
        raise SelectionRefused(error=f"It has more than {SELECTION_LIMIT:,} characters.")
    viewer = await viewer_for(tx, tx.viewer.id, contract)
    runner = runner_for(viewer)
    try:
        operation = runner.prepare(document_of(selection))
        runner.planned(operation, {"sequence": "0-"}, viewer)
        # By itself too: the document would also take what goes on behind the event.
        parse(selection)
    except Invalid as invalid:
        raise SelectionRefused(error=invalid.errors[0].message) from None
    except GraphQLError as error:
        raise SelectionRefused(error=error.message) from None


async def viewer_for(tx: Transaction, client_id: str | None, contract: str) -> Viewer:
    return replace(await tx.process.partners.client(client_id), contract=contract)
