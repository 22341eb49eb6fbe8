"""Everything that differs between two deployments, read once from the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from starlette.config import Config

MOST = 2**31 - 1
CHOICES = {
    "log_format": ("console", "json"),
    "log_level": ("debug", "info", "warning", "error"),
    "rate_limits": ("enforce", "report", "off"),
    "cost_limits": ("enforce", "report"),
    "ide": ("always", "development", "never"),
    "introspection": ("always", "development", "never"),
    "suggestions": ("always", "development", "never"),
    "webhooks": ("on", "off"),
}
"""What these settings may say."""
RANGES: dict[str, tuple[float, float]] = {
    "port": (0, 65_535),
    "metrics_port": (0, 65_535),
    "pool_size": (2, 1_000),
    "workers": (1, 1_000),
    "depth_limit": (1, 100),
    "partner_seconds": (0.1, MOST),
    "webhook_seconds": (0.1, MOST),
    "refresh_grace_seconds": (0, 600),
    **dict.fromkeys(
        (
            *("drain_seconds", "slow_seconds", "batch_limit", "suppress_below", "minimum_age"),
            *("document_bytes", "cache_bytes", "response_cache_bytes", "entity_cache_rows"),
            *("clock_skew_seconds", "km_per_star", "km_per_recent_job", "km_per_busy_hour"),
            *("reschedule_hours", "moves_per_booking", "notice_minutes", "help_repeat_seconds"),
            *("webhooks_each", "webhook_overlap_hours", "rating_prior_weight"),
            *("statement_seconds_read", "statement_seconds_command", "statement_seconds_job"),
            *("statement_seconds_export", "lock_seconds", "idle_seconds"),
        ),
        (0, MOST),
    ),
}
"""Of numbers that may be other than 1 and more."""
KINDS = {bool: "true or false", int: "a whole number", float: "a number"}
POINTS = r"0*[1-9]\d*(\.\d+)?/(0*[1-9]\d*(\.\d+)?|0?\.0*[1-9]\d*)"
NAMED = r"[\w-]+=https?://[^\s,]+"
ADDRESS = r"https?://[^\s/]+\S*"
FORMS = {
    **dict.fromkeys(
        ("points_anonymous", "points_person", "points_partner", "points_official"),
        (POINTS, "points to spend at once and to get back in a second, such as 20000/200"),
    ),
    **dict.fromkeys(
        ("issuer", "sms_url", "oidc_issuer", "otel_exporter_otlp_endpoint"),
        (ADDRESS, "an address such as https://sewamitra.up.gov.in"),
    ),
    "database_url": (r"postgres(ql)?(\+\w+)?://\S*", "an address such as postgresql://host/name"),
    "redis_url": (r"(rediss?|unix)://\S+", "an address such as redis://127.0.0.1:6379"),
    "host": (r"[\w.:%-]+", "an address or a name of this machine"),
    "emergency_numbers": (r" *\d+ *(, *\d+ *)*", "numbers to dial, with commas between them"),
    "subgraph_urls": (
        rf" *{NAMED} *(, *{NAMED} *)*",
        "`name=url`, with commas between several",
    ),
    "passed_headers": (r" *[\w-]+ *(, *[\w-]+ *)*", "names of headers, with commas between them"),
    "forwarded_allow_ips": (
        r"\*| *[\w.:/]*\w[\w.:/]* *(, *[\w.:/]*\w[\w.:/]* *)*",
        "addresses, with commas between them",
    ),
}
"""How these settings are written, as a pattern and in words. Others have readers of their own."""


LOCAL = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"


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
    statement_seconds_read: float = 10.0
    statement_seconds_command: float = 20.0
    statement_seconds_job: float = 600.0
    statement_seconds_export: float = 120.0
    lock_seconds: float = 10.0
    idle_seconds: float = 60.0
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

    issuer: str | None = None
    signing_keys: str | None = None
    access_minutes: int = 10
    refresh_days: int = 30
    refresh_grace_seconds: int = 60
    code_minutes: int = 5
    code_tries: int = 5
    codes_per_phone: int = 5
    codes_per_device: int = 10
    codes_per_address: int = 3_000
    number_unused_days: int = 365
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

    webhooks: str = "on"
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
    def address(self) -> str:
        """Where clients find us, and who our tokens say they are from."""
        return (self.issuer or self.served_at).rstrip("/")

    @property
    def served_at(self) -> str:
        """The address of this process, for whoever is on this machine."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def signs_webhooks(self) -> bool:
        return self.webhooks == "on" and (self.development or self.webhook_key is not None)

    @property
    def origins(self) -> list[str]:
        """Of the pages that may read answers in a browser."""
        named = (origin.strip().rstrip("/") for origin in (self.cors_origins or "").split(","))
        return [origin for origin in named if origin]

    @property
    def migrates(self) -> bool:
        """Whether a start brings the tables to the newest version by itself."""
        return self.database_url is None or self.development

    @property
    def is_demo(self) -> bool:
        """Whether the data are made by us, and can be made again."""
        return self.database_url is None and self.development

    @property
    def local_origins(self) -> str | None:
        """The pattern of pages on one's own machine, which may read answers in development where
        no others are named."""
        return LOCAL if self.development and self.cors_origins is None else None

    def admits(self, origin: str) -> bool:
        """Whether pages of the origin may read answers in a browser."""
        pattern = self.local_origins
        return origin in self.origins or bool(pattern and re.fullmatch(pattern, origin))

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
            name, kind = field.name.upper(), type(field.default)
            if field.default is None:
                found[field.name] = config(name, default=None) or None
                continue
            try:
                found[field.name] = config(name, cast=kind, default=field.default)
            except ValueError:
                raise ValueError(f"{name} must be {KINDS[kind]}.") from None
        for name, value in found.items():
            refuse(name, value)
        return cls(**found)


def refuse(name: str, value: Any) -> None:
    """Raises ValueError for what a setting cannot be; its value may be secret, and is not told."""
    least, most = RANGES.get(name, (1, MOST))
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not least <= value <= most:
            raise ValueError(f"{name.upper()} must be from {least:,} to {most:,}.")
    elif isinstance(value, str) and name in FORMS:
        pattern, told = FORMS[name]
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{name.upper()} must be {told}.")
