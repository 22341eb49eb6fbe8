"""The pages of the documentation, typed as their readers type them: in a clone where `make run` was
done and nothing else, without any of our settings, and on whatever port is free.

LONG=1 sets the clone up as `make run` does, and types every page.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.conftest import CHECKOUT
from tests.reader import Reader, a_reader, answers, blocks
from tests.test_server import free_port

DOCS = CHECKOUT / "docs"
COPY, FIELD = DOCS / "partner-data.md", DOCS / "partner-subgraph.md"
LONG = "LONG" in os.environ
long = pytest.mark.skipif(not LONG, reason="LONG=1: it installs packages")
TYPED = {
    "partner-data.md": "here",
    "partner-subgraph.md": "here",
    "clients.md": "by tests/clients",
    "README.md": "by CI, which types both commands",
}
SHOWN = {
    "bench.md": "takes sixteen minutes",
    "contracts.md": "a line, with a token of the reader's own",
    "documents.md": "lines, with a document of the reader's own",
    "identity.md": "lines, with keys and tokens of the reader's own",
    "subgraphs.md": "a line, for another router",
}
"""What is not typed, and why."""


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    if not shutil.which("curl") or not shutil.which("git"):
        pytest.skip("readers have curl and git")
    with a_reader(sets_up=LONG) as reader:
        yield reader


def test_every_page_with_commands_is_typed_or_it_is_said_why_not() -> None:
    pages = [*DOCS.glob("*.md"), CHECKOUT / "README.md"]
    with_commands = {page.name for page in pages if any(b.kind == "sh" for b in blocks(page))}

    assert with_commands == TYPED.keys() | SHOWN.keys()


def test_the_reader_has_nothing_of_the_suite(reader: Reader) -> None:
    python = reader.clone / ".venv" / "bin" / "python"
    names = ["starlette", "pytest", "psycopg_pool", "schemathesis"]
    script = "import sys, importlib.util as u; print([bool(u.find_spec(n)) for n in sys.argv[1:]])"
    asked = [str(python), "-c", script, *names]
    told = subprocess.run(asked, env=reader.environment, capture_output=True, text=True, check=True)

    assert told.stdout.split() == ["[True,", "False,", "True,", "False]"]
    assert not (reader.clone / "deploy" / "composers" / "node_modules").exists()
    assert not {"DATABASE_URL", "PYTHONPATH", "ISSUER", "PORT"} & reader.environment.keys()


def test_a_copy_is_made_and_kept_fresh(reader: Reader) -> None:
    kept = copied(reader, "copy")

    assert f"(Here {kept}, of 300" in COPY.read_text(encoding="utf-8")


@long
def test_it_is_made_of_a_database_that_is_there_already(reader: Reader) -> None:
    data = str(reader.home / "copy-data")

    first = copied(reader, "copy-once", DATA_DIR=data)
    again = copied(reader, "copy-again", DATA_DIR=data)

    # One was suspended.
    assert again == first - 1


def copied(reader: Reader, name: str, **chosen: str) -> int:
    """How many workers the page comes to."""
    told = reader.types(COPY, name, PORT=str(free_port()), **chosen)
    expected = list(answers(COPY))
    assert len([answer for answer in expected if answer]) > 2
    for text, answer in zip(told, expected, strict=True):
        assert not answer or json.loads(text) == answer
    (written,) = (text.split() for text in told if re.fullmatch(r"\d+ \d+", text))
    wrote, kept = map(int, written)
    assert wrote == kept
    assert [text for text in told if text.endswith(" workers")] == [
        f"{kept} workers",
        f"1 changes, {kept - 1} workers",
    ]
    return kept


@long
@pytest.mark.parametrize("name", ["field", "field-again"])
def test_a_field_is_joined(reader: Reader, name: str) -> None:
    """The second time with the data of the first, and with the composers installed."""
    chosen = {"PORT": str(free_port()), "FUND_PORT": str(free_port())}

    told = reader.types(FIELD, name, DATA_DIR=str(reader.home / "field-data"), **chosen)

    expected = list(answers(FIELD))
    assert len([answer for answer in expected if answer]) > 5
    assert [json.loads(text) if text else None for text in told] == expected
