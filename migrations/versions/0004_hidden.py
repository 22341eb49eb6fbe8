"""Gender is no search criterion: it leaves the search rows, and a wish is kept with its estimate."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("worker_place", "gender")
    op.add_column(
        "quote", sa.Column("preferred_worker_gender", sa.Text(collation="C"), nullable=True)
    )
    op.create_check_constraint(
        op.f("quote_preferred_worker_gender_known"),
        "quote",
        "preferred_worker_gender IN ('FEMALE', 'MALE', 'OTHER')",
    )


def downgrade() -> None:
    op.drop_column("quote", "preferred_worker_gender")
    op.add_column("worker_place", sa.Column("gender", sa.Text(collation="C"), nullable=True))
