"""The servers that are compared: how each is started, on a core of its own, and stopped."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.database import CHECKOUT, Database
from bench.installation import PEERS, PYTHON, node
from runtime.bearer import claims_of
from runtime.rights import Role
from runtime.settings import Settings
from runtime.tokens import Keys, rotate
from runtime.viewer import Viewer

SERVER_CORE, OTHER_CORE = 0, 1
"""The servers share the first one and are asked in turn; load and database have the second."""
CONNECTIONS_EACH = 10
"""To PostgreSQL; everybody has as many."""
START_SECONDS = 60

UVICORN = ("-m", "uvicorn", "--no-access-log", "--log-level", "warning", "--host", "127.0.0.1")


@dataclass(frozen=True)
class Server:
    name: str
    command: tuple[str, ...]
    path: str = "/graphql"
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beside where the database is and which port to take."""
    dialect: bool = True
    """Whether it takes GraphQL operations written for our schema."""
    token: str | None = None


@dataclass(frozen=True)
class Running:
    server: Server
    process: psutil.Process
    address: str

    def cpu_seconds(self) -> float:
        """Of the process with all its threads."""
        return float(sum(self.process.cpu_times()[:2]))

    def url(self, shape: str) -> str:
        return self.address + self.server.path.format(shape=shape)


def all_servers(database: Database, scratch: Path) -> list[Server]:
    """`scratch` is a folder for what only this run needs."""
    return [
        ours(database, scratch),
        on_node("mercurius"),
        on_node("postgraphile", dialect=False),
        on_node("yoga"),
        on_uvicorn("ariadne", "bench.peers.ariadne:app", path="/graphql/"),
        on_uvicorn("strawberry", "bench.peers.strawberry:app", path="/graphql/"),
        on_uvicorn("sql_limit", "bench.peers.references:sql_limit", path="/{shape}"),
        on_uvicorn("http_floor", "bench.peers.references:http_floor", path="/{shape}"),
    ]


def ours(database: Database, scratch: Path) -> Server:
    """As in production: signed tokens, masking, limits and the log are on. Whoever asks is a
    citizen who is signed in."""
    keys, settings = scratch / "keys.json", Settings()
    rotate(keys)
    ((citizen,),) = database.rows("SELECT id FROM citizen ORDER BY id LIMIT 1")
    viewer = Viewer(role=Role.CITIZEN, id=citizen)
    token = Keys(keys, settings.issuer, settings.oidc_audience).sign(600, **claims_of(viewer))
    return Server(
        "sewa_mitra",
        (sys.executable, "server.py", "serve"),
        environment={
            "DATABASE_URL": database.url,
            "DEVELOPMENT": "false",
            "LOG_FORMAT": "json",
            "SIGNING_KEYS": str(keys),
            "STORAGE_DIR": str(scratch / "documents"),
        },
        token=token,
    )


def on_node(name: str, *, dialect: bool = True) -> Server:
    return Server(
        name,
        (str(node()), str(PEERS / f"{name}.mjs")),
        environment={"NODE_ENV": "production"},
        dialect=dialect,
    )


def on_uvicorn(name: str, application: str, *, path: str) -> Server:
    return Server(
        name,
        (str(PYTHON), *UVICORN, application),
        path=path,
        dialect=path.startswith("/graphql"),
    )


@contextmanager
def running(server: Server, database: Database, scratch: Path) -> Iterator[Running]:
    port = free_port()
    environment = {
        **os.environ,
        **database.environment,
        "DATABASE_URL": database.url,
        "POOL_SIZE": str(CONNECTIONS_EACH),
        "PORT": str(port),
        "UVICORN_PORT": str(port),
        "ANSWERS": str(scratch),
        **server.environment,
    }
    pinned = ("taskset", "--cpu-list", str(SERVER_CORE))
    said = scratch / f"{server.name}.log"
    with said.open("w") as log:
        started = subprocess.Popen(
            [*pinned, *server.command], cwd=CHECKOUT, env=environment, stdout=log, stderr=log
        )
    try:
        until_it_listens(started, port, said)
        yield Running(server, psutil.Process(started.pid), f"http://127.0.0.1:{port}")
    finally:
        started.terminate()
        try:
            started.wait(10)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def until_it_listens(started: "subprocess.Popen[bytes]", port: int, said: Path) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if started.poll() is not None or time.monotonic() > give_up_at:
            raise SystemExit(f"A server did not start. It said:\n{said.read_text()[-2000:]}")
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def refuse_unfit_machine() -> None:
    if len(os.sched_getaffinity(0)) < 2 or shutil.which("taskset") is None:
        raise SystemExit("The bench needs Linux with two cores, and taskset.")
