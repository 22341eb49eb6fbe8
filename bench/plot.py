"""Draws a run: `-m bench.plot latest.json run.json out.svg`, with the bench's own Python."""

import json
import sys
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "sewa-mitra"
matplotlib.rcParams["font.size"] = 9
from matplotlib import pyplot  # noqa: E402

COLUMNS = 3
COLOURS = {
    "sewa_mitra": "#b3541e",
    "mercurius": "#1f5f8b",
    "postgraphile": "#4a7fa5",
    "yoga": "#86aac4",
    "ariadne": "#7a8c5a",
    "strawberry": "#b0bd96",
    "sql_limit": "#777777",
    "http_floor": "#bbbbbb",
}


def draw(latest: Any, run: Any, out: Path) -> None:
    shapes = [shape for shape in latest if shape != "executor_only"]
    growth = {name: points for name, points in run["growth"].items() if points}
    figure, axes = pyplot.subplots(
        ceil((len(shapes) + len(growth)) / COLUMNS),
        COLUMNS,
        figsize=(10, 5.6),
        squeeze=False,
        layout="constrained",
    )
    panels = iter(axes.flat)
    for shape in shapes:
        bars(next(panels), shape, latest[shape])
    for name, points in growth.items():
        lines(next(panels), name, points)
    for panel in panels:
        panel.set_axis_off()
    figure.savefig(out, metadata={"Date": None})


def bars(axis: Any, shape: str, servers: Any) -> None:
    names = [name for name in COLOURS if name in servers and name != "http_floor"][::-1]
    speeds = [servers[name]["rps"] for name in names]
    axis.barh(names, speeds, color=[COLOURS[name] for name in names])
    for index, speed in enumerate(speeds):
        axis.text(speed, index, f" {speed:,.0f}", va="center", fontsize=7)
    axis.set_title(f"{shape.replace('_', ' ')}: requests/s")
    axis.set_xlim(0, max(speeds) * 1.25)
    axis.spines[["top", "right"]].set_visible(False)


def lines(axis: Any, name: str, points: Any) -> None:
    sizes = [point["size"] for point in points]
    axis.plot(sizes, [point["ms"] for point in points], "o-", color="#b3541e", label="ms")
    axis.plot(sizes, [point["mib"] for point in points], "s--", color="#1f5f8b", label="MiB")
    if max(sizes) / min(sizes) > 100:
        axis.set(xscale="log", yscale="log")
    else:
        axis.set_ylim(bottom=0)
    axis.set_title(f"engine alone, by {name}")
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    latest, run, out = (Path(argument) for argument in sys.argv[1:])
    draw(json.loads(latest.read_text()), json.loads(run.read_text()), out)
