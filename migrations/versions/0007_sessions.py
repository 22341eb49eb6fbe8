"""Sessions that have ended lately are found by when they did; lost answers are given again.

The index is made concurrently: who writes to the table meanwhile waits for nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
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
    op.add_column("spent_token", sa.Column("spent_at", sa.DateTime(timezone=True)))
    op.add_column("spent_token", sa.Column("answer", sa.Text(collation="C")))
    op.add_column("one_time_code", sa.Column("client_hash", sa.Text(collation="C")))
    op.add_column("one_time_code", sa.Column("answer", sa.Text(collation="C")))
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '30min'")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS one_time_code_of_client")
        op.execute(
            "CREATE INDEX CONCURRENTLY one_time_code_of_client"
            " ON one_time_code (client_hash, sent_at DESC)"
        )
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    op.drop_index("one_time_code_of_client", "one_time_code")
    op.drop_column("one_time_code", "answer")
    op.drop_column("one_time_code", "client_hash")
    op.drop_column("spent_token", "answer")
    op.drop_column("spent_token", "spent_at")
    op.execute("DROP INDEX session_ended")
