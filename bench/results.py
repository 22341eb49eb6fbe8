"""What came of a run: kept as JSON, told as a table in README, and drawn."""

import json
import platform
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench.database import CHECKOUT
from bench.installation import PYTHON
from bench.measure import Sample

RESULTS = Path(__file__).parent / "results"
LATEST = RESULTS / "latest.json"
RUN = RESULTS / "run.json"
PLOT = RESULTS / "latest.svg"
README = CHECKOUT / "README.md"
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"

OURS = "sewa_mitra"
SHOWN = {
    OURS: "**Sewa Mitra Gateway**",
    "sewa_mitra_joined": "the same, with a partner in its graph",
    "sewa_mitra_cached": "the same, with answers kept",
    "mercurius": "Mercurius, JIT (Node)",
    "postgraphile": "PostGraphile 5 (Node)",
    "yoga": "GraphQL Yoga (Node)",
    "ariadne": "Ariadne",
    "strawberry": "Strawberry, SQLAlchemy",
    "graphql_core": "graphql-core",
    "sql_limit": "one SQL statement to JSON",
    "http_floor": "constant bytes",
}
TARGETS: dict[str, dict[str, float]] = {
    "mercurius": {"nested_list": 2.0, "deep_profile": 2.0, "flat_100": 1.5, "tiny": 1.1},
    "postgraphile": {"nested_list": 2.0, "deep_profile": 1.5, "flat_100": 3.0, "tiny": 2.5},
    "strawberry": {"nested_list": 15, "deep_profile": 12, "flat_100": 12, "tiny": 7},
    "sql_limit": {"nested_list": 0.8, "deep_profile": 0.5, "flat_100": 0.7, "tiny": 0.7},
    "graphql_core": {"executor_only": 15},
}
"""How many times the throughput of each we mean to have."""


@dataclass
class Figures:
    """Of one server on one shape."""

    samples: list[Sample] = field(default_factory=list)
    alone: list[Sample] = field(default_factory=list)
    """With a single connection."""
    statements: float | None = None

    @property
    def summary(self) -> dict[str, float]:
        """Medians, and the middle half of the throughputs as a part of their median."""
        speeds = [sample.rps for sample in self.samples]
        middle = median(speeds)
        lower, _, upper = quantiles(speeds, n=4) if len(speeds) > 1 else (middle,) * 3
        return {
            "rps": round(middle, 2),
            "cpu_ms": round(median(sample.cpu_ms for sample in self.samples), 4),
            "spread": round((upper - lower) / middle, 3),
        }

    @property
    def details(self) -> dict[str, Any]:
        return {
            "statements": self.statements,
            "database_ms": round(median(sample.behind_ms for sample in self.samples), 4),
            "latency_ms": round(median(s.median_ms for s in self.alone), 3) if self.alone else None,
            "samples": [asdict(sample) for sample in self.samples],
        }


Table = dict[str, dict[str, Figures]]
"""By shape, by server."""
Growth = dict[str, list[dict[str, float]]]
"""By what grows: its size, with time and memory."""


def save(table: Table, growth: Growth, facts: dict[str, Any]) -> None:
    latest = {
        shape: {server: figures.summary for server, figures in servers.items()}
        for shape, servers in table.items()
    }
    run = {
        **facts,
        "growth": growth,
        "shapes": {
            shape: {server: figures.details for server, figures in servers.items()}
            for shape, servers in table.items()
        },
    }
    RESULTS.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(latest, indent=2) + "\n")
    RUN.write_text(json.dumps(run, indent=2) + "\n")


def facts(rounds: int, seconds: float, connections: int) -> dict[str, Any]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": said_by("git", "rev-parse", "--short", "HEAD")
        + ("+" if said_by("git", "status", "--porcelain", "--", "*.py") else ""),
        "cpu": processor(),
        "python": platform.python_version(),
        "rounds": rounds,
        "seconds": seconds,
        "connections": connections,
    }


