"""Everything that differs between two deployments, read once from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from starlette.config import Config

CHOICES = {
    "log_format": ("console", "json"),
    "log_level": ("debug", "info", "warning", "error"),
    "rate_limits": ("enforce", "report", "off"),
    "cost_limits": ("enforce", "report"),
    "ide": ("always", "development", "never"),
    "introspection": ("always", "development", "never"),
    "suggestions": ("always", "development", "never"),
}
"""What these settings may say."""


@dataclass(frozen=True)
class Settings:
    """README documents each of these; a test compares the two."""

    database_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    drain_seconds: float = 0
    connection_limit: int = 10_000
    connections_each: int = 1_000
    forwarded_allow_ips: str = "127.0.0.1,::1"
    data_dir: str | None = None
    development: bool = True
    ide: str = "development"
    introspection: str = "development"
    suggestions: str = "development"
    log_format: str = "console"
    log_level: str = "info"
    slow_seconds: float = 1.0
    metrics_port: int = 0
    otel_exporter_otlp_endpoint: str | None = None
    pool_size: int = 10
    cors_origins: str | None = None
    body_limit: int = 100_000
    batch_limit: int = 0
    live_each: int = 100
    live_per_viewer: int = 10
    operations_per_socket: int = 30
    cost_limits: str = "enforce"
    token_limit: int = 5_000
    cost_limit: int = 20_000
    depth_limit: int = 25
    alias_limit: int = 50
    root_field_limit: int = 20
    directive_limit: int = 50
    field_limit: int = 10_000
    operation_seconds: float = 30
    documents: str | None = None
    trusted_only: str | None = None
    document_bytes: int = 16_000_000
    rate_limits: str = "enforce"
    points_anonymous: str = "2000000/20000"
    points_person: str = "100000/1000"
    points_partner: str = "400000/4000"
    points_official: str = "400000/4000"
    page_limit: int = 100
    representation_limit: int = 1_000
    subgraph_body_limit: int = 1_000_000
    radius_limit_km: int = 50
    suppress_below: int = 10
    anonymous_slot_days: int = 7
    minimum_age: int = 18
    rate_limit_paise: int = 1_000_000_000
    storage_dir: str | None = None
    document_limit: int = 5_000_000
    document_minutes: int = 10
    documents_each: int = 30
    export_store: str | None = None
    export_page: int = 2_000
    export_part_rows: int = 50_000
    exports_at_once: int = 2
    exports_kept_days: int = 7

    issuer: str = "http://127.0.0.1:8000"
    signing_keys: str | None = None
    access_minutes: int = 10
    refresh_days: int = 30
    code_minutes: int = 5
    code_tries: int = 5
    codes_per_phone: int = 5
    codes_per_address: int = 60
    sms_url: str | None = None
    sms_token: str | None = None
    oidc_issuer: str | None = None
    oidc_audience: str = "sewa-mitra"
    oidc_claims: str = "role=role,districts=districts,department=department"
    clock_skew_seconds: int = 60
    gateway_secrets: str | None = None

    quote_hours: int = 24
    offer_minutes: int = 15
    offers_per_booking: int = 5
    automatic_matching: bool = True
    search_again_minutes: int = 10
    km_per_star: int = 3
    km_per_recent_job: int = 2
    km_per_busy_hour: int = 1
    reschedule_hours: int = 24
    moves_per_booking: int = 2
    engagement_days: int = 366
    notice_minutes: int = 30
    book_ahead_days: int = 60
    contact_hours: int = 24
    travel_hours: int = 2
    arrival_metres: int = 300
    finish_code_hours: int = 24
    codes_per_visit: int = 5
    calls_per_booking: int = 30
    revision_minutes: int = 60
    absent_citizen_minutes: int = 15
    absent_worker_minutes: int = 30
    addresses_per_citizen: int = 20
    district_reach_km: int = 150

    review_days: int = 30
    review_edit_days: int = 7
    rating_prior_weight: int = 10
    acknowledge_hours: int = 48
    resolve_days: int = 30
    reopen_days: int = 15
    emergency_numbers: str = "112,1090,181"
    help_repeat_seconds: int = 60

    webhook_key: str | None = None
    webhook_private: bool = False
    webhook_seconds: float = 10.0
    webhook_days: int = 3
    webhook_overlap_hours: int = 24
    webhooks_each: int = 20

    supergraph: str | None = None
    partners: str | None = None
    redis_url: str | None = None
    cache_bytes: int = 32_000_000
    response_cache_bytes: int = 0
    entity_cache_rows: int = 0
    subgraph_urls: str | None = None
    partner_seconds: float = 10.0
    partner_answer_limit: int = 10_000_000
    passed_headers: str = "authorization,accept-language"

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be said."""
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name.upper()} is one of {', '.join(choices)}.")

    @property
    def origins(self) -> list[str]:
        """Of the pages that may read answers in a browser."""
        named = (origin.strip().rstrip("/") for origin in (self.cors_origins or "").split(","))
        return [origin for origin in named if origin]

    def shows(self, name: str) -> bool:
        """Whether clients are shown what they need only while they are written."""
        chosen = getattr(self, name)
        return chosen == "always" or (chosen == "development" and self.development)

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """The settings of `environment`, or of the process. ValueError names a bad one."""
        config = Config() if environment is None else Config(environ=dict(environment))
        found: dict[str, Any] = {}
        for field in fields(cls):
            name = field.name.upper()
            if field.default is None:
                found[field.name] = config(name, default=None) or None
            else:
                found[field.name] = config(name, cast=type(field.default), default=field.default)
        return cls(**found)
