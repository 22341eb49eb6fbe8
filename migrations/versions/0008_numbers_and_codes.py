"""Numbers that people have proven, numbers that others wrote down, and codes for one thing each.

Whoever has a number now goes on signing in with it. Codes that are on their way when this is
brought out are for signing in.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

PURPOSES = ("SIGN_IN", "REGISTRATION", "BOOKING", "OLD_NUMBER", "NEW_NUMBER")
MOBILE = "^\\+91([6-9][0-9]{9}|0000[0-9]{6})$"
ACCOUNTS = ("citizen", "worker", "provider")


def upgrade() -> None:
    known = ", ".join(f"'{purpose}'" for purpose in PURPOSES)
    op.execute(
        "ALTER TABLE one_time_code"
        " ADD purpose text COLLATE \"C\" NOT NULL DEFAULT 'SIGN_IN',"
        ' ADD subject_id text COLLATE "C",'
        f" ADD CONSTRAINT one_time_code_purpose_known CHECK (purpose IN ({known}))"
    )
    for table in ACCOUNTS:
        op.execute(
            f'ALTER TABLE {table} ADD unproven_mobile text COLLATE "C", ADD mobile_used_at timestamptz'
        )
        # Of a column that is empty everywhere: nothing is there to be read.
        op.execute(
            f"CREATE INDEX {table}_unproven_mobile ON {table} (unproven_mobile)"
            " WHERE unproven_mobile IS NOT NULL"
        )
    for table in ("worker", "provider"):
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_unproven_mobile"
            f" CHECK (unproven_mobile ~ '{MOBILE}')"
        )


def downgrade() -> None:
    for table in ACCOUNTS:
        op.execute(f"ALTER TABLE {table} DROP unproven_mobile, DROP mobile_used_at")
    op.execute("ALTER TABLE one_time_code DROP purpose, DROP subject_id")
