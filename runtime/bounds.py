"""What PostgreSQL itself holds a connection to: for how long it may work, wait and lie idle.

Said to each connection as it is opened. Behind a pooler, connections are nobody's own: what one
client sets would hold for the next, and what it sends at the start is refused or dropped. There
each transaction says it for itself, reads are ended by our clock (`runtime.reads`), and the rest
is for the role to have (docs/operating.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

if TYPE_CHECKING:
    import asyncpg
    import psycopg
    from sqlalchemy import Connection

    from runtime.settings import Settings

POOLED = "pooled"
"""In what SQLAlchemy knows of a connection."""
ALWAYS: Mapping[str, str] = {
    # Compiling costs more than our statements take.
    "jit": "off",
    # Who has lost us, by a crash say, ends what it does for us.
    "client_connection_check_interval": "5s",
}


class Work(StrEnum):
    """The kinds of it: the name of each ends the name of its setting."""

    READ = "read"
    COMMAND = "command"
    JOB = "job"
    EXPORT = "export"


@dataclass(frozen=True)
class Bounds:
    """In seconds; 0 is no bound."""

    statement: float = 10
    lock: float = 10
    """Whoever waits for a lock is a person with a phone in their hand."""
    idle: float = 60
    """A lock whose holder was lost must not outlive the request for long."""

    @classmethod
    def of(cls, settings: "Settings", work: Work) -> "Bounds":
        statement = getattr(settings, f"statement_seconds_{work}")
        return cls(statement, settings.lock_seconds, settings.idle_seconds)

    @property
    def timeouts(self) -> dict[str, str]:
        """As PostgreSQL names them."""
        return {
            "statement_timeout": milliseconds(self.statement),
            "lock_timeout": milliseconds(self.lock),
            "idle_in_transaction_session_timeout": milliseconds(self.idle),
        }

    def for_session(self, pid: int) -> str:
        """To be sent once; a row comes of it where the connection is our own."""
        # A pooler tells each client of a process that there is not.
        return f"{said({**ALWAYS, **self.timeouts}, local=False)} WHERE pg_backend_pid() = {pid}"

    @property
    def for_transaction(self) -> str:
        return said({**ALWAYS, **self.timeouts}, local=True)


USUAL = Bounds()
BULK = Bounds(statement=0, idle=600)
"""For seeding and migrations, which take what they take. What they wait for a lock, everybody
waits who comes after them: so that has an end."""


def milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def said(settings: Mapping[str, str], *, local: bool) -> str:
    made = (f"set_config('{name}', '{value}', {local})" for name, value in settings.items())
    return f"SELECT {', '.join(made)}"


async def bind(connection: "asyncpg.Connection[Any]", bounds: Bounds) -> bool:
    """Whether that could be said to a connection of our own, rather than a pooler's."""
    answer: str = await connection.execute(bounds.for_session(connection.get_server_pid()))
    return answer == "SELECT 1"


async def bind_psycopg(connection: "psycopg.AsyncConnection[Any]", bounds: Bounds) -> None:
    await connection.execute(bounds.for_session(connection.info.backend_pid).encode())
    await connection.commit()


def bind_all(engine: AsyncEngine, bounds: Bounds) -> None:
    """Each connection that the engine opens, and behind a pooler each transaction."""

    def opened(connection: Any, record: Any) -> None:
        record.info[POOLED] = not connection.run_async(lambda driver: bind(driver, bounds))

    def begun(connection: "Connection") -> None:
        alone = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
        if connection.info[POOLED] and not alone:
            connection.exec_driver_sql(bounds.for_transaction)

    event.listen(engine.sync_engine, "connect", opened)
    event.listen(engine.sync_engine, "begin", begun)
