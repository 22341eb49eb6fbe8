"""Copies never go stale: every column that partners are shown is announced, fixed, or silent with
a reason.

Each command is sent once, as `examples/` has it, and the jobs that time brings are run. Rows that
differ afterwards are compared, column by column, with the records that are told of as changed: to
those who ask for changes, and to webhooks.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from graphql import GraphQLObjectType
from sqlalchemy import func, select, text

from loaders.webhook import KNOWN, record_of, with_records
from models.account import ChangeLog
from models.change import RecordChange, RecordKind, all_noted
from resolvers.worker import expire_empanelments, expire_verifications
from runtime import clock
from runtime.changes import enrol, follow, sequence
from runtime.contract import Contract, newest
from runtime.field import ENTITY, told
from runtime.process import Process
from runtime.rights import PURPOSES, Role
from runtime.transaction import Transaction, transaction
from runtime.viewer import Viewer
from schema.contract import contract
from tests.asking import Inbox, a_process, send
from tests.conftest import run_sql_async
from tests.examples import EXAMPLES, Scene, succeeded
from tests.make import a_booking, a_citizen, a_provider, a_review, a_worker
from tests.test_events import Snapshot, snapshot

Record = tuple[RecordKind, str]
Owner = Callable[[dict[str, Any], Snapshot], Record]


def its(kind: RecordKind, column: str = "id") -> Owner:
    return lambda row, _: (kind, row[column])


def rated(row: dict[str, Any], _: Snapshot) -> Record:
    """A provider's rates are those of whoever works through it: the provider's record has them."""
    if row["worker_id"] is not None:
        return RecordKind.WORKER, row["worker_id"]
    return RecordKind.PROVIDER, row["provider_id"]


RECORD_OF: Mapping[str, Owner] = {
    "worker": its(RecordKind.WORKER),
    "verification": its(RecordKind.WORKER, "worker_id"),
    "availability_rule": its(RecordKind.WORKER, "worker_id"),
    "service_area": its(RecordKind.WORKER, "worker_id"),
    "rate_card": rated,
    "provider": its(RecordKind.PROVIDER),
    "worker_skill": its(RecordKind.SKILL),
    "rating_summary": its(RecordKind.RATING, "subject_id"),
    "review": its(RecordKind.REVIEW),
    "review_reply": its(RecordKind.REVIEW, "review_id"),
    "service_category": its(RecordKind.CATEGORY),
    "service": its(RecordKind.CATEGORY, "category_id"),
    "booking": its(RecordKind.BOOKING),
}
"""Of which record a row is a part."""

LAND = "land and offices: a release brings what changes in them"
PARTY = "of bookings that the client made itself: `bookingChanged` tells of each step of them"
OWN = "the client's own: it asked for it, and is told of it as such"
LOG = "what is told"
SILENT: Mapping[str, str] = {
    **dict.fromkeys(("district", "division", "department"), LAND),
    **dict.fromkeys(
        (
            *("quote", "quote_line", "booking_line", "timeline_entry", "assignment", "call"),
            *("reschedule_proposal", "payment", "incident"),
        ),
        PARTY,
    ),
    **dict.fromkeys(
        (
            *("export", "export_part", "partner_client", "partner_usage"),
            *("webhook", "webhook_delivery", "webhook_attempt", "audit_entry"),
        ),
        OWN,
    ),
    **dict.fromkeys(("record_change", "change_log"), LOG),
    **dict.fromkeys(
        (
            f"booking.{column}"
            for column in (
                *("number", "department_id", "worker_id", "provider_id", "starts_at", "ends_at"),
                *("channel", "language", "preferred_worker_id", "priority", "requested_at"),
                *("version", "completed_at", "rework_of_id"),
            )
        ),
        PARTY,
    ),
}
"""Tables and columns of which nobody is told who keeps copies, and why."""

FIXED = {
    *("worker.id", "worker.code", "worker.registered_at", "worker_skill.id"),
    *("worker_skill.worker_id", "worker_skill.category_id", "verification.id", "verification.kind"),
    *("provider.id", "provider.code", "provider.name_en", "provider.name_hi"),
    *("rate_card.id", "rate_card.service_id", "rate_card.district_id", "rate_card.provider_id"),
    *("rate_card.worker_id", "rate_card.amount_paise", "rate_card.visit_charge_paise"),
    *("rate_card.version", "review.id", "review.worker_id", "review.provider_id"),
    *("review.published_month", "review_reply.provider_id"),
    *("service_category.id", "service_category.slug", "service_category.number"),
    *("service.id", "service.slug", "service.category_id"),
    *("booking.id", "booking.category_id", "booking.district_id"),
}
"""Never another once the row is there."""


def is_shown(table: str, row: dict[str, Any] | None) -> bool:
    """Before it is approved, a rate is between whoever set it and the office."""
    if row is None:
        return False
    return table != "rate_card" or row["approved_at"] is not None


def contract_columns() -> dict[str, set[str]]:
    """By table, the columns that some partner is shown in the newest version."""
    found: dict[str, set[str]] = {}
    for type_ in contract(Contract(newest(), PURPOSES)).type_map.values():
        if isinstance(type_, GraphQLObjectType) and (row := type_.extensions.get(ENTITY)):
            for field in type_.fields.values():
                record = told(field)
                found.setdefault(row.__tablename__, set()).update(record.needs if record else ())
    return found


SHOWN = contract_columns()


def is_silent(table: str, column: str) -> bool:
    return table in SILENT or f"{table}.{column}" in SILENT


def differing(before: Snapshot, after: Snapshot) -> Iterator[tuple[str, str, str, Record]]:
    """What is to be announced: each column that is another, and of which record."""
    for table, key in sorted(before.keys() | after.keys()):
        was, is_now = before.get((table, key)), after.get((table, key))
        if was == is_now or not (is_shown(table, was) or is_shown(table, is_now)):
            continue
        row = is_now or was
        assert row is not None
        for column in sorted(SHOWN.get(table, ())):
            if is_silent(table, column):
                continue
            if was is None or is_now is None or was[column] != is_now[column]:
                yield table, key, column, RECORD_OF[table](row, before | after)


async def announced(scene: Scene, position: int) -> tuple[set[Record], set[Record]]:
    """The records that have changed behind the position: for those who ask, and for webhooks."""
    async with transaction(scene.process) as tx:
        rows = await tx.rows(
            select(RecordChange.kind, RecordChange.record_id).where(
                RecordChange.position > position
            )
        )
        for_copies = {(RecordKind(kind), id) for kind, id in rows}
        log = with_records(select(KNOWN.c.kind, record_of(), KNOWN.c.ends).select_from(ChangeLog))
        sent = await tx.rows(log.where(ChangeLog.position > position))
        ended = {id for _, id, ends in sent if ends}
        for_webhooks = {(RecordKind(kind), id) for kind, id, _ in sent if kind in set(RecordKind)}
        # The skills of somebody who is gone go with them: `worker.erased` says so.
        skills = select(RecordChange.record_id).where(RecordChange.whose.in_(ended))
        for_webhooks |= {(RecordKind.SKILL, id) for (id,) in await tx.rows(skills)}
    return for_copies, for_webhooks


async def follow_all(process: Process) -> None:
    """What happened, and none of what is due: that would happen by itself."""
    await enrol(process)
    while await sequence(process):
        pass
    for name in ("records", "webhooks"):
        while await follow(process, name):
            pass


async def unannounced(scene: Scene, happen: Callable[[], Awaitable[Any]]) -> tuple[int, list[str]]:
    """How many columns of contracts are others after it, and those of them nobody is told of."""
    await follow_all(scene.process)
    async with transaction(scene.process) as tx:
        for kind in RecordKind:
            await tx.change(text(all_noted(kind)))
        position = await tx.value(select(func.coalesce(func.max(ChangeLog.position), 0)))
    before = await snapshot(scene.url)
    await happen()
    after = await snapshot(scene.url)
    await follow_all(scene.process)
    for_copies, for_webhooks = await announced(scene, position)
    changed, wrong = 0, set[str]()
    for table, key, column, record in differing(before, after):
        changed += 1
        if f"{table}.{column}" in FIXED and (table, key) in before.keys() & after.keys():
            wrong.add(f"{table}.{column} is said to be fixed")
        if record not in for_copies:
            wrong.add(f"{table}.{column}: no copy is told of the {record[0]}")
        if record not in for_webhooks:
            wrong.add(f"{table}.{column}: no webhook is told of the {record[0]}")
    return changed, sorted(wrong)


@pytest_asyncio.fixture
async def scene(database_url: str, inbox: Inbox, tmp_path: Any) -> AsyncIterator[Scene]:
    async with a_process(database_url, inbox, storage_dir=str(tmp_path)) as process:
        yield Scene(process, database_url, inbox)


def test_each_column_that_a_contract_shows_is_of_a_record_or_silent_with_a_reason() -> None:
    loose = [
        f"{table}.{column}"
        for table, columns in SHOWN.items()
        for column in columns
        if table not in RECORD_OF and not is_silent(table, column)
    ]
    named = {name for name in (*SILENT, *FIXED) if "." in name}
    unknown = named - {f"{table}.{column}" for table in SHOWN for column in SHOWN[table]}

    assert loose == []
    assert unknown == set()
    assert {table for table in SILENT if "." not in table} <= set(SHOWN)
    assert not FIXED & set(SILENT)


@pytest.mark.parametrize("command", EXAMPLES)
async def test_every_column_that_a_command_changes_is_announced_or_silent_with_a_reason(
    scene: Scene, command: str
) -> None:
    sending = await EXAMPLES[command](scene)

    async def happen() -> None:
        came = await send(scene.process, sending.viewer, command, **sending.given)
        assert succeeded(came), came

    _, wrong = await unannounced(scene, happen)

    assert wrong == []


async def test_what_a_forgotten_citizen_wrote_is_announced(scene: Scene) -> None:
    """Their words, and their name beneath them, are in copies of reviews."""
    citizen = await a_citizen(scene.url)
    worker = await a_worker(scene.url)
    booking = await a_booking(scene.url, worker=worker, citizen=citizen, state="COMPLETED")
    await a_review(scene.url, booking=booking, text="Very good", reviewer_name_en="Asha")
    asked = await scene.send(
        Viewer(Role.CITIZEN, citizen.id), "requestErasure", "... on Node { id }"
    )

    async def happen() -> None:
        given = {"requestId": asked["id"], "granted": True}
        await scene.send(Viewer(Role.AUDITOR, "us_dpo"), "decideErasure", **given)

    assert await unannounced(scene, happen) == (3, [])


async def some_time_later(tx: Transaction) -> None:
    tx.now = clock.now() + timedelta(days=400)
    await expire_verifications(tx)
    await expire_empanelments(tx)


async def test_what_time_changes_is_announced(scene: Scene) -> None:
    provider = await a_provider(scene.url, empanelled_until=clock.today() + timedelta(days=30))
    worker = await a_worker(scene.url, provider_id=provider.id)
    await run_sql_async(scene.url, "UPDATE verification SET valid_until = CAST(:now AS date) + 30")

    async def happen() -> None:
        async with transaction(scene.process) as tx:
            await some_time_later(tx)

    changed, wrong = await unannounced(scene, happen)

    assert worker.id
    assert changed >= 3
    assert wrong == []


async def test_a_change_that_is_in_nobodys_list_is_noticed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending = await EXAMPLES["setServiceArea"](scene)
    monkeypatch.setattr("resolvers.change.KINDS", [])

    async def happen() -> None:
        await send(scene.process, sending.viewer, "setServiceArea", **sending.given)

    assert await unannounced(scene, happen) == (
        1,
        ["service_area.radius_km: no copy is told of the WORKER"],
    )
