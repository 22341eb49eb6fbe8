"""`python -m bench.federated`: our router beside others, over the same subgraphs."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Any

import psutil
import typer

from bench import hot_spots, results
from bench.installation import BENCH, install, node
from bench.measure import CHECKED, CONNECTIONS, Unanswered, answer, difference, measure
from bench.results import OURS, RESULTS, Figures, Table
from bench.servers import CORES, OTHER_CORE, Running, Server, free_port, listening, running
from bench.shapes import Shape
from bench.turns import take_turns, tell
from runtime.ending import end_when_told

FOLDER = BENCH / "federation"
SUPERGRAPH = FOLDER / "supergraph.graphql"
SUBGRAPHS = sorted(path.stem for path in (FOLDER / "subgraphs").glob("*.graphql"))
FILE = RESULTS / "federation.json"
BEGIN, END = "<!-- bench-federation -->", "<!-- /bench-federation -->"
WARM_UP_SECONDS = 3.0
SIZE = 1_000
"""How many products and users there are."""
VALUES = 200
"""Of each shape's variables. Subgraphs have met all of them when they are timed."""
SHOWN = {
    OURS: "**Sewa Mitra Gateway**",
    "hive": "Hive Gateway (Node)",
    "hive_rust": "Hive Gateway, Rust planner",
}
VARIABLES: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "list": lambda number: {"after": number},
    "entities": lambda number: {"after": number},
    "deep": lambda number: {"id": f"u{number}"},
    "tiny": lambda number: {"upc": f"p{number}"},
}


@dataclass(frozen=True)
class Subgraphs:
    processes: tuple[psutil.Process, ...]
    supergraph: Path
    """With the addresses that they have in this run."""

    @property
    def environment(self) -> Mapping[str, str]:
        return {}

    def cpu_seconds(self) -> float:
        return float(sum(sum(process.cpu_times()[:2]) for process in self.processes))


def main(
    rounds: Annotated[int, typer.Option(help="How often each router has its turn.")] = 10,
    seconds: Annotated[float, typer.Option(help="How long a turn takes.")] = 1.0,
    only: Annotated[list[str] | None, typer.Option(help="Only this router or shape.")] = None,
    profiled: Annotated[
        str | None,
        typer.Option("--profile", help="Show where ours spends its time on this shape."),
    ] = None,
    publish: Annotated[
        bool, typer.Option(help="Keep the results, and write them into README.")
    ] = False,
) -> None:
    """Compare our router with others."""
    if len(CORES) < 2:
        if publish:
            raise SystemExit("What is published takes two cores.")
        print("· one core for everything: only processor time means something")
    install(FOLDER)
    os.sched_setaffinity(0, {OTHER_CORE})
    named = set(only or ())
    asked = [shape for shape in shapes() if shape.name in named or not named & set(VARIABLES)]
    with tempfile.TemporaryDirectory() as scratch, subgraphs(Path(scratch)) as behind:
        servers = routers(behind.supergraph)
        if profiled:
            (shape,) = (shape for shape in asked if shape.name == profiled)
            hot_spots.show(servers[0], shape, behind, Path(scratch))
            return
        chosen = [one for one in servers if one.name in named or not named & set(SHOWN)]
        table, memory = compare(asked, chosen, behind, Path(scratch), rounds, seconds)
    tell(list(lines(table)))
    for name, mebibytes in memory.items():
        print(f"{name} holds {mebibytes:.0f} MiB")
    if publish:
        save(table, memory, results.facts(rounds, seconds, CONNECTIONS))
        results.rewrite(BEGIN, section(), END)


def shapes() -> list[Shape]:
    return [
        Shape(
            name,
            (FOLDER / "operations" / f"{name}.graphql").read_text(),
            [values(number) for number in Random(name).sample(range(SIZE), VALUES)],
            {},
        )
        for name, values in VARIABLES.items()
    ]


@contextmanager
def subgraphs(scratch: Path) -> Iterator[Subgraphs]:
    supergraph = SUPERGRAPH.read_text()
    with ExitStack() as stack:
        processes = []
        for name in SUBGRAPHS:
            port = free_port()
            command = (str(node()), str(FOLDER / "subgraph.mjs"), name)
            environment, said = {"NODE_ENV": "production"}, scratch / f"{name}.log"
            process = listening(command, port, OTHER_CORE, environment, said)
            processes.append(stack.enter_context(process))
            supergraph = supergraph.replace(
                f"http://{name}/graphql", f"http://127.0.0.1:{port}/graphql"
            )
        path = scratch / "supergraph.graphql"
        path.write_text(supergraph)
        yield Subgraphs(tuple(processes), path)


