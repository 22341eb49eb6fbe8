"""What all requests of a process share: made at the start, closed at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.bearer import Bearers
from runtime.bounds import Bounds, Work
from runtime.database import Database
from runtime.feed import Feed
from runtime.oidc import Officials
from runtime.partner import Partners
from runtime.parts import Parts, parts_for
from runtime.quota import Ledger
from runtime.revoked import Revoked
from runtime.runner import RunnerFor
from runtime.settings import Settings
from runtime.sms import HttpSms, Sms, sender_for
from runtime.storage import LocalStorage, Storage, folder_for
from runtime.store import redis_at
from runtime.tokens import Keys

if TYPE_CHECKING:
    from runtime.redis import SharedRedis


@dataclass(frozen=True)
class Process:
    settings: Settings
    database: Database
    keys: Keys
    sms: Sms
    storage: Storage
    parts: Parts
    bearers: Bearers
    revoked: Revoked
    partners: Partners
    officials: Officials | None
    redis: "SharedRedis | None"
    feed: Feed
    ledger: Ledger | None
    """None where nobody keeps account."""
    runner_for: RunnerFor | None = None
    """None where nothing is run for clients."""


@asynccontextmanager
async def process_of(
    settings: Settings, sms: Sms | None = None, runner_for: RunnerFor | None = None
) -> AsyncIterator[Process]:
    """Over `settings.database_url`, which must be set."""
    assert settings.database_url is not None
    database = Database(
        settings.database_url,
        pool_size=settings.pool_size,
        reads=Bounds.of(settings, Work.READ),
        transactions=Bounds.of(settings, Work.COMMAND),
    )
    keys = Keys(
        Path(settings.signing_keys) if settings.signing_keys else None,
        settings.address,
        settings.oidc_audience,
    )
    sender = sms or sender_for(settings)
    issuer = settings.oidc_issuer
    officials = Officials(settings, issuer, database) if issuer else None
    redis = redis_at(settings.redis_url)
    feed = Feed(database, redis)
    partners = Partners(database)
    limits = settings.rate_limits
    ledger = Ledger(database, partners, enforced=limits == "enforce") if limits != "off" else None
    try:
        yield Process(
            settings,
            database,
            keys,
            sender,
            LocalStorage(folder_for(settings)),
            parts_for(settings),
            Bearers(keys),
            Revoked(database, timedelta(minutes=settings.access_minutes)),
            partners,
            officials,
            redis,
            feed,
            ledger,
            runner_for,
        )
    finally:
        await feed.close()
        if officials is not None:
            await officials.close()
        if isinstance(sender, HttpSms):
            await sender.close()
        if redis is not None:
            await redis.close()
        await database.close()
