"""Background jobs: the tables and functions of procrastinate, as of the version named here.

A copy rather than the library's own file: a migration must do the same for ever. When the
library is raised, its migrations between the two versions become one of ours.
"""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = Path(__file__).parent.parent / "procrastinate" / "3.10.sql"


def upgrade() -> None:
    # Many statements in one string: past the layers that prepare one at a time.
    raw = op.get_bind().connection.dbapi_connection
    assert raw is not None
    raw.run_async(lambda connection: connection.execute(SCHEMA.read_text(encoding="utf-8")))
    # Whoever notifies takes a lock that all commits share, and commands put jobs on the list.
    # Workers ask once a second instead.
    op.execute("DROP TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs")


def downgrade() -> None:
    for table in ("periodic_defers", "events", "jobs", "workers"):
        op.execute(f"DROP TABLE procrastinate_{table} CASCADE")
    op.execute(
        """
        DO $$ DECLARE found record; BEGIN
            FOR found IN SELECT oid::regprocedure AS name FROM pg_proc
                          WHERE proname LIKE 'procrastinate\\_%' LOOP
                EXECUTE 'DROP FUNCTION ' || found.name || ' CASCADE';
            END LOOP;
        END $$
        """
    )
    for type_ in ("job_to_defer_v1", "job_status", "job_event_type"):
        op.execute(f"DROP TYPE IF EXISTS procrastinate_{type_} CASCADE")