def routers(supergraph: Path) -> list[Server]:
    """As in production; Hive Gateway as its documentation says."""
    hive = (
        *(str(node()), str(FOLDER / "node_modules/@graphql-hive/gateway/dist/bin.js")),
        *("supergraph", "--host", "127.0.0.1", str(supergraph)),
    )
    production = {"NODE_ENV": "production", "LOG_LEVEL": "warn"}
    return [
        Server(
            OURS,
            (sys.executable, "server.py", "federate", "--supergraph", str(supergraph)),
            environment={"DEVELOPMENT": "false", "LOG_FORMAT": "json"},
        ),
        Server("hive", hive, environment=production),
        Server("hive_rust", (*hive, "--hive-router-runtime"), environment=production),
    ]


def compare(
    asked: list[Shape],
    servers: list[Server],
    behind: Subgraphs,
    scratch: Path,
    rounds: int,
    seconds: float,
) -> tuple[Table, dict[str, float]]:
    """The figures, and how many mebibytes each router holds when all is over."""
    table: Table = {shape.name: {} for shape in asked}
    with ExitStack() as stack:
        up = [stack.enter_context(running(server, behind, scratch)) for server in servers]
        files = {}
        for shape in asked:
            path = scratch / f"{shape.name}.jsonl"
            path.write_bytes(b"\n".join(shape.bodies(OURS)) + b"\n")
            for one in up:
                refuse_other(one, up[0], shape)
                files[shape.name, one.server.name] = path
                measure(one, shape, behind, path, WARM_UP_SECONDS if seconds >= 1 else seconds)
                table[shape.name][one.server.name] = Figures()
        take_turns(table, asked, up, files, behind, rounds, seconds)
        return table, {one.server.name: one.mebibytes() for one in up}


def refuse_other(one: Running, ours: Running, shape: Shape) -> None:
    """What answers otherwise than the first of them is not compared."""
    try:
        for body in shape.bodies(OURS)[:CHECKED]:
            found = difference(answer(ours, shape, body), answer(one, shape, body))
            if found:
                raise SystemExit(f"{one.server.name} answers {shape.name} otherwise: {found}")
    except Unanswered as instead:
        raise SystemExit(f"{one.server.name} does not answer {shape.name}: {instead}") from None


def lines(table: Table) -> Iterator[tuple[str, ...]]:
    yield ("shape", "router", "req/s", "spread", "cpu ms", "subgraphs ms", "alone ms", "×")
    for shape, servers in table.items():
        ours = servers.get(OURS)
        for name, figures in servers.items():
            told = figures.summary
            behind = figures.details["database_ms"]
            alone = figures.details["latency_ms"]
            yield (
                *(shape, name, f"{told['rps']:,.0f}", f"{told['spread']:.0%}"),
                *(f"{told['cpu_ms']:.2f}", f"{behind:.2f}", f"{alone:.2f}"),
                f"{told['cpu_ms'] / ours.summary['cpu_ms']:.2f}" if ours else "",
            )


def save(table: Table, memory: Mapping[str, float], facts: Mapping[str, Any]) -> None:
    shapes = {
        shape: {
            name: {
                **figures.summary,
                "subgraphs_ms": figures.details["database_ms"],
                "latency_ms": figures.details["latency_ms"],
            }
            for name, figures in servers.items()
        }
        for shape, servers in table.items()
    }
    told = {**facts, "memory_mib": {name: round(held) for name, held in memory.items()}}
    FILE.write_text(json.dumps({**told, "shapes": shapes}, indent=2) + "\n")


def section() -> str:
    """What stands in README between the markers."""
    if not FILE.exists():
        return "Not measured yet: `make bench-federation`."
    run = json.loads(FILE.read_text())
    shapes, memory = run["shapes"], run["memory_mib"]
    return "\n".join(
        [
            "| router | " + " | ".join(shapes) + " | memory |",
            "| --- |" + " ---: |" * (len(shapes) + 1),
            *(
                f"| {SHOWN[name]} | "
                + " | ".join(cell(shape, name) for shape in shapes.values())
                + f" | {held} MiB |"
                for name, held in memory.items()
            ),
            "",
            f"Requests a second, and milliseconds of the router's processor for each; in brackets"
            f" how many times as fast we are. Medians of {run['rounds']} rounds on {run['date']} at"
            f" {run['commit']}, one process on one core of {run['cpu']}, {run['connections']}"
            f" connections; memory is what is resident after all of it"
            f" ([what is asked](docs/bench.md#routers)).",
        ]
    )


def cell(shape: Mapping[str, Any], name: str) -> str:
    found = shape[name]
    told = f"{found['rps']:,.0f} · {found['cpu_ms']:.2f} ms"
    return told if name == OURS else f"{told} ({shape[OURS]['rps'] / found['rps']:.1f}×)"


if __name__ == "__main__":
    end_when_told()
    typer.run(main)
