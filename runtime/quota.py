"""What the system of a partner may use up in a minute and in a day: points, and rows read for it.

It is kept in PostgreSQL: what was used is exact whichever process was asked, outlives all of them,
and is there for the client and the state's office to look at. A request of a partner is worth the
statement or two that this takes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import text

from runtime import clock
from runtime.clock import NOW
from runtime.database import Database
from runtime.geography import INDIA
from runtime.partner import Partners, Quotas
from runtime.reads import Tally

WARNED_AT = 0.8
"""Of what a day allows."""
WARNING = "PartnerQuotaNearlyUsed"

# Points are taken if there are any left of all; of rows it is known afterwards how many they were,
# so whoever has none left is refused, and nobody in the middle of an answer.
USE = text(
    f"""
    INSERT INTO partner_usage AS u
           (client_id, day, minute, requests, points, rows_read, minute_points, minute_rows)
    VALUES (:client, (:now AT TIME ZONE '{INDIA}')::date, date_trunc('minute', :now),
            :requests, :points, :rows, :points, :rows)
        ON CONFLICT (client_id, day) DO UPDATE
       SET requests = u.requests + :requests,
           points = u.points + :points,
           rows_read = u.rows_read + :rows,
           minute = excluded.minute,
           minute_points = :points
               + CASE WHEN u.minute = excluded.minute THEN u.minute_points ELSE 0 END,
           minute_rows = :rows
               + CASE WHEN u.minute = excluded.minute THEN u.minute_rows ELSE 0 END
     WHERE NOT :enforced
        OR (u.points + :points <= :points_per_day AND u.rows_read < :rows_per_day
            AND (u.minute < excluded.minute
                 OR (u.minute_points + :points <= :points_per_minute
                     AND u.minute_rows < :rows_per_minute)))
    RETURNING points, rows_read, minute_points, minute_rows, warned_at IS NOT NULL AS warned
    """
).bindparams(NOW)
REFUSED = text(
    f"""
    UPDATE partner_usage SET refused = refused + 1
     WHERE client_id = :client AND day = (:now AT TIME ZONE '{INDIA}')::date
    RETURNING points, rows_read, minute_points, minute_rows, warned_at IS NOT NULL AS warned
    """
).bindparams(NOW)
WARN = text(
    f"""
    WITH warned AS (
        UPDATE partner_usage SET warned_at = :now
         WHERE client_id = :client AND day = (:now AT TIME ZONE '{INDIA}')::date
           AND warned_at IS NULL
        RETURNING client_id
    )
    INSERT INTO outbox (event, subject_id, facts, happened_at)
    SELECT '{WARNING}', client_id, jsonb_build_object('used', CAST(:used AS text)), :now FROM warned
    """
).bindparams(NOW)


class Of(StrEnum):
    POINTS = "POINTS"
    ROWS = "ROWS"


class Per(StrEnum):
    MINUTE = "MINUTE"
    DAY = "DAY"


@dataclass(frozen=True)
class Quota:
    """How a client stands with one of its quotas."""

    of: Of
    per: Per
    limit: int
    used: int
    resets_at: datetime

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    def holds(self, points: int) -> bool:
        return self.used + points <= self.limit if self.of is Of.POINTS else self.used < self.limit


@dataclass(frozen=True)
class Use:
    """What was taken, or would have been, and how that leaves the client."""

    points: int
    quotas: tuple[Quota, ...]
    allowed: bool
    enforced: bool
    """Whether quotas stop anybody, rather than being only reported."""

    @property
    def exhausted(self) -> Quota | None:
        """What is in the way of as much again, of several the one that is so for longest."""
        full = [q for q in self.quotas if self.enforced and not q.holds(self.points)]
        return max(full, key=lambda quota: quota.resets_at, default=None)


class Ledger:
    def __init__(self, database: Database, partners: Partners, *, enforced: bool) -> None:
        self._database = database
        self._partners = partners
        self._enforced = enforced

    async def take(self, client_id: str, points: int, tally: Tally) -> Use | None:
        """For an operation about to run. None of whom nobody keeps account."""
        return await self._use(client_id, tally, requests=1, points=points, rows=0)

    async def read(self, client_id: str, rows: int, tally: Tally) -> Use | None:
        """So many were read for it."""
        return await self._use(client_id, tally, requests=0, points=0, rows=rows)

    async def _use(
        self, client_id: str, tally: Tally, *, requests: int, points: int, rows: int
    ) -> Use | None:
        quotas = await self._partners.quotas(client_id)
        if quotas is None:
            return None
        now = clock.now()
        of = {"client": client_id, NOW.key: now}
        values = {"requests": requests, "points": points, "rows": rows, **vars(quotas), **of}
        enforced = self._enforced and requests > 0
        used = await self._database.write(USE, tally, {**values, "enforced": enforced})
        allowed = bool(used)
        ((*counts, warned),) = used or await self._database.write(REFUSED, tally, of)
        use = Use(points, tuple(standing(quotas, now, *counts)), allowed, self._enforced)
        near = [q for q in use.quotas if q.per is Per.DAY and q.used >= WARNED_AT * q.limit]
        if near and not warned:
            await self._database.write(WARN, tally, {**of, "used": near[0].of.value})
        return use


def standing(
    quotas: Quotas, now: datetime, points: int, rows: int, minute_points: int, minute_rows: int
) -> Iterator[Quota]:
    minute = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    tomorrow = now.astimezone(ZoneInfo(INDIA)).date() + timedelta(days=1)
    day = datetime.combine(tomorrow, time(), ZoneInfo(INDIA)).astimezone(UTC)
    yield Quota(Of.POINTS, Per.MINUTE, quotas.points_per_minute, minute_points, minute)
    yield Quota(Of.ROWS, Per.MINUTE, quotas.rows_per_minute, minute_rows, minute)
    yield Quota(Of.POINTS, Per.DAY, quotas.points_per_day, points, day)
    yield Quota(Of.ROWS, Per.DAY, quotas.rows_per_day, rows, day)
