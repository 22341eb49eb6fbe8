"""Whoever is told to end ends all that it has started, at whatever moment it is told."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from deploy.packages import is_installed
from deploy.scaled import ROUTER, answers
from tests.conftest import CHECKOUT
from tests.test_server import free_port

pytestmark = pytest.mark.slow

SECONDS = 90
long = pytest.mark.skipif("LONG" not in os.environ, reason="LONG=1: a process for each takes time")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Of one embedded server, which is ended again and again."""
    # Not pytest's own: its parents are private, and the server would open them to everyone.
    with TemporaryDirectory(dir="/var/tmp", prefix="sewa-ending-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def listen() -> None:
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def started(folder: Path, *command: str, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    given = {"DATA_DIR": str(folder), "PORT": str(free_port()), "LOG_FORMAT": "json"}
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with subprocess.Popen(
        command,
        cwd=CHECKOUT,
        env={**inherited, **given, **environment},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        # Whoever runs the suite may have them ignored, and what is ignored is inherited.
        preexec_fn=listen,
    ) as process:
        try:
            yield process
        finally:
            for left in what_is_left(process.pid, folder):
                left.kill()


def what_is_left(group: int, folder: Path) -> list[psutil.Process]:
    """Of the processes of the group, and of those that live in the folder."""
    left = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            lives_there = process.cwd().startswith(str(folder)) or any(
                str(folder) in word for word in process.cmdline()
            )
            if (lives_there or os.getpgid(process.pid) == group) and (
                process.status() != psutil.STATUS_ZOMBIE
            ):
                left.append(process)
    return left


def runs_postgres(folder: Path) -> bool:
    """Its pid file alone may be of one that was killed."""
    return any(process.name() == "postgres" for process in what_is_left(-1, folder))


def until(is_so: Callable[[], Any], process: "subprocess.Popen[bytes]") -> None:
    give_up_at = time.monotonic() + SECONDS
    while not is_so():
        assert process.poll() is None, f"it ended by itself: {process.returncode}"
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def is_filling(folder: Path) -> bool:
    """Whether the tables are there, and nobody in them yet."""
    try:
        (socket,) = folder.rglob(".s.PGSQL.5432")
        with psycopg.connect(host=str(socket.parent), user="postgres") as sql:
            return sql.execute("SELECT NOT EXISTS (SELECT FROM worker)").fetchone() == (True,)
    except (ValueError, psycopg.Error):
        return False


def is_ready(port: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).is_success
    return False


ENDED = (128 + signal.SIGTERM, -signal.SIGTERM)
"""The latter where it is told once more while Python itself ends: there is nothing left to do."""
SERVE = (sys.executable, "server.py", "serve", "--profile", "launch")
MOMENTS = ("while its data is made", "while it starts", "while it fills the database")


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_gateway_that_is_not_ready_yet_leaves_nothing(folder: Path, moment: str) -> None:
    data = folder / "data"
    reached: dict[str, Callable[[], bool]] = {
        MOMENTS[0]: (data / "PG_VERSION").exists,
        MOMENTS[1]: partial(runs_postgres, folder),
        MOMENTS[2]: partial(is_filling, folder),
    }
    with started(folder, *SERVE) as process:
        until(reached[moment], process)
        process.terminate()
        assert process.wait(SECONDS) in ENDED

        assert what_is_left(process.pid, folder) == []


SERVED = [
    ("1", signal.SIGTERM),
    pytest.param("1", signal.SIGHUP, marks=long),
    pytest.param("2", signal.SIGTERM, marks=long),
    ("2", signal.SIGHUP),
]


@pytest.mark.parametrize(("workers", "told"), SERVED)
def test_a_gateway_that_serves_leaves_nothing(folder: Path, workers: str, told: int) -> None:
    port = str(free_port())
    with started(folder, *SERVE, PORT=port, WORKERS=workers) as process:
        until(lambda: is_ready(port), process)
        assert len(what_is_left(process.pid, folder)) > 5
        process.send_signal(told)
        assert process.wait(SECONDS) == 0

        assert what_is_left(process.pid, folder) == []


def test_processes_whose_parent_was_killed_end_by_themselves(folder: Path) -> None:
    port = str(free_port())
    with started(folder, *SERVE, PORT=port, WORKERS="2") as process:
        until(lambda: is_ready(port), process)
        until(lambda: len(psutil.Process(process.pid).children()) >= 3, process)
        ours = psutil.Process(process.pid).children()
        process.kill()
        process.wait(SECONDS)

        assert psutil.wait_procs(ours, timeout=30)[1] == []


@pytest.mark.parametrize("told", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=long)])
def test_a_worker_leaves_nothing(folder: Path, told: int) -> None:
    with started(folder, sys.executable, "server.py", "work") as process:
        until(partial(runs_postgres, folder), process)
        process.send_signal(told)
        # By then it may work, and have ended well.
        assert process.wait(SECONDS) in (0, *ENDED)

        assert what_is_left(process.pid, folder) == []


def test_who_has_hang_ups_ignored_goes_on_after_one(folder: Path) -> None:
    port = str(free_port())
    with started(folder, "nohup", *SERVE, PORT=port) as process:
        until(lambda: is_ready(port), process)
        process.send_signal(signal.SIGHUP)
        time.sleep(1)
        assert is_ready(port)

        process.terminate()
        assert process.wait(SECONDS) == 0


def test_told_twice_it_ends_no_less(folder: Path) -> None:
    """As `make` and whoever ends its whole group do."""
    with started(folder, *SERVE) as process:
        until(partial(runs_postgres, folder), process)
        for _ in range(3):
            process.terminate()
            time.sleep(0.1)
        assert process.wait(SECONDS) in ENDED

        assert what_is_left(process.pid, folder) == []


SUITE = """
import os, time
from pathlib import Path
import tests.conftest
folder = Path(os.environ["DATA_DIR"])
tests.conftest.data_folder = lambda: folder / "suite"
def test_a_long_one(server_url):
    (folder / f"runs-{os.getpid()}").touch()
    time.sleep(600)
def test_another(server_url):
    test_a_long_one(server_url)
"""


@pytest.mark.parametrize("processes", [pytest.param(0, marks=long), 2])
def test_the_suite_leaves_nothing(folder: Path, tmp_path: Path, processes: int) -> None:
    """Told in the middle of a test, alone or with processes that share its work."""
    (tmp_path / "test_long.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", f"-n{processes}"]
    options = ["-c", str(CHECKOUT / "pyproject.toml"), str(tmp_path / "test_long.py")]
    with started(folder, *command, *options) as process:
        until(lambda: len([*folder.glob("runs-*")]) == max(processes, 1), process)
        process.terminate()
        process.wait(SECONDS)
        for path in folder.glob("runs-*"):
            path.unlink()

        # Processes that share its work end on their own, a moment after it.
        psutil.wait_procs(what_is_left(process.pid, folder), timeout=30)
        assert what_is_left(process.pid, folder) == []


@long
@pytest.mark.skipif(not is_installed(ROUTER), reason="`make scaled` installs the router")
def test_a_graph_in_parts_leaves_nothing(folder: Path) -> None:
    port = str(free_port())
    with started(folder, sys.executable, "-m", "deploy.scaled", PORT=port) as process:
        until(lambda: answers(f"http://127.0.0.1:{port}/readiness"), process)
        assert len(what_is_left(process.pid, folder)) > 10
        process.terminate()
        process.wait(SECONDS)

        assert what_is_left(process.pid, folder) == []