def said_by(*command: str) -> str:
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True).stdout.strip()


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def publish() -> None:
    """Draw the picture and write the section of README, from the files of the latest run."""
    subprocess.run([PYTHON, "-m", "bench.plot", LATEST, RUN, PLOT], cwd=CHECKOUT, check=True)
    rewrite(BEGIN, section(), END)


def rewrite(begin: str, told: str, end: str) -> None:
    """What README has between the markers."""
    before, rest = README.read_text().split(begin)
    _, after = rest.split(end)
    README.write_text(f"{before}{begin}\n{told}\n{end}{after}")


def section() -> str:
    """What stands between the markers."""
    if not LATEST.exists():
        return "Not measured yet: `make bench`."
    latest, run = json.loads(LATEST.read_text()), json.loads(RUN.read_text())
    return "\n".join(
        [
            *compared(latest, run),
            "",
            f"Requests a second, and milliseconds of the server's processor for each; in"
            f" brackets how many times as fast we are, and ≥ what we mean to be. Medians of"
            f" {run['rounds']} rounds on {run['date']} at {run['commit']}, one process on one"
            f" core of {run['cpu']}, {run['connections']} connections, nothing cached"
            f" ([how it is measured](docs/bench.md)).",
            "",
            alone(run),
            "",
            f"![Throughput beside others, and how cost grows]({PLOT.relative_to(CHECKOUT)})",
        ]
    )


def alone(run: dict[str, Any]) -> str:
    told = (
        f"{figures[OURS]['latency_ms']:.2f} ms against {figures['mercurius']['latency_ms']:.2f}"
        f" for {shape.replace('_', ' ')}"
        for shape, figures in run["shapes"].items()
        if figures[OURS]["latency_ms"] is not None and "mercurius" in figures
    )
    return f"On one connection an answer takes us, and Mercurius: {'; '.join(told)}."


def compared(latest: dict[str, Any], run: dict[str, Any]) -> Iterator[str]:
    names = list(latest)
    servers = [name for name in SHOWN if any(name in latest[shape] for shape in names)]
    yield "| | " + " | ".join(name.replace("_", " ") for name in names) + " |"
    yield "| --- |" + " ---: |" * len(names)
    for server in servers:
        cells = [cell(latest, shape, server) for shape in names]
        yield f"| {SHOWN[server]} | " + " | ".join(cells) + " |"


def cell(latest: dict[str, Any], shape: str, server: str) -> str:
    found = latest[shape].get(server)
    if found is None:
        return ""
    shown = f"{found['rps']:,.0f} · {found['cpu_ms']:.2f} ms"
    ours = latest[shape].get(OURS)
    if server in (OURS, "http_floor") or ours is None:
        return shown
    target = TARGETS.get(server, {}).get(shape)
    aim = f", ≥ {target:g}" if target else ""
    return f"{shown} ({ours['rps'] / found['rps']:.1f}×{aim})"


def grown(points: list[dict[str, float]]) -> Iterator[Sequence[str]]:
    for point in points:
        yield (f"{point['size']:,}", "", f"{point['ms']:.2f}", f"{point['mib']:.2f}")


def lines(table: Table) -> Iterator[Sequence[str]]:
    """For the terminal: everything there is to say of each server on each shape."""
    yield ("shape", "server", "req/s", "spread", "cpu ms", "db ms", "statements", "alone ms", "×")
    for shape, servers in table.items():
        ours = servers.get(OURS)
        for server, figures in servers.items():
            summary, details = figures.summary, figures.details
            alone, statements = details["latency_ms"], details["statements"]
            yield (
                shape,
                server,
                f"{summary['rps']:,.0f}",
                f"{summary['spread']:.0%}",
                f"{summary['cpu_ms']:.2f}",
                f"{details['database_ms']:.2f}",
                "" if statements is None else f"{statements:g}",
                "" if alone is None else f"{alone:.2f}",
                f"{ours.summary['rps'] / summary['rps']:.2f}" if ours else "",
            )
