"""The schema as text: the files in version control, and how today's differs from them."""

from difflib import unified_diff
from pathlib import Path

from graphql import build_schema, find_breaking_changes, print_schema

from schema.graph import SUBGRAPHS, gateway
from schema.subgraph import OWN, subgraph

FOLDER = Path(__file__).parent / "sdl"
SNAPSHOT = FOLDER / "gateway.graphql"
RELEASED = FOLDER / "released.graphql"
"""What clients have been written for: the snapshot as of the last release."""
SUPERGRAPH = FOLDER / "supergraph.graphql"
"""What routers read; `make compose` makes it of the subgraphs."""


def current() -> str:
    return print_schema(gateway().schema) + "\n"


def snapshots() -> dict[Path, str]:
    """What each file should say: the gateway's, as clients and as partners' composers read it, and
    one for each subgraph."""
    parts = {FOLDER / "subgraphs" / f"{name}.graphql": subgraph(name).sdl for name in SUBGRAPHS}
    return {SNAPSHOT: current(), FOLDER / f"{OWN}.graphql": subgraph().sdl, **parts}


def write() -> None:
    for file, text in snapshots().items():
        file.write_text(text, encoding="utf-8")


def release() -> None:
    RELEASED.write_text(current(), encoding="utf-8")


def check() -> list[str]:
    """The lines in which the snapshots are out of date; none if they are not."""
    changes: list[str] = []
    for file, text in snapshots().items():
        kept = file.read_text(encoding="utf-8") if file.exists() else ""
        changes += unified_diff(
            kept.splitlines(), text.splitlines(), file.name, "schema", lineterm="", n=1
        )
    return changes


def breaking(older: str | None = None) -> list[str]:
    """What would break clients written for the older SDL, or for the released one."""
    older = older or RELEASED.read_text(encoding="utf-8")
    changes = find_breaking_changes(build_schema(older), gateway().schema)
    return [change.description for change in changes]
