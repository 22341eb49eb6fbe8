"""The best rated first: a word that many have is found by walking in that order, not by sorting.

The index is made concurrently: who writes to the table meanwhile waits for nothing.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # It waits for everything that is under way, exports too.
        op.execute("SET lock_timeout = '30min'")
        # What a try that did not end has left.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS worker_words_best")
        op.execute(
            "CREATE INDEX CONCURRENTLY worker_words_best"
            " ON worker_words (score DESC, worker_id DESC)"
        )
        op.execute("RESET lock_timeout")


def downgrade() -> None:
    op.execute("DROP INDEX worker_words_best")
