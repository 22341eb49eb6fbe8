"""Telling partners' systems what has happened: at least once, each entity's events in order, and
nobody kept waiting by a receiver that is slow or dead. docs/webhooks.md"""

import asyncio
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog

from loaders import delivery as load
from models.change import ENDINGS, OF_PEOPLE
from models.webhook import TEST, DeliveryState, WebhookAttempt
from resolvers.webhook import document_of, sequence_text
from runtime import clock
from runtime.background import POLL_SECONDS, lasting
from runtime.changes import follower
from runtime.context import Context
from runtime.faults import Invalid, code_of, is_outage
from runtime.feed import Change
from runtime.jobs import job
from runtime.language import Language
from runtime.process import Process
from runtime.receiver import Reaction, Receivers, secret_of
from runtime.transaction import Transaction, transaction

log = structlog.get_logger()

AT_ONCE = 32
"""Deliveries that a worker has under way."""
EACH = 4
"""Of one webhook."""
PATIENCE = 3
"""Failures after which a webhook is tried with one delivery at a time, and rests in between."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)
LONGEST_REST = timedelta(minutes=1)
OURS_SECONDS = 30.0
"""What reading and writing may take, beside the receiver's time."""
SPARE_SECONDS = 5.0
"""For which a claim outlasts that: nobody else is to begin before we have ended."""
REPLAYED_AT_ONCE = 500
GONE = 410
ASKS_FOR_REST = frozenset({429, 503})
OURS = frozenset({"INTERNAL", "UNAVAILABLE", "LIMIT_EXCEEDED"})
"""Errors in a payload that are not the client's, and pass."""


@follower("webhooks", after="records")
async def queue_deliveries(tx: Transaction, changes: Sequence[Change]) -> None:
    await tx.change(load.queue(changes[0].position - 1, changes[-1].position))
    people = [change.subject_id for change in changes if change.event in ENDINGS]
    if people:
        for statement in load.forget(people):
            await tx.change(statement)


@job("replay_webhook")
async def replay(tx: Transaction, *, webhook_id: str, after: int) -> None:
    """A part of it; the next part is a job of its own."""
    last = await tx.value(load.place_of_follower("webhooks")) or 0
    until = min(after + REPLAYED_AT_ONCE, last)
    await tx.change(load.queue(after, until, webhook_id))
    if until < last:
        await tx.later(tx.now, "replay_webhook", webhook_id=webhook_id, after=until)


@job("forget_deliveries", cron="45 * * * *")
async def forget_deliveries(tx: Transaction) -> None:
    log.info("deliveries", forgotten=await tx.change(load.outlived(tx.now)))


@lasting("deliveries")
async def deliver(process: Process, stop: asyncio.Event) -> None:
    if process.runner_for is None or not process.settings.signs_webhooks:
        await stop.wait()
        return
    sender = Sender(process)
    try:
        while not stop.is_set():
            await sender.begin()
            await sender.pause(stop)
    finally:
        await sender.end()


@dataclass(frozen=True)
class Payload:
    """What there is to say of an event, and of whom it says something."""

    body: str
    people: frozenset[str] = frozenset()


class Parked(Exception):
    """There is nothing to be sent to the webhook any more, until its client sees to it."""


