"""Reference data: places, the catalogue and the booking state machine, from the files here.

Loading again brings corrections in and leaves everything else alone.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.base import Row
from models.booking import BookingTransition, CancellationPolicy
from models.place import District, Division, Pin
from models.skill import Service, ServiceCategory
from runtime.database import engine_for

FOLDER = Path(__file__).parent
BATCH = 500

OFFICES_OWN = (ServiceCategory, Service)
"""The state office edits these from their first loading on: ours would undo its changes."""

Values = dict[str, Any]


async def load(url: str) -> None:
    engine = engine_for(url)
    try:
        async with engine.begin() as connection:
            for table, rows in everything():
                await upsert(connection, table, rows)
    finally:
        await engine.dispose()


async def upsert(connection: AsyncConnection, table: type[Row], rows: list[Values]) -> None:
    keys = [column.name for column in table.__table__.primary_key]
    for start in range(0, len(rows), BATCH):
        new = insert(table).values(rows[start : start + BATCH])
        if table in OFFICES_OWN:
            await connection.execute(new.on_conflict_do_nothing(index_elements=keys))
            continue
        changed = {name: new.excluded[name] for name in rows[0] if name not in keys}
        await connection.execute(new.on_conflict_do_update(index_elements=keys, set_=changed))


def everything() -> list[tuple[type[Row], list[Values]]]:
    """Each table's rows, a table after those it refers to."""
    return [
        (Division, list(divisions())),
        (District, list(districts())),
        (Pin, list(pins())),
        (ServiceCategory, list(categories())),
        (Service, list(services())),
        (BookingTransition, list(transitions())),
        (CancellationPolicy, list(policies())),
    ]


def lines(name: str) -> Iterator[dict[str, str]]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def parts(text: str) -> list[str]:
    return [part for part in text.split(";") if part]


def divisions() -> Iterator[Values]:
    for line in lines("divisions"):
        yield {
            "id": f"dv_{line['slug']}",
            "slug": line["slug"],
            "name_en": line["name_en"],
            "name_hi": line["name_hi"],
            "headquarters_en": line["hq_en"],
        }


def districts() -> Iterator[Values]:
    division_ids = {line["name_en"]: f"dv_{line['slug']}" for line in lines("divisions")}
    for line in lines("districts"):
        yield {
            "id": f"dt_{line['lgd_district_code']}",
            "lgd_code": int(line["lgd_district_code"]),
            "census_code": line["census2011_code"] or None,
            "slug": line["slug"],
            "name_en": line["name_en"],
            "name_hi": line["name_hi"],
            "also_known_as": line["also_known_as"] or None,
            "division_id": division_ids[line["division_en"]],
            "headquarters_en": line["hq_en"],
            "headquarters_hi": line["hq_hi"],
            "latitude": float(line["hq_lat"]),
            "longitude": float(line["hq_lon"]),
        }


def pins() -> Iterator[Values]:
    for line in lines("pincodes"):
        others = parts(line["other_lgd_district_codes"])
        yield {
            "code": line["pincode"],
            "district_id": f"dt_{line['lgd_district_code']}",
            "other_district_ids": [f"dt_{code}" for code in others],
            "main_office": line["main_office"],
        }


def categories() -> Iterator[Values]:
    for line in lines("service_categories"):
        yield {
            "id": f"ct_{line['slug']}",
            "number": int(line["sort"]),
            "slug": line["slug"],
            "name_en": line["name_en"],
            "name_hi": line["name_hi"],
            "group": line["group"],
            "nco_code": line["nco_2015_code"] or None,
            "nco_title": line["nco_2015_title"] or None,
            "qp_code": line["qp_code"] or None,
            "qp_title": line["qp_title"] or None,
            "nsqf_level": line["nsqf_level"] or None,
            "regulations": parts(line["regulation"]),
            "gender_preference": line["gender_preference"] == "yes",
            "active": True,
        }


def services() -> Iterator[Values]:
    for position, line in enumerate(lines("services")):
        yield {
            "id": f"sv_{line['category_slug']}-{line['slug']}",
            "category_id": f"ct_{line['category_slug']}",
            "position": position,
            "slug": line["slug"],
            "name_en": line["name_en"],
            "name_hi": line["name_hi"],
            "unit": line["unit"],
            "duration_minutes": int(line["default_duration_min"]),
            "ondc_code": line["ondc_code"] or None,
        }


def transitions() -> Iterator[Values]:
    for number, line in enumerate(lines("booking_transitions"), start=1):
        yield {
            "number": number,
            "command": line["command"],
            "from_state": line["from_state"] or None,
            "to_state": line["to_state"],
            "actors": parts(line["actors"]),
            "condition": line["condition"] or None,
            "event": line["event"],
        }


def policies() -> Iterator[Values]:
    for line in lines("cancellation_policy"):
        yield {
            "version": int(line["version"]),
            "state": line["state"],
            "hours_before": int(line["hours_before"]),
            "percent": int(line["percent"]),
        }
