"""What finding a worker reads: where they set out from, and the words they are found by.

Both tables are derived from the domains below and hold active workers only.
"""

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped

from models.base import Row, public


class WorkerPlace(Row):
    """An active worker in one of their categories, and the H3 cell they set out from.

    All workers of a cell are equally far from anywhere, for distances are measured from its
    centre: cells in the order of their distance are workers in the order of theirs.
    """

    __tablename__ = "worker_place"
    __table_args__ = (
        Index("worker_place_nearest", "category_number", "cell", "worker_id"),
        Index(
            "worker_place_by_rating",
            "category_number",
            "cell",
            text("score DESC"),
            text("worker_id DESC"),
        ),
        Index(
            "worker_place_by_rating_wide",
            "category_number",
            "area",
            text("score DESC"),
            text("worker_id DESC"),
        ),
    )

    worker_id: Mapped[str] = public(ForeignKey("worker.id"), primary_key=True)
    category_number: Mapped[int] = public(ForeignKey("service_category.number"), primary_key=True)
    cell: Mapped[str] = public()
    """H3, resolution 7: about 5 km². `area` is its parent at resolution 5, about 250 km²."""
    area: Mapped[str] = public()
    score: Mapped[float] = public()
    """The Bayesian rating, or the category's mean where nobody has rated yet."""
    verified: Mapped[bool] = public()
    """Identity and police both verified, and the skill in this category."""
    languages: Mapped[list[str]] = public()


class WorkerWords(Row):
    """The folded words a worker is found by: first name, trades, district, provider, code."""

    __tablename__ = "worker_words"
    __table_args__ = (
        Index("worker_words_found", "words", postgresql_using="gin"),
        # What many have is not sorted: it is met soon enough in the order itself.
        Index("worker_words_best", text("score DESC"), text("worker_id DESC")),
    )

    worker_id: Mapped[str] = public(ForeignKey("worker.id"), primary_key=True)
    words: Mapped[str] = public(TSVECTOR())
    score: Mapped[float] = public()


# How the rows follow from the domains below: for all workers at once when demo data is made, and
# for those who changed ever after. Whoever runs these brings three relations along, since cells
# and words are computed here and not in the database: `area_of_cell (cell, area)`,
# `folded (text, folded)` and `mean_of_category (category_id, mean)`.

MEANS_OF_CATEGORIES = """
SELECT b.category_id, avg(r.stars)::float8 AS mean
  FROM review r JOIN booking b ON b.id = r.booking_id
 WHERE r.state IN ('PUBLISHED', 'RESTORED') GROUP BY b.category_id
"""

PLACES = """
INSERT INTO worker_place (worker_id, category_number, cell, area, score, verified, languages)
SELECT w.id, c.number, w.cell, a.area,
       coalesce(r.bayesian, m.mean, (SELECT coalesce(avg(stars), 3.5)::float8 FROM review
                                      WHERE state IN ('PUBLISHED', 'RESTORED'))),
       (SELECT count(*) = 2 FROM verification v
         WHERE v.worker_id = w.id AND v.kind IN ('IDENTITY', 'POLICE') AND v.verified),
       w.languages
  FROM worker w
  JOIN worker_skill s ON s.worker_id = w.id AND s.verified
  JOIN service_category c ON c.id = s.category_id
  JOIN area_of_cell a ON a.cell = w.cell
  LEFT JOIN provider p ON p.id = w.provider_id
  LEFT JOIN rating_summary r ON r.subject_id = w.id
  LEFT JOIN mean_of_category m ON m.category_id = s.category_id
 WHERE w.status = 'ACTIVE' AND coalesce(p.status, 'EMPANELLED') = 'EMPANELLED'
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
  JOIN folded n ON n.text = concat_ws(' ', w.first_name_en, w.first_name_hi)
  JOIN folded d ON d.text = w.district_id
  LEFT JOIN folded p ON p.text = w.provider_id
 WHERE w.status = 'ACTIVE'
"""
