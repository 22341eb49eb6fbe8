"""The embedded PostgreSQL survives what happens to its owners."""

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest

from runtime.embedded import embedded_postgres
from tests.conftest import CHECKOUT, run_sql
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow

OWNER = """
import sys
from pathlib import Path
from runtime.embedded import embedded_postgres
with embedded_postgres(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's own: its parents are private, and the server would open them to everyone.
    with TemporaryDirectory(dir="/var/tmp", prefix="sewa-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def owner(folder: Path, **options: Any) -> "subprocess.Popen[str]":
    """Another process that holds the server until its input ends."""
    process: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
        **options,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql")
    return process


def leave(process: "subprocess.Popen[str]") -> None:
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate(timeout=PATIENCE)


def postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


def runs(folder: Path) -> bool:
    return (folder / "data" / "postmaster.pid").exists()


def test_data_survives_a_restart(folder: Path) -> None:
    with embedded_postgres(folder) as url:
        run_sql(url, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (1)")
    assert not runs(folder)

    with embedded_postgres(folder) as url:
        run_sql(url, "INSERT INTO kept SELECT n + 1 FROM kept")


def test_a_killed_owner_leaves_a_server_that_the_next_one_uses_and_stops(folder: Path) -> None:
    killed = owner(folder)
    kill(killed)
    left = postmaster(folder)

    with embedded_postgres(folder) as url:
        assert postmaster(folder) == left
        run_sql(url, "SELECT 1")

    assert not runs(folder)


def test_a_killed_server_leaves_nothing_that_breaks_the_next_start(folder: Path) -> None:
    killed = owner(folder)
    os.kill(postmaster(folder), signal.SIGKILL)
    kill(killed)
    assert runs(folder)

    with embedded_postgres(folder) as url:
        run_sql(url, "SELECT 1")


def test_the_server_stops_with_the_last_of_those_who_share_it(folder: Path) -> None:
    first, second = owner(folder), owner(folder)
    shared = postmaster(folder)

    leave(first)
    assert psutil.pid_exists(shared)
    assert runs(folder)

    leave(second)
    assert not runs(folder)


def within_reach_of_all(path: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


@pytest.mark.skipif(
    os.geteuid() != 0 or not within_reach_of_all(Path(sys.executable)),
    reason="needs root, to act as two users, and a Python that both can run",
)
def test_two_users_run_servers_of_their_own_at_once(folder: Path) -> None:
    other = pwd.getpwnam("nobody")
    theirs = folder / "theirs"
    theirs.mkdir()
    os.chown(theirs, other.pw_uid, other.pw_gid)

    with embedded_postgres(folder / "ours") as url:
        process = owner(
            theirs,
            user=other.pw_uid,
            group=other.pw_gid,
            env={**os.environ, "HOME": str(theirs), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        leave(process)
        run_sql(url, "SELECT 1")
