"""What has become of records, for those who keep copies of them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped

from models.base import Row, datetime, never, one_of, public


class RecordKind(StrEnum):
    WORKER = "WORKER"
    PROVIDER = "PROVIDER"
    SKILL = "SKILL"
    BOOKING = "BOOKING"
    RATING = "RATING"
    REVIEW = "REVIEW"
    CATEGORY = "CATEGORY"


class Gone(StrEnum):
    ERASED = "ERASED"
    SUSPENDED = "SUSPENDED"
    MOVED = "MOVED"
    NO_CONSENT = "NO_CONSENT"


ENDINGS = (
    *("ConsentWithdrawn", "WorkerErased", "CitizenErased", "WorkerSuspended"),
    "ReviewCleared",
)
"""With these nobody is to find any more, in what was sent or exported, what was known of a person,
or what a review said."""
OF_PEOPLE = ("wk_", "cz_", "rv_")
"""How the ids begin of what these are about."""


class RecordChange(Row):
    """The last change of one record. With each change it moves to the end of the log, so whoever
    has read up to a position has met every record as it was there, or will meet it again."""

    __tablename__ = "record_change"
    __table_args__ = (
        one_of("kind", RecordKind),
        Index("record_change_in_order", "kind", "position", "record_id"),
    )

    kind: Mapped[str] = never(primary_key=True)
    record_id: Mapped[str] = public(primary_key=True)
    """Of a rating, the id of whom it is about."""
    position: Mapped[int] = public(BigInteger)
    """In the change log; 0 for what was there before anything was logged of it."""
    event: Mapped[str] = public()
    happened_at: Mapped[datetime] = public()
    whose: Mapped[str | None] = never(index=True)
    """Of a skill, its worker."""
    districts: Mapped[list[str]] = never()
    """Each that the record has ever been in: who was told of it is told that it is gone."""
    categories: Mapped[list[str]] = never()
    purposes: Mapped[list[str]] = never()
    """Each that its worker has ever agreed to."""


# Where a record belongs, from the domains below.

AGREED = "ARRAY(SELECT DISTINCT purpose FROM consent_record WHERE subject_id = w.id ORDER BY 1)"
TRADES = "ARRAY(SELECT category_id FROM worker_skill WHERE worker_id = w.id ORDER BY 1)"
SERVED = "ARRAY(SELECT district_id FROM provider_district WHERE provider_id = p.id ORDER BY 1)"
EVERYWHERE = "ARRAY(SELECT id FROM district ORDER BY 1)"
NONE = "'{}'::text[]"
BELONGING: Mapping[RecordKind, str] = MappingProxyType(
    {
        RecordKind.WORKER: "SELECT w.id, NULL, ARRAY[w.district_id],"
        f" {TRADES}, {AGREED} FROM worker w",
        RecordKind.PROVIDER: f"SELECT p.id, NULL, {SERVED}, {NONE}, {NONE} FROM provider p",
        RecordKind.SKILL: "SELECT s.id, w.id, ARRAY[w.district_id],"
        f" ARRAY[s.category_id], {AGREED}"
        " FROM worker_skill s JOIN worker w ON w.id = s.worker_id",
        RecordKind.BOOKING: "SELECT b.id, NULL, ARRAY[b.district_id],"
        f" ARRAY[b.category_id], {NONE} FROM booking b",
        RecordKind.RATING: "SELECT r.subject_id, NULL,"
        f" CASE WHEN w.id IS NULL THEN {SERVED} ELSE ARRAY[w.district_id] END,"
        f" CASE WHEN w.id IS NULL THEN {NONE} ELSE {TRADES} END, {NONE} FROM rating_summary r"
        " LEFT JOIN worker w ON w.id = r.worker_id LEFT JOIN provider p ON p.id = r.provider_id",
        RecordKind.REVIEW: "SELECT r.id, NULL, ARRAY[b.district_id],"
        f" ARRAY[b.category_id], {NONE} FROM review r JOIN booking b ON b.id = r.booking_id",
        RecordKind.CATEGORY: f"SELECT c.id, NULL, {EVERYWHERE},"
        f" ARRAY[c.id], {NONE} FROM service_category c",
    }
)
BELONGS = ("districts", "categories", "purposes")


def noted(kind: RecordKind, latest: str) -> str:
    """`latest` is a relation `(id, position, event, happened_at)`: the last change of each record.
    One that is not there any more stays where it belonged."""
    columns = ", ".join(BELONGS)
    found = ", ".join(f"coalesce(b.{name}, {NONE})" for name in BELONGS)
    joined = ", ".join(f"{name} = {united('known', 'excluded', name)}" for name in BELONGS)
    return f"""
        INSERT INTO record_change AS known
               (kind, record_id, position, event, happened_at, whose, {columns})
        SELECT '{kind}', n.id, n.position, n.event, n.happened_at, b.whose, {found}
          FROM {latest} n
          LEFT JOIN ({BELONGING[kind]}) AS b (id, whose, {columns}) USING (id)
         ORDER BY n.id
            ON CONFLICT (kind, record_id) DO UPDATE
           SET position = excluded.position, event = excluded.event,
               happened_at = excluded.happened_at, {joined}
    """


def united(one: str, other: str, name: str) -> str:
    return f"ARRAY(SELECT DISTINCT unnest({one}.{name} || {other}.{name}) ORDER BY 1)"


def skills_noted(latest: str) -> str:
    """All skills of the people in `latest`: they belong where their worker does."""
    joined = ", ".join(
        f"{name} = {united('s', 'w', name)}" for name in BELONGS if name != "categories"
    )
    return f"""
        UPDATE record_change s
           SET position = n.position, event = n.event, happened_at = n.happened_at, {joined}
          FROM {latest} n JOIN record_change w ON w.record_id = n.id AND w.kind = 'WORKER'
         WHERE s.whose = n.id AND s.kind = 'SKILL'
    """


def all_noted(kind: RecordKind) -> str:
    """All records that are there before anything has been logged of them."""
    return noted(
        kind,
        "(SELECT id, 0 AS position, 'Noted' AS event, CAST(:now AS timestamptz) AS happened_at"
        f" FROM ({BELONGING[kind]}) AS there (id, whose, districts, categories, purposes))",
    )
