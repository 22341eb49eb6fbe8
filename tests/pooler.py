"""A PgBouncer in front of the suite's PostgreSQL, where one is installed."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import URL, make_url

CONFIGURATION = """
[databases]
{databases}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
"""


def pooler_program() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def a_pooler(program: str, folder: Path, url: str, *names: str) -> Iterator[list[str]]:
    """The URLs of the database by way of the pooler, one for each name; each has one connection to
    the server. It refuses what it does not know of what is sent at the start."""
    behind = make_url(url)
    to = f"host={behind.query['host']} dbname={behind.database} user={behind.username}"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    written = folder / "pgbouncer.ini"
    databases = "\n".join(f"{name} = {to}" for name in names)
    written.write_text(CONFIGURATION.format(databases=databases, port=port))
    # It will not run as root, and whoever owns the server's socket may use it.
    user = Path(str(behind.query["host"])).owner() if os.geteuid() == 0 else None
    log = folder / "log"
    with log.open("wb") as out, written.open("rb") as given:
        process = subprocess.Popen(
            [program, "/dev/stdin"], stdin=given, stderr=out, stdout=out, user=user
        )
    try:
        until_listening(process, port, log)
        yield [
            URL.create(
                "postgresql+asyncpg", behind.username, None, "127.0.0.1", port, name
            ).render_as_string(hide_password=False)
            for name in names
        ]
    finally:
        process.kill()
        process.wait()


def until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    give_up_at = time.monotonic() + 10
    while True:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        if process.poll() is not None or time.monotonic() > give_up_at:
            raise RuntimeError(f"PgBouncer does not listen: {log.read_text()}")
        time.sleep(0.05)
