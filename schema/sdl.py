"""The schema as text: the file in version control, and how today's differs from it."""

from difflib import unified_diff
from pathlib import Path

from graphql import build_schema, find_breaking_changes, print_schema

from schema.graph import gateway

SNAPSHOT = Path(__file__).parent / "sdl" / "gateway.graphql"
RELEASED = SNAPSHOT.with_name("released.graphql")
"""What clients have been written for: the snapshot as of the last release."""


def current() -> str:
    return print_schema(gateway().schema) + "\n"


def write(file: Path = SNAPSHOT) -> None:
    file.write_text(current(), encoding="utf-8")


def check() -> list[str]:
    """The lines in which the snapshot is out of date; none if it is not."""
    kept = SNAPSHOT.read_text(encoding="utf-8") if SNAPSHOT.exists() else ""
    return list(
        unified_diff(
            kept.splitlines(), current().splitlines(), "snapshot", "schema", lineterm="", n=1
        )
    )


def breaking(older: str | None = None) -> list[str]:
    """What would break clients written for the older SDL, or for the released one."""
    older = older or RELEASED.read_text(encoding="utf-8")
    changes = find_breaking_changes(build_schema(older), gateway().schema)
    return [change.description for change in changes]
