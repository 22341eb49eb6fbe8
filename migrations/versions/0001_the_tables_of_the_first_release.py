"""The tables of the first release."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute('CREATE TYPE textrange AS RANGE (subtype = text, collation = "C")')
    op.execute("CREATE SEQUENCE worker_codes START 5000001")
    op.execute("CREATE SEQUENCE provider_codes START 50001")
    op.execute("CREATE SEQUENCE booking_numbers START 5000001")
    op.create_table(
        "audit_entry",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "happened_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("actor_id", sa.Text(collation="C"), nullable=True),
        sa.Column("role", sa.Text(collation="C"), nullable=False),
        sa.Column("purposes", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("reason", sa.Text(collation="C"), nullable=True),
        sa.Column("refused", sa.Boolean(), nullable=False),
        sa.Column("type", sa.Text(collation="C"), nullable=False),
        sa.Column("subject_ids", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("fields", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("request_id", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("audit_entry_pkey")),
    )
    op.create_index(
        "audit_entry_of_actor",
        "audit_entry",
        ["actor_id", sa.literal_column("position DESC")],
        unique=False,
    )
    op.create_index(
        "audit_entry_of_subject",
        "audit_entry",
        ["subject_ids"],
        unique=False,
        postgresql_using="gin",
    )
    op.create_table(
        "booking_transition",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("command", sa.Text(collation="C"), nullable=False),
        sa.Column("from_state", sa.Text(collation="C"), nullable=True),
        sa.Column("to_state", sa.Text(collation="C"), nullable=False),
        sa.Column("actors", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("condition", sa.Text(collation="C"), nullable=True),
        sa.Column("event", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("booking_transition_pkey")),
        sa.UniqueConstraint(
            "command",
            "from_state",
            "to_state",
            name=op.f("booking_transition_command_from_state_to_state_unique"),
        ),
    )
    op.create_table(
        "cancellation_policy",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("hours_before", sa.Integer(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'ASSIGNED', 'ACCEPTED', 'EN_ROUTE', 'ARRIVED', 'IN_PROGRESS', 'QUOTE_REVISED', 'COMPLETED', 'CANCELLED', 'EXPIRED', 'NO_SHOW')",
            name=op.f("cancellation_policy_state_known"),
        ),
        sa.CheckConstraint(
            "percent BETWEEN 0 AND 100", name=op.f("cancellation_policy_percent_range")
        ),
        sa.PrimaryKeyConstraint("version", "state", name=op.f("cancellation_policy_pkey")),
    )
    op.create_table(
        "change_log",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("event", sa.Text(collation="C"), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("change_log_pkey")),
    )
    op.create_index(op.f("change_log_subject_id"), "change_log", ["subject_id"], unique=False)
    op.create_table(
        "command_done",
        sa.Column("viewer_id", sa.Text(collation="C"), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("command", sa.Text(collation="C"), nullable=False),
        sa.Column("input_hash", sa.Text(collation="C"), nullable=False),
        sa.Column("result_id", sa.Text(collation="C"), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("viewer_id", "key", name=op.f("command_done_pkey")),
    )
    op.create_index("command_done_by_age", "command_done", ["done_at"], unique=False)
    op.create_table(
        "consent_record",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("purpose", sa.Text(collation="C"), nullable=False),
        sa.Column("notice_version", sa.Text(collation="C"), nullable=False),
        sa.Column("language", sa.Text(collation="C"), nullable=False),
        sa.Column("channel", sa.Text(collation="C"), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "purpose IN ('JOB_MATCHING', 'SKILL_RECORDS', 'SOCIAL_SECURITY', 'RESEARCH', 'PHOTO')",
            name=op.f("consent_record_purpose_known"),
        ),
        sa.CheckConstraint(
            "channel IN ('APP', 'PORTAL', 'HELPLINE', 'BLOCK_OFFICE', 'CSC', 'PROVIDER')",
            name=op.f("consent_record_channel_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("consent_record_pkey")),
    )
    op.create_index(
        op.f("consent_record_subject_id"), "consent_record", ["subject_id"], unique=False
    )
    op.create_index(
        "consent_record_standing",
        "consent_record",
        ["subject_id", "purpose"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_table(
        "demo_account",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.Text(collation="C"), nullable=False),
        sa.Column("person_id", sa.Text(collation="C"), nullable=False),
        sa.Column("district_ids", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("provider_id", sa.Text(collation="C"), nullable=True),
        sa.Column("department_id", sa.Text(collation="C"), nullable=True),
        sa.Column("purposes", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.CheckConstraint(
            "role IN ('ANONYMOUS', 'CITIZEN', 'WORKER', 'PROVIDER', 'HELPLINE', 'DISTRICT_OFFICER', 'STATE_OFFICER', 'DEPARTMENT', 'PARTNER', 'MODERATOR', 'AUDITOR')",
            name=op.f("demo_account_role_known"),
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("demo_account_pkey")),
    )
    op.create_table(
        "division",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("slug", sa.Text(collation="C"), nullable=False),
        sa.Column("name_en", sa.Text(collation="C"), nullable=False),
        sa.Column("name_hi", sa.Text(collation="C"), nullable=False),
        sa.Column("headquarters_en", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("division_pkey")),
        sa.UniqueConstraint("slug", name=op.f("division_slug_unique")),
    )
    op.create_table(
        "erasure_request",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Text(collation="C"), nullable=True),
        sa.Column("answer", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'GRANTED', 'DECLINED')",
            name=op.f("erasure_request_state_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("erasure_request_pkey")),
    )
    op.create_index(
        "erasure_request_open",
        "erasure_request",
        ["subject_id"],
        unique=True,
        postgresql_where=sa.text("state = 'REQUESTED'"),
    )
    op.create_table(
        "follower",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("follower_pkey")),
    )
    op.create_table(
        "one_time_code",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("mobile", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.Text(collation="C"), nullable=False),
        sa.Column("address", sa.Text(collation="C"), nullable=False),
        sa.Column("hash", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "sent_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("one_time_code_pkey")),
    )
    op.create_index(
        "one_time_code_of_address",
        "one_time_code",
        ["address", sa.literal_column("sent_at DESC")],
        unique=False,
    )
    op.create_index(
        "one_time_code_of_phone",
        "one_time_code",
        ["mobile", sa.literal_column("sent_at DESC")],
        unique=False,
    )
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("event", sa.Text(collation="C"), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "happened_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("outbox_pkey")),
    )
    op.create_table(
        "partner_client",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("secret_hash", sa.Text(collation="C"), nullable=True),
        sa.Column("public_keys", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("purposes", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("district_ids", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column(
            "registered_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("partner_client_pkey")),
    )
    op.create_table(
        "export",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("client_id", sa.Text(collation="C"), nullable=False),
        sa.Column("document", sa.Text(collation="C"), nullable=False),
        sa.Column("operation_name", sa.Text(collation="C"), nullable=True),
        sa.Column("variables", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("format", sa.Text(collation="C"), nullable=False),
        sa.Column("compression", sa.Text(collation="C"), nullable=False),
        sa.Column("shape", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("contract", sa.Text(collation="C"), nullable=False),
        sa.Column("purposes", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("district_ids", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(collation="C"), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("rows_written", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("parts_written", sa.Integer(), server_default="0", nullable=False),
        sa.Column("warnings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cursor", sa.Text(collation="C"), nullable=True),
        sa.Column("held_by", sa.Text(collation="C"), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("has_files", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint(
            "compression IN ('NONE', 'GZIP', 'ZSTD')", name=op.f("export_compression_known")
        ),
        sa.CheckConstraint(
            "format IN ('JSON_LINES', 'CSV', 'PARQUET')", name=op.f("export_format_known")
        ),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'RUNNING', 'DONE', 'CANCELLED', 'FAILED', 'EXPIRED')",
            name=op.f("export_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["client_id"], ["partner_client.id"], name=op.f("export_client_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("export_pkey")),
    )
    op.create_index("export_of_client", "export", ["client_id", "asked_at"], unique=False)
    op.create_index(
        "export_unfinished",
        "export",
        ["asked_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('QUEUED', 'RUNNING')"),
    )
    op.create_table(
        "export_part",
        sa.Column("export_id", sa.Text(collation="C"), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number >= 1", name=op.f("export_part_number_range")),
        sa.CheckConstraint("row_count >= 0", name=op.f("export_part_row_count_range")),
        sa.ForeignKeyConstraint(
            ["export_id"],
            ["export.id"],
            name=op.f("export_part_export_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("export_id", "number", name=op.f("export_part_pkey")),
    )
    op.create_table(
        "record_change",
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("record_id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.Text(collation="C"), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("whose", sa.Text(collation="C"), nullable=True),
        sa.Column("districts", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("categories", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("purposes", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.CheckConstraint(
            "kind IN ('WORKER', 'PROVIDER', 'SKILL', 'BOOKING', 'RATING')",
            name=op.f("record_change_kind_known"),
        ),
        sa.PrimaryKeyConstraint("kind", "record_id", name=op.f("record_change_pkey")),
    )
    op.create_index(
        "record_change_in_order", "record_change", ["kind", "position", "record_id"], unique=False
    )
    op.create_index(op.f("record_change_whose"), "record_change", ["whose"], unique=False)
    op.create_table(
        "provider",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "code",
            sa.Text(collation="C"),
            server_default=sa.text("'SP' || lpad(nextval('provider_codes')::text, 5, '0')"),
            nullable=False,
        ),
        sa.Column("name_en", sa.Text(collation="C"), nullable=False),
        sa.Column("name_hi", sa.Text(collation="C"), nullable=False),
        sa.Column("status", sa.Text(collation="C"), nullable=False),
        sa.Column("status_reason", sa.Text(collation="C"), nullable=True),
        sa.Column("empanelled_from", sa.Date(), nullable=True),
        sa.Column("empanelled_until", sa.Date(), nullable=True),
        sa.Column("mou_reference", sa.Text(collation="C"), nullable=True),
        sa.Column("gstin", sa.Text(collation="C"), nullable=True),
        sa.Column("pan_masked", sa.Text(collation="C"), nullable=True),
        sa.Column("mobile", sa.Text(collation="C"), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('APPLIED', 'EMPANELLED', 'SUSPENDED', 'EXPIRED', 'TERMINATED')",
            name=op.f("provider_status_known"),
        ),
        sa.CheckConstraint(
            "empanelled_until > empanelled_from", name=op.f("provider_empanelment_ordered")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("provider_pkey")),
        sa.UniqueConstraint("code", name=op.f("provider_code_unique")),
        sa.UniqueConstraint("mobile", name=op.f("provider_mobile_unique")),
    )
    op.create_index(
        "provider_listed",
        "provider",
        ["code"],
        unique=False,
        postgresql_where=sa.text("status = 'EMPANELLED'"),
    )
    op.create_table(
        "service_category",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("slug", sa.Text(collation="C"), nullable=False),
        sa.Column("name_en", sa.Text(collation="C"), nullable=False),
        sa.Column("name_hi", sa.Text(collation="C"), nullable=False),
        sa.Column("group", sa.Text(collation="C"), nullable=False),
        sa.Column("nco_code", sa.Text(collation="C"), nullable=True),
        sa.Column("nco_title", sa.Text(collation="C"), nullable=True),
        sa.Column("qp_code", sa.Text(collation="C"), nullable=True),
        sa.Column("qp_title", sa.Text(collation="C"), nullable=True),
        sa.Column("nsqf_level", sa.Text(collation="C"), nullable=True),
        sa.Column("regulations", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("gender_preference", sa.Boolean(), nullable=False),
        sa.Column("rework_days", sa.Integer(), server_default="7", nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "rework_days BETWEEN 7 AND 30", name=op.f("service_category_rework_days_range")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("service_category_pkey")),
        sa.UniqueConstraint("number", name=op.f("service_category_number_unique")),
        sa.UniqueConstraint("slug", name=op.f("service_category_slug_unique")),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("person_id", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.Text(collation="C"), nullable=False),
        sa.Column("device", sa.Text(collation="C"), nullable=True),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refresh_hash", sa.Text(collation="C"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "role IN ('ANONYMOUS', 'CITIZEN', 'WORKER', 'PROVIDER', 'HELPLINE', 'DISTRICT_OFFICER', 'STATE_OFFICER', 'DEPARTMENT', 'PARTNER', 'MODERATOR', 'AUDITOR')",
            name=op.f("session_role_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("session_pkey")),
        sa.UniqueConstraint("refresh_hash", name=op.f("session_refresh_hash_unique")),
    )
    op.create_index("session_of_person", "session", ["person_id"], unique=False)
    op.create_table(
        "district",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("lgd_code", sa.Integer(), nullable=False),
        sa.Column("census_code", sa.Text(collation="C"), nullable=True),
        sa.Column("slug", sa.Text(collation="C"), nullable=False),
        sa.Column("name_en", sa.Text(collation="C"), nullable=False),
        sa.Column("name_hi", sa.Text(collation="C"), nullable=False),
        sa.Column("also_known_as", sa.Text(collation="C"), nullable=True),
        sa.Column("division_id", sa.Text(collation="C"), nullable=False),
        sa.Column("headquarters_en", sa.Text(collation="C"), nullable=False),
        sa.Column("headquarters_hi", sa.Text(collation="C"), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["division_id"], ["division.id"], name=op.f("district_division_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("district_pkey")),
        sa.UniqueConstraint("lgd_code", name=op.f("district_lgd_code_unique")),
        sa.UniqueConstraint("name_en", name=op.f("district_name_en_unique")),
        sa.UniqueConstraint("slug", name=op.f("district_slug_unique")),
    )
    op.create_index(op.f("district_division_id"), "district", ["division_id"], unique=False)
    op.create_table(
        "service",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("category_id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("slug", sa.Text(collation="C"), nullable=False),
        sa.Column("name_en", sa.Text(collation="C"), nullable=False),
        sa.Column("name_hi", sa.Text(collation="C"), nullable=False),
        sa.Column("unit", sa.Text(collation="C"), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("ondc_code", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint("duration_minutes >= 1", name=op.f("service_duration_minutes_range")),
        sa.ForeignKeyConstraint(
            ["category_id"], ["service_category.id"], name=op.f("service_category_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("service_pkey")),
        sa.UniqueConstraint("category_id", "slug", name="service_slug_unique"),
    )
    op.create_index(op.f("service_category_id"), "service", ["category_id"], unique=False)
    op.create_table(
        "spent_assertion",
        sa.Column("client_id", sa.Text(collation="C"), nullable=False),
        sa.Column("jti", sa.Text(collation="C"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["partner_client.id"], name=op.f("spent_assertion_client_id_fkey")
        ),
        sa.PrimaryKeyConstraint("client_id", "jti", name=op.f("spent_assertion_pkey")),
    )
    op.create_index(
        op.f("spent_assertion_expires_at"), "spent_assertion", ["expires_at"], unique=False
    )
    op.create_table(
        "spent_token",
        sa.Column("hash", sa.Text(collation="C"), nullable=False),
        sa.Column("session_id", sa.Text(collation="C"), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.id"], name=op.f("spent_token_session_id_fkey")
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("spent_token_pkey")),
    )
    op.create_index(op.f("spent_token_session_id"), "spent_token", ["session_id"], unique=False)
    op.create_table(
        "citizen",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("first_name_en", sa.Text(collation="C"), nullable=True),
        sa.Column("first_name_hi", sa.Text(collation="C"), nullable=True),
        sa.Column("surname_en", sa.Text(collation="C"), nullable=True),
        sa.Column("surname_hi", sa.Text(collation="C"), nullable=True),
        sa.Column("gender", sa.Text(collation="C"), nullable=True),
        sa.Column("mobile", sa.Text(collation="C"), nullable=True),
        sa.Column("language", sa.Text(collation="C"), nullable=False),
        sa.Column("district_id", sa.Text(collation="C"), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "gender IN ('FEMALE', 'MALE', 'OTHER')", name=op.f("citizen_gender_known")
        ),
        sa.ForeignKeyConstraint(
            ["district_id"], ["district.id"], name=op.f("citizen_district_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("citizen_pkey")),
        sa.UniqueConstraint("mobile", name=op.f("citizen_mobile_unique")),
    )
    op.create_table(
        "department",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), server_default="OFFICE", nullable=False),
        sa.Column("name_en", sa.Text(collation="C"), nullable=False),
        sa.Column("name_hi", sa.Text(collation="C"), nullable=False),
        sa.Column("district_id", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint("kind IN ('OFFICE', 'FIRM')", name=op.f("department_kind_known")),
        sa.ForeignKeyConstraint(
            ["district_id"], ["district.id"], name=op.f("department_district_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("department_pkey")),
    )
    op.create_table(
        "pin",
        sa.Column("code", sa.Text(collation="C"), nullable=False),
        sa.Column("district_id", sa.Text(collation="C"), nullable=False),
        sa.Column("other_district_ids", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("main_office", sa.Text(collation="C"), nullable=False),
        sa.ForeignKeyConstraint(
            ["district_id"], ["district.id"], name=op.f("pin_district_id_fkey")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pin_pkey")),
    )
    op.create_index(op.f("pin_district_id"), "pin", ["district_id"], unique=False)
    op.create_table(
        "provider_district",
        sa.Column("provider_id", sa.Text(collation="C"), nullable=False),
        sa.Column("district_id", sa.Text(collation="C"), nullable=False),
        sa.ForeignKeyConstraint(
            ["district_id"], ["district.id"], name=op.f("provider_district_district_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["provider.id"], name=op.f("provider_district_provider_id_fkey")
        ),
        sa.PrimaryKeyConstraint("provider_id", "district_id", name=op.f("provider_district_pkey")),
    )
    op.create_index(
        op.f("provider_district_district_id"), "provider_district", ["district_id"], unique=False
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "code",
            sa.Text(collation="C"),
            server_default=sa.text("'SM' || lpad(nextval('worker_codes')::text, 7, '0')"),
            nullable=False,
        ),
        sa.Column("status", sa.Text(collation="C"), nullable=False),
        sa.Column("status_reason", sa.Text(collation="C"), nullable=True),
        sa.Column("first_name_en", sa.Text(collation="C"), nullable=True),
        sa.Column("first_name_hi", sa.Text(collation="C"), nullable=True),
        sa.Column("initial_en", sa.Text(collation="C"), nullable=True),
        sa.Column("initial_hi", sa.Text(collation="C"), nullable=True),
        sa.Column("languages", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("years_experience", sa.Integer(), nullable=False),
        sa.Column("photo_url", sa.Text(collation="C"), nullable=True),
        sa.Column("district_id", sa.Text(collation="C"), nullable=False),
        sa.Column("provider_id", sa.Text(collation="C"), nullable=True),
        sa.Column("cell", sa.Text(collation="C"), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.Column("surname_en", sa.Text(collation="C"), nullable=True),
        sa.Column("surname_hi", sa.Text(collation="C"), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gender", sa.Text(collation="C"), nullable=True),
        sa.Column("birth_year", sa.Integer(), nullable=True),
        sa.Column("eshram_uan", sa.Text(collation="C"), nullable=True),
        sa.Column("mobile", sa.Text(collation="C"), nullable=True),
        sa.Column("alternate_mobile", sa.Text(collation="C"), nullable=True),
        sa.Column("email", sa.Text(collation="C"), nullable=True),
        sa.Column("home_latitude", sa.Double(), nullable=True),
        sa.Column("home_longitude", sa.Double(), nullable=True),
        sa.Column("channel", sa.Text(collation="C"), nullable=False),
        sa.Column("enrolled_by", sa.Text(collation="C"), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("home_address", sa.Text(collation="C"), nullable=True),
        sa.Column("aadhaar_last4", sa.Text(collation="C"), nullable=True),
        sa.Column("kyc_method", sa.Text(collation="C"), nullable=True),
        sa.Column("bank_last4", sa.Text(collation="C"), nullable=True),
        sa.Column("emergency_contact", sa.Text(collation="C"), nullable=True),
        sa.Column("tablet_serial", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint("aadhaar_last4 ~ '^[0-9]{4}$'", name=op.f("worker_aadhaar_last4_only")),
        sa.CheckConstraint("bank_last4 ~ '^[0-9]{4}$'", name=op.f("worker_bank_last4_only")),
        sa.CheckConstraint(
            "channel IN ('SELF', 'BLOCK_OFFICE', 'CSC', 'PROVIDER', 'IMPORT')",
            name=op.f("worker_channel_known"),
        ),
        sa.CheckConstraint(
            "gender IN ('FEMALE', 'MALE', 'OTHER')", name=op.f("worker_gender_known")
        ),
        sa.CheckConstraint(
            "status <> 'ERASED' OR mobile IS NULL", name=op.f("worker_erased_is_anonymous")
        ),
        sa.CheckConstraint(
            "status IN ('DRAFT', 'SUBMITTED', 'UNDER_VERIFICATION', 'ACTIVE', 'SUSPENDED', 'INACTIVE', 'REJECTED', 'ERASED')",
            name=op.f("worker_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["district_id"], ["district.id"], name=op.f("worker_district_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["provider.id"], name=op.f("worker_provider_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("worker_pkey")),
        sa.UniqueConstraint("code", name=op.f("worker_code_unique")),
        sa.UniqueConstraint("eshram_uan", name=op.f("worker_eshram_uan_unique")),
        sa.UniqueConstraint("mobile", name=op.f("worker_mobile_unique")),
        sa.UniqueConstraint("tablet_serial", name=op.f("worker_tablet_serial_unique")),
    )
    op.create_index(
        "worker_by_experience",
        "worker",
        [sa.literal_column("years_experience DESC"), sa.literal_column("code DESC")],
        unique=False,
        postgresql_where=sa.text("status = 'ACTIVE'"),
    )
    op.create_index("worker_by_status", "worker", ["status", "district_id"], unique=False)
    op.create_index(
        "worker_of_team",
        "worker",
        ["provider_id", "code"],
        unique=False,
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.create_index(
        "worker_listed",
        "worker",
        ["code"],
        unique=False,
        postgresql_where=sa.text("status = 'ACTIVE'"),
    )
    op.create_index(
        "worker_of_district",
        "worker",
        ["district_id", "code"],
        unique=False,
        postgresql_where=sa.text("status = 'ACTIVE'"),
    )
    op.create_index(
        "worker_of_provider",
        "worker",
        ["provider_id", "code"],
        unique=False,
        postgresql_where=sa.text("status = 'ACTIVE'"),
    )
    op.create_table(
        "address",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("citizen_id", sa.Text(collation="C"), nullable=False),
        sa.Column("label", sa.Text(collation="C"), nullable=False),
        sa.Column("line", sa.Text(collation="C"), nullable=False),
        sa.Column("district_id", sa.Text(collation="C"), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["citizen_id"], ["citizen.id"], name=op.f("address_citizen_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["district_id"], ["district.id"], name=op.f("address_district_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("address_pkey")),
    )
    op.create_index(op.f("address_citizen_id"), "address", ["citizen_id"], unique=False)
    op.create_table(
        "availability_exception",
        sa.Column("worker_id", sa.Text(collation="C"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(collation="C"), nullable=True),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("availability_exception_worker_id_fkey")
        ),
        sa.PrimaryKeyConstraint("worker_id", "day", name=op.f("availability_exception_pkey")),
    )
    op.create_table(
        "availability_rule",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("from_time", sa.Time(), nullable=False),
        sa.Column("until_time", sa.Time(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.CheckConstraint("until_time > from_time", name=op.f("availability_rule_hours_ordered")),
        sa.CheckConstraint("weekday BETWEEN 1 AND 7", name=op.f("availability_rule_weekday_known")),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("availability_rule_worker_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("availability_rule_pkey")),
    )
    op.create_index(
        "availability_rule_of_worker", "availability_rule", ["worker_id", "weekday"], unique=False
    )
    op.create_table(
        "booking",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("category_id", sa.Text(collation="C"), nullable=False),
        sa.Column("completed_month", sa.Date(), nullable=True),
        sa.Column(
            "number",
            sa.Text(collation="C"),
            server_default=sa.text(
                "'SM' || to_char(timezone('Asia/Kolkata', now()), 'YY') || '-'"
                " || lpad(nextval('booking_numbers')::text, 7, '0')"
            ),
            nullable=False,
        ),
        sa.Column("citizen_id", sa.Text(collation="C"), nullable=True),
        sa.Column("department_id", sa.Text(collation="C"), nullable=True),
        sa.Column("created_by", sa.Text(collation="C"), nullable=False),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=True),
        sa.Column("provider_id", sa.Text(collation="C"), nullable=True),
        sa.Column("district_id", sa.Text(collation="C"), nullable=False),
        sa.Column("address", sa.Text(collation="C"), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("channel", sa.Text(collation="C"), nullable=False),
        sa.Column("language", sa.Text(collation="C"), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contact_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("contact_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("call_id", sa.Text(collation="C"), nullable=True),
        sa.Column("cancellation_policy_version", sa.Integer(), nullable=False),
        sa.Column("rework_of_id", sa.Text(collation="C"), nullable=True),
        sa.Column("replaces_id", sa.Text(collation="C"), nullable=True),
        sa.Column("preferred_worker_id", sa.Text(collation="C"), nullable=True),
        sa.Column("priority", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("moved", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("preferred_worker_gender", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "(state = 'COMPLETED') = (completed_at IS NOT NULL)", name=op.f("booking_completed_at")
        ),
        sa.CheckConstraint(
            "channel IN ('APP', 'PORTAL', 'HELPLINE', 'DEPARTMENT', 'ONDC')",
            name=op.f("booking_channel_known"),
        ),
        sa.CheckConstraint(
            "preferred_worker_gender IN ('FEMALE', 'MALE', 'OTHER')",
            name=op.f("booking_preferred_worker_gender_known"),
        ),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'ASSIGNED', 'ACCEPTED', 'EN_ROUTE', 'ARRIVED', 'IN_PROGRESS', 'QUOTE_REVISED', 'COMPLETED', 'CANCELLED', 'EXPIRED', 'NO_SHOW')",
            name=op.f("booking_state_known"),
        ),
        sa.CheckConstraint(
            "worker_id IS NOT NULL OR state IN ('REQUESTED', 'CANCELLED', 'EXPIRED')",
            name=op.f("booking_worker_assigned"),
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("booking_slot_ordered")),
        sa.CheckConstraint(
            "num_nonnulls(citizen_id, department_id) = 1", name=op.f("booking_one_booker")
        ),
        sa.ForeignKeyConstraint(
            ["category_id"], ["service_category.id"], name=op.f("booking_category_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["citizen_id"], ["citizen.id"], name=op.f("booking_citizen_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["department_id"], ["department.id"], name=op.f("booking_department_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["district_id"], ["district.id"], name=op.f("booking_district_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["preferred_worker_id"], ["worker.id"], name=op.f("booking_preferred_worker_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["provider.id"], name=op.f("booking_provider_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["booking.id"], name=op.f("booking_replaces_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["rework_of_id"], ["booking.id"], name=op.f("booking_rework_of_id_fkey")
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("booking_worker_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("booking_pkey")),
        sa.UniqueConstraint("call_id", name=op.f("booking_call_id_unique")),
        sa.UniqueConstraint("number", name=op.f("booking_number_unique")),
        sa.UniqueConstraint("replaces_id", name=op.f("booking_replaces_id_unique")),
    )
    op.create_index(
        "booking_rework_open",
        "booking",
        ["rework_of_id"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('COMPLETED', 'CANCELLED', 'EXPIRED', 'NO_SHOW')"),
    )
    op.create_index(
        "booking_by_start",
        "booking",
        [sa.literal_column("starts_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "booking_by_state", "booking", ["state", "district_id", "category_id"], unique=False
    )
    op.create_index(op.f("booking_department_id"), "booking", ["department_id"], unique=False)
    op.create_index(
        "booking_of_citizen",
        "booking",
        ["citizen_id", sa.literal_column("starts_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(
        "booking_of_worker",
        "booking",
        ["worker_id", sa.literal_column("starts_at DESC"), sa.literal_column("id DESC")],
        unique=False,
    )
    op.create_index(op.f("booking_provider_id"), "booking", ["provider_id"], unique=False)
    op.create_table(
        "document",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("media_type", sa.Text(collation="C"), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(collation="C"), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('PHOTO', 'IDENTITY', 'ADDRESS', 'CERTIFICATE', 'POLICE', 'AFFIDAVIT', 'LICENCE')",
            name=op.f("document_kind_known"),
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("document_worker_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("document_pkey")),
    )
    op.create_index(op.f("document_worker_id"), "document", ["worker_id"], unique=False)
    op.create_table(
        "upload",
        sa.Column("ticket_hash", sa.Text(collation="C"), nullable=False),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("media_type", sa.Text(collation="C"), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(collation="C"), nullable=False),
        sa.Column("requested_by", sa.Text(collation="C"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('PHOTO', 'IDENTITY', 'ADDRESS', 'CERTIFICATE', 'POLICE', 'AFFIDAVIT', 'LICENCE')",
            name=op.f("upload_kind_known"),
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("upload_worker_id_fkey")),
        sa.PrimaryKeyConstraint("ticket_hash", name=op.f("upload_pkey")),
    )
    op.create_index(op.f("upload_worker_id"), "upload", ["worker_id"], unique=False)
    op.create_table(
        "engagement",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=False),
        sa.Column("department_id", sa.Text(collation="C"), nullable=False),
        sa.Column("purpose", sa.Text(collation="C"), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("status", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint("status IN ('ACTIVE', 'ENDED')", name=op.f("engagement_status_known")),
        sa.CheckConstraint("ends_on > starts_on", name=op.f("engagement_dates_ordered")),
        sa.ForeignKeyConstraint(
            ["department_id"], ["department.id"], name=op.f("engagement_department_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("engagement_worker_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("engagement_pkey")),
    )
    op.create_index(op.f("engagement_department_id"), "engagement", ["department_id"], unique=False)
    op.create_index(op.f("engagement_worker_id"), "engagement", ["worker_id"], unique=False)
    op.create_table(
        "rate_card",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("provider_id", sa.Text(collation="C"), nullable=True),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=True),
        sa.Column("service_id", sa.Text(collation="C"), nullable=False),
        sa.Column("district_id", sa.Text(collation="C"), nullable=False),
        sa.Column("amount_paise", sa.Integer(), nullable=False),
        sa.Column("visit_charge_paise", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rejection_reason", sa.Text(collation="C"), nullable=True),
        sa.Column("decided_by", sa.Text(collation="C"), nullable=True),
        postgresql.ExcludeConstraint(
            (
                sa.text(
                    "textrange("
                    "coalesce(provider_id || '/' || district_id, worker_id) || '/' || service_id, "
                    "coalesce(provider_id || '/' || district_id, worker_id) || '/' || service_id, "
                    "'[]')"
                ),
                "&&",
            ),
            (sa.text("daterange(valid_from, valid_until)"), "&&"),
            where=sa.text("approved_at IS NOT NULL"),
            using="gist",
            name="rate_card_holds_alone",
        ),
        sa.CheckConstraint(
            "num_nonnulls(approved_at, rejected_at) < 2", name=op.f("rate_card_decided_once")
        ),
        sa.CheckConstraint("amount_paise >= 1", name=op.f("rate_card_amount_paise_range")),
        sa.CheckConstraint(
            "num_nonnulls(provider_id, worker_id) = 1", name=op.f("rate_card_one_owner")
        ),
        sa.CheckConstraint(
            "valid_until IS NULL OR valid_until >= valid_from", name=op.f("rate_card_dates_ordered")
        ),
        sa.CheckConstraint(
            "visit_charge_paise >= 0", name=op.f("rate_card_visit_charge_paise_range")
        ),
        sa.ForeignKeyConstraint(
            ["district_id"], ["district.id"], name=op.f("rate_card_district_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["provider.id"], name=op.f("rate_card_provider_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("rate_card_service_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("rate_card_worker_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("rate_card_pkey")),
    )
    op.create_index(
        "rate_card_of_provider",
        "rate_card",
        ["provider_id", "district_id", "service_id", sa.literal_column("version DESC")],
        unique=True,
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.create_index(
        "rate_card_of_worker",
        "rate_card",
        ["worker_id", "service_id", sa.literal_column("version DESC")],
        unique=True,
        postgresql_where=sa.text("worker_id IS NOT NULL"),
    )
    op.create_index(op.f("rate_card_service_id"), "rate_card", ["service_id"], unique=False)
    op.create_index(
        "rate_card_proposed",
        "rate_card",
        ["valid_from", "id"],
        unique=False,
        postgresql_where=sa.text("approved_at IS NULL AND rejected_at IS NULL"),
    )
    op.create_table(
        "rating_summary",
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=True),
        sa.Column("provider_id", sa.Text(collation="C"), nullable=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("sum", sa.Integer(), nullable=False),
        sa.Column("histogram", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("prior", sa.Double(), nullable=False),
        sa.Column("prior_weight", sa.Integer(), nullable=False),
        sa.Column("bayesian", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "count = histogram[1] + histogram[2] + histogram[3] + histogram[4] + histogram[5]",
            name=op.f("rating_summary_histogram_counts"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(worker_id, provider_id) = 1", name=op.f("rating_summary_one_subject")
        ),
        sa.CheckConstraint(
            "subject_id = coalesce(worker_id, provider_id)",
            name=op.f("rating_summary_its_subject"),
        ),
        sa.CheckConstraint(
            "sum = histogram[1] + 2 * histogram[2] + 3 * histogram[3] + 4 * histogram[4] + 5 * histogram[5]",
            name=op.f("rating_summary_histogram_sums"),
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["provider.id"], name=op.f("rating_summary_provider_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("rating_summary_worker_id_fkey")
        ),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("rating_summary_pkey")),
    )
    op.create_table(
        "service_area",
        sa.Column("worker_id", sa.Text(collation="C"), nullable=False),
        sa.Column("radius_km", sa.Integer(), nullable=False),
        sa.CheckConstraint("radius_km >= 1", name=op.f("service_area_radius_km_range")),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("service_area_worker_id_fkey")
        ),
        sa.PrimaryKeyConstraint("worker_id", name=op.f("service_area_pkey")),
    )
    op.create_table(
        "verification",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(collation="C"), nullable=False),
        sa.Column("method", sa.Text(collation="C"), nullable=True),
        sa.Column("verified_by", sa.Text(collation="C"), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("evidence_reference", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "kind IN ('IDENTITY', 'SKILL', 'POLICE', 'ADDRESS', 'LICENCE')",
            name=op.f("verification_kind_known"),
        ),
        sa.CheckConstraint(
            "status IN ('PENDING', 'VERIFIED', 'REJECTED', 'EXPIRED')",
            name=op.f("verification_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("verification_worker_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("verification_pkey")),
        sa.UniqueConstraint("worker_id", "kind", name=op.f("verification_worker_id_kind_unique")),
    )
    op.create_table(
        "worker_place",
        sa.Column("worker_id", sa.Text(collation="C"), nullable=False),
        sa.Column("category_number", sa.Integer(), nullable=False),
        sa.Column("cell", sa.Text(collation="C"), nullable=False),
        sa.Column("area", sa.Text(collation="C"), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("languages", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("gender", sa.Text(collation="C"), nullable=True),
        sa.ForeignKeyConstraint(
            ["category_number"],
            ["service_category.number"],
            name=op.f("worker_place_category_number_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("worker_place_worker_id_fkey")
        ),
        sa.PrimaryKeyConstraint("worker_id", "category_number", name=op.f("worker_place_pkey")),
    )
    op.create_index(
        "worker_place_by_rating",
        "worker_place",
        [
            "category_number",
            "cell",
            sa.literal_column("score DESC"),
            sa.literal_column("worker_id DESC"),
        ],
        unique=False,
    )
    op.create_index(
        "worker_place_by_rating_wide",
        "worker_place",
        [
            "category_number",
            "area",
            sa.literal_column("score DESC"),
            sa.literal_column("worker_id DESC"),
        ],
        unique=False,
    )
    op.create_index(
        "worker_place_nearest",
        "worker_place",
        ["category_number", "cell", "worker_id"],
        unique=False,
    )
    op.create_table(
        "worker_skill",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=False),
        sa.Column("category_id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("years_experience", sa.Integer(), nullable=False),
        sa.Column("nsqf_level", sa.Text(collation="C"), nullable=True),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("qp_code", sa.Text(collation="C"), nullable=True),
        sa.Column("qp_version", sa.Text(collation="C"), nullable=True),
        sa.Column("certificate_number", sa.Text(collation="C"), nullable=True),
        sa.Column("awarding_body", sa.Text(collation="C"), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "qp_code IS NULL OR qp_version IS NOT NULL", name=op.f("worker_skill_qp_has_version")
        ),
        sa.CheckConstraint(
            "years_experience >= 0", name=op.f("worker_skill_years_experience_range")
        ),
        sa.ForeignKeyConstraint(
            ["category_id"], ["service_category.id"], name=op.f("worker_skill_category_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("worker_skill_worker_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("worker_skill_pkey")),
        sa.UniqueConstraint(
            "certificate_number", name=op.f("worker_skill_certificate_number_unique")
        ),
        sa.UniqueConstraint(
            "worker_id", "category_id", name=op.f("worker_skill_worker_id_category_id_unique")
        ),
    )
    op.create_index(
        "worker_skill_of_category", "worker_skill", ["category_id", "worker_id"], unique=False
    )
    op.create_table(
        "worker_words",
        sa.Column("worker_id", sa.Text(collation="C"), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("worker_words_worker_id_fkey")
        ),
        sa.PrimaryKeyConstraint("worker_id", name=op.f("worker_words_pkey")),
    )
    op.create_index(
        "worker_words_found", "worker_words", ["words"], unique=False, postgresql_using="gin"
    )
    op.create_table(
        "assignment",
        sa.Column("booking_id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(collation="C"), nullable=False),
        sa.Column("reason", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('OFFERED', 'ACCEPTED', 'DECLINED', 'LAPSED', 'REASSIGNED', 'CANCELLED')",
            name=op.f("assignment_outcome_known"),
        ),
        sa.CheckConstraint("expires_at > offered_at", name=op.f("assignment_offer_ordered")),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("assignment_booking_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("assignment_worker_id_fkey")
        ),
        sa.PrimaryKeyConstraint("booking_id", "position", name=op.f("assignment_pkey")),
    )
    op.create_index(
        "assignment_open",
        "assignment",
        ["booking_id"],
        unique=True,
        postgresql_where=sa.text("outcome = 'OFFERED'"),
    )
    op.create_index(op.f("assignment_worker_id"), "assignment", ["worker_id"], unique=False)
    op.create_table(
        "booking_line",
        sa.Column("booking_id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Text(collation="C"), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 1", name=op.f("booking_line_quantity_range")),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("booking_line_booking_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("booking_line_service_id_fkey")
        ),
        sa.PrimaryKeyConstraint("booking_id", "position", name=op.f("booking_line_pkey")),
    )
    op.create_table(
        "call",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("booking_id", sa.Text(collation="C"), nullable=False),
        sa.Column("caller", sa.Text(collation="C"), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "caller IN ('CITIZEN', 'WORKER', 'PROVIDER', 'HELPLINE', 'OFFICER', 'DEPARTMENT', 'SYSTEM')",
            name=op.f("call_caller_known"),
        ),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("call_booking_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("call_pkey")),
    )
    op.create_index(op.f("call_booking_id"), "call", ["booking_id"], unique=False)
    op.create_table(
        "grievance",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ticket_number", sa.Text(collation="C"), nullable=False),
        sa.Column("booking_id", sa.Text(collation="C"), nullable=True),
        sa.Column("opened_by", sa.Text(collation="C"), nullable=False),
        sa.Column("assigned_to", sa.Text(collation="C"), nullable=True),
        sa.Column("department_id", sa.Text(collation="C"), nullable=True),
        sa.Column("provider_id", sa.Text(collation="C"), nullable=True),
        sa.Column("district_id", sa.Text(collation="C"), nullable=True),
        sa.Column("subject", sa.Text(collation="C"), server_default="OTHER", nullable=False),
        sa.Column("severity", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("outcome", sa.Text(collation="C"), nullable=True),
        sa.Column("text", sa.Text(collation="C"), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledge_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolve_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reopened", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint(
            "subject IN ('QUALITY', 'PRICE', 'PAYMENT', 'BEHAVIOUR', 'ABSENCE', 'SAFETY', 'OTHER')",
            name=op.f("grievance_subject_known"),
        ),
        sa.CheckConstraint(
            "outcome IN ('UPHELD', 'PARTLY_UPHELD', 'REJECTED')",
            name=op.f("grievance_outcome_known"),
        ),
        sa.CheckConstraint(
            "severity IN ('LOW', 'NORMAL', 'HIGH')", name=op.f("grievance_severity_known")
        ),
        sa.CheckConstraint(
            "state IN ('OPEN', 'ACKNOWLEDGED', 'IN_PROGRESS', 'RESOLVED', 'REOPENED', 'CLOSED', 'ESCALATED')",
            name=op.f("grievance_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("grievance_booking_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["department_id"], ["department.id"], name=op.f("grievance_department_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["district_id"], ["district.id"], name=op.f("grievance_district_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["provider.id"], name=op.f("grievance_provider_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("grievance_pkey")),
        sa.UniqueConstraint("position", name=op.f("grievance_position_unique")),
        sa.UniqueConstraint("ticket_number", name=op.f("grievance_ticket_number_unique")),
    )
    op.create_index(op.f("grievance_booking_id"), "grievance", ["booking_id"], unique=False)
    op.create_index(
        "grievance_of_district",
        "grievance",
        ["district_id", sa.literal_column("position DESC")],
        unique=False,
    )
    op.create_index(
        "grievance_of_person",
        "grievance",
        ["opened_by", sa.literal_column("position DESC")],
        unique=False,
    )
    op.create_index(
        "grievance_of_provider",
        "grievance",
        ["provider_id", sa.literal_column("position DESC")],
        unique=False,
    )
    op.create_index(
        "grievance_unsettled",
        "grievance",
        ["booking_id", "opened_by"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('RESOLVED', 'CLOSED')"),
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("booking_id", sa.Text(collation="C"), nullable=False),
        sa.Column("district_id", sa.Text(collation="C"), nullable=False),
        sa.Column("raised_by", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.Text(collation="C"), nullable=False),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("note", sa.Text(collation="C"), nullable=True),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("incident_booking_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["district_id"], ["district.id"], name=op.f("incident_district_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("incident_pkey")),
        sa.UniqueConstraint("position", name=op.f("incident_position_unique")),
    )
    op.create_index(
        "incident_of_district",
        "incident",
        ["district_id", sa.literal_column("position DESC")],
        unique=False,
    )
    op.create_index(op.f("incident_booking_id"), "incident", ["booking_id"], unique=False)
    op.create_table(
        "payment",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("booking_id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("mode", sa.Text(collation="C"), nullable=True),
        sa.Column("amount_paise", sa.Integer(), nullable=False),
        sa.Column("reference", sa.Text(collation="C"), nullable=True),
        sa.Column("reason", sa.Text(collation="C"), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('SERVICE', 'CANCELLATION')", name=op.f("payment_kind_known")),
        sa.CheckConstraint(
            "mode IN ('CASH', 'UPI', 'WALLET', 'TREASURY')", name=op.f("payment_mode_known")
        ),
        sa.CheckConstraint("state = 'DUE' OR mode IS NOT NULL", name=op.f("payment_paid_somehow")),
        sa.CheckConstraint(
            "state IN ('DUE', 'PAID', 'REFUND_DUE', 'REFUNDED')", name=op.f("payment_state_known")
        ),
        sa.CheckConstraint("amount_paise >= 0", name=op.f("payment_amount_paise_range")),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("payment_booking_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("payment_pkey")),
        sa.UniqueConstraint("booking_id", "kind", name=op.f("payment_booking_id_kind_unique")),
    )
    op.create_table(
        "quote",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("booking_id", sa.Text(collation="C"), nullable=True),
        sa.Column("asked_by", sa.Text(collation="C"), nullable=True),
        sa.Column("category_id", sa.Text(collation="C"), nullable=True),
        sa.Column("district_id", sa.Text(collation="C"), nullable=True),
        sa.Column("provider_id", sa.Text(collation="C"), nullable=True),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=True),
        sa.Column("minutes", sa.Integer(), server_default="60", nullable=False),
        sa.Column("reason", sa.Text(collation="C"), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(collation="C"), nullable=False),
        sa.Column("total_paise", sa.Integer(), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(status = 'ESTIMATE') = (booking_id IS NULL)", name=op.f("quote_estimate_unbooked")
        ),
        sa.CheckConstraint(
            "status IN ('ESTIMATE', 'OFFERED', 'ACCEPTED', 'REJECTED', 'EXPIRED')",
            name=op.f("quote_status_known"),
        ),
        sa.CheckConstraint("total_paise >= 0", name=op.f("quote_total_paise_range")),
        sa.ForeignKeyConstraint(["booking_id"], ["booking.id"], name=op.f("quote_booking_id_fkey")),
        sa.ForeignKeyConstraint(
            ["category_id"], ["service_category.id"], name=op.f("quote_category_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["district_id"], ["district.id"], name=op.f("quote_district_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["provider.id"], name=op.f("quote_provider_id_fkey")
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("quote_worker_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("quote_pkey")),
        sa.UniqueConstraint(
            "booking_id", "revision", name=op.f("quote_booking_id_revision_unique")
        ),
    )
    op.create_table(
        "reschedule_proposal",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("booking_id", sa.Text(collation="C"), nullable=False),
        sa.Column("proposed_by", sa.Text(collation="C"), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(collation="C"), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('OPEN', 'AGREED', 'TURNED_DOWN', 'LAPSED')",
            name=op.f("reschedule_proposal_outcome_known"),
        ),
        sa.CheckConstraint(
            "proposed_by IN ('CITIZEN', 'WORKER', 'PROVIDER', 'HELPLINE', 'OFFICER', 'DEPARTMENT', 'SYSTEM')",
            name=op.f("reschedule_proposal_proposed_by_known"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("reschedule_proposal_booking_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("reschedule_proposal_pkey")),
    )
    op.create_index(
        "reschedule_proposal_open",
        "reschedule_proposal",
        ["booking_id"],
        unique=True,
        postgresql_where=sa.text("outcome = 'OPEN'"),
    )
    op.create_table(
        "review",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("booking_id", sa.Text(collation="C"), nullable=False),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=False),
        sa.Column("provider_id", sa.Text(collation="C"), nullable=True),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("tags", sa.ARRAY(sa.Text(collation="C")), nullable=False),
        sa.Column("text", sa.Text(collation="C"), nullable=True),
        sa.Column("language", sa.Text(collation="C"), nullable=True),
        sa.Column("reviewer_name_en", sa.Text(collation="C"), nullable=True),
        sa.Column("reviewer_name_hi", sa.Text(collation="C"), nullable=True),
        sa.Column("published_month", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(collation="C"), nullable=False),
        sa.Column("citizen_id", sa.Text(collation="C"), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("edited_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("moderation_reason", sa.Text(collation="C"), nullable=True),
        sa.CheckConstraint(
            "state IN ('PUBLISHED', 'FLAGGED', 'HIDDEN', 'RESTORED', 'WITHDRAWN')",
            name=op.f("review_state_known"),
        ),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name=op.f("review_stars_range")),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("review_booking_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["citizen_id"], ["citizen.id"], name=op.f("review_citizen_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["provider.id"], name=op.f("review_provider_id_fkey")
        ),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name=op.f("review_worker_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("review_pkey")),
        sa.UniqueConstraint("booking_id", name=op.f("review_booking_id_unique")),
        sa.UniqueConstraint("position", name=op.f("review_position_unique")),
    )
    op.create_index(
        "review_by_publication",
        "review",
        [sa.literal_column("position DESC")],
        unique=False,
        postgresql_where=sa.text("state IN ('PUBLISHED', 'RESTORED')"),
    )
    op.create_index(
        "review_of_provider_by_publication",
        "review",
        ["provider_id", sa.literal_column("position DESC")],
        unique=False,
        postgresql_where=sa.text("state IN ('PUBLISHED', 'RESTORED')"),
    )
    op.create_index(
        "review_of_worker_by_publication",
        "review",
        ["worker_id", sa.literal_column("position DESC")],
        unique=False,
        postgresql_where=sa.text("state IN ('PUBLISHED', 'RESTORED')"),
    )
    op.create_table(
        "timeline_entry",
        sa.Column("booking_id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("command", sa.Text(collation="C"), nullable=False),
        sa.Column("from_state", sa.Text(collation="C"), nullable=True),
        sa.Column("to_state", sa.Text(collation="C"), nullable=False),
        sa.Column("actor", sa.Text(collation="C"), nullable=False),
        sa.Column("reason", sa.Text(collation="C"), nullable=True),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "actor IN ('CITIZEN', 'WORKER', 'PROVIDER', 'HELPLINE', 'OFFICER', 'DEPARTMENT', 'SYSTEM')",
            name=op.f("timeline_entry_actor_known"),
        ),
        sa.CheckConstraint(
            "from_state IN ('REQUESTED', 'ASSIGNED', 'ACCEPTED', 'EN_ROUTE', 'ARRIVED', 'IN_PROGRESS', 'QUOTE_REVISED', 'COMPLETED', 'CANCELLED', 'EXPIRED', 'NO_SHOW')",
            name=op.f("timeline_entry_from_state_known"),
        ),
        sa.CheckConstraint(
            "to_state IN ('REQUESTED', 'ASSIGNED', 'ACCEPTED', 'EN_ROUTE', 'ARRIVED', 'IN_PROGRESS', 'QUOTE_REVISED', 'COMPLETED', 'CANCELLED', 'EXPIRED', 'NO_SHOW')",
            name=op.f("timeline_entry_to_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("timeline_entry_booking_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["command", "from_state", "to_state"],
            [
                "booking_transition.command",
                "booking_transition.from_state",
                "booking_transition.to_state",
            ],
            name="timeline_entry_in_table",
        ),
        sa.PrimaryKeyConstraint("booking_id", "position", name=op.f("timeline_entry_pkey")),
    )
    op.create_table(
        "visit_code",
        sa.Column("booking_id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("hash", sa.Text(collation="C"), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("issues", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('START', 'FINISH')", name=op.f("visit_code_kind_known")),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("visit_code_booking_id_fkey")
        ),
        sa.PrimaryKeyConstraint("booking_id", "kind", name=op.f("visit_code_pkey")),
    )
    op.create_table(
        "worker_time",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=False),
        sa.Column("during", postgresql.TSTZRANGE(), nullable=False),
        sa.Column("booking_id", sa.Text(collation="C"), nullable=True),
        sa.Column("engagement_id", sa.Text(collation="C"), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.text("textrange(worker_id, worker_id, '[]')"), "&&"),
            (sa.column("during"), "&&"),
            using="gist",
            name="worker_time_taken",
        ),
        sa.CheckConstraint(
            "NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during) AND lower(during) IS NOT NULL AND upper(during) IS NOT NULL",
            name=op.f("worker_time_half_open"),
        ),
        sa.CheckConstraint(
            "num_nonnulls(booking_id, engagement_id) = 1", name=op.f("worker_time_one_promise")
        ),
        sa.ForeignKeyConstraint(
            ["booking_id"], ["booking.id"], name=op.f("worker_time_booking_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["engagement_id"], ["engagement.id"], name=op.f("worker_time_engagement_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["worker.id"], name=op.f("worker_time_worker_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("worker_time_pkey")),
        sa.UniqueConstraint("booking_id", name=op.f("worker_time_booking_id_unique")),
        sa.UniqueConstraint("engagement_id", name=op.f("worker_time_engagement_id_unique")),
    )
    op.create_index(op.f("worker_time_worker_id"), "worker_time", ["worker_id"], unique=False)
    op.create_table(
        "flag",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("review_id", sa.Text(collation="C"), nullable=False),
        sa.Column("flagged_by", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.Text(collation="C"), nullable=False),
        sa.Column("reason", sa.Text(collation="C"), nullable=False),
        sa.Column("flagged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(collation="C"), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('UPHELD', 'DISMISSED', 'WITHDRAWN')", name=op.f("flag_outcome_known")
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (closed_at IS NULL)", name=op.f("flag_closed_somehow")
        ),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name=op.f("flag_review_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("flag_pkey")),
        sa.UniqueConstraint(
            "review_id", "flagged_by", name=op.f("flag_review_id_flagged_by_unique")
        ),
    )
    op.create_index(
        "flag_open",
        "flag",
        ["review_id"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "grievance_entry",
        sa.Column("grievance_id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("to_state", sa.Text(collation="C"), nullable=False),
        sa.Column("role", sa.Text(collation="C"), nullable=True),
        sa.Column("text", sa.Text(collation="C"), nullable=True),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "to_state IN ('OPEN', 'ACKNOWLEDGED', 'IN_PROGRESS', 'RESOLVED', 'REOPENED', 'CLOSED', 'ESCALATED')",
            name=op.f("grievance_entry_to_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["grievance_id"], ["grievance.id"], name=op.f("grievance_entry_grievance_id_fkey")
        ),
        sa.PrimaryKeyConstraint("grievance_id", "position", name=op.f("grievance_entry_pkey")),
    )
    op.create_table(
        "quote_line",
        sa.Column("quote_id", sa.Text(collation="C"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(collation="C"), nullable=False),
        sa.Column("service_id", sa.Text(collation="C"), nullable=True),
        sa.Column("rate_card_id", sa.Text(collation="C"), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount_paise", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('ITEM', 'VISIT', 'TAX', 'DISCOUNT', 'FEE')",
            name=op.f("quote_line_kind_known"),
        ),
        sa.ForeignKeyConstraint(["quote_id"], ["quote.id"], name=op.f("quote_line_quote_id_fkey")),
        sa.ForeignKeyConstraint(
            ["rate_card_id"], ["rate_card.id"], name=op.f("quote_line_rate_card_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("quote_line_service_id_fkey")
        ),
        sa.PrimaryKeyConstraint("quote_id", "position", name=op.f("quote_line_pkey")),
    )
    op.create_table(
        "review_reply",
        sa.Column("review_id", sa.Text(collation="C"), nullable=False),
        sa.Column("provider_id", sa.Text(collation="C"), nullable=False),
        sa.Column("text", sa.Text(collation="C"), nullable=False),
        sa.Column("replied_month", sa.Date(), nullable=False),
        sa.Column("replied_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"], ["provider.id"], name=op.f("review_reply_provider_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["review_id"], ["review.id"], name=op.f("review_reply_review_id_fkey")
        ),
        sa.PrimaryKeyConstraint("review_id", name=op.f("review_reply_pkey")),
    )


def downgrade() -> None:
    op.drop_table("review_reply")
    op.drop_table("quote_line")
    op.drop_table("grievance_entry")
    op.drop_index("flag_open", table_name="flag", postgresql_where=sa.text("closed_at IS NULL"))
    op.drop_table("flag")
    op.drop_index(op.f("worker_time_worker_id"), table_name="worker_time")
    op.drop_table("worker_time")
    op.drop_table("visit_code")
    op.drop_table("timeline_entry")
    op.drop_index(
        "review_of_worker_by_publication",
        table_name="review",
        postgresql_where=sa.text("state IN ('PUBLISHED', 'RESTORED')"),
    )
    op.drop_index(
        "review_of_provider_by_publication",
        table_name="review",
        postgresql_where=sa.text("state IN ('PUBLISHED', 'RESTORED')"),
    )
    op.drop_index(
        "review_by_publication",
        table_name="review",
        postgresql_where=sa.text("state IN ('PUBLISHED', 'RESTORED')"),
    )
    op.drop_table("review")
    op.drop_index(
        "reschedule_proposal_open",
        table_name="reschedule_proposal",
        postgresql_where=sa.text("outcome = 'OPEN'"),
    )
    op.drop_table("reschedule_proposal")
    op.drop_table("quote")
    op.drop_table("payment")
    op.drop_index(op.f("incident_booking_id"), table_name="incident")
    op.drop_index("incident_of_district", table_name="incident")
    op.drop_table("incident")
    op.drop_index(
        "grievance_unsettled",
        table_name="grievance",
        postgresql_where=sa.text("state NOT IN ('RESOLVED', 'CLOSED')"),
    )
    op.drop_index("grievance_of_provider", table_name="grievance")
    op.drop_index("grievance_of_person", table_name="grievance")
    op.drop_index("grievance_of_district", table_name="grievance")
    op.drop_index(op.f("grievance_booking_id"), table_name="grievance")
    op.drop_table("grievance")
    op.drop_index(op.f("call_booking_id"), table_name="call")
    op.drop_table("call")
    op.drop_table("booking_line")
    op.drop_index(op.f("assignment_worker_id"), table_name="assignment")
    op.drop_index(
        "assignment_open",
        table_name="assignment",
        postgresql_where=sa.text("outcome = 'OFFERED'"),
    )
    op.drop_table("assignment")
    op.drop_index("worker_words_found", table_name="worker_words", postgresql_using="gin")
    op.drop_table("worker_words")
    op.drop_index("worker_skill_of_category", table_name="worker_skill")
    op.drop_table("worker_skill")
    op.drop_index("worker_place_nearest", table_name="worker_place")
    op.drop_index("worker_place_by_rating_wide", table_name="worker_place")
    op.drop_index("worker_place_by_rating", table_name="worker_place")
    op.drop_table("worker_place")
    op.drop_table("verification")
    op.drop_table("service_area")
    op.drop_table("rating_summary")
    op.drop_index(
        "rate_card_proposed",
        table_name="rate_card",
        postgresql_where=sa.text("approved_at IS NULL AND rejected_at IS NULL"),
    )
    op.drop_index(op.f("rate_card_service_id"), table_name="rate_card")
    op.drop_index(
        "rate_card_of_worker",
        table_name="rate_card",
        postgresql_where=sa.text("worker_id IS NOT NULL"),
    )
    op.drop_index(
        "rate_card_of_provider",
        table_name="rate_card",
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.drop_table("rate_card")
    op.drop_index(op.f("engagement_worker_id"), table_name="engagement")
    op.drop_index(op.f("engagement_department_id"), table_name="engagement")
    op.drop_table("engagement")
    op.drop_index(op.f("upload_worker_id"), table_name="upload")
    op.drop_table("upload")
    op.drop_index(op.f("document_worker_id"), table_name="document")
    op.drop_table("document")
    op.drop_index(op.f("booking_provider_id"), table_name="booking")
    op.drop_index("booking_of_worker", table_name="booking")
    op.drop_index("booking_of_citizen", table_name="booking")
    op.drop_index(op.f("booking_department_id"), table_name="booking")
    op.drop_index("booking_rework_open", table_name="booking")
    op.drop_index("booking_by_start", table_name="booking")
    op.drop_index("booking_by_state", table_name="booking")
    op.drop_table("booking")
    op.drop_index("availability_rule_of_worker", table_name="availability_rule")
    op.drop_table("availability_rule")
    op.drop_table("availability_exception")
    op.drop_index(op.f("address_citizen_id"), table_name="address")
    op.drop_table("address")
    op.drop_index(
        "worker_of_provider", table_name="worker", postgresql_where=sa.text("status = 'ACTIVE'")
    )
    op.drop_index(
        "worker_of_district", table_name="worker", postgresql_where=sa.text("status = 'ACTIVE'")
    )
    op.drop_index(
        "worker_listed", table_name="worker", postgresql_where=sa.text("status = 'ACTIVE'")
    )
    op.drop_index(
        "worker_of_team",
        table_name="worker",
        postgresql_where=sa.text("provider_id IS NOT NULL"),
    )
    op.drop_index("worker_by_status", table_name="worker")
    op.drop_index(
        "worker_by_experience", table_name="worker", postgresql_where=sa.text("status = 'ACTIVE'")
    )
    op.drop_table("worker")
    op.drop_index(op.f("provider_district_district_id"), table_name="provider_district")
    op.drop_table("provider_district")
    op.drop_index(op.f("pin_district_id"), table_name="pin")
    op.drop_table("pin")
    op.drop_table("department")
    op.drop_table("citizen")
    op.drop_index(op.f("spent_token_session_id"), table_name="spent_token")
    op.drop_table("spent_token")
    op.drop_index(op.f("spent_assertion_expires_at"), table_name="spent_assertion")
    op.drop_table("spent_assertion")
    op.drop_index(op.f("service_category_id"), table_name="service")
    op.drop_table("service")
    op.drop_index(op.f("district_division_id"), table_name="district")
    op.drop_table("district")
    op.drop_index("session_of_person", table_name="session")
    op.drop_table("session")
    op.drop_table("service_category")
    op.drop_index(
        "provider_listed", table_name="provider", postgresql_where=sa.text("status = 'EMPANELLED'")
    )
    op.drop_table("provider")
    op.drop_table("export_part")
    op.drop_index(
        "export_unfinished",
        table_name="export",
        postgresql_where=sa.text("state IN ('QUEUED', 'RUNNING')"),
    )
    op.drop_index("export_of_client", table_name="export")
    op.drop_table("export")
    op.drop_table("partner_client")
    op.drop_index(op.f("record_change_whose"), table_name="record_change")
    op.drop_index("record_change_in_order", table_name="record_change")
    op.drop_table("record_change")
    op.drop_table("outbox")
    op.drop_index("one_time_code_of_phone", table_name="one_time_code")
    op.drop_index("one_time_code_of_address", table_name="one_time_code")
    op.drop_table("one_time_code")
    op.drop_table("follower")
    op.drop_index(
        "erasure_request_open",
        table_name="erasure_request",
        postgresql_where=sa.text("state = 'REQUESTED'"),
    )
    op.drop_table("erasure_request")
    op.drop_table("division")
    op.drop_table("demo_account")
    op.drop_index(op.f("consent_record_subject_id"), table_name="consent_record")
    op.drop_index(
        "consent_record_standing",
        table_name="consent_record",
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.drop_table("consent_record")
    op.drop_index("command_done_by_age", table_name="command_done")
    op.drop_table("command_done")
    op.drop_index(op.f("change_log_subject_id"), table_name="change_log")
    op.drop_table("change_log")
    op.drop_table("cancellation_policy")
    op.drop_table("booking_transition")
    op.drop_index("audit_entry_of_subject", table_name="audit_entry", postgresql_using="gin")
    op.drop_index("audit_entry_of_actor", table_name="audit_entry")
    op.drop_table("audit_entry")
    op.execute("DROP SEQUENCE worker_codes, provider_codes, booking_numbers")
    op.execute("DROP TYPE textrange")
