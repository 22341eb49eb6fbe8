"""`python -m deploy.scaled`: a process for each subgraph, and a router in front of them.

This is how it is done on one machine, to try and to test; elsewhere each of these processes is
started by whatever starts processes there, with the same settings.
"""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from deploy.packages import install
from ide.build import programs
from runtime.ending import end_when_told
from runtime.settings import Settings
from runtime.tokens import rotate
from schema.graph import SUBGRAPHS
from server import a_database

CHECKOUT = Path(__file__).parent.parent
ROUTER = Path(__file__).parent / "router"
SECONDS = 120
"""For all of them to be ready."""
ENDING_SECONDS = 15
"""For each of them; longer than ours give to what is under way."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def scaled_out(
    url: str, environment: Mapping[str, str] | None = None, port: int | None = None
) -> Iterator[str]:
    """The router's address, over the database. Subgraphs take their settings from `environment`,
    which names the SIGNING_KEYS they check tokens with."""
    secret = secrets.token_hex(32)
    port = port or free_port()
    # Clients know the router alone, and each part takes the tokens of another.
    issuer = {"ISSUER": f"http://127.0.0.1:{port}"}
    given = {**issuer, **os.environ, **(environment or {}), "HOST": "127.0.0.1"}
    subgraph = {**given, "DATABASE_URL": url, "GATEWAY_SECRETS": f"router={secret}"}
    router = {**given, "GATEWAY_SECRET": secret, "PORT": str(port)}
    ready = []
    with ExitStack() as running:
        for name in SUBGRAPHS:
            at = free_port()
            command = [sys.executable, "server.py", "serve", "--subgraph", name]
            running.enter_context(a_process(command, CHECKOUT, {**subgraph, "PORT": str(at)}))
            router[f"{name.upper()}_URL"] = f"http://127.0.0.1:{at}/graphql"
            ready.append(f"http://127.0.0.1:{at}/readyz")
        node, _ = programs()
        command = [*node, "node_modules/@graphql-hive/gateway/dist/bin.js"]
        command += ["-c", "gateway.config.mjs", "supergraph"]
        running.enter_context(a_process(command, ROUTER, router))
        ready.append(f"http://127.0.0.1:{port}/readiness")
        wait_for(ready)
        yield f"http://127.0.0.1:{port}/graphql"


@contextmanager
def a_process(command: list[str], folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    with subprocess.Popen(command, cwd=folder, env=dict(environment)) as process:
        try:
            yield
        finally:
            end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def wait_for(addresses: list[str]) -> None:
    until = time.monotonic() + SECONDS
    for address in addresses:
        while not answers(address):
            if time.monotonic() > until:
                raise TimeoutError(f"{address} is not ready after {SECONDS} seconds.")
            time.sleep(0.2)


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5).is_success
    except httpx.TransportError:
        return False


def main() -> None:
    end_when_told()
    install(ROUTER)
    settings = Settings.read()
    with a_database(settings) as url, tempfile.TemporaryDirectory() as folder:
        keys = Path(settings.signing_keys or Path(folder) / "keys.json")
        if not keys.exists():
            rotate(keys)
        with scaled_out(url, {"SIGNING_KEYS": str(keys)}, settings.port) as address:
            print(f"\n  router   {address}\n\nCtrl-C stops everything.\n")
            try:
                while True:
                    time.sleep(3600)
            except KeyboardInterrupt:
                pass


if __name__ == "__main__":
    main()
