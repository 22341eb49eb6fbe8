"""One measurement: load on one server for a moment, and the processor time that it took."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx

from bench.database import Database
from bench.servers import OTHER_CORE, Behind, Running
from bench.shapes import Shape

CONNECTIONS = 32
SCRIPT = Path(__file__).parent / "load.lua"
TRIES = 3
PATIENCE = 60
"""Seconds that the last answers may take, at most."""
CHECKED = 12
"""Values of the variables for which answers are compared."""
COUNTED = 20
"""Requests, one after another, whose statements are counted."""
# Halves are rounded up by some and to the even digit by others.
TOLERANCE = {"mean": 0.1001}

random = Random(4)


@dataclass(frozen=True)
class Sample:
    rps: float
    cpu_ms: float
    """Of the server, for one request."""
    behind_ms: float
    """Of what the server asks, with all its processes, for one request."""
    median_ms: float
    """How long an answer took; means something with one connection only."""


def measure(
    running: Running,
    shape: Shape,
    behind: Behind,
    bodies: Path,
    seconds: float,
    connections: int = CONNECTIONS,
) -> Sample:
    before = running.cpu_seconds(), behind.cpu_seconds()
    told = load(running, shape, bodies, seconds, connections)
    after = running.cpu_seconds(), behind.cpu_seconds()
    if told["failed"]:
        raise SystemExit(
            f"{running.server.name} failed {told['failed']} of {told['requests']} requests"
            f" of {shape.name}."
        )
    spent, spent_behind = (
        (late - early) * 1000 / told["requests"] for early, late in zip(before, after, strict=True)
    )
    return Sample(told["requests"] / told["seconds"], spent, spent_behind, told["median_ms"])


def load(
    running: Running, shape: Shape, bodies: Path, seconds: float, connections: int
) -> dict[str, Any]:
    offset = random.randrange(len(shape.variables))
    token = [running.server.token] if running.server.token else []
    command = [
        *("taskset", "--cpu-list", str(OTHER_CORE)),
        *("wrk", "--threads", "1", "--connections", str(connections)),
        *("--duration", f"{int(seconds) + PATIENCE}s", "--timeout", f"{PATIENCE}s"),
        *("--script", str(SCRIPT), running.url(shape.name)),
        *("--", str(bodies), str(seconds), str(offset), *token),
    ]
    for _ in range(TRIES):
        done = subprocess.run(command, capture_output=True, text=True)
        last = (done.stdout.splitlines() or [""])[-1]
        if last.startswith("{"):
            break
        # A connection that is cut while one answer is under way leaves wrk waiting for it.
    else:
        raise SystemExit(f"wrk gave up on {running.server.name}:\n{done.stdout}{done.stderr}")
    told: dict[str, Any] = json.loads(last)
    return told


def answer(running: Running, shape: Shape, body: bytes) -> Any:
    """The data of one answer; None, with what was said instead, where there is an error."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if running.server.token:
        headers["Authorization"] = f"Bearer {running.server.token}"
    found = httpx.post(running.url(shape.name), content=body, headers=headers, timeout=PATIENCE)
    if found.status_code != 200 or found.json().get("errors"):
        raise Unanswered(found.text[:500])
    return plain(found.json()["data"])


class Unanswered(Exception):
    """What a server said instead of an answer."""


def plain(data: Any) -> Any:
    """Without the row of the table between, which PostGraphile shows: `{service: …}`."""
    if isinstance(data, dict):
        if list(data) == ["service"]:
            return plain(data["service"])
        return {name: plain(value) for name, value in data.items()}
    return [plain(item) for item in data] if isinstance(data, list) else data


def difference(ours: Any, theirs: Any, path: str = "data") -> str | None:
    """The first place where two answers differ; numbers may in their last digit."""
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        inner = ((f"{path}.{name}", ours[name], theirs[name]) for name in ours)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = zip(ours, theirs, strict=True)
        inner = ((f"{path}[{index}]", *pair) for index, pair in enumerate(pairs))
    elif isinstance(ours, float | int) and isinstance(theirs, float | int):
        allowed = TOLERANCE.get(path.rpartition(".")[2], 0.001)
        return None if abs(ours - theirs) <= allowed else f"{path}: {ours} and {theirs}"
    else:
        return None if ours == theirs else f"{path}: {ours!r} and {theirs!r}"
    return next((found for at, a, b in inner if (found := difference(a, b, at))), None)


def statements_per_request(running: Running, shape: Shape, database: Database) -> float:
    """Of a server that is warm."""
    bodies = shape.bodies(running.server.name)
    with database.statements() as sent:
        for index in range(COUNTED):
            answer(running, shape, bodies[index % len(bodies)])
    return len(sent) / COUNTED
