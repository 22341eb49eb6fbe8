"""Every committed change has an event: whoever follows the log misses nothing.

Each command is sent once, as `examples/` has it; rows that differ afterwards are compared with
the events that were written with them.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Table, text

from models.base import Row
from runtime.database import engine_for
from runtime.transaction import Transaction
from tests.asking import SCHEMA, Inbox, a_process, send
from tests.examples import EXAMPLES, Scene, succeeded

assert SCHEMA.mutation_type is not None
COMMANDS = set(SCHEMA.mutation_type.fields)

CHANGES_NOTHING_TOLD = {
    "requestCode",
    "refreshSession",
    "signOut",
    "signOutEverywhere",
    "requestDocumentUpload",
    "issueCode",
    "testWebhook",
    "replayWebhook",
}
"""Of what these write, `WITHOUT_EVENT` says why nobody is told."""

CHANGES_A_NUMBER = {
    "changeNumber": "by the person, with proof of the old number and the new",
    "decideErasure": "there is nobody any more",
}

WITHOUT_EVENT = {
    "audit_detail": "of the record of access",
    "audit_entry": "the record of access has readers of its own",
    "change_log": "the events themselves",
    "command_done": "how often something was sent is nobody's business",
    "follower": "how far readers have come",
    "one_time_code": "a secret",
    "outbox": "the events themselves",
    "partner_usage": "numbers of how much was asked",
    "record_change": "made of the events",
    "session": "who is signed in where is the person's alone",
    "staff": "numbers for the record of access",
    "spent_token": "of a session",
    "upload": "a ticket: the document it is for has an event",
    "visit_code": "a secret",
    "webhook_attempt": "made of the events",
    "webhook_delivery": "made of the events",
    "worker_place": "made of what has events, for search",
    "worker_time": "made of bookings and engagements, to keep them apart",
    "worker_words": "made of what has events, for search",
}

OWNERS: dict[str, tuple[tuple[str, str], ...]] = {
    "address": (("citizen_id", "citizen"),),
    "availability_exception": (("worker_id", "worker"),),
    "availability_rule": (("worker_id", "worker"),),
    "consent_record": (("subject_id", "worker"), ("subject_id", "citizen")),
    "erasure_request": (("subject_id", "worker"), ("subject_id", "citizen")),
    "provider_district": (("provider_id", "provider"),),
    "quote": (("booking_id", "booking"),),
    "rate_card": (("worker_id", "worker"), ("provider_id", "provider")),
    "rating_summary": (("worker_id", "worker"), ("provider_id", "provider")),
    "service": (("category_id", "service_category"),),
    "service_area": (("worker_id", "worker"),),
}
"""Whose change a change of such a row is, beside the row's own and of what it is a part of."""

Snapshot = dict[tuple[str, str], dict[str, Any]]
"""For each table and key, the row."""


def tables() -> Iterator[tuple[type[Row], Table]]:
    for mapper in Row.registry.mappers:
        table = mapper.local_table
        assert isinstance(table, Table)
        yield mapper.class_, table


MODELS = {table.name: model for model, table in tables()}


async def snapshot(url: str) -> Snapshot:
    found: Snapshot = {}
    engine = engine_for(url)
    async with engine.connect() as connection:
        for _, table in tables():
            if table.name in WITHOUT_EVENT:
                continue
            keys = [column.name for column in table.primary_key]
            for (row,) in await connection.execute(
                text(f'SELECT to_jsonb(t) FROM "{table.name}" t')
            ):
                found[table.name, "/".join(str(row[key]) for key in keys)] = row
    await engine.dispose()
    return found


def owners(table: str) -> Iterator[tuple[str, str]]:
    yield from OWNERS.get(table, ())
    if (part_of := MODELS[table].part_of) is not None:
        yield part_of[0], part_of[1].__tablename__


