"""How Alembic reaches the database: on the connection that `migrate` hands over."""

from alembic import context

import models  # noqa: F401  (fills the metadata)
from models.base import Row

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Row.metadata)
with context.begin_transaction():
    context.run_migrations()
