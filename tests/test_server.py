"""The command line, as it is typed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest

from tests.conftest import CHECKOUT, database
from tests.patience import PATIENCE

pytestmark = pytest.mark.slow


def command(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "server.py", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(url: str, port: int, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    given = {"DATABASE_URL": url, "PORT": str(port), "LOG_FORMAT": "json", **environment}
    host = {"::1": "[::1]"}.get(environment.get("HOST", ""), "127.0.0.1")
    process = subprocess.Popen(
        [sys.executable, "server.py", "serve"],
        cwd=CHECKOUT,
        env={**os.environ, **given},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for _ in range(300):
            try:
                httpx.get(f"http://{host}:{port}/readyz").raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None, process.stderr and process.stderr.read()
                time.sleep(0.1)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_help_lists_the_commands() -> None:
    said = command("--help").stdout

    for name in ("serve", "migrate", "seed", "sdl"):
        assert name in said
    assert "DATABASE_URL" in command("serve", "--help").stdout
    assert "scale-2025" in command("seed", "--help").stdout


def test_the_schema_is_printed_and_checked() -> None:
    assert "type Worker implements Node" in command("sdl", "print").stdout
    assert command("sdl", "check").returncode == 0


def test_the_gateway_serves_a_given_database_and_stops_when_told(
    server_url: str, template: str
) -> None:
    port = free_port()
    with database(server_url) as url, serving(url, port) as process:
        answer = httpx.post(
            f"http://127.0.0.1:{port}/graphql",
            json={
                "query": "query ($a: Boolean!) { statistics {"
                " serviceCategories @include(if: $a) registeredWorkers } }",
                "variables": {"a": True, "told-to-nobody": 1},
            },
            headers={"x-request-id": "trace-me-42"},
        )
        figures = answer.json()["data"]["statistics"]
        taken = command("serve", DATABASE_URL=url, PORT=str(port))

        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE)

    # Nobody fills a database that was given to us with people who do not exist.
    assert figures == {"serviceCategories": 26, "registeredWorkers": 0}
    assert "server" not in answer.headers
    assert taken.returncode == 1
    assert f"PORT={port + 1}" in taken.stderr
    assert "Traceback" not in said
    assert f"http://127.0.0.1:{port}/graphql" in said
    (line,) = [json.loads(line) for line in said.splitlines() if "trace-me-42" in line]
    told = {"hash", "cost"}
    assert line.keys() == {"timestamp", "level", "event", "request_id", "status", "ms"} | told
    assert (line["event"], line["level"], line["status"]) == ("request", "info", 200)
    assert "told-to-nobody" not in said


@pytest.mark.parametrize(("host", "workers"), [("::1", "1"), ("::1", "2"), ("0.0.0.0", "1")])
def test_clients_are_told_the_address_that_is_served(
    server_url: str, template: str, host: str, workers: str
) -> None:
    port = free_port()
    address = f"http://[::1]:{port}" if host == "::1" else f"http://127.0.0.1:{port}"
    with database(server_url, template) as url, serving(url, port, HOST=host, WORKERS=workers):
        told = httpx.get(f"{address}/.well-known/oauth-authorization-server").json()
        taken = command("serve", DATABASE_URL=url, PORT=str(port), HOST=host)

    assert told["issuer"] == address
    assert told["token_endpoint"] == f"{address}/oauth/token"
    assert f"PORT={port + 1}" in taken.stderr


def test_several_processes_serve_and_one_that_dies_is_replaced(
    server_url: str, template: str
) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}/graphql"
    with (
        database(server_url, template) as url,
        serving(url, port, WORKERS="2", DEVELOPMENT="true") as process,
    ):
        parent = psutil.Process(process.pid)
        children = until(lambda: len(found := parent.children()) == 3 and found)
        serve = [child for child in children if "--socket" in child.cmdline()]
        until(lambda: all(child.num_threads() and is_listening(child) for child in serve))
        victim = serve[0]
        victim.kill()
        until(lambda: not victim.is_running() and len(parent.children()) == 3)
        answers = [httpx.post(address, json={"query": "{ __typename }"}).json() for _ in range(20)]
        replaced = [each for each in parent.children() if each not in children]

        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
        left = [each for each in (*children, *replaced) if each.is_running()]

    assert answers == [{"data": {"__typename": "Query"}}] * 20
    assert len(replaced) == 1
    assert process.returncode == 0
    assert left == []


def is_listening(process: psutil.Process) -> bool:
    return any(each.status == psutil.CONN_LISTEN for each in process.net_connections("tcp"))


def until(is_so: Callable[[], Any]) -> Any:
    for _ in range(300):
        if found := is_so():
            return found
        time.sleep(0.1)
    raise TimeoutError


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["serve"], {"PORT": "many"}, "PORT"),
        (["serve"], {"LOG_LEVEL": "loud"}, "LOG_LEVEL"),
        (["serve"], {"HOST": "203.0.113.7"}, "HOST: 203.0.113.7 is no address of this machine."),
        (["serve"], {"DATA_DIR": "/proc/none"}, "DATA_DIR: /proc/none cannot be made"),
        (["work"], {"STORAGE_DIR": "/proc/none"}, "STORAGE_DIR: /proc/none cannot be made"),
        (["serve"], {"SUPERGRAPH": "/proc/none"}, "SUPERGRAPH: there is no /proc/none."),
        (["serve"], {"DOCUMENTS": "/proc/none"}, "DOCUMENTS: there is no /proc/none."),
        (["work"], {"EXPORT_STORE": "ftp://none"}, "EXPORT_STORE must be a folder"),
        (["migrate"], {"DATABASE_URL": "postgresql://x@127.0.0.1:1/y"}, "cannot be reached"),
    ],
)
def test_what_cannot_work_is_said_in_a_sentence(
    arguments: list[str], environment: dict[str, str], told: str
) -> None:
    result = command(*arguments, **environment)

    assert result.returncode == 1
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_seeding_asks_for_a_known_profile_and_an_empty_database(
    server_url: str, template: str
) -> None:
    with database(server_url, template) as url:
        unknown = command("seed", "--profile", "gigantic", DATABASE_URL=url)
        small = command("seed", "--profile", "large", "--workers", "200", DATABASE_URL=url)
        again = command("seed", DATABASE_URL=url)

    assert "launch, scale-2025, large" in unknown.stderr
    assert small.returncode == 0, small.stderr
    assert "empty one only" in again.stderr
