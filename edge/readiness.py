"""What `/readyz` says of a database that answers, and should be set otherwise."""

from sqlalchemy import Text, column, select, table

from runtime.database import Database
from runtime.reads import Tally

SETTING = table("pg_settings", column("name", Text), column("setting", Text))
UNBOUNDED = {
    "temp_file_limit": (
        "-1",
        "temp_file_limit is -1: one statement may fill the disk. A superuser sets it with"
        " ALTER ROLE … SET temp_file_limit.",
    ),
    "statement_timeout": (
        "0",
        "statement_timeout is 0 for what stands in no transaction, as behind a pooler. Set it with"
        " ALTER ROLE … SET statement_timeout.",
    ),
}
"""The settings that bound nothing where they have that value, and what to do."""
BOUNDS = select(SETTING.c.name, SETTING.c.setting).where(SETTING.c.name.in_(UNBOUNDED))


async def unbounded_in(database: Database) -> list[str]:
    """What to change, in a sentence each. Raises what the driver does where there is no answer."""
    found = dict(await database.write(BOUNDS, Tally()))
    return [told for name, (value, told) in UNBOUNDED.items() if found.get(name) == value]
