"""What workers are found by, worked out anew for those who changed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BindParameter,
    Select,
    Text,
    TextClause,
    any_,
    bindparam,
    func,
    select,
    text,
    union,
)

from models.discovery import MEANS_OF_CATEGORIES, PLACES, WORDS
from models.place import District
from models.skill import ServiceCategory, WorkerSkill
from models.worker import Provider, Worker

UNRATED = """
    SELECT s.category_id FROM worker_skill s
     WHERE s.worker_id = ANY(:ids)
       AND NOT EXISTS (SELECT FROM rating_summary r WHERE r.subject_id = s.worker_id)
"""
MEANS = MEANS_OF_CATEGORIES.replace("GROUP BY", f"AND b.category_id IN ({UNRATED}) GROUP BY")
"""The mean of a category is for those whom nobody has rated: no need to read of others."""


def workers_of_providers(ids: Sequence[str]) -> Select[str]:
    return select(Worker.id).where(Worker.provider_id == any_(texts("providers", ids)))


def workers_in_categories(ids: Sequence[str]) -> Select[str]:
    return select(WorkerSkill.worker_id).where(
        WorkerSkill.category_id == any_(texts("categories", ids))
    )


def cells_of(ids: Sequence[str]) -> Select[str]:
    return select(Worker.cell).where(Worker.id == any_(texts("ids", ids))).distinct()


def said_of(ids: Sequence[str]) -> Select[tuple[str, str]]:
    """What each key of the folded words stands for. Surnames are not public, so not here."""
    mine = Worker.id == any_(texts("ids", ids))
    name = func.concat_ws(" ", Worker.first_name_en, Worker.first_name_hi)
    districts = (
        District.id,
        func.concat_ws(" ", District.name_en, District.name_hi, District.also_known_as),
    )
    providers = Provider.id, func.concat_ws(" ", Provider.name_en, Provider.name_hi)
    categories = (
        ServiceCategory.id,
        func.concat_ws(" ", ServiceCategory.name_en, ServiceCategory.name_hi),
    )
    said = union(
        select(name.label("key"), name.label("said")).where(mine),
        select(*districts).join(Worker, Worker.district_id == District.id).where(mine),
        select(*providers).join(Worker, Worker.provider_id == Provider.id).where(mine),
        select(*categories)
        .join(WorkerSkill, WorkerSkill.category_id == ServiceCategory.id)
        .join(Worker, Worker.id == WorkerSkill.worker_id)
        .where(mine),
    ).subquery()
    return select(said.c.key, said.c.said)


def forget(table: str, ids: Sequence[str]) -> TextClause:
    return text(f"DELETE FROM {table} WHERE worker_id = ANY(:ids)").bindparams(texts("ids", ids))


def places_of(ids: Sequence[str], areas: Mapping[str, str]) -> TextClause:
    """`areas` by cell."""
    return text(
        f"""
        WITH area_of_cell AS (SELECT * FROM unnest(:cells, :areas) AS known (cell, area)),
             mean_of_category AS ({MEANS})
        {PLACES} AND w.id = ANY(:ids)
        """
    ).bindparams(texts("ids", ids), texts("cells", areas), texts("areas", areas.values()))


def words_of(ids: Sequence[str], folded: Mapping[str, Sequence[str]]) -> TextClause:
    """`folded` by key."""
    # One row for each word, since PostgreSQL has no arrays of arrays of different lengths.
    pairs = [(key, word) for key, words in folded.items() for word in words]
    return text(
        f"""
        WITH folded AS (SELECT text, array_agg(word) AS folded
                          FROM unnest(:keys, :words) AS known (text, word) GROUP BY text)
        {WORDS} AND w.id = ANY(:ids)
        """
    ).bindparams(
        texts("ids", ids),
        texts("keys", (key for key, _ in pairs)),
        texts("words", (word for _, word in pairs)),
    )


def texts(name: str, values: Iterable[str]) -> BindParameter[Any]:
    listed: Any = list(values)
    return bindparam(name, listed, type_=ARRAY(Text(collation="C")))