def answerable(table: str, row: dict[str, Any], world: Snapshot) -> set[str]:
    """The ids under which a change of the row may be told: its own, and of whose part it is."""
    ids = {str(row["id"])} if "id" in row else set()
    for column, owner in owners(table):
        if row[column] is not None and (whole := world.get((owner, row[column]))) is not None:
            ids |= answerable(owner, whole, world)
    return ids


async def events_after(url: str, position: int) -> list[tuple[str, set[str]]]:
    """Events with every id that they name."""
    engine = engine_for(url)
    async with engine.connect() as connection:
        found = await connection.execute(
            text(
                "SELECT event, subject_id, facts FROM outbox WHERE position > :after"
                " ORDER BY position"
            ),
            {"after": position},
        )
        told = [(event, {subject, *strings(facts)}) for event, subject, facts in found]
    await engine.dispose()
    return told


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


async def last_position(url: str) -> int:
    engine = engine_for(url)
    async with engine.connect() as connection:
        last = await connection.scalar(text("SELECT coalesce(max(position), 0) FROM outbox"))
    await engine.dispose()
    return int(last)


def renumbered(before: Snapshot, after: Snapshot) -> list[str]:
    """Whose sign-in number, which they had proven, is another now."""
    return [
        id
        for (table, id), row in before.items()
        if table in ("citizen", "provider", "worker")
        and row["mobile"] is not None
        and after[table, id]["mobile"] != row["mobile"]
    ]


@dataclass(frozen=True)
class Done:
    changed: int
    """Rows."""
    silent: list[str]
    """Those of them that no event tells of."""
    renumbered: list[str]


async def done(scene: Scene, command: str) -> Done:
    sending = await EXAMPLES[command](scene)
    before, position = await snapshot(scene.url), await last_position(scene.url)
    came = await send(scene.process, sending.viewer, command, **sending.given)
    assert succeeded(came), f"the example of {command} does not succeed: {came}"
    after, events = await snapshot(scene.url), await events_after(scene.url, position)
    told = set[str]().union(*(ids for _, ids in events))
    world = before | after
    changed = [key for key in sorted(world) if before.get(key) != after.get(key)]
    silent = [
        f"{table} {key}"
        for table, key in changed
        if not answerable(table, world[table, key], world) & told
    ]
    return Done(len(changed), silent, renumbered(before, after))


@pytest_asyncio.fixture
async def scene(database_url: str, inbox: Inbox, tmp_path: Any) -> AsyncIterator[Scene]:
    async with a_process(database_url, inbox, storage_dir=str(tmp_path)) as process:
        yield Scene(process, database_url, inbox)


def test_every_command_has_an_example() -> None:
    assert set(EXAMPLES) == COMMANDS


def test_every_row_can_be_told_of() -> None:
    """Under an id of its own, or of whose part it is."""
    mute = [
        table.name
        for _, table in tables()
        if table.name not in WITHOUT_EVENT
        and "id" not in table.columns
        and not list(owners(table.name))
    ]

    assert set(mute) == {
        "booking_transition",
        "cancellation_policy",
        "demo_account",
        "pin",
        "spent_assertion",
        "spent_call",
    }


@pytest.mark.parametrize("command", EXAMPLES)
async def test_a_command_tells_of_everything_it_changes(scene: Scene, command: str) -> None:
    """And none but a person's own changes the number that they sign in with."""
    did = await done(scene, command)

    assert did.silent == []
    assert bool(did.changed) is (command not in CHANGES_NOTHING_TOLD)
    assert len(did.renumbered) == (command in CHANGES_A_NUMBER)


async def test_a_change_that_nobody_tells_of_is_noticed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def mute(self: Transaction, *_: Any, **__: Any) -> None:
        await self.flush()

    monkeypatch.setattr(Transaction, "emit", mute)
    did = await done(scene, "addAddress")

    assert did.changed == len(did.silent) == 1
    assert did.silent[0].startswith("address ")
