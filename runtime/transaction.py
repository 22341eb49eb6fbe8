"""A unit of work: rows read and written together, or not at all."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import orjson
from sqlalchemy import (
    DateTime,
    Executable,
    Select,
    Text,
    UpdateBase,
    column,
    func,
    insert,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from runtime.faults import BadInput
from runtime.viewer import Viewer

R = TypeVar("R")

# Named here rather than imported: the tables belong to a domain, the duty to every command.
OUTBOX = table("outbox", column("event", Text), column("subject_id", Text), column("facts", JSONB))
DONE = table(
    "command_done",
    column("viewer_id", Text),
    column("key", Text),
    column("command", Text),
    column("input_hash", Text),
    column("result_id", Text),
    column("done_at", DateTime(timezone=True)),
)


class Transaction:
    """What a command may do with the database. Row rules see the viewer's parameters."""

    def __init__(self, session: AsyncSession, viewer: Viewer) -> None:
        self._session = session
        self._parameters = viewer.parameters

    async def find(self, statement: "Select[R]") -> R | None:
        """The one row of a statement, or None."""
        return (await self._session.scalars(statement, self._parameters)).one_or_none()

    async def every(self, statement: "Select[R]") -> list[R]:
        return list((await self._session.scalars(statement, self._parameters)).all())

    async def value(self, statement: "Select[Any] | UpdateBase") -> Any:
        """The first column of the first row, or None."""
        return (await self._session.execute(statement, self._parameters)).scalar()

    async def change(self, statement: Executable) -> int:
        """Run an INSERT, UPDATE or DELETE; how many rows it touched."""
        result = await self._session.execute(statement, self._parameters)
        return int(getattr(result, "rowcount", -1))

    async def add(self, *rows: Any) -> None:
        """Insert now, in this order, so that constraints speak where the row is made."""
        for row in rows:
            self._session.add(row)
            await self._session.flush()

    async def flush(self) -> None:
        """Write changed rows now."""
        await self._session.flush()

    async def emit(self, event: str, subject_id: str, **facts: Any) -> None:
        """An event leaves with the commit: ids and facts that are about nobody."""
        await self._session.execute(
            insert(OUTBOX).values(event=event, subject_id=subject_id, facts=facts)
        )


@asynccontextmanager
async def transaction(engine: AsyncEngine, viewer: Viewer) -> AsyncIterator[Transaction]:
    """Commits on leaving, undoes everything on any exception."""
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        yield Transaction(session, viewer)


class Replay:
    """A command sent with an idempotency key: carried out once, answered the same ever after.

    The record is written in the command's own transaction, so that it stands exactly when
    the command does. It holds ids only.
    """

    def __init__(self, viewer: Viewer, command: str, key: str, given: dict[str, Any]) -> None:
        encoded = orjson.dumps(given, option=orjson.OPT_SORT_KEYS, default=str)
        self._viewer_id = viewer.id or ""
        self._key, self._command = key, command
        self._hash = hashlib.sha256(encoded).hexdigest()

    async def begin(self, tx: Transaction) -> str | None:
        """The id of the first answer, if there was one. A second sender of the same key waits
        here until the first is through."""
        claimed = await tx.value(
            upsert(DONE)
            .values(
                viewer_id=self._viewer_id,
                key=self._key,
                command=self._command,
                input_hash=self._hash,
                done_at=func.now(),
            )
            .on_conflict_do_nothing()
            .returning(DONE.c.key)
        )
        if claimed is not None:
            return None
        mine = (DONE.c.viewer_id == self._viewer_id) & (DONE.c.key == self._key)
        first = await tx.value(select(DONE.c.command + " " + DONE.c.input_hash).where(mine))
        if first != f"{self._command} {self._hash}":
            raise BadInput(
                "`idempotencyKey` was used before, with another command or input.",
                argument="idempotencyKey",
            )
        found: str | None = await tx.value(select(DONE.c.result_id).where(mine))
        return found

    async def end(self, tx: Transaction, result_id: str) -> None:
        mine = (DONE.c.viewer_id == self._viewer_id) & (DONE.c.key == self._key)
        await tx.change(DONE.update().where(mine).values(result_id=result_id))
