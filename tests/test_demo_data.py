"""Demo data: the published figures, and every rule the service lives by."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from data import demo, reference
from data.demo.people import surnames
from data.demo.profile import Profile
from data.demo.workers import Town
from data.demo.writer import Rows
from runtime.database import engine_for
from runtime.folding import words
from runtime.geography import INDIA
from runtime.migration import migrate
from tests.conftest import database

AS_OF = datetime(2026, 11, 20, tzinfo=ZoneInfo(INDIA))

Sql = Callable[[str], list[Any]]


@pytest.fixture(scope="module")
def launch(server_url: str) -> Iterator[str]:
    with database(server_url) as url:

        async def fill() -> None:
            await migrate(url)
            await reference.load(url)
            await demo.seed(
                url, demo.PROFILES["launch"], seed=1, as_of=AS_OF, progress=lambda *_: None
            )

        asyncio.run(fill())
        yield url


@pytest.fixture(scope="module")
def sql(launch: str) -> Sql:
    def sql(query: str) -> list[Any]:
        async def run() -> list[Any]:
            engine = engine_for(launch)
            async with engine.connect() as connection:
                rows = [tuple(row) for row in await connection.execute(text(query))]
            await engine.dispose()
            return rows

        return asyncio.run(run())

    return sql


def test_the_figures_are_the_published_ones(sql: Sql) -> None:
    assert sql(
        """SELECT (SELECT count(*) FROM worker
                    WHERE status NOT IN ('DRAFT', 'REJECTED', 'ERASED')),
                  (SELECT count(*) FROM provider WHERE status = 'EMPANELLED'),
                  (SELECT count(*) FROM service_category),
                  (SELECT count(*) FROM booking WHERE state = 'COMPLETED')"""
    ) == [(1980, 300, 26, 3518)]


def test_every_state_and_every_district_occurs(sql: Sql) -> None:
    states = {state for (state,) in sql("SELECT DISTINCT state FROM booking")}
    statuses = {status for (status,) in sql("SELECT DISTINCT status FROM worker")}

    assert len(states) == 11
    assert len(statuses) == 8
    assert sql("SELECT count(DISTINCT district_id) FROM worker") == [(75,)]


NOTHING_WRONG = {
    "quote lines sum to the total": """
        SELECT q.id FROM quote q JOIN quote_line l ON l.quote_id = q.id
        GROUP BY q.id HAVING sum(l.amount_paise) <> q.total_paise""",
    "every booking has an accepted price": """
        SELECT id FROM booking b WHERE NOT EXISTS (
          SELECT FROM quote q WHERE q.booking_id = b.id AND q.status = 'ACCEPTED')""",
    "no worker is in two places, not even in the past": """
        SELECT a.id FROM booking a JOIN booking b
          ON a.worker_id = b.worker_id AND a.id < b.id
         AND tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)
         AND a.state <> 'CANCELLED' AND b.state <> 'CANCELLED'""",
    "time is taken by live bookings and active engagements alone": """
        SELECT b.id FROM booking b FULL JOIN worker_time t ON t.booking_id = b.id
        WHERE (t.booking_id IS NOT NULL AND (t.worker_id <> b.worker_id
                 OR t.during <> tstzrange(b.starts_at, b.ends_at)))
           OR (t.id IS NULL) = (b.state IN ('ASSIGNED', 'ACCEPTED', 'EN_ROUTE', 'ARRIVED',
                                            'IN_PROGRESS', 'QUOTE_REVISED'))
              AND t.engagement_id IS NULL""",
    "timelines follow the table of transitions": """
        SELECT e.booking_id FROM timeline_entry e WHERE NOT EXISTS (
          SELECT FROM booking_transition t WHERE t.command = e.command
             AND t.from_state IS NOT DISTINCT FROM e.from_state AND t.to_state = e.to_state
             AND lower(e.actor) = ANY (t.actors))""",
    "timelines are unbroken and never go back": """
        SELECT booking_id FROM (SELECT booking_id, from_state, happened_at,
            lag(to_state) OVER w AS before, lag(happened_at) OVER w AS earlier
          FROM timeline_entry WINDOW w AS (PARTITION BY booking_id ORDER BY position)) s
        WHERE before IS DISTINCT FROM from_state OR happened_at < earlier""",
    "timelines end where the booking stands": """
        SELECT b.id FROM booking b JOIN LATERAL (SELECT to_state FROM timeline_entry e
          WHERE e.booking_id = b.id ORDER BY position DESC LIMIT 1) l ON true
        WHERE l.to_state <> b.state""",
    "live bookings are of active workers with a verified skill and empanelled providers": """
        SELECT b.id FROM booking b JOIN worker w ON w.id = b.worker_id
        LEFT JOIN provider p ON p.id = w.provider_id
        LEFT JOIN worker_skill s ON s.worker_id = w.id AND s.category_id = b.category_id
        WHERE b.state IN ('ASSIGNED', 'ACCEPTED', 'EN_ROUTE', 'ARRIVED', 'IN_PROGRESS',
                          'QUOTE_REVISED')
          AND (w.status <> 'ACTIVE' OR s.verified IS NOT TRUE OR p.status <> 'EMPANELLED')""",
    "reviews are of completed bookings, by their citizen, within thirty days": """
        SELECT r.id FROM review r JOIN booking b ON b.id = r.booking_id
        WHERE b.state <> 'COMPLETED' OR r.citizen_id <> b.citizen_id
           OR r.worker_id <> b.worker_id
           OR r.published_at NOT BETWEEN b.completed_at AND b.completed_at + interval '30 days'""",
    "reviews are numbered as they were published": """
        SELECT id FROM (SELECT id, published_at,
          lag(published_at) OVER (ORDER BY position) AS before FROM review) s
        WHERE published_at < before""",
    "replies are the provider's own": """
        SELECT r.id FROM review r JOIN review_reply y ON y.review_id = r.id
        WHERE y.provider_id IS DISTINCT FROM r.provider_id""",
    "ratings equal their recomputation": """
        WITH shown AS (SELECT unnest(ARRAY[worker_id, provider_id]) AS subject, stars
                         FROM review WHERE state IN ('PUBLISHED', 'RESTORED')),
             again AS (SELECT subject, count(*) AS count, sum(stars) AS sum FROM shown
                        WHERE subject IS NOT NULL GROUP BY subject)
        SELECT coalesce(a.subject, r.subject_id) FROM again a
          FULL JOIN rating_summary r ON r.subject_id = a.subject
        WHERE a.count IS DISTINCT FROM r.count OR a.sum IS DISTINCT FROM r.sum""",
    "active workers with a verified skill are found, and nobody else": """
        SELECT coalesce(w.id, p.worker_id) FROM
          (SELECT w.id, c.number FROM worker w JOIN worker_skill s ON s.worker_id = w.id
             JOIN service_category c ON c.id = s.category_id
            WHERE w.status = 'ACTIVE' AND s.verified) w
          FULL JOIN worker_place p ON p.worker_id = w.id AND p.category_number = w.number
        WHERE w.id IS NULL OR p.worker_id IS NULL""",
    "numbers can be dialled by nobody": """
        SELECT mobile FROM worker WHERE mobile !~ '^\\+910000[0-9]{6}$'
        UNION ALL SELECT mobile FROM citizen WHERE mobile !~ '^\\+910000[0-9]{6}$'""",
    "the forgotten have left nothing": """
        SELECT id FROM worker WHERE status = 'ERASED' AND num_nonnulls(first_name_en,
          first_name_hi, surname_en, surname_hi, mobile, home_address, home_latitude,
          birth_date, aadhaar_last4, email) > 0""",
    "workers of a provider work in a district it serves": """
        SELECT w.id FROM worker w WHERE provider_id IS NOT NULL AND NOT EXISTS (
          SELECT FROM provider_district d WHERE d.provider_id = w.provider_id
             AND d.district_id = w.district_id)""",
}


@pytest.mark.parametrize("query", NOTHING_WRONG.values(), ids=NOTHING_WRONG)
def test_the_rules_hold(sql: Sql, query: str) -> None:
    assert sql(query.replace(":", "\\:"))[:3] == []


def test_no_surname_is_among_the_words_workers_are_found_by(sql: Sql) -> None:
    # Some surnames are given names too; those are found as given names.
    found = {
        word
        for (word,) in sql("SELECT DISTINCT unnest(tsvector_to_array(words)) FROM worker_words")
    }
    ours = {
        word
        for line in reference.lines("surnames")
        for word in words(f"{line['latin']} {line['devanagari']}")
    }
    public = {
        word
        for name in ("given_names", "districts", "service_categories")
        for line in reference.lines(name)
        for value in line.values()
        for word in words(value)
    }

    assert surnames("general", True)
    assert found & (ours - public) == set()


def test_no_text_holds_an_aadhaar_number(sql: Sql) -> None:
    # Ids are left out: they are random letters and digits, which can look like anything.
    columns = sql(
        """SELECT table_name, column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND data_type = 'text'
              AND column_name !~ '(^|_)id$'"""
    )
    for table, column in columns:
        found = sql(
            f"""SELECT substring("{column}" FROM '[2-9][0-9]{{11}}') FROM "{table}"
                 WHERE "{column}" ~ '(^|[^0-9+])[2-9][0-9]{{11}}([^0-9]|$)'"""
        )
        assert not [number for (number,) in found if verhoeff_valid(number)], (table, column)


def verhoeff_valid(number: str) -> bool:
    """Whether the check digit is that of the scheme Aadhaar numbers use."""
    checksum = 0
    for place, digit in enumerate(reversed(number)):
        step = int(digit)
        for _ in range(place % 8):
            step = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)[step]
        checksum = dihedral(checksum, step)
    return checksum == 0


def dihedral(a: int, b: int) -> int:
    """The product of two symmetries of a pentagon; 0 to 4 turn it, 5 to 9 flip it."""
    if a < 5:
        return (a + b) % 5 if b < 5 else (a + b - 5) % 5 + 5
    return (a - 5 - b) % 5 + 5 if b < 5 else (a - b) % 5


def test_the_check_digit_is_computed_as_it_should_be() -> None:
    assert verhoeff_valid("2363")
    assert not verhoeff_valid("2364")


@pytest.mark.parametrize(("seed", "same"), [(1, True), (2, False)])
def test_the_same_seed_gives_the_same_people(seed: int, same: bool) -> None:
    def people(number: int) -> Any:
        rows = Rows()
        town = Town(Random(number), AS_OF, rows)
        town.add_providers(Profile(20, 8, 5, 5))
        return rows.take()

    assert (people(1) == people(seed)) is same
