"""The schema as text: the files in version control, and how today's differs from them."""

from difflib import unified_diff
from pathlib import Path

from graphql import build_schema, find_breaking_changes, print_schema

from runtime.contract import VERSIONS, Contract
from runtime.rights import PURPOSES
from schema.contract import contract
from schema.graph import SUBGRAPHS, gateway
from schema.subgraph import OWN, subgraph

FOLDER = Path(__file__).parent / "sdl"
SNAPSHOT = FOLDER / "gateway.graphql"
SUPERGRAPH = FOLDER / "supergraph.graphql"
"""What routers read; `make compose` makes it of the subgraphs."""


def current() -> str:
    return print_schema(gateway().schema) + "\n"


def snapshots() -> dict[Path, str]:
    """What each file should say: the gateway's, as clients and as partners' composers read it, and
    one for each subgraph."""
    parts = {FOLDER / "subgraphs" / f"{name}.graphql": subgraph(name).sdl for name in SUBGRAPHS}
    return {SNAPSHOT: current(), FOLDER / f"{OWN}.graphql": subgraph().sdl, **parts}


def contracts() -> dict[Path, str]:
    """For each version and purpose, what those who have it alone are shown. Of several purposes a
    client is shown what each of them shows."""
    return {
        FOLDER / "contracts" / version / f"{purpose.lower()}.graphql": print_schema(
            contract(Contract(version, frozenset({purpose})))
        )
        + "\n"
        for version in VERSIONS
        for purpose in sorted(PURPOSES)
    }


def write() -> None:
    """Of contracts only what breaks nobody: `check` tells of the rest."""
    for file, text in {**snapshots(), **contracts()}.items():
        if file.parent.parent.name == "contracts" and broken_by(file, text):
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def check() -> list[str]:
    """The lines in which the snapshots are out of date; none if they are not."""
    changes: list[str] = []
    for file, text in {**snapshots(), **contracts()}.items():
        kept = file.read_text(encoding="utf-8") if file.exists() else ""
        changes += unified_diff(
            kept.splitlines(), text.splitlines(), file.name, "schema", lineterm="", n=1
        )
    return changes


def broken_contracts() -> list[str]:
    """What would break systems of partners: it takes a version of its own, runtime/contract.py."""
    return [
        f"{file.parent.name} {file.stem}: {change}"
        for file, text in contracts().items()
        for change in broken_by(file, text)
    ]


def broken_by(file: Path, text: str) -> list[str]:
    if not file.exists():
        return []
    older = build_schema(file.read_text(encoding="utf-8"))
    return [change.description for change in find_breaking_changes(older, build_schema(text))]
