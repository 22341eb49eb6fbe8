"""Gender leaves the search rows, and a wish is kept with its estimate; commands that gateways
have sent are known."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
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
    op.create_table(
        "spent_call",
        sa.Column("gateway", sa.Text(collation="C"), nullable=False),
        sa.Column("nonce", sa.Text(collation="C"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "nonce", name=op.f("spent_call_pkey")),
    )
    op.create_index(op.f("spent_call_expires_at"), "spent_call", ["expires_at"])


def downgrade() -> None:
    op.drop_table("spent_call")
    op.drop_column("quote", "preferred_worker_gender")
    op.add_column("worker_place", sa.Column("gender", sa.Text(collation="C"), nullable=True))
