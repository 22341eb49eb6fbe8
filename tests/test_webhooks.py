"""Webhooks: what happened is told at least once, signed, in order for each record, to whoever may
know it, and nobody's receiver is in the way of another's."""

import asyncio
import os
import random
import re
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from sqlalchemy import select, text
from standardwebhooks.webhooks import WebhookVerificationError

from loaders import delivery as load
from models.account import AuditEntry, ChangeLog
from models.base import new_id
from models.partner import PartnerClient
from models.review import RatingSummary
from models.webhook import NAMES, SelectionRefused, Webhook, WebhookDelivery
from resolvers.delivery import Sender
from resolvers.webhook import sequence_text
from runtime import clock
from runtime.changes import enrol, follow, sequence
from runtime.language import Language
from runtime.process import Process
from runtime.receiver import secret_of
from runtime.rights import Role
from runtime.transaction import transaction
from runtime.viewer import Viewer
from tests.asking import a_process, answer, send
from tests.background import run_next
from tests.conftest import CHECKOUT, Statements, run_sql_async
from tests.make import LUCKNOW, a_booking, a_worker, save
from tests.receiving import Heard, Receiver, a_receiver, agreeing, sending, until
from tests.test_record_changes import PURPOSE, of, who_agrees, withdrawal

SELECTION = "{ sequence name subjectId gone worker { code status } }"
SECRET = "... on WebhookSecret { secret webhook { id } }"
LOG = """query ($id: ID!) { webhook(id: $id) { state reason failingSince deliveries(first: 20) {
  nodes { id sequence event state nextAttemptAt body
          attempts { beganAt seconds status error response } } } } }"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries follow at once."""
    monkeypatch.setattr("resolvers.delivery.FIRST_WAIT", timedelta(milliseconds=10))
    monkeypatch.setattr("resolvers.delivery.POLL_SECONDS", 0.02)


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(
        database_url, pool_size=8, webhook_private=True, webhook_seconds=5.0
    ) as process:
        await enrol(process)
        yield process


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with a_receiver() as receiver:
        yield receiver


async def a_client(url: str, *purposes: str) -> Viewer:
    made = PartnerClient(
        id=new_id(PartnerClient.prefix),
        name="Skill Mission",
        purposes=list(purposes or (PURPOSE,)),
        district_ids=[LUCKNOW],
        registered_at=clock.now() - timedelta(days=30),
    )
    await save(url, made)
    return Viewer(Role.PARTNER, made.id, districts=(LUCKNOW,), purposes=tuple(made.purposes))


@pytest_asyncio.fixture
async def client(database_url: str) -> Viewer:
    return await a_client(database_url)


async def create(process: Process, client: Viewer, receiver: Receiver, *events: str) -> Any:
    """The id and the secret."""
    made = await send(
        process,
        client,
        "createWebhook",
        SECRET,
        url=receiver.url,
        events=list(events or ("worker.changed", "consent.given", "consent.withdrawn")),
        selection=SELECTION,
    )
    return made["webhook"]["id"], made["secret"]


async def happen(
    process: Process, event: str, subject: str, statement: Any = None, **facts: Any
) -> None:
    """Something happens, and all that keeps records and queues is through with it."""
    async with transaction(process) as tx:
        if statement is not None:
            await tx.change(statement)
        await tx.emit(event, subject, **facts)
    await queue(process)


async def queue(process: Process) -> None:
    await sequence(process)
    await follow(process, "records")
    await follow(process, "webhooks")


async def withdraw(process: Process, worker: Any, purpose: str = PURPOSE) -> None:
    await happen(process, "ConsentWithdrawn", worker.id, withdrawal(worker), purpose=purpose)


async def log_of(process: Process, client: Viewer, id: str) -> Any:
    data, errors = await answer(process, client, LOG, id=id)
    assert not errors, errors
    return data["webhook"]


async def deliveries(process: Process, client: Viewer, id: str) -> Any:
    return (await log_of(process, client, id))["deliveries"]["nodes"]


async def were_tried(process: Process, client: Viewer, id: str) -> bool:
    return bool((await deliveries(process, client, id))[0]["attempts"])


async def are_settled(process: Process) -> None:
    await until(lambda: is_settled(process))


async def is_settled(process: Process) -> bool:
    """Whether nothing is to be sent any more."""
    pending = select(WebhookDelivery.id).where(WebhookDelivery.state == "PENDING").limit(1)
    async with transaction(process) as tx:
        return await tx.value(pending) is None


# What is sent.


