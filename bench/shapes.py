"""What is asked: the operations, and more than a thousand values of their variables."""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from bench.database import Database

OPERATIONS = Path(__file__).parent / "operations"

Variables = list[dict[str, Any]]

BY_DISTRICT = """
SELECT d.lgd_code AS district, y AS years
FROM district d, generate_series(0, 40) y
WHERE %s <= (
  SELECT count(*) FROM worker w
  WHERE w.district_id = d.id AND w.status = 'ACTIVE' AND w.years_experience >= y
)
"""
REVIEWED = """
SELECT worker_id FROM rating_summary WHERE worker_id IS NOT NULL
ORDER BY count DESC, worker_id LIMIT %s
"""
ACTIVE = "SELECT id FROM worker WHERE status = 'ACTIVE' ORDER BY md5(id) LIMIT %s"


@dataclass(frozen=True)
class Shape:
    name: str
    document: str
    variables: Variables
    dialects: dict[str, str]
    """The operation as other schemas want it, by server."""

    def bodies(self, server: str) -> list[bytes]:
        document = self.dialects.get(server, self.document)
        return [
            json.dumps({"query": document, "variables": values}).encode()
            for values in self.variables
        ]


def shapes(database: Database) -> list[Shape]:
    return [
        a_shape("nested_list", districts(database, 20)),
        a_shape("deep_profile", workers(database, REVIEWED, 1_500)),
        a_shape("flat_100", districts(database, 100)),
        a_shape("tiny", workers(database, ACTIVE, 5_000)),
    ]


def a_shape(name: str, variables: Variables) -> Shape:
    assert len(variables) >= 1_000, f"{name} has only {len(variables)} values of its variables"
    Random(name).shuffle(variables)
    document = (OPERATIONS / f"{name}.graphql").read_text()
    other = (OPERATIONS / "postgraphile" / f"{name}.graphql").read_text()
    return Shape(name, document, variables, {"postgraphile": other})


def districts(database: Database, size: int) -> Variables:
    """Districts and years of experience with a full page of workers."""
    found = database.rows(BY_DISTRICT, size)
    return [{"district": district, "years": years} for district, years in found]


def workers(database: Database, statement: str, number: int) -> Variables:
    return [{"id": id} for (id,) in database.rows(statement, number)]


def own_shape(path: Path) -> Shape:
    """Any operation, with its variables, or a list of them, in a .json file beside it."""
    beside = path.with_suffix(".json")
    given = json.loads(beside.read_text()) if beside.exists() else {}
    return Shape(path.stem, path.read_text(), given if isinstance(given, list) else [given], {})
