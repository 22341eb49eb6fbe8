"""What all requests of a process share: made at the start, closed at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime.database import Database
from runtime.settings import Settings
from runtime.sms import ConsoleSms, HttpSms, Sms
from runtime.tokens import Keys


@dataclass(frozen=True)
class Process:
    settings: Settings
    database: Database
    keys: Keys
    sms: Sms


@asynccontextmanager
async def process_of(settings: Settings, sms: Sms | None = None) -> AsyncIterator[Process]:
    """Over `settings.database_url`, which must be set."""
    assert settings.database_url is not None
    database = Database(settings.database_url, pool_size=settings.pool_size)
    keys = Keys.of(
        Path(settings.signing_keys) if settings.signing_keys else None,
        settings.issuer,
        settings.oidc_audience,
    )
    sender = sms or (HttpSms(settings.sms_url, settings.sms_token) if settings.sms_url else None)
    try:
        yield Process(settings, database, keys, sender or ConsoleSms())
    finally:
        if isinstance(sender, HttpSms):
            await sender.close()
        await database.close()
