"""Rows on their way into the database, by COPY and through every constraint."""

from collections import defaultdict
from operator import itemgetter
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from models.base import Row

Gathered = dict[str, list[dict[str, Any]]]


class Rows:
    """Rows gathered by table."""

    def __init__(self) -> None:
        self._gathered = defaultdict[str, list[dict[str, Any]]](list)

    def add(self, table: type[Row], **values: Any) -> None:
        self._gathered[table.__tablename__].append(values)

    def take(self) -> Gathered:
        """All there are so far, which are then somebody else's to write."""
        taken, self._gathered = self._gathered, defaultdict(list)
        return taken


async def write(connection: AsyncConnection, gathered: Gathered) -> None:
    """In the order that references between tables need."""
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None
    for table in Row.metadata.sorted_tables:
        if rows := gathered.get(table.name):
            columns = list(rows[0])
            await raw.copy_records_to_table(
                table.name, columns=columns, records=map(itemgetter(*columns), rows)
            )
