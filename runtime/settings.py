"""Everything that differs between two deployments, read once from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.config import Config


@dataclass(frozen=True)
class Settings:
    """README documents each of these; a test compares the two."""

    database_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    data_dir: str | None = None
    development: bool = True
    log_format: str = "console"
    log_level: str = "info"
    pool_size: int = 10
    body_limit: int = 100_000
    token_limit: int = 5_000
    page_limit: int = 100
    radius_limit_km: int = 50
    suppress_below: int = 10

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """The settings of `environment`, or of the process. ValueError names a bad one."""
        config = Config() if environment is None else Config(environ=dict(environment))
        return cls(
            database_url=config("DATABASE_URL", default=None) or None,
            host=config("HOST", default=cls.host),
            port=config("PORT", cast=int, default=cls.port),
            data_dir=config("DATA_DIR", default=None) or None,
            development=config("DEVELOPMENT", cast=bool, default=cls.development),
            log_format=config("LOG_FORMAT", default=cls.log_format),
            log_level=config("LOG_LEVEL", default=cls.log_level),
            pool_size=config("POOL_SIZE", cast=int, default=cls.pool_size),
            body_limit=config("BODY_LIMIT", cast=int, default=cls.body_limit),
            token_limit=config("TOKEN_LIMIT", cast=int, default=cls.token_limit),
            page_limit=config("PAGE_LIMIT", cast=int, default=cls.page_limit),
            radius_limit_km=config("RADIUS_LIMIT_KM", cast=int, default=cls.radius_limit_km),
            suppress_below=config("SUPPRESS_BELOW", cast=int, default=cls.suppress_below),
        )
