"""Reviews and categories are records that clients keep copies of, changes have tags, and parts of
exports say whom they are about.

The column is added without touching rows: those that are there have no tag. The release before
writes the log as it did, and PostgreSQL draws the tags. Reviews are noted some thousand at a time.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TAGGED = ("change_log", "webhook_delivery")
DRAWN = "left(gen_random_uuid()::text, 8)"
KINDS = ("WORKER", "PROVIDER", "SKILL", "BOOKING", "RATING")
MORE = ("REVIEW", "CATEGORY")
AT_ONCE = 5_000
CATEGORIES = """
    INSERT INTO record_change
           (kind, record_id, position, event, happened_at, districts, categories, purposes)
    SELECT 'CATEGORY', c.id, 0, 'Noted', now(), ARRAY(SELECT id FROM district ORDER BY 1),
           ARRAY[c.id], '{}'
      FROM service_category c
        ON CONFLICT DO NOTHING
"""
REVIEWS = """
    WITH noted AS (
        INSERT INTO record_change
               (kind, record_id, position, event, happened_at, districts, categories, purposes)
        SELECT 'REVIEW', r.id, 0, 'Noted', now(), ARRAY[b.district_id], ARRAY[b.category_id], '{}'
          FROM (SELECT id, booking_id FROM review WHERE id > :after ORDER BY id LIMIT :most) r
          JOIN booking b ON b.id = r.booking_id
            ON CONFLICT (kind, record_id) DO UPDATE SET position = record_change.position
        RETURNING record_id
    )
    SELECT max(record_id) FROM noted
"""


def upgrade() -> None:
    for table in TAGGED:
        op.add_column(table, sa.Column("tag", sa.Text(collation="C")))
    op.execute(f"ALTER TABLE change_log ALTER tag SET DEFAULT {DRAWN}")
    op.add_column("export_part", sa.Column("about", sa.ARRAY(sa.Text(collation="C"))))
    op.create_index("export_part_about", "export_part", ["about"], postgresql_using="gin")
    allow(*KINDS, *MORE)
    op.execute(CATEGORIES)
    with op.get_context().autocommit_block():
        connection, last = op.get_bind(), ""
        while last is not None:
            last = connection.scalar(sa.text(REVIEWS), {"after": last, "most": AT_ONCE})


def allow(*kinds: str) -> None:
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    op.execute(
        "ALTER TABLE record_change DROP CONSTRAINT record_change_kind_known,"
        f" ADD CONSTRAINT record_change_kind_known CHECK (kind IN ({listed}))"
    )


def downgrade() -> None:
    op.execute("DELETE FROM record_change WHERE kind IN ('REVIEW', 'CATEGORY')")
    allow(*KINDS)
    op.drop_column("export_part", "about")
    for table in TAGGED:
        op.drop_column(table, "tag")
