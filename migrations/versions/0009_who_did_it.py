"""The audit names who changed what, and keeps words and addresses apart from what never changes.

The reasons that there are move to `audit_detail`. The release before this one goes on writing
`audit_entry.reason`, which the next one empties again and drops.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WORDS = sa.Text(collation="C")
ADDED = (
    "session_id",
    "district_id",
    "department_id",
    "provider_id",
    "on_behalf_of",
    "reason_category",
    "detail_id",
)


def upgrade() -> None:
    op.create_table(
        "staff",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("number", sa.Integer(), sa.Identity(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="staff_pkey"),
        sa.UniqueConstraint("number", name="staff_number_unique"),
    )
    op.create_table(
        "audit_detail",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("reason", WORDS),
        sa.Column("address", WORDS),
        sa.Column("program", WORDS),
        sa.PrimaryKeyConstraint("id", name="audit_detail_pkey"),
    )
    for name in ADDED:
        op.add_column("audit_entry", sa.Column(name, WORDS))
    op.add_column("audit_entry", sa.Column("staff_number", sa.Integer()))
    op.create_index(
        "audit_entry_of_command",
        "audit_entry",
        ["fields", sa.text("position DESC")],
        postgresql_where=sa.text("type = 'Mutation'"),
    )
    op.execute(
        """
        CREATE FUNCTION staff_number(who text) RETURNS integer LANGUAGE plpgsql AS
        $$ DECLARE known integer; BEGIN
            SELECT number INTO known FROM staff WHERE id = who;
            IF known IS NULL THEN
                INSERT INTO staff (id) VALUES (who) ON CONFLICT (id) DO NOTHING;
                SELECT number INTO known FROM staff WHERE id = who;
            END IF;
            RETURN known;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_detail_never_less BEFORE DELETE OR TRUNCATE ON audit_detail
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """
    )
    # What was said or sent can be taken away, and nothing else be put in its place.
    op.execute(
        """
        CREATE TRIGGER audit_detail_only_emptied BEFORE UPDATE ON audit_detail FOR EACH ROW
        WHEN (
            NEW.id <> OLD.id
            OR NEW.reason IS NOT NULL AND NEW.reason IS DISTINCT FROM OLD.reason
            OR NEW.address IS NOT NULL AND NEW.address IS DISTINCT FROM OLD.address
            OR NEW.program IS NOT NULL AND NEW.program IS DISTINCT FROM OLD.program
        )
        EXECUTE FUNCTION refuse_change()
        """
    )
    move_reasons()


def move_reasons() -> None:
    op.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_append_only")
    op.execute(
        """
        INSERT INTO audit_detail (id, reason)
        SELECT 'of_' || position, reason FROM audit_entry WHERE reason IS NOT NULL
        """
    )
    op.execute(
        """
        UPDATE audit_entry SET detail_id = 'of_' || position, reason = NULL
         WHERE reason IS NOT NULL
        """
    )
    op.execute("ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_append_only")


def downgrade() -> None:
    op.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_append_only")
    op.execute(
        """
        UPDATE audit_entry SET reason = audit_detail.reason FROM audit_detail
         WHERE audit_detail.id = detail_id
        """
    )
    op.execute("ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_append_only")
    op.drop_index("audit_entry_of_command", table_name="audit_entry")
    for name in (*ADDED, "staff_number"):
        op.drop_column("audit_entry", name)
    op.drop_table("audit_detail")
    op.drop_table("staff")
    op.execute("DROP FUNCTION staff_number")
