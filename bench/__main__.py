"""`python -m bench`: the gateway beside others, on one database, in one run."""

import os
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import orjson
import typer

from bench import executor, hot_spots, results
from bench.database import Database, a_database
from bench.installation import install
from bench.measure import (
    CHECKED,
    CONNECTIONS,
    Unanswered,
    answer,
    difference,
    measure,
    statements_per_request,
)
from bench.results import OURS, Figures, Table
from bench.servers import (
    OTHER_CORE,
    Running,
    all_servers,
    ours,
    refuse_unfit_machine,
    running,
)
from bench.shapes import Shape, own_shape, shapes
from bench.turns import take_turns, tell
from runtime.ending import end_when_told

WARM_UP_SECONDS = 2.0


def main(
    rounds: Annotated[int, typer.Option(help="How often each server has its turn.")] = 10,
    seconds: Annotated[float, typer.Option(help="How long a turn takes.")] = 1.0,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Only this server or this shape; may be given several times."),
    ] = None,
    operation: Annotated[
        Path | None,
        typer.Option(help="Time this document, with the variables in the .json beside it."),
    ] = None,
    profiled: Annotated[
        str | None,
        typer.Option("--profile", help="Show where ours spends its time on this shape."),
    ] = None,
    publish: Annotated[
        bool, typer.Option(help="Keep the results, and write them into README.")
    ] = False,
) -> None:
    """Compare the gateway with other servers."""
    refuse_unfit_machine()
    install()
    os.sched_setaffinity(0, {OTHER_CORE})
    with a_database() as database, tempfile.TemporaryDirectory() as scratch:
        database.pin(OTHER_CORE)
        folder = Path(scratch)
        asked = [own_shape(operation)] if operation else shapes(database)
        chosen = [shape for shape in asked if wanted(shape.name, [s.name for s in asked], only)]
        if profiled:
            (shape,) = (shape for shape in asked if shape.name == (profiled or shape.name))
            hot_spots.show(ours(database, folder), shape, database, folder)
            return
        table = compare(chosen, only, database, folder, rounds, seconds, own=operation is not None)
        growth: results.Growth = {}
        if operation is None and not only:
            table["executor_only"], growth = executor.run(database)
    tell(list(results.lines(table)))
    for name, points in growth.items():
        print()
        tell([(name, "", "ms", "MiB"), *results.grown(points)])
    if publish:
        results.save(table, growth, results.facts(rounds, seconds, CONNECTIONS))
        results.publish()


def wanted(name: str, names: Sequence[str], only: list[str] | None) -> bool:
    """Everything of a kind is, where none of it is named."""
    named = set(only or ()) & set(names)
    return not named or name in named


def compare(
    asked: list[Shape],
    only: list[str] | None,
    database: Database,
    scratch: Path,
    rounds: int,
    seconds: float,
    *,
    own: bool,
) -> Table:
    servers = all_servers(database, scratch, own=own)
    names = [server.name for server in servers]
    chosen = [
        server
        for server in servers
        if server.name == OURS
        or (
            wanted(server.name, names, only)
            and (server.dialect or not own or server.name == "http_floor")
        )
    ]
    table: Table = {shape.name: {} for shape in asked}
    with ExitStack() as stack:
        up = [stack.enter_context(running(server, database, scratch)) for server in chosen]
        files = {}
        for shape in asked:
            agreed = [one for one in up if agrees(one, up[0], shape, scratch, own)]
            for one in agreed:
                path = scratch / f"{shape.name}-{one.server.name}.jsonl"
                path.write_bytes(b"\n".join(shape.bodies(one.server.name)) + b"\n")
                files[shape.name, one.server.name] = path
                measure(one, shape, database, path, WARM_UP_SECONDS if seconds >= 1 else seconds)
                table[shape.name][one.server.name] = Figures(
                    statements=statements_per_request(one, shape, database)
                )
        take_turns(table, asked, up, files, database, rounds, seconds)
    return table


def agrees(one: Running, ours: Running, shape: Shape, scratch: Path, own: bool) -> bool:
    """Whether it answers as ours does. A server of the bench must; one that does not know an
    operation of somebody's own is left out."""
    if one.server.name == "http_floor":
        body = shape.bodies(OURS)[0]
        recorded = {"data": answer(ours, shape, body)}
        (scratch / f"{shape.name}.json").write_bytes(orjson.dumps(recorded))
        return True
    pairs = zip(shape.bodies(OURS), shape.bodies(one.server.name), strict=True)
    try:
        for index, (our_body, their_body) in zip(range(CHECKED), pairs, strict=False):
            found = difference(answer(ours, shape, our_body), answer(one, shape, their_body))
            if found:
                raise SystemExit(
                    f"{one.server.name} answers {shape.name} otherwise, with values"
                    f" {shape.variables[index]}: {found}"
                )
    except Unanswered as instead:
        if own and one is not ours:
            print(f"· {one.server.name} does not take part: {instead}")
            return False
        raise SystemExit(f"{one.server.name} does not answer {shape.name}: {instead}") from None
    return True


if __name__ == "__main__":
    end_when_told()
    typer.run(main)
