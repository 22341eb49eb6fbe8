"""Where the gateway spends its time under load: py-spy looks at it a thousand times a second."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.installation import ENVIRONMENT
from bench.measure import CONNECTIONS, load, measure
from bench.servers import Behind, Server, running
from bench.shapes import Shape

SECONDS = 8
LEAST, ALWAYS = 0.01, 0.9
"""The parts of the time that are worth a line: what is always there says nothing."""


def show(server: Server, shape: Shape, behind: Behind, scratch: Path) -> None:
    bodies = scratch / "bodies.jsonl"
    bodies.write_bytes(b"\n".join(shape.bodies(server.name)) + b"\n")
    stacks = scratch / "stacks.txt"
    with running(server, behind, scratch) as one:
        measure(one, shape, behind, bodies, 2)
        watching = subprocess.Popen(
            [
                *(ENVIRONMENT / "bin" / "py-spy", "record", "--pid", str(one.process.pid)),
                *("--duration", str(SECONDS), "--rate", "1000", "--format", "raw", "--function"),
                *("--output", stacks),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        load(one, shape, bodies, SECONDS + 1, CONNECTIONS)
        watching.wait()
    samples = [line.rpartition(" ")[::2] for line in stacks.read_text().splitlines()]
    counted = [(stack.split(";"), int(number)) for stack, number in samples]
    whole = sum(number for _, number in counted)
    tell("in the function itself", ((stack[-1:], number) for stack, number in counted), whole)
    tell("in it and what it calls", ((set(stack), number) for stack, number in counted), whole)


def tell(title: str, counted: Iterable[tuple[Iterable[str], int]], whole: int) -> None:
    found = Counter[str]()
    for frames, number in counted:
        for frame in frames:
            found[frame.replace(os.getcwd(), "")] += number
    print(f"\n{title}")
    for frame, number in found.most_common():
        if whole * LEAST <= number < whole * ALWAYS:
            print(f"{number / whole:7.1%}  {frame}")
