"""How Alembic reaches the database: on the connection that `migrate` hands over."""

from alembic import context

import models  # noqa: F401  (fills the metadata)
from models.base import Row


def ours(name: str | None, kind: str, parents: object) -> bool:
    """The tables of the job library are its own to describe."""
    return not (kind == "table" and (name or "").startswith("procrastinate_"))


connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Row.metadata, include_name=ours)
with context.begin_transaction():
    context.run_migrations()
