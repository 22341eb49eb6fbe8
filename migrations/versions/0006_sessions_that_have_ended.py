"""Sessions that have ended lately are found by when they did.

The index is made concurrently: who writes to the table meanwhile waits for nothing.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '30min'")
        # What a try that did not end has left.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS session_ended")
        op.execute(
            "CREATE INDEX CONCURRENTLY session_ended ON session (ended_at)"
            " WHERE ended_at IS NOT NULL"
        )
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    op.execute("DROP INDEX session_ended")
