"""Rows on their way into the database, by COPY and through every constraint."""

from collections import defaultdict
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from models.base import Row


class Rows:
    """Rows gathered by table, written together in the order their references need."""

    def __init__(self) -> None:
        self.gathered = defaultdict[str, list[dict[str, Any]]](list)

    def add(self, table: type[Row], **values: Any) -> None:
        self.gathered[table.__tablename__].append(values)

    async def write(self, connection: AsyncConnection) -> None:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        for table in Row.metadata.sorted_tables:
            rows = self.gathered.pop(table.name, None)
            if rows:
                columns = list(rows[0])
                await raw.copy_records_to_table(
                    table.name,
                    columns=columns,
                    records=[tuple(row[column] for column in columns) for row in rows],
                )
