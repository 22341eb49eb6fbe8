"""Writing exports, a part at a time, by whoever has the turn.

A turn ends with a part in the store, and in one transaction the part's row and the place to go on
from: whoever is killed has written nothing, and the next begins where that part began.
"""

import asyncio
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import structlog
from graphql import GraphQLError

from loaders import export as load
from models.change import ENDINGS, OF_PEOPLE
from models.export import (
    BROKEN_OFF,
    Export,
    ExportPart,
    ExportState,
    InvalidOperation,
    NotExportable,
)
from resolvers.export import end, whole_list
from runtime.background import labour
from runtime.changes import follower
from runtime.context import Context
from runtime.faults import Coded, Invalid, TooSlow, code_of, formatted, is_exhausted, is_outage
from runtime.feed import Change
from runtime.jobs import job
from runtime.language import Language
from runtime.process import Process
from runtime.quota import Use
from runtime.reads import Tally
from runtime.rights import Role
from runtime.runner import Piece, WholeList
from runtime.tabular import (
    ExportCompression,
    ExportFormat,
    Write,
    described,
    ending,
    writing,
)
from runtime.transaction import Transaction, transaction
from runtime.viewer import Viewer

log = structlog.get_logger()

PART_SECONDS = 20.0
"""How long a turn may take: others wait for theirs."""
LEASE = timedelta(seconds=60)
"""Whoever is not heard of for so long has lost its turn."""
HEARD_SECONDS = 15.0
TRIES = 12
LONGEST_PAUSE_SECONDS = 300
PERSON_GONE = (
    "PERSON_GONE: Somebody in it is not to be kept any more. Delete what you have fetched of it,"
    " and start again."
)
HIDDEN = frozenset({"FORBIDDEN", "REASON_REQUIRED", "CONSENT_MISSING"})
"""What an answer says of a field that is not shown. The row is exported without it."""


class TurnLost(Exception):
    """Somebody else has the export now, or nobody is to go on with it."""


class Broken(Exception):
    """The export cannot go on; the reason is for the client."""

    def __init__(self, error: GraphQLError) -> None:
        super().__init__(error.message)
        self.error = error


