"""Amounts of money have 64 bits, so that sums and products have room; none is larger than an Int.

Each table is written anew once, and locked until all are: two seconds for a million rows. The
release before reads and writes the new columns as it did the old ones.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

AMOUNTS = {
    "rate_card": ("amount_paise", "visit_charge_paise"),
    "quote": ("total_paise",),
    "quote_line": ("amount_paise",),
    "payment": ("amount_paise",),
}


def upgrade() -> None:
    for table, columns in AMOUNTS.items():
        # In one statement, which goes through the rows once.
        changes = [f"ALTER {column} TYPE bigint" for column in columns]
        changes += [
            f"ADD CONSTRAINT {table}_{column}_tellable CHECK (abs({column}) <= 2147483647)"
            for column in columns
        ]
        op.execute(f"ALTER TABLE {table} {', '.join(changes)}")


def downgrade() -> None:
    for table, columns in AMOUNTS.items():
        changes = [f"DROP CONSTRAINT {table}_{column}_tellable" for column in columns]
        changes += [f"ALTER {column} TYPE integer" for column in columns]
        op.execute(f"ALTER TABLE {table} {', '.join(changes)}")
