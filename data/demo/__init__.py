"""Demo data: a state full of people who do not exist, the same for a seed and a day."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime, time
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from data.demo import accounts, discovery
from data.demo.accounts import ROLES
from data.demo.bookings import Diary, NoDayLeft
from data.demo.profile import PROFILES, Profile
from data.demo.workers import Hand, Town
from data.demo.writer import Rows, write
from models.account import DemoAccount
from models.booking import BookingState
from models.change import RecordKind, all_noted
from models.worker import WorkerStatus
from runtime import clock
from runtime.clock import NOW
from runtime.database import engine_for
from runtime.geography import INDIA

CHUNK = 10_000
DIARY_LIMIT = 150_000
"""Hands that may have bookings: keeping two million in memory would gain nothing."""

Progress = Callable[[str, int, int], None]


async def is_empty(url: str) -> bool:
    """Whether there is nobody in the database yet; reference data does not count."""
    engine = engine_for(url)
    try:
        async with engine.connect() as connection:
            found = await connection.execute(text("SELECT EXISTS (SELECT FROM worker)"))
            return not found.scalar_one()
    finally:
        await engine.dispose()


async def accounts_in(url: str) -> list[tuple[str, str]]:
    """Whom one can become: names and roles; none where the data is not demo data."""
    engine = engine_for(url)
    try:
        async with engine.connect() as connection:
            found = await connection.execute(select(DemoAccount.name, DemoAccount.role))
            return [(name, role) for name, role in found]
    finally:
        await engine.dispose()


async def seed(
    url: str, profile: Profile, *, seed: int, as_of: datetime | None, progress: Progress
) -> None:
    """Fill a migrated database that holds reference data and nobody.

    `as_of` is the instant the data stands at: by default today's midnight in India. NoDayLeft, if
    bookings are too many for the workers.
    """
    midnight = datetime.combine(clock.today(), time(), ZoneInfo(INDIA))
    town = Town(Random(seed), as_of or midnight, Rows())
    engine = engine_for(url)
    try:
        await write_all(engine, town, profile, progress)
    finally:
        await engine.dispose()


def chunks(town: Town, profile: Profile) -> Iterator[tuple[str, int, int]]:
    """Makes the rows of the profile, a chunk between two yields: stage, how many, of how many."""
    town.add_providers(profile)
    hands: list[Hand] = []
    statuses = worker_statuses(town.random, profile.workers)
    for number, status in enumerate(statuses, start=1):
        hand = town.add_worker(number, status, profile.rules_per_worker)
        if hand is not None and len(hands) < DIARY_LIMIT:
            hands.append(hand)
        if number % CHUNK == 0 or number == len(statuses):
            yield "workers", number, len(statuses)
    diary = Diary(town, hands)
    diary.add_citizens(profile.citizens)
    for number, state in enumerate(booking_states(profile), start=1):
        diary.add(state)
        if number % CHUNK == 0:
            yield "bookings", number, profile.bookings
    diary.add_engagements()
    diary.add_reviews()
    yield "bookings", profile.bookings, profile.bookings


async def write_all(engine: AsyncEngine, town: Town, profile: Profile, progress: Progress) -> None:
    """All or nothing, for half of a town would be taken for a whole one. A chunk is written while
    the next is made: the one keeps PostgreSQL busy, the other us."""
    making = chunks(town, profile)
    made = await asyncio.to_thread(next, making, None)
    async with engine.begin() as connection:
        await quickly(connection)
        while made is not None:
            gathered = town.rows.take()
            progress(*made)
            made, _ = await asyncio.gather(
                asyncio.to_thread(next, making, None), write(connection, gathered)
            )
        progress("search", 0, 1)
        # Nobody else could yet count what this transaction has written.
        await connection.execute(text("ANALYZE"))
        await discovery.fill(connection)
        await accounts.fill(connection, town.as_of)
        for kind in RecordKind:
            await connection.execute(text(all_noted(kind)), {NOW.key: clock.now()})
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("VACUUM ANALYZE"))
    progress("search", 1, 1)


async def quickly(connection: AsyncConnection) -> None:
    """A crash just afterwards costs demo data, and it can be made again."""
    await connection.execute(text("SET LOCAL synchronous_commit = off"))


def worker_statuses(random: Random, registered: int) -> list[WorkerStatus]:
    """Exactly so many registered ones, and besides them some of each unregistered status."""
    usual = [
        WorkerStatus.ACTIVE,
        WorkerStatus.UNDER_VERIFICATION,
        WorkerStatus.SUBMITTED,
        WorkerStatus.INACTIVE,
        WorkerStatus.SUSPENDED,
    ]
    statuses = random.choices(usual, [88, 5, 3, 2.5, 1.5], k=registered)
    statuses += [WorkerStatus.DRAFT] * max(1, registered // 60)
    statuses += [WorkerStatus.REJECTED] * max(1, registered // 120)
    statuses += [WorkerStatus.ERASED] * max(1, registered // 300)
    random.shuffle(statuses)
    return statuses


def booking_states(profile: Profile) -> Iterator[BookingState]:
    for state, count in profile.others.items():
        for _ in range(count):
            yield BookingState(state)
    for _ in range(profile.completed):
        yield BookingState.COMPLETED


__all__ = ["PROFILES", "ROLES", "NoDayLeft", "Profile", "accounts_in", "is_empty", "seed"]