class Exhausted(Exception):
    """The client has used up a quota, and has to wait."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


class Outage(Exception):
    """Something we depend on is down: later it may go on."""


@dataclass
class Part:
    """One that is being written."""

    rows: int = 0
    warnings: int = 0
    cursor: str | None = None
    goes_on: bool = True
    use: Use | None = None
    """How the client stands with its quotas, if it has any."""
    about: set[str] = field(default_factory=set)
    """The people and reviews that it says something of."""


@labour("exports")
async def work_on_exports(process: Process) -> bool:
    """One turn."""
    export = await take_turn(process)
    if export is None:
        return False
    token = export.held_by or ""
    try:
        async with heard_of(process, export.id, token):
            await write_part(process, export, token)
    except TurnLost:
        pass
    except Exception as error:
        await give_up_turn(process, export, token, error)
    return True


async def take_turn(process: Process) -> Export | None:
    """Held under a token that nobody else has."""
    async with transaction(process) as tx:
        export = await tx.find(load.next_export(tx.now))
        if export is None:
            return None
        export.held_by, export.held_until = secrets.token_hex(8), tx.now + LEASE
        export.state, export.worked_at, export.has_files = ExportState.RUNNING, tx.now, True
        export.started_at = export.started_at or tx.now
        return export


async def write_part(process: Process, export: Export, token: str) -> None:
    # What it may name was decided when it was asked for; what it is shown, at each page.
    asked = Viewer(
        Role.PARTNER, export.client_id, purposes=tuple(export.purposes), contract=export.contract
    )
    found = whole_list(process, asked, export.document, export.operation_name, export.variables)
    if described(found.columns) != export.shape:
        told = "The schema you are shown has changed since it was asked for: start again."
        raise Broken(Coded("SCHEMA_CHANGED", told))
    format, compression = ExportFormat(export.format), ExportCompression(export.compression)
    position = await process.feed.latest()
    with tempfile.TemporaryDirectory(prefix="export-") as folder:
        draft = Path(folder) / "part"
        total = export.total
        if not export.parts_written:
            total = await found.total(await context_of(process, export))
        with writing(draft, found.columns, format, compression) as write:
            part = await fill(process, export, token, found, write)
        digest = await asyncio.to_thread(sha256_of_file, draft)
        number = export.parts_written + 1
        # Its own with each turn: whoever lost theirs overwrites nothing.
        name = f"{export.id}/{number:05}-{token}{ending(format, compression)}"
        await process.parts.put(draft, name)
        size = draft.stat().st_size
    async with transaction(process) as tx:
        held = await tx.find(load.held_export(export.id, token))
        about = sorted(part.about)
        if held is None or await tx.value(load.ended_since(position, about)):
            await process.parts.drop(name)
            if held is None:
                raise TurnLost
            # It is written again, without whoever has gone meanwhile.
            held.held_by = held.held_until = None
            return
        await tx.add(
            ExportPart(
                export_id=export.id,
                number=number,
                row_count=part.rows,
                bytes=size,
                sha256=digest,
                name=name,
                written_at=tx.now,
                about=about,
            )
        )
        held.cursor, held.total, held.parts_written = part.cursor, total, number
        held.rows_written += part.rows
        held.warnings += part.warnings
        held.worked_at, held.failures = tx.now, 0
        held.held_by = held.held_until = None
        if part.goes_on:
            await tx.emit("ExportProgressed", export.id, rows=held.rows_written)
        else:
            await end(tx, held, ExportState.DONE)


async def fill(
    process: Process, export: Export, token: str, found: WholeList, write: Write
) -> Part:
    """Page after page: one is written and forgotten before the next is read."""
    began, most = time.monotonic(), process.settings.export_part_rows
    part = Part(cursor=export.cursor if export.parts_written else found.begins_after)
    size = 0
    while part.goes_on and time.monotonic() - began < PART_SECONDS:
        context = await context_of(process, export)
        size = size or found.size(context.viewer, min(process.settings.export_page, most))
        if not part.rows:
            part.use = await use_of(process, export)
        if exhausted := part.use and part.use.exhausted:
            if not part.rows:
                raise Exhausted(exhausted.resets_at)
            break
        if part.rows + size > most:
            break
        await add_page(part, await found.piece(context, part.cursor, size), write)
        part.about.update(id for id in context.batches.named() if id.startswith(OF_PEOPLE))
        part.use = context.used or part.use
        await keep_turn(process, export.id, token)
    return part


async def use_of(process: Process, export: Export) -> Use | None:
    """Points are for those who wait for answers: exports take turns, and cost rows."""
    ledger = process.ledger
    return await ledger.take(export.client_id, 0, Tally()) if ledger is not None else None


async def add_page(part: Part, piece: Piece, write: Write) -> None:
    part.warnings += warnings_in(piece)
    assert piece.rows is not None
    # Compressing takes its time, and others may be served meanwhile.
    await asyncio.to_thread(write, piece.rows)
    part.rows += len(piece.rows)
    part.cursor, part.goes_on = piece.cursor, piece.goes_on


async def context_of(process: Process, export: Export) -> Context:
    """With what the client has at this moment of what it started with."""
    now = await process.partners.client(export.client_id)
    if now.id is None:
        raise Broken(Coded("ACCESS_ENDED", "The client's access has ended."))
    viewer = replace(
        now,
        purposes=tuple(one for one in export.purposes if one in now.purposes),
        districts=tuple(one for one in export.district_ids if one in now.districts),
        contract=export.contract,
    )
    return Context(viewer, Language.EN, process, export.id)


def warnings_in(piece: Piece) -> int:
    """How many of its errors hide a field. Raises Outage and Broken for others."""
    hidden = 0
    for error in piece.errors:
        code = code_of(error)
        cause = error.original_error or error
        # What takes the database too long while it is busy may not later.
        if code == "UNAVAILABLE" or isinstance(cause, TooSlow) or is_exhausted(cause):
            raise Outage from error
        if code not in HIDDEN:
            raise Broken(error)
        hidden += 1
    if piece.rows is None:
        raise Broken(piece.errors[0] if piece.errors else GraphQLError("Nothing came."))
    return hidden


async def keep_turn(process: Process, id: str, token: str) -> None:
    async with transaction(process) as tx:
        if not await tx.change(load.hold(id, token, tx.now + LEASE)):
            raise TurnLost


@asynccontextmanager
async def heard_of(process: Process, id: str, token: str) -> AsyncIterator[None]:
    """As long as the block lasts, however long a page or a slow store takes."""

    async def speak() -> None:
        # Whoever has lost the turn notices it; an outage shows elsewhere.
        with suppress(Exception):
            while True:
                await asyncio.sleep(HEARD_SECONDS)
                await keep_turn(process, id, token)

    speaking = asyncio.create_task(speak())
    try:
        yield
    finally:
        speaking.cancel()
        with suppress(asyncio.CancelledError):
            await speaking


async def give_up_turn(process: Process, export: Export, token: str, error: Exception) -> None:
    """Until it can go on, or for good."""
    if isinstance(error, Exhausted):
        async with transaction(process) as tx:
            await tx.change(load.put_off(export.id, token, error.until))
        log.info("export waits", export=export.id, until=error.until.isoformat())
        return
    is_down = isinstance(error, Outage) or is_outage(error) or is_exhausted(error)
    async with transaction(process) as tx:
        held = await tx.find(load.held_export(export.id, token))
        if held is None:
            return
        if is_down and held.failures < TRIES:
            held.failures += 1
            pause = min(2**held.failures, LONGEST_PAUSE_SECONDS)
            held.not_before = tx.now + timedelta(seconds=pause)
            held.held_by = held.held_until = None
            log.warning("export waits", export=export.id, failures=held.failures)
        else:
            await end(tx, held, ExportState.FAILED, reason_of(error, export.id))


def reason_of(error: Exception, id: str) -> str:
    """A code, and what of it is meant for the client; the rest is logged under the export's id."""
    match error:
        case Broken():
            cause = error.error
        case Outage():
            cause = Coded("UNAVAILABLE", "A service we depend on did not answer for too long.")
        case Invalid():
            cause = error.errors[0]
        case InvalidOperation() | NotExportable():
            cause = Coded("INVALID_OPERATION", error.message(Language.EN))
        case _:
            cause = GraphQLError("", original_error=error)
    (told,) = formatted([cause], id)
    return f"{told['extensions']['code']}: {told['message']}"


