"""Fills the tables that finding workers reads, from the rows of the domains below."""

from collections.abc import Iterable
from typing import cast

from sqlalchemy import Index, Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from data.demo.people import given_names
from data.reference import categories, districts
from models.discovery import WorkerPlace, WorkerWords
from runtime.folding import words
from runtime.geography import area_of

PLACES = """
INSERT INTO worker_place (worker_id, category_number, cell, area, score, verified, languages,
                          gender)
SELECT w.id, c.number, w.cell, a.area,
       coalesce(r.bayesian, p.mean, o.mean),
       (SELECT count(*) = 2 FROM verification v
         WHERE v.worker_id = w.id AND v.kind IN ('IDENTITY', 'POLICE') AND v.verified),
       w.languages, w.gender
  FROM worker w
  JOIN worker_skill s ON s.worker_id = w.id AND s.verified
  JOIN service_category c ON c.id = s.category_id
  JOIN area_of_cell a ON a.cell = w.cell
  LEFT JOIN rating_summary r ON r.subject_id = w.id
  LEFT JOIN mean_of_category p ON p.category_id = s.category_id
 CROSS JOIN (SELECT coalesce(avg(stars), 3.5)::float8 AS mean FROM review
              WHERE state IN ('PUBLISHED', 'RESTORED')) o
 WHERE w.status = 'ACTIVE'
"""

MEANS = """
CREATE TEMPORARY TABLE mean_of_category ON COMMIT DROP AS
SELECT b.category_id, avg(r.stars)::float8 AS mean
  FROM review r JOIN booking b ON b.id = r.booking_id
 WHERE r.state IN ('PUBLISHED', 'RESTORED') GROUP BY b.category_id
"""

WORDS = """
INSERT INTO worker_words (worker_id, words, score)
SELECT w.id,
       array_to_tsvector(array_remove(array_cat(array_cat(n.folded, d.folded), array_cat(
           array_append(coalesce(p.folded, '{}'), lower(w.code)), t.folded)), NULL)),
       t.score
  FROM worker w
  JOIN (SELECT q.worker_id, array_agg(word) AS folded, max(q.score) AS score
          FROM worker_place q JOIN service_category c ON c.number = q.category_number
          JOIN folded f ON f.text = c.id CROSS JOIN unnest(f.folded) word
         GROUP BY q.worker_id) t ON t.worker_id = w.id
  JOIN folded n ON n.text = w.first_name_en || ' ' || w.first_name_hi
  JOIN folded d ON d.text = w.district_id
  LEFT JOIN folded p ON p.text = w.provider_id
 WHERE w.status = 'ACTIVE'
"""

INDEXES: list[Index] = [
    index for table in (WorkerPlace, WorkerWords) for index in cast(Table, table.__table__).indexes
]


async def fill(connection: AsyncConnection) -> None:
    await connection.execute(
        text("CREATE TEMPORARY TABLE area_of_cell (cell text, area text) ON COMMIT DROP")
    )
    await connection.execute(
        text("CREATE TEMPORARY TABLE folded (text text, folded text[]) ON COMMIT DROP")
    )
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None
    cells = (await connection.execute(text("SELECT DISTINCT cell FROM worker"))).scalars()
    await raw.copy_records_to_table(
        "area_of_cell", records=[(cell, area_of(cell)) for cell in cells]
    )
    providers = await connection.execute(text("SELECT id, name_en || ' ' || name_hi FROM provider"))
    await raw.copy_records_to_table(
        "folded",
        records=[
            (key, sorted(set(words(said)))) for key, said in (*known(), *map(tuple, providers))
        ],
    )
    # Built at once, an index of millions takes a fraction of what adding to it does.
    for index in INDEXES:
        await connection.run_sync(index.drop)
    for memory in ("work_mem", "maintenance_work_mem"):
        await connection.execute(text(f"SET LOCAL {memory} = '256MB'"))
    for statement in (MEANS, "ANALYZE area_of_cell, folded", PLACES, "ANALYZE worker_place", WORDS):
        await connection.execute(text(statement))
    for index in INDEXES:
        await connection.run_sync(index.create)


def known() -> Iterable[tuple[str, str]]:
    """What each key of the folded words stands for. Surnames are not public, so not here."""
    names = {f"{en} {hi}" for female in (True, False) for en, hi, _ in given_names(female)}
    yield from ((name, name) for name in names)
    for district in districts():
        names_ = (district["name_en"], district["name_hi"], district["also_known_as"] or "")
        yield district["id"], " ".join(names_)
    for category in categories():
        yield category["id"], f"{category['name_en']} {category['name_hi']}"