class Sender:
    """Sends as many deliveries side by side as there is room for."""

    def __init__(self, process: Process) -> None:
        settings = process.settings
        self._process = process
        self._receivers = Receivers(settings.webhook_seconds, private=settings.webhook_private)
        self._seconds = settings.webhook_seconds + OURS_SECONDS
        """That a delivery may take."""
        self._under_way: set[asyncio.Task[None]] = set()

    async def begin(self) -> int:
        """Take what is due, as far as there is room; how much that was."""
        room = AT_ONCE - len(self._under_way)
        if room <= 0:
            return 0
        lease = secrets.token_hex(8)
        seconds = self._seconds + SPARE_SECONDS
        async with transaction(self._process) as tx:
            claimed = await tx.rows(load.claim(room, EACH, PATIENCE, lease, seconds))
        for due in claimed:
            self._under_way.add(asyncio.create_task(self._send(due, lease)))
        return len(claimed)

    async def pause(self, stop: asyncio.Event) -> None:
        """Until one of them is through, which leaves room for the next, or a moment has passed."""
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait(
            {stopping, *self._under_way},
            timeout=POLL_SECONDS,
            return_when=asyncio.FIRST_COMPLETED,
        )
        stopping.cancel()
        self._under_way -= done

    async def end(self) -> None:
        """What was begun is ended; the receiver's time is bounded."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._receivers.close()

    async def _send(self, due: Any, lease: str) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._try(due, lease)
        except Exception as error:
            # It is tried again when the lease has ended.
            log.error(
                "delivery",
                delivery=due.id,
                error=type(error).__name__,
                exc_info=not is_outage(error),
            )

    async def _try(self, due: Any, lease: str) -> None:
        try:
            payload = await self._payload(due)
        except Parked as parked:
            async with transaction(self._process) as tx:
                await tx.change(load.settle(due.id))
                await tx.change(load.park(due.webhook_id, str(parked)))
            return
        if payload is None:
            async with transaction(self._process) as tx:
                if await tx.value(load.mine(due.id, lease)) is not None:
                    await tx.change(load.settle(due.id, state=DeliveryState.WITHHELD))
            return
        people = sorted({*due.about, *payload.people})
        if people != sorted(due.about):
            async with transaction(self._process) as tx:
                await tx.change(load.is_about(due.id, people))
        reaction = await self._receivers.post(due.url, due.id, payload.body, self._secrets_of(due))
        await self._note(due, lease, payload, reaction, people)

    async def _payload(self, due: Any) -> Payload | None:
        """As its client may read it at this moment; None if it may not be told of it any more.
        Raises Parked."""
        if due.event == TEST:
            return Payload(body_of(due, due.queued_at, {}))
        assert self._process.runner_for is not None
        client = await self._process.partners.client(due.client_id)
        if client.id is None:
            raise Parked("The client's access has ended.")
        viewer = replace(client, contract=due.contract)
        runner = self._process.runner_for(viewer)
        context = Context(viewer, Language.EN, self._process, due.id)
        try:
            operation = runner.prepare(document_of(due.selection))
            result = await runner.run(
                operation, {"sequence": sequence_text(due.sequence, due.tag)}, context
            )
        except Invalid as invalid:
            raise Parked(f"The selection cannot be used: {invalid.errors[0].message}") from None
        for error in result.errors or ():
            if code_of(error) in OURS:
                raise error.original_error or error
        event = (result.data or {}).get("event")
        if event is None:
            return None
        people = frozenset(id for id in context.batches.named() if id.startswith(OF_PEOPLE))
        return Payload(body_of(due, due.happened_at, event), people)

    def _secrets_of(self, due: Any) -> list[str]:
        seeds = [due.seed]
        if due.old_seed is not None and due.old_until > clock.now():
            seeds.append(due.old_seed)
        return [secret_of(seed, self._process.settings.webhook_key) for seed in seeds]

    async def _note(
        self, due: Any, lease: str, payload: Payload, reaction: Reaction, people: Sequence[str]
    ) -> None:
        """What came of it, in the log of the delivery and for what is to come."""
        async with transaction(self._process) as tx:
            if await tx.value(load.mine(due.id, lease)) is None:
                return
            forgotten = await tx.value(load.ended_since(due.position, people))
            began_at = tx.now - timedelta(seconds=reaction.seconds)
            await tx.add(
                WebhookAttempt(
                    delivery_id=due.id,
                    began_at=began_at,
                    seconds=reaction.seconds,
                    status=reaction.status,
                    error=reaction.error,
                    response=None if forgotten else reaction.response,
                )
            )
            values: dict[str, Any] = {
                "body": None if forgotten else payload.body,
                "tries": due.tries + 1,
                "first_tried_at": due.first_tried_at or began_at,
            }
            if reaction.succeeded:
                await tx.change(load.settle(due.id, state=DeliveryState.DELIVERED, **values))
                await tx.change(load.note_success(due.webhook_id))
                return
            patience = timedelta(days=tx.settings.webhook_days)
            is_over = tx.now - values["first_tried_at"] >= patience
            if is_over or reaction.status == GONE:
                await tx.change(load.settle(due.id, state=DeliveryState.FAILED, **values))
            else:
                due_at = tx.now + wait_after(due.tries, reaction)
                await tx.change(load.settle(due.id, due_at=due_at, **values))
            rest = rest_after(due.failures + 1, reaction)
            rests_until = None if rest is None else tx.now + rest
            await tx.change(load.note_failure(due.webhook_id, tx.now, rests_until))
            if reaction.status == GONE:
                await tx.change(load.park(due.webhook_id, "The receiver said that it is gone."))
            elif due.failing_since is not None and tx.now - due.failing_since >= patience:
                told = f"Nothing was taken for {tx.settings.webhook_days} days."
                await tx.change(load.park(due.webhook_id, told))


def body_of(due: Any, happened_at: datetime, data: Any) -> str:
    told = {
        "type": due.event,
        "timestamp": happened_at,
        "sequence": None if due.sequence is None else sequence_text(due.sequence, due.tag),
        "data": data,
    }
    return orjson.dumps(told, option=orjson.OPT_UTC_Z).decode()


def wait_after(tries: int, reaction: Reaction) -> timedelta:
    """Longer and longer, and apart, so that what failed together does not come back together."""
    wait = min(FIRST_WAIT * float(2 ** min(tries, 20)), LONGEST_WAIT)
    return max(wait * random.uniform(0.75, 1.25), asked_for(reaction))


def rest_after(failures: int, reaction: Reaction) -> timedelta | None:
    """How long the whole webhook is left alone: one delivery that fails holds up no other, but
    where all do there is no use in trying them one by one."""
    if reaction.status in ASKS_FOR_REST and reaction.retry_after is not None:
        return asked_for(reaction)
    if failures < PATIENCE:
        return None
    return min(FIRST_WAIT * float(2 ** min(failures - PATIENCE, 20)), LONGEST_REST)


def asked_for(reaction: Reaction) -> timedelta:
    return min(timedelta(seconds=min(reaction.retry_after or 0, 1e6)), LONGEST_WAIT)
