"""Servers under load in turns, so that what happens to the machine happens to all of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.measure import CONNECTIONS, measure
from bench.results import Table
from bench.servers import Behind, Running
from bench.shapes import Shape

ALONE_ROUNDS = 3

Files = Mapping[tuple[str, str], Path]
"""The bodies of the requests, by shape and server."""


def take_turns(
    table: Table,
    asked: Sequence[Shape],
    up: Sequence[Running],
    files: Files,
    behind: Behind,
    rounds: int,
    seconds: float,
) -> None:
    """Adds samples to the figures of those who have a place in the table."""
    for turn in range(rounds + ALONE_ROUNDS):
        alone = turn >= rounds
        print(f"· round {turn + 1} of {rounds + ALONE_ROUNDS}", flush=True)
        for shape in asked:
            for one in rotated(up, turn):
                figures = table[shape.name].get(one.server.name)
                if figures is None:
                    continue
                path = files[shape.name, one.server.name]
                kept = figures.alone if alone else figures.samples
                connections = 1 if alone else CONNECTIONS
                kept.append(measure(one, shape, behind, path, seconds, connections))


def rotated(up: Sequence[Running], turn: int) -> list[Running]:
    """So that nobody always follows the same other."""
    start = turn % len(up)
    return [*up[start:], *up[:start]]


def tell(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
        right = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        print("  ".join(left + right))
