"""The servers that are compared: how each is started, on a core of its own, and stopped."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import psutil

from bench.database import CHECKOUT, Database
from bench.installation import BENCH, PEERS, PYTHON, node
from deploy.compose import FOLDER
from deploy.join import joined as join
from deploy.packages import install
from runtime.bearer import claims_of
from runtime.rights import Role
from runtime.settings import Settings
from runtime.tokens import Keys, rotate
from runtime.viewer import Viewer

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, OTHER_CORE = CORES[0], CORES[-1]
"""The servers share the first one and are asked in turn; load and what is behind them have the
other."""
CONNECTIONS_EACH = 10
"""To PostgreSQL; everybody has as many."""
START_SECONDS = 60

UVICORN = ("-m", "uvicorn", "--no-access-log", "--log-level", "warning", "--host", "127.0.0.1")


class Behind(Protocol):
    """What all servers stand before, and ask."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Where it is, as servers are told."""
        ...

    def cpu_seconds(self) -> float: ...


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

    def mebibytes(self) -> float:
        """Of memory, that it holds now."""
        return float(self.process.memory_info().rss / 2**20)

    def url(self, shape: str) -> str:
        return self.address + self.server.path.format(shape=shape)


def all_servers(database: Database, scratch: Path, *, own: bool = False) -> list[Server]:
    """`scratch` is a folder for what only this run needs. Ours keeps answers only for an operation
    of somebody's `own`: nobody else does."""
    alone = ours(database, scratch)
    return [
        alone,
        *([keeping(alone)] if own else ()),
        joined(alone, scratch),
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
    token = Keys(keys, settings.address, settings.oidc_audience).sign(600, **claims_of(viewer))
    return Server(
        "sewa_mitra",
        (sys.executable, "server.py", "serve"),
        environment={
            "DATABASE_URL": database.url,
            "DEVELOPMENT": "false",
            "ISSUER": settings.address,
            # Nobody is sent anything.
            "SMS_URL": "http://127.0.0.1:9",
            "WEBHOOKS": "off",
            "LOG_FORMAT": "json",
            # Counted, but one client asks for all.
            "POINTS_PERSON": "1e15/1e12",
            "SIGNING_KEYS": str(keys),
            "STORAGE_DIR": str(scratch / "documents"),
        },
        token=token,
    )


def keeping(alone: Server) -> Server:
    """Ours, with answers kept for whoever has not signed in."""
    settings = {"RESPONSE_CACHE_BYTES": "64000000"}
    return replace(
        alone,
        name="sewa_mitra_cached",
        environment={**alone.environment, **settings},
        token=None,
    )


def joined(alone: Server, scratch: Path) -> Server:
    """Ours, with a partner in the graph who has no part in what is asked."""
    install(FOLDER)
    partner = f"pensions={BENCH / 'federation' / 'partner.graphql'}=http://127.0.0.1:1/graphql"
    composed = join(partner)
    if composed.returncode:
        raise SystemExit(composed.stderr)
    supergraph, agreed = scratch / "joined.graphql", scratch / "partners.toml"
    supergraph.write_text(composed.stdout)
    agreed.write_text(
        '[pensions]\nprivate_addresses = true\n[pensions.fields]\n"Query.schemes" = "public"\n'
    )
    settings = {"SUPERGRAPH": str(supergraph), "PARTNERS": str(agreed)}
    return replace(alone, name="sewa_mitra_joined", environment={**alone.environment, **settings})


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
def running(server: Server, behind: Behind, scratch: Path) -> Iterator[Running]:
    port = free_port()
    environment = {
        **behind.environment,
        "POOL_SIZE": str(CONNECTIONS_EACH),
        "UVICORN_PORT": str(port),
        "ANSWERS": str(scratch),
        **server.environment,
    }
    said = scratch / f"{server.name}.log"
    with listening(server.command, port, SERVER_CORE, environment, said) as process:
        yield Running(server, process, f"http://127.0.0.1:{port}")


@contextmanager
def listening(
    command: Sequence[str], port: int, core: int, environment: Mapping[str, str], said: Path
) -> Iterator[psutil.Process]:
    """A process on the core that is told its PORT and listens there."""
    with said.open("w") as log:
        started = subprocess.Popen(
            ["taskset", "--cpu-list", str(core), *command],
            cwd=CHECKOUT,
            env={**os.environ, "PORT": str(port), **environment},
            stdout=log,
            stderr=log,
        )
    try:
        until_it_listens(started, port, said)
        yield psutil.Process(started.pid)
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
    if len(CORES) < 2 or shutil.which("taskset") is None:
        raise SystemExit("The bench needs Linux with two cores, and taskset.")
