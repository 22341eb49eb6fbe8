"""A unit of work: rows read and written together, or not at all."""

import hashlib
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson
from sqlalchemy import (
    DateTime,
    Executable,
    Select,
    Text,
    TextClause,
    UpdateBase,
    bindparam,
    column,
    event,
    insert,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from runtime import clock
from runtime.audit import NOWHERE, Author, Origin, Seen, record
from runtime.clock import NOW
from runtime.faults import BadInput, Conflict, NotFound
from runtime.language import Language
from runtime.process import Process
from runtime.reads import Tally
from runtime.refusal import Refusal
from runtime.rights import Role, Rule
from runtime.viewer import Viewer

R = TypeVar("R")

# Named here rather than imported: the tables belong to a domain, the duty to every command.
OUTBOX = table(
    "outbox",
    column("event", Text),
    column("subject_id", Text),
    column("facts", JSONB),
    column("happened_at", DateTime(timezone=True)),
)
DONE = table(
    "command_done",
    column("viewer_id", Text),
    column("key", Text),
    column("command", Text),
    column("input_hash", Text),
    column("result_id", Text),
    column("done_at", DateTime(timezone=True)),
)
DEFER = text(
    "SELECT procrastinate_defer_jobs_v1(ARRAY[ROW('default', :job, 0, NULL, NULL,"
    " CAST(:arguments AS jsonb), :at)::procrastinate_job_to_defer_v1])"
).bindparams(bindparam("at", type_=DateTime(timezone=True)), bindparam("arguments", type_=Text))


OF_PEOPLE = "citizen_id", "worker_id", "person_id", "subject_id", "opened_by"
"""What columns are called that say whose a row is."""
FOR_OTHERS = frozenset({Role.HELPLINE, Role.PROVIDER, Role.PARTNER})
ID = re.compile(r"[a-z]{2}_[0-9a-hjkmnp-tv-z]{26}")


@dataclass(frozen=True)
class Message:
    """A text message that leaves once what it tells of is committed."""

    mobile: str
    text: str


class Transaction:
    """What a command may do. `rule` says in which rows the viewer's role may do it."""

    def __init__(
        self,
        session: AsyncSession,
        process: Process,
        viewer: Viewer,
        rule: Rule,
        language: Language,
        origin: Origin,
    ) -> None:
        self.viewer, self.rule = viewer, rule
        self.language, self.origin = language, origin
        self.process = process
        self.settings = process.settings
        self.now = clock.now()
        self.messages: list[Message] = []
        self.author = Author.of(viewer)
        """Whom the record names: the viewer, unless the command finds out who sends it."""
        self.on_behalf_of: str | None = None
        """The person that a helpline agent, a provider or a system acts for."""
        self.subjects: dict[str, None] = {}
        """What was changed, and of whom it is. A dict keeps the order and no doubles."""
        self._session = session
        event.listen(session.sync_session, "before_flush", self._note_people)

    @property
    def parameters(self) -> dict[str, Any]:
        """What statements and their row rules refer to."""
        return {**self.viewer.parameters, NOW.key: self.now}

    async def find(self, statement: "Select[R]") -> R | None:
        """The one row of a statement, or None."""
        return (await self._session.scalars(statement, self.parameters)).one_or_none()

    async def the(self, statement: "Select[R]", argument: str) -> R:
        """The one row of a statement. NotFound names the argument that led nowhere."""
        found = await self.find(statement)
        if found is None:
            raise NotFound(argument)
        return found

    async def every(self, statement: "Select[R]") -> list[R]:
        return list((await self._session.scalars(statement, self.parameters)).all())

    async def rows(
        self, statement: "Select[*tuple[Any, ...]] | UpdateBase | TextClause"
    ) -> list[Any]:
        """The rows of a statement that selects or returns columns rather than one entity."""
        return list((await self._session.execute(statement, self.parameters)).all())

    async def value(self, statement: "Select[*tuple[Any, ...]] | UpdateBase") -> Any:
        """The first column of the first row, or None."""
        return (await self._session.execute(statement, self.parameters)).scalar()

    async def change(self, statement: Executable) -> int:
        """Run an INSERT, UPDATE or DELETE; how many rows it touched."""
        result = await self._session.execute(statement, self.parameters)
        return int(getattr(result, "rowcount", -1))

    async def add(self, *rows: Any) -> None:
        """Insert now, so that constraints speak where the rows are made."""
        self._session.add_all(rows)
        await self._session.flush()

    async def remove(self, row: Any) -> None:
        await self._session.delete(row)
        await self._session.flush()

    async def flush(self) -> None:
        """Write changed rows now."""
        await self._session.flush()

    async def emit(self, event: str, subject_id: str, **facts: Any) -> None:
        """An event leaves with the commit: ids, and facts that are about nobody."""
        self.is_about(subject_id, *ids_in(facts))
        await self._session.flush()
        await self._session.execute(
            insert(OUTBOX).values(
                event=event, subject_id=subject_id, facts=facts, happened_at=self.now
            )
        )

    async def later(self, at: datetime, job: str, **arguments: str | int) -> None:
        """Have a background worker run a job; it is on its list exactly if this commits."""
        await self._session.execute(
            DEFER, {"job": job, "arguments": orjson.dumps(arguments).decode(), "at": at}
        )

    def is_about(self, *ids: str | None) -> None:
        """Say what is changed, and of whom it is, beyond what events and rows say."""
        self.subjects |= dict.fromkeys(id for id in ids if id is not None)

    def acts_for(self, person_id: str | None) -> None:
        """Say whose wish it is, where it is one of those who act for others."""
        if self.viewer.role in FOR_OTHERS:
            self.on_behalf_of = person_id

    async def sign(self, type_: str, name: str, *subjects: str) -> None:
        """Put on record who did this: it stands exactly when what was done stands."""
        done = Seen(dict.fromkeys(subjects) | self.subjects, {name: None})
        entry = done.entry(type_, refused=False, on_behalf_of=self.on_behalf_of)
        await self._session.execute(record(self.author, self.origin, [entry]))

    async def sign_as_system(self, name: str) -> None:
        """The same, for what nobody sent; where nothing was changed there is nothing to sign."""
        if self.subjects:
            self.author = Author.system(name)
            await self.sign("System", name)

    def _note_people(self, session: Session, *_: Any) -> None:
        """Whose rows are written, whether or not an event names them."""
        for row in [*session.new, *session.dirty, *session.deleted]:
            self.is_about(*(vars(row).get(name) for name in OF_PEOPLE))

    def tell(self, mobile: str, language: Language, english: str, hindi: str) -> None:
        self.messages.append(Message(mobile, language.of(english, hindi) or english))


@asynccontextmanager
async def transaction(
    process: Process,
    viewer: Viewer | None = None,
    rule: Rule = Rule.ALL,
    language: Language = Language.EN,
    origin: Origin = NOWHERE,
    tally: Tally | None = None,
) -> AsyncIterator[Transaction]:
    """Commits on leaving and undoes everything on an exception, unless that is a refusal that
    says what was written before it stands."""
    async with AsyncSession(process.database.engine, expire_on_commit=False) as session:
        if tally is not None:
            count_statements(await session.connection(), tally)
        try:
            yield Transaction(session, process, viewer or Viewer(), rule, language, origin)
            await session.commit()
        except Refusal as refusal:
            if refusal.stands:
                await session.commit()
            raise
        except StaleDataError:
            raise Conflict from None


def ids_in(facts: dict[str, Any]) -> list[str]:
    """What an event is about beside its subject."""
    return [fact for fact in facts.values() if isinstance(fact, str) and ID.fullmatch(fact)]


def count_statements(connection: AsyncConnection, tally: Tally) -> None:
    """Listens to the connection, because a session also writes where nobody calls it to."""
    started = 0.0

    def begins(*_: Any) -> None:
        nonlocal started
        tally.statements += 1
        started = time.perf_counter()

    def ends(*_: Any) -> None:
        tally.seconds += time.perf_counter() - started

    event.listen(connection.sync_connection, "before_cursor_execute", begins)
    event.listen(connection.sync_connection, "after_cursor_execute", ends)


@contextmanager
def refused_as(constraint: str, refusal: Refusal) -> Iterator[None]:
    """What the constraint forbids is told as the refusal. The transaction is lost with it."""
    try:
        yield
    except IntegrityError as error:
        if constraint not in str(error.orig):
            raise
        raise refusal from None


class Replay:
    """A command sent with an idempotency key: carried out once, answered the same ever after.

    The record is written in the command's own transaction, so that it stands exactly when
    the command does. It holds ids only.
    """

    def __init__(self, viewer: Viewer, command: str, key: str, given: dict[str, Any]) -> None:
        # Of a time it would write none that has an offset; whether one may is the command's to say.
        option = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME
        encoded = orjson.dumps(given, option=option, default=str)
        self._key, self._command = key, command
        self._hash = hashlib.sha256(encoded).hexdigest()
        # The anonymous are told apart by what they send: one must not meet another's key.
        self._viewer_id = viewer.id or self._hash
        self._mine = (DONE.c.viewer_id == self._viewer_id) & (DONE.c.key == key)

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
                done_at=tx.now,
            )
            .on_conflict_do_nothing()
            .returning(DONE.c.key)
        )
        if claimed is not None:
            return None
        (first,) = await tx.rows(
            select(DONE.c.command, DONE.c.input_hash, DONE.c.result_id).where(self._mine)
        )
        if (first.command, first.input_hash) != (self._command, self._hash):
            raise BadInput(
                "`idempotencyKey` was used before, with another command or input.",
                argument="idempotencyKey",
            )
        return str(first.result_id)

    async def end(self, tx: Transaction, result_id: str) -> None:
        await tx.change(DONE.update().where(self._mine).values(result_id=result_id))

    async def forget(self, tx: Transaction) -> None:
        """A refusal records nothing, even one whose other writes stand."""
        await tx.change(DONE.delete().where(self._mine))
