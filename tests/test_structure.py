"""The rules of the tree: who may import whom."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT

pytestmark = pytest.mark.slow

PACKAGES = (
    *("edge", "federation", "engine", "schema", "resolvers", "loaders", "models", "runtime"),
    *("data", "ide", "server.py"),
)

VIOLATIONS = {
    "a loader that knows the schema": ("loaders/worker.py", "import schema.worker", "layers"),
    "a domain that knows one above it": ("schema/worker.py", "import schema.booking", "domains"),
    "a resolver that writes SQL": ("resolvers/worker.py", "import sqlalchemy", "sql"),
    "a loader that knows the server": ("loaders/place.py", "import server", "server"),
    "demo data that reads through loaders": ("data/reference.py", "import loaders.place", "data"),
    "an engine that knows HTTP": ("engine/__init__.py", "import edge.endpoint", "engine"),
    "a runtime that knows the engine": ("runtime/rows.py", "import engine", "engine"),
    "an engine that knows a domain": ("engine/__init__.py", "import models.worker", "any schema"),
    "an endpoint that knows Strawberry": ("edge/endpoint.py", "import strawberry", "any schema"),
    "an engine that knows federation": ("engine/__init__.py", "import federation.plan", "engine"),
    "a router that knows a domain": ("federation/plan.py", "import models.worker", "any schema"),
    "a resolver that knows HTTP": ("resolvers/place.py", "import edge.endpoint", "served"),
    "a loader that knows Strawberry": ("loaders/place.py", "import strawberry", "strawberry"),
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in (*PACKAGES, "pyproject.toml"):
        source = CHECKOUT / name
        if source.is_dir():
            leave = shutil.ignore_patterns("dist", "node_modules", "__pycache__")
            shutil.copytree(source, tmp_path / name, ignore=leave)
        else:
            shutil.copy(source, tmp_path)
    return tmp_path


def import_rules(folder: Path) -> "subprocess.CompletedProcess[str]":
    script = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [script, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=60
    )


def test_the_tree_keeps_its_import_rules(copy: Path) -> None:
    result = import_rules(copy)

    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("file", "line", "rule"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_a_planted_import_breaks_its_rule(copy: Path, file: str, line: str, rule: str) -> None:
    path = copy / file
    path.write_text(f"{path.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")

    result = import_rules(copy)

    assert result.returncode == 1
    names = {
        "layers": "A request goes down, never up",
        "domains": "Domains know only the domains they are built on",
        "sql": "SQL is written in loaders and models",
        "server": "Nothing imports the server",
        "data": "Demo data is made of models alone",
        "engine": "A request is served, run, and given what it needs, in that order",
        "any schema": "Any schema can be run and served",
        "served": "Domains do not know who serves them",
        "strawberry": "Strawberry is known to the schema and to resolvers that ask for its Info",
    }
    assert f"{names[rule]} BROKEN" in result.stdout


SQL_TIME = re.compile(
    r"\b(now\(\)|(clock|statement|transaction)_timestamp\(\)|current_(date|time|timestamp)\b"
    r"|localtime(stamp)?\b|timeofday\(\)|'(now|today|tomorrow|yesterday)'::)",
    re.IGNORECASE,
)
OTHER_CLOCKS = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.date.today"),
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime"),
    *("func.now", "func.current_timestamp", "func.current_date", "func.clock_timestamp"),
    *("func.localtimestamp", "func.statement_timestamp", "func.transaction_timestamp"),
}
MAY_ASK = {
    "runtime/clock.py": "it is the clock",
    "runtime/database.py": "what PostgreSQL says is compared with the clock",
    "runtime/jobs.py": "the job library's statements write PostgreSQL's time",
    "tests/test_jobs.py": "it writes what that library would have",
    "tests/test_nearby_scale.py": "of when workers registered nothing is asked",
    "tests/test_scaled.py": "of when workers registered nothing is asked",
    "tests/test_structure.py": "it names what is looked for",
}


def other_clocks(source: str) -> set[str]:
    """Where it asks what time it is, in Python or in SQL, of anybody but our clock."""
    found, said = set(), set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute():
                found |= {ast.unparse(node)} & OTHER_CLOCKS
            case ast.ImportFrom(module=module):
                found |= {f"{module}.{name.name}" for name in node.names} & OTHER_CLOCKS
            case ast.Expr(value=ast.Constant() as docstring):
                said.add(docstring)
            case ast.Constant(value=str(text)) if node not in said:
                found |= {match[0] for match in SQL_TIME.finditer(text)}
    return found


def test_nobody_asks_another_clock() -> None:
    files = [
        path
        for name in (*PACKAGES, "deploy", "tests")
        for path in ([CHECKOUT / name] if name.endswith(".py") else (CHECKOUT / name).rglob("*.py"))
        if "node_modules" not in path.parts
    ]
    asking = {
        str(path.relative_to(CHECKOUT)): found
        for path in files
        if (found := other_clocks(path.read_text(encoding="utf-8")))
    }

    assert len(files) > 200
    assert asking.keys() == MAY_ASK.keys(), asking


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)",
        "started_at = Column(default=datetime.utcnow)",
        "day = datetime.date.today()",
        "time.time() + 60",
        "from time import time",
        "func.greatest(start, func.now())",
        "text('WHERE due_at <= now()')",
        "text(f'WHERE id = {id} AND day = CURRENT_DATE')",
        "server_default=text('clock_timestamp()')",
    ],
)
def test_a_planted_question_to_another_clock_is_found(line: str) -> None:
    assert other_clocks(line)
    assert not other_clocks(f'"""{line}"""\ntime.monotonic()\nclock.now()\ntext(":now")')


def test_the_tests_that_the_invariants_name_exist() -> None:
    page = (CHECKOUT / "docs" / "invariants.md").read_text(encoding="utf-8")
    suite = "".join(path.read_text("utf-8") for path in (CHECKOUT / "tests").glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", page))

    assert len(named) > 20
    assert {name for name in named if f"def {name}(" not in suite} == set()