def sha256_of_file(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(1_048_576):
            digest.update(chunk)
    return digest.hexdigest()


@follower("exports")
async def end_exports(tx: Transaction, changes: Sequence[Change]) -> None:
    """Those that say something of somebody who was forgotten, suspended, or withdrew from what it
    was read for: their addresses lead nowhere from now on."""
    endings = [change for change in changes if change.event in ENDINGS]
    if not endings:
        return
    await tx.every(load.being_written())
    for change in endings:
        purpose = change.facts["purpose"] if change.event == "ConsentWithdrawn" else None
        for export in await tx.every(load.exports_about([change.subject_id], purpose)):
            await end(tx, export, ExportState.FAILED, PERSON_GONE)
            await tx.later(tx.now, "remove_export", export_id=export.id)


@job("remove_export")
async def remove_export(tx: Transaction, *, export_id: str) -> None:
    """At once. What somebody was still writing goes with `remove_exports`."""
    await tx.process.parts.remove(export_id)
    await tx.change(load.remove_parts(export_id))


@job("remove_exports", cron="45 * * * *")
async def remove_exports(tx: Transaction) -> None:
    """What nobody is to fetch any more: of exports that have expired, or were broken off."""
    for export in await tx.every(load.outlived(tx.now, 2 * LEASE)):
        await tx.process.parts.remove(export.id)
        await tx.change(load.remove_parts(export.id))
        export.has_files = False
        if export.state not in BROKEN_OFF:
            export.state = ExportState.EXPIRED
            await tx.emit("ExportEnded", export.id, client=export.client_id, state=export.state)
