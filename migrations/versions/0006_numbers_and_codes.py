"""A one-time code is for one purpose and, where there is one, one subject.

Codes that are on their way when this is brought out are for signing in.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PURPOSES = ("SIGN_IN", "REGISTRATION", "BOOKING", "OLD_NUMBER", "NEW_NUMBER")


def upgrade() -> None:
    known = ", ".join(f"'{purpose}'" for purpose in PURPOSES)
    op.execute(
        'ALTER TABLE one_time_code'
        ' ADD purpose text COLLATE "C" NOT NULL DEFAULT \'SIGN_IN\','
        ' ADD subject_id text COLLATE "C",'
        f" ADD CONSTRAINT one_time_code_purpose_known CHECK (purpose IN ({known}))"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE one_time_code DROP purpose, DROP subject_id")