@pytest.mark.same_day
async def test_what_happens_is_told_signed_and_on_record(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    worker = await who_agrees(database_url)
    id, secret = await create(process, client, receiver)

    async with sending(process):
        await happen(process, "WorkerChanged", worker.id)
        await until(lambda: receiver.taken)
        await are_settled(process)

    (heard,) = receiver.heard
    assert heard.verified(secret) == heard.body
    assert heard.body.pop("timestamp").startswith(str(clock.now().year))
    assert heard.body["type"] == "worker.changed"
    assert heard.body["data"] == {
        "sequence": heard.body["sequence"],
        "name": "worker.changed",
        "subjectId": worker.id,
        "gone": None,
        "worker": {"code": worker.code, "status": "ACTIVE"},
    }
    (delivery,) = await deliveries(process, client, id)
    assert delivery["id"] == heard.id
    assert delivery["body"] == heard.text
    assert (delivery["state"], delivery["nextAttemptAt"]) == ("DELIVERED", None)
    (attempt,) = delivery["attempts"]
    assert (attempt["status"], attempt["response"], attempt["error"]) == (200, "thanks", None)


async def test_what_is_sent_of_people_is_on_record(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    worker = await who_agrees(database_url)
    await send(
        process,
        client,
        "createWebhook",
        SECRET,
        url=receiver.url,
        events=["worker.changed"],
        selection="{ worker { fullName } }",
    )
    async with sending(process):
        await happen(process, "WorkerChanged", worker.id)
        await until(lambda: receiver.taken)

    assert receiver.taken[0].body["data"] == {"worker": {"fullName": "Anil Yadav"}}
    async with transaction(process) as tx:
        entry = await tx.find(select(AuditEntry).where(AuditEntry.about(worker.id)))
    assert entry is not None
    assert (entry.actor_id, entry.request_id) == (client.id, receiver.taken[0].id)


async def test_what_is_about_a_client_itself_is_told_to_it_and_nobody_else(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    other, own = await a_client(database_url), ("quota.nearly_used", "export.ended")
    id, _ = await create(process, client, receiver, *own)
    others, _ = await create(process, other, receiver, *own)

    async with sending(process):
        await happen(process, "PartnerQuotaNearlyUsed", client.id or "", used="POINTS")
        await happen(process, "ExportEnded", "ex_1", client=client.id, state="DONE")
        await are_settled(process)

    assert [heard.body["type"] for heard in receiver.heard] == list(own)
    assert [heard.body["data"]["subjectId"] for heard in receiver.heard] == [client.id, "ex_1"]
    assert await deliveries(process, other, others) == []
    sequence = (await deliveries(process, client, id))[0]["sequence"]
    query = f'{{ event(sequence: "{sequence}") {{ name }} }}'
    assert (await answer(process, other, query))[0]["event"] is None
    assert (await answer(process, client, query))[0]["event"] == {"name": "export.ended"}


@pytest.mark.same_day
async def test_a_test_is_sent_when_it_is_asked_for(
    process: Process, client: Viewer, receiver: Receiver
) -> None:
    id, secret = await create(process, client, receiver)
    async with sending(process):
        await send(process, client, "testWebhook", webhookId=id)
        await until(lambda: receiver.taken)

    told = receiver.taken[0].verified(secret)
    assert (told["type"], told["sequence"], told["data"]) == ("webhook.test", None, {})


@pytest.mark.same_day
async def test_another_secret_verifies_and_the_old_one_for_a_while(
    process: Process, client: Viewer, receiver: Receiver, database_url: str
) -> None:
    id, old = await create(process, client, receiver)
    rotated = await send(process, client, "rotateWebhookSecret", SECRET, webhookId=id)
    assert rotated["secret"] != old
    async with sending(process):
        await send(process, client, "testWebhook", webhookId=id)
        await until(lambda: len(receiver.taken) == 1)
        await run_sql_async(database_url, "UPDATE webhook SET old_until = :now")
        await send(process, client, "testWebhook", webhookId=id)
        await until(lambda: len(receiver.taken) == 2)

    during, after = receiver.taken
    for secret in (old, rotated["secret"]):
        during.verified(secret)
    after.verified(rotated["secret"])
    with pytest.raises(WebhookVerificationError):
        after.verified(old)


# Who is told.


async def test_of_who_did_not_agree_nothing_is_ever_told(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    """Not even that it ended: not of others' purposes, nor of others' districts."""
    silent = await a_worker(database_url)
    other = await who_agrees(database_url, purpose="SOCIAL_SECURITY")
    far = await who_agrees(database_url, district_id="dt_187")
    id, _ = await create(process, client, receiver)
    for worker in (silent, other, far):
        await happen(process, "WorkerChanged", worker.id)
        await withdraw(process, worker)
        await happen(process, "ConsentGiven", worker.id, purpose="SOCIAL_SECURITY")

    assert await deliveries(process, client, id) == []


async def test_a_consent_taken_back_is_the_last_that_is_told(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    worker = await who_agrees(database_url)
    await create(
        process, client, receiver, "worker.changed", "consent.withdrawn", "worker.suspended"
    )
    async with sending(process):
        await happen(process, "WorkerChanged", worker.id)
        await until(lambda: receiver.taken)
        await withdraw(process, worker)
        await happen(process, "WorkerChanged", worker.id)
        await happen(process, "WorkerSuspended", worker.id, of(worker, status="SUSPENDED"))
        await until(lambda: receiver.of("consent.withdrawn"))
        await are_settled(process)

    assert [each.body["type"] for each in receiver.taken] == ["worker.changed", "consent.withdrawn"]
    last = receiver.taken[-1].body["data"]
    assert (last["worker"], last["subjectId"]) == (None, worker.id)


async def test_what_others_are_agreed_with_is_not_told(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    worker = await who_agrees(database_url)
    id, _ = await create(process, client, receiver)
    for purpose in ("SOCIAL_SECURITY", PURPOSE):
        await happen(process, "ConsentGiven", worker.id, purpose=purpose)

    assert len(await deliveries(process, client, id)) == 1


async def test_who_may_not_be_told_any_more_when_its_turn_comes_is_not(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    """Queued before, sent after: with what may be known then."""
    worker = await who_agrees(database_url)
    id, _ = await create(process, client, receiver)
    await happen(process, "WorkerChanged", worker.id)
    await run_sql_async(database_url, "UPDATE partner_client SET district_ids = '{dt_187}'")
    process.partners._known.clear()

    async with sending(process):
        await are_settled(process)

    (delivery,) = await deliveries(process, client, id)
    assert (delivery["state"], receiver.heard) == ("WITHHELD", [])


async def test_a_client_whose_access_has_ended_is_told_nothing(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    worker = await who_agrees(database_url)
    id, _ = await create(process, client, receiver)
    await happen(process, "WorkerChanged", worker.id)
    await run_sql_async(database_url, "UPDATE partner_client SET revoked_at = :now")
    process.partners._known.clear()

    async def is_parked() -> bool:
        return bool((await log_of(process, client, id))["state"] == "PARKED")

    async with sending(process):
        await until(is_parked)

    assert receiver.heard == []
    assert (await log_of(process, client, id))["reason"] == "The client's access has ended."


async def test_bookings_are_told_without_anybody(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    booking = await a_booking(database_url, worker=await a_worker(database_url), state="COMPLETED")
    await send(
        process,
        client,
        "createWebhook",
        SECRET,
        url=receiver.url,
        events=["booking.completed"],
        selection="{ booking { state category { slug } completedMonth } worker { code } }",
    )
    async with sending(process):
        await happen(process, "ServiceCompleted", booking.id, position=4)
        await until(lambda: receiver.taken)

    assert receiver.taken[0].body["data"] == {
        "booking": {
            "state": "COMPLETED",
            "category": {"slug": "electrician"},
            "completedMonth": "2030-01-01",
        },
        "worker": None,
    }


EVENT = "query ($sequence: ID!) { event(sequence: $sequence) { name subjectId gone } }"


async def test_an_event_is_shown_to_whom_it_would_be_told(
    process: Process, database_url: str, client: Viewer
) -> None:
    here, silent = await who_agrees(database_url), await a_worker(database_url)
    await happen(process, "WorkerChanged", here.id)
    await happen(process, "WorkerSuspended", silent.id, of(silent, status="SUSPENDED"))
    # The rating of anybody here is public; why they are gone is not.
    rating = RatingSummary(
        subject_id=silent.id,
        worker_id=silent.id,
        count=1,
        sum=2,
        histogram=[0, 1, 0, 0, 0],
        prior=3.0,
        prior_weight=10,
        bayesian=2.9,
    )
    await save(database_url, rating)
    await happen(process, "RatingRecomputed", silent.id)

    async def told(position: int) -> Any:
        sequence = await sequence_at(process, position)
        return (await answer(process, client, EVENT, sequence=sequence))[0]["event"]

    async with transaction(process) as tx:
        last = await tx.value(text("SELECT max(position) FROM change_log"))  # type: ignore[arg-type]
    assert await told(last - 2) == {"name": "worker.changed", "subjectId": here.id, "gone": None}
    assert await told(last - 1) is None
    assert await told(last) == {"name": "rating.changed", "subjectId": silent.id, "gone": None}
    _, (error,) = await answer(process, client, EVENT, sequence="7x")
    assert error["extensions"]["code"] == "BAD_INPUT"


# Whose they are, and what they may be.


async def test_anothers_webhook_is_not_found(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    id, _ = await create(process, client, receiver)
    stranger = await a_client(database_url)

    assert (await answer(process, stranger, LOG, id=id))[0]["webhook"] is None
    assert (await answer(process, stranger, "{ webhooks { nodes { id } } }"))[0] == {
        "webhooks": {"nodes": []}
    }
    for command in ("changeWebhook", "rotateWebhookSecret", "pauseWebhook", "resumeWebhook"):
        assert await send(process, stranger, command, webhookId=id) == ["NOT_FOUND"]
    for command in ("deleteWebhook", "testWebhook"):
        assert await send(process, stranger, command, webhookId=id) == ["NOT_FOUND"]
    given = {"webhookId": id, "fromSequence": "0"}
    assert await send(process, stranger, "replayWebhook", **given) == ["NOT_FOUND"]


REFUSED = {
    "no field": "{ sequence nothing }",
    "no field of its contract": "{ worker { homeAddress } }",
    "more than the event": "{ sequence } workers { nodes { id } }",
    "another operation": "{ sequence } } query Other { viewer { role }",
    "no selection": "sequence",
    "too dear": "{ " + " ".join(f"w{i}: worker {{ code }}" for i in range(60)) + " }",
}


@pytest.mark.parametrize("selection", REFUSED.values(), ids=REFUSED)
async def test_a_selection_that_could_not_be_read_is_refused(
    process: Process, client: Viewer, receiver: Receiver, selection: str
) -> None:
    came = await send(
        process,
        client,
        "createWebhook",
        "... on SelectionRefused { error }",
        url=receiver.url,
        events=["worker.changed"],
        selection=selection,
    )

    assert came["__typename"] == "SelectionRefused"
    assert came["error"] in came["message"]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "https://127.0.0.1/",
        "https://10.1.2.3/",
        "https://[::1]/",
        "https://localhost/",
        "https://user:word@example.org/",
        "ftp://example.org/",
        "nothing",
    ],
)
async def test_an_address_that_is_not_public_is_refused(
    database_url: str, client: Viewer, url: str
) -> None:
    async with a_process(database_url) as process:
        came = await send(
            process,
            client,
            "createWebhook",
            url=url,
            events=["worker.changed"],
            selection=SELECTION,
        )

    assert came["__typename"] == "WebhookUrlRefused"


async def test_in_production_there_are_none_without_a_key_to_sign_with(
    database_url: str, client: Viewer, receiver: Receiver
) -> None:
    given = {"url": receiver.url, "events": ["worker.changed"], "selection": SELECTION}
    production: dict[str, Any] = {"development": False, "webhook_private": True}
    async with a_process(database_url, **production) as process:
        assert await send(process, client, "createWebhook", **given) == ["UNAVAILABLE"]
    secrets = set()
    for key in ("k" * 32, "l" * 32):
        async with a_process(database_url, **production, webhook_key=key) as process:
            id, _ = await create(process, client, receiver)
            async with transaction(process) as tx:
                webhook = await tx.find(select(Webhook).where(Webhook.id == id))
        assert webhook is not None
        secrets |= {secret_of("the same seed", key), webhook.seed}

    assert len(secrets) == 4


async def test_a_refusal_is_in_the_language_that_is_asked_for() -> None:
    told = SelectionRefused(error="Cannot query field 'x'.")

    assert told.message(Language.EN) == "The selection cannot be used: Cannot query field 'x'."
    assert "चयन" in told.message(Language.HI)
    assert "Cannot query field 'x'." in told.message(Language.HI)


async def test_there_are_so_many_webhooks_and_no_more(
    database_url: str, client: Viewer, receiver: Receiver
) -> None:
    async with a_process(database_url, webhook_private=True, webhooks_each=1) as process:
        id, _ = await create(process, client, receiver)
        came = await send(
            process,
            client,
            "createWebhook",
            url=receiver.url,
            events=["worker.changed"],
            selection=SELECTION,
        )
        assert came["__typename"] == "TooManyWebhooks"
        await send(process, client, "deleteWebhook", webhookId=id)
        await create(process, client, receiver)


async def test_events_that_there_are_not_are_not_taken(
    process: Process, client: Viewer, receiver: Receiver
) -> None:
    for events in ([], ["worker.fired"]):
        given = {"url": receiver.url, "events": events, "selection": SELECTION}
        assert await send(process, client, "createWebhook", **given) == ["BAD_INPUT"]


# What the receiver does.


@pytest.mark.same_day
async def test_what_is_not_taken_is_sent_again_under_the_same_id(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    worker = await who_agrees(database_url)
    id, secret = await create(process, client, receiver)

    async def answering(_: Heard) -> web.Response:
        tries = len(receiver.heard)
        return web.Response(status=500 if tries < 3 else 204, text="no" if tries < 3 else None)

    receiver.answering = answering
    async with sending(process):
        await happen(process, "WorkerChanged", worker.id)
        await until(lambda: receiver.taken)
        await are_settled(process)

    assert len({each.id for each in receiver.heard}) == 1
    assert [each.verified(secret)["type"] for each in receiver.heard] == ["worker.changed"] * 3
    (delivery,) = await deliveries(process, client, id)
    assert [each["status"] for each in delivery["attempts"]] == [500, 500, 204]
    log = await log_of(process, client, id)
    assert (log["state"], log["failingSince"]) == ("ACTIVE", None)


async def test_a_receiver_that_asks_for_time_is_given_it(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    """All its deliveries wait, and no longer than an hour."""

    async def answering(_: Heard) -> web.Response:
        return web.Response(status=429, headers={"retry-after": "86400"})

    receiver.answering = answering
    workers = [await who_agrees(database_url) for _ in range(2)]
    id, _ = await create(process, client, receiver)
    await happen(process, "WorkerChanged", workers[0].id)
    async with sending(process):
        await until(lambda: were_tried(process, client, id))
        await happen(process, "WorkerChanged", workers[1].id)
        await asyncio.sleep(0.3)

    assert len(receiver.heard) == 1
    asked, waiting = (await deliveries(process, client, id))[::-1]
    due = datetime.fromisoformat(asked["nextAttemptAt"]) - clock.now()
    assert timedelta(minutes=58) < due <= timedelta(hours=1)
    assert waiting["state"] == "PENDING"


async def test_a_receiver_that_says_it_is_gone_is_left_alone(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    async def gone(_: Heard) -> web.Response:
        return web.Response(status=410)

    receiver.answering = gone
    first, second = await who_agrees(database_url), await who_agrees(database_url)
    id, _ = await create(process, client, receiver)
    async with sending(process):
        await happen(process, "WorkerChanged", first.id)
        await until(lambda: receiver.heard)
        await are_settled(process)
        log = await log_of(process, client, id)
        assert (log["state"], log["reason"]) == ("PARKED", "The receiver said that it is gone.")
        assert log["deliveries"]["nodes"][0]["state"] == "FAILED"

        await happen(process, "WorkerChanged", second.id)
        await asyncio.sleep(0.2)
        assert len(receiver.heard) == 1
        receiver.answering = agreeing
        await send(process, client, "resumeWebhook", webhookId=id)
        await until(lambda: receiver.taken)

    assert receiver.taken[0].body["data"]["subjectId"] == second.id


async def test_after_days_without_success_a_delivery_has_failed_and_its_webhook_is_parked(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    async def failing(_: Heard) -> web.Response:
        return web.Response(status=500)

    receiver.answering = failing
    worker = await who_agrees(database_url)
    id, _ = await create(process, client, receiver)
    await happen(process, "WorkerChanged", worker.id)
    await run_sql_async(
        database_url,
        "UPDATE webhook_delivery SET first_tried_at = :now - interval '3 days', tries = 60",
        "UPDATE webhook SET failing_since = :now - interval '3 days', failures = 60",
    )
    async with sending(process):
        await are_settled(process)

    log = await log_of(process, client, id)
    assert (log["state"], log["reason"]) == ("PARKED", "Nothing was taken for 3 days.")
    assert log["deliveries"]["nodes"][0]["state"] == "FAILED"


async def test_what_happens_while_it_is_paused_waits(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    worker = await who_agrees(database_url)
    id, _ = await create(process, client, receiver)
    await send(process, client, "pauseWebhook", webhookId=id)
    async with sending(process):
        await happen(process, "WorkerChanged", worker.id)
        await asyncio.sleep(0.2)
        assert receiver.heard == []
        await send(process, client, "resumeWebhook", webhookId=id)
        await until(lambda: receiver.taken)


async def test_a_redirect_is_not_followed(
    process: Process, client: Viewer, receiver: Receiver
) -> None:
    async with a_receiver() as elsewhere:

        async def redirecting(_: Heard) -> web.Response:
            return web.Response(status=307, headers={"location": elsewhere.url})

        receiver.answering = redirecting
        id, _ = await create(process, client, receiver)
        async with sending(process):
            await send(process, client, "testWebhook", webhookId=id)
            await until(lambda: len(receiver.heard) > 1)

        assert elsewhere.heard == []
    assert (await deliveries(process, client, id))[0]["attempts"][0]["status"] == 307


async def test_of_an_endless_answer_the_beginning_is_read(
    process: Process, client: Viewer, receiver: Receiver
) -> None:
    async def endless(_: Heard) -> web.StreamResponse:
        response = web.Response(body=b"x" * 50_000_000)
        return response

    receiver.answering = endless
    id, _ = await create(process, client, receiver)
    async with sending(process):
        await send(process, client, "testWebhook", webhookId=id)
        await are_settled(process)

    (attempt,) = (await deliveries(process, client, id))[0]["attempts"]
    assert attempt["response"] == "x" * 4_096


async def test_who_takes_too_long_is_hung_up_on(
    database_url: str, client: Viewer, receiver: Receiver
) -> None:
    never = asyncio.Event()

    async def hanging(_: Heard) -> web.Response:
        await never.wait()
        return web.Response()

    receiver.answering = hanging
    async with a_process(database_url, webhook_private=True, webhook_seconds=0.2) as process:
        id, _ = await create(process, client, receiver)
        async with sending(process):
            await send(process, client, "testWebhook", webhookId=id)
            await until(lambda: were_tried(process, client, id))
        (first, *_) = (await deliveries(process, client, id))[0]["attempts"]
        never.set()

    assert first["status"] is None
    assert first["error"] == "There was no answer within 0.2 seconds."


async def test_a_name_that_led_out_and_now_leads_in_is_not_connected_to(
    database_url: str, client: Viewer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "93.184.215.14"

    def resolved(host: str, port: int, **_: Any) -> list[Any]:
        return [(2, 1, 6, "", (address, port))]

    monkeypatch.setattr("runtime.network.getaddrinfo", resolved)
    port = receiver.url.split(":")[2].split("/")[0]
    process_url = f"https://partner.example:{port}/events"
    async with a_process(database_url) as process:
        made = await send(
            process,
            client,
            "createWebhook",
            SECRET,
            url=process_url,
            events=["worker.changed"],
            selection=SELECTION,
        )
        address = "127.0.0.1"
        id = made["webhook"]["id"]
        async with sending(process):
            await send(process, client, "testWebhook", webhookId=id)
            await until(lambda: were_tried(process, client, id))
        (attempt, *_) = (await deliveries(process, client, id))[0]["attempts"]

    assert "not public" in attempt["error"]
    assert receiver.heard == []


# Order, several workers, several receivers.


async def told_of_each(
    first: Process, second: Process, url: str, client: Viewer, receiver: Receiver
) -> dict[str, list[int]]:
    """The numbers that were taken of each worker, in the order in which they were, with two who
    send and a receiver that fails at random."""
    dice = random.Random(7)
    inside: set[str] = set()
    twice: list[str] = []

    async def moody(heard: Heard) -> web.Response:
        if heard.id in inside:
            twice.append(heard.id)
        inside.add(heard.id)
        await asyncio.sleep(dice.random() * 0.02)
        inside.discard(heard.id)
        return web.Response(status=500 if dice.random() < 0.4 else 200)

    receiver.answering = moody
    workers = [await who_agrees(url) for _ in range(4)]
    await create(first, client, receiver)
    async with transaction(first) as tx:
        for _ in range(6):
            for worker in workers:
                await tx.emit("WorkerChanged", worker.id)
    await queue(first)

    async def is_over() -> bool:
        return bool(twice) or await is_settled(first)

    async with sending(first, second):
        await until(is_over)
    taken = defaultdict[str, list[int]](list)
    for heard in receiver.taken:
        taken[heard.body["data"]["subjectId"]].append(position_in(heard.body["sequence"]))
    assert twice == [], "the same was sent twice at a time"
    return taken


@pytest_asyncio.fixture
async def other(database_url: str) -> AsyncIterator[Process]:
    """Another worker."""
    async with a_process(database_url, pool_size=8, webhook_private=True) as process:
        yield process


@pytest.fixture
def unrested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resolvers.delivery.PATIENCE", 1_000)


async def test_each_record_is_told_of_in_order_whatever_fails(
    process: Process,
    other: Process,
    database_url: str,
    client: Viewer,
    receiver: Receiver,
    unrested: None,
) -> None:
    taken = await told_of_each(process, other, database_url, client, receiver)

    assert len(taken) == 4
    assert all(numbers == sorted(set(numbers)) for numbers in taken.values())
    assert all(len(numbers) == 6 for numbers in taken.values())


async def test_without_taking_turns_the_order_would_be_another(
    process: Process,
    other: Process,
    database_url: str,
    client: Viewer,
    receiver: Receiver,
    unrested: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(load, "IN_TURN", "true")
    taken = await told_of_each(process, other, database_url, client, receiver)

    assert any(numbers != sorted(set(numbers)) for numbers in taken.values())


async def test_without_claims_the_same_would_be_sent_twice_at_a_time(
    process: Process,
    other: Process,
    database_url: str,
    client: Viewer,
    receiver: Receiver,
    unrested: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(load, "UNCLAIMED", "true")
    monkeypatch.setattr(load, "UNLOCKED", "")
    monkeypatch.setattr(load, "FEW", ":each + 0 * :patience")

    with pytest.raises(AssertionError, match="twice at a time"):
        await told_of_each(process, other, database_url, client, receiver)


async def test_a_receiver_that_hangs_is_in_nobodys_way(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    """All is delivered to the one while calls of the other are open, as many as it may have."""
    hang = asyncio.Event()
    open_calls = 0

    async def hanging(_: Heard) -> web.Response:
        nonlocal open_calls
        open_calls += 1
        await hang.wait()
        open_calls -= 1
        return web.Response()

    workers = [await who_agrees(database_url) for _ in range(12)]
    async with a_receiver(hanging) as dead:
        await create(process, client, dead)
        stranger = await a_client(database_url)
        await create(process, stranger, receiver)
        async with sending(process):
            for worker in workers:
                await happen(process, "WorkerChanged", worker.id)
            await until(lambda: len(receiver.taken) == len(workers))
            still_open = open_calls
            hang.set()

    assert still_open == len(dead.heard) == 4


async def test_without_a_bound_one_receiver_would_take_all_there_is_room_for(
    process: Process,
    database_url: str,
    client: Viewer,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(load, "FEW", "100 * :each + 0 * :patience")
    monkeypatch.setattr("resolvers.delivery.AT_ONCE", 8)
    hang = asyncio.Event()

    async def hanging(_: Heard) -> web.Response:
        await hang.wait()
        return web.Response()

    workers = [await who_agrees(database_url) for _ in range(12)]
    async with a_receiver(hanging) as dead:
        await create(process, client, dead)
        for worker in workers:
            await happen(process, "WorkerChanged", worker.id)
        stranger = await a_client(database_url)
        id, _ = await create(process, stranger, receiver)
        await send(process, stranger, "testWebhook", webhookId=id)
        async with sending(process):
            await until(lambda: len(dead.heard) == 8)
            await asyncio.sleep(0.3)
            assert receiver.heard == []
            hang.set()


async def test_what_a_worker_had_begun_when_it_died_is_sent_by_another(
    process: Process,
    other: Process,
    database_url: str,
    client: Viewer,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its lease ends; until then nobody else sends it."""
    hang = asyncio.Event()

    async def hanging(_: Heard) -> web.Response:
        await hang.wait()
        return web.Response(status=500)

    receiver.answering = hanging
    monkeypatch.setattr("resolvers.delivery.OURS_SECONDS", -4.0)  # five are the receiver's
    monkeypatch.setattr("resolvers.delivery.SPARE_SECONDS", 0.0)
    workers = [await who_agrees(database_url) for _ in range(3)]
    await create(process, client, receiver)
    for worker in workers:
        await happen(process, "WorkerChanged", worker.id)
    doomed = Sender(process)
    assert await doomed.begin() == 3
    await until(lambda: len(receiver.heard) == 3)
    for task in doomed._under_way:
        task.cancel()
    await doomed.end()
    hang.set()
    receiver.answering = agreeing
    async with sending(other):
        await are_settled(other)

    assert {each.body["data"]["subjectId"] for each in receiver.taken} == {
        worker.id for worker in workers
    }
    assert sorted(each.id for each in receiver.taken) == sorted(
        each.id for each in receiver.heard[:3]
    )


@pytest.mark.same_day
async def test_what_a_process_had_begun_when_it_was_killed_is_sent_by_another(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    hang = asyncio.Event()

    async def hanging(_: Heard) -> web.Response:
        await hang.wait()
        return web.Response(status=500)

    receiver.answering = hanging
    worker = await who_agrees(database_url)
    _, secret = await create(process, client, receiver)
    await happen(process, "WorkerChanged", worker.id)
    doomed = await asyncio.create_subprocess_exec(
        *(sys.executable, "server.py", "work"),
        cwd=CHECKOUT,
        env={**os.environ, "DATABASE_URL": database_url, "WEBHOOK_PRIVATE": "true"},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until(lambda: receiver.heard)
    finally:
        doomed.kill()
        await doomed.wait()
    hang.set()
    receiver.answering = agreeing
    async with sending(process):
        await asyncio.sleep(0.2)
        assert len(receiver.heard) == 1, "the lease has not ended"
        await run_sql_async(database_url, "UPDATE webhook_delivery SET leased_until = :now")
        await are_settled(process)

    first, second = receiver.heard
    assert (first.id, first.verified(secret)) == (second.id, second.verified(secret))
    assert len(receiver.taken) == 1


# Again from an event on.


async def test_a_replay_sends_everything_again_from_an_event_on(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    """Also what happened before there was the webhook."""
    worker = await who_agrees(database_url)
    await happen(process, "WorkerChanged", worker.id)
    await happen(process, "WorkerChanged", worker.id)
    id, _ = await create(process, client, receiver)
    async with sending(process):
        await happen(process, "WorkerChanged", worker.id)
        await until(lambda: receiver.taken)
        await are_settled(process)
        last = position_in(receiver.taken[0].body["sequence"])
        assert last == 4  # that the webhook was made is an event too
        given = {"webhookId": id, "fromSequence": await sequence_at(process, 2)}
        await send(process, client, "replayWebhook", **given)
        while await run_next(process):
            pass
        await until(lambda: len(receiver.taken) == 3)

    numbers = [position_in(each.body["sequence"]) for each in receiver.taken]
    assert numbers == [4, 2, 4]
    assert receiver.taken[0].id == receiver.taken[2].id


async def test_a_long_replay_goes_on_part_by_part(
    process: Process,
    database_url: str,
    client: Viewer,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("resolvers.delivery.REPLAYED_AT_ONCE", 2)
    worker = await who_agrees(database_url)
    for _ in range(7):
        await happen(process, "WorkerChanged", worker.id)
    id, _ = await create(process, client, receiver)
    await queue(process)
    await send(process, client, "replayWebhook", webhookId=id, fromSequence="0")
    jobs = 0
    while await run_next(process):
        jobs += 1

    assert (jobs, len(await deliveries(process, client, id))) == (4, 7)


# What is kept.


async def test_of_whoever_is_forgotten_no_payload_is_left(
    process: Process, database_url: str, client: Viewer, receiver: Receiver
) -> None:
    """Nor of whom it ended while it was on its way."""
    hang = asyncio.Event()

    async def hanging(_: Heard) -> web.Response:
        await hang.wait()
        return web.Response(text="Anil, thanks")

    worker, other = await who_agrees(database_url), await who_agrees(database_url)
    id, _ = await create(process, client, receiver, "worker.changed")
    async with sending(process):
        await happen(process, "WorkerChanged", other.id)
        await happen(process, "WorkerChanged", worker.id)
        await until(lambda: len(receiver.taken) == 2)
        receiver.answering = hanging
        await happen(process, "WorkerChanged", worker.id)
        await until(lambda: len(receiver.heard) == 3)
        await happen(process, "WorkerErased", worker.id, of(worker, status="ERASED", mobile=None))
        hang.set()
        await are_settled(process)

    last, before, others = await deliveries(process, client, id)
    assert (last["body"], before["body"]) == (None, None)
    assert (last["attempts"][0]["response"], before["attempts"][0]["response"]) == (None, None)
    assert other.code in others["body"]


async def test_deliveries_are_kept_for_a_month(
    process: Process, client: Viewer, receiver: Receiver, database_url: str
) -> None:
    id, _ = await create(process, client, receiver)
    for _ in range(2):
        await send(process, client, "testWebhook", webhookId=id)
    async with sending(process):
        await are_settled(process)
    async with transaction(process) as tx:
        first = await tx.value(select(WebhookDelivery.id).limit(1))
        month = "queued_at = CAST(:now AS timestamptz) - interval '31 days'"
        await tx.change(text(f"UPDATE webhook_delivery SET {month} WHERE id = '{first}'"))
        assert await tx.change(load.outlived(tx.now)) == 1

    assert len(await deliveries(process, client, id)) == 1


@pytest.mark.parametrize("size", [1, 6])
async def test_queueing_costs_the_same_statements_for_any_number_of_webhooks_and_changes(
    process: Process, database_url: str, client: Viewer, statements: Statements, size: int
) -> None:
    workers = [await who_agrees(database_url) for _ in range(size)]
    for _ in range(size):
        another = await a_client(database_url)
        await save(database_url, a_webhook(another))
    async with transaction(process) as tx:
        for worker in workers:
            await tx.emit("WorkerChanged", worker.id)
    await sequence(process)
    await follow(process, "records")

    with statements(at_most=4) as sent:
        await follow(process, "webhooks")

    assert len(sent) == 4
    async with transaction(process) as tx:
        assert len(await tx.every(select(WebhookDelivery))) == size * size


@pytest.mark.same_day
async def test_what_the_page_says_verifies(
    process: Process, client: Viewer, receiver: Receiver
) -> None:
    page = (CHECKOUT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    written: dict[str, Any] = {}
    exec(block, written)
    id, secret = await create(process, client, receiver)
    async with sending(process):
        await send(process, client, "testWebhook", webhookId=id)
        await until(lambda: receiver.taken)

    (heard,) = receiver.taken
    told = written["event_of"](heard.text.encode(), dict(heard.headers), secret)
    assert told["type"] == "webhook.test"
    assert set(re.findall(r"`([a-z]+\.[a-z_]+)`", page.partition("## Take")[0])) >= set(NAMES)


async def sequence_at(process: Process, position: int) -> str:
    """What clients know the change at the position by."""
    async with transaction(process) as tx:
        tag = await tx.value(select(ChangeLog.tag).where(ChangeLog.position == position))
    return sequence_text(position, tag)


def position_in(sequence: str) -> int:
    return int(sequence.partition("-")[0])


def a_webhook(client: Viewer, **columns: Any) -> Webhook:
    return Webhook(
        **{
            "id": new_id(Webhook.prefix),
            "client_id": client.id,
            "url": "https://partner.example/events",
            "events": ["worker.changed"],
            "selection": "{ sequence }",
            "contract": "2026-11",
            "created_at": clock.now(),
            "seed": "seed",
            **columns,
        }
    )
