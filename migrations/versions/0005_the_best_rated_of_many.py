"""The best rated first: a word that many have is found by walking in that order, not by sorting."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX worker_words_best ON worker_words (score DESC, worker_id DESC)")


def downgrade() -> None:
    op.execute("DROP INDEX worker_words_best")
