"""How long searches around a point take, over whatever a database holds.

DATABASE_URL=postgresql://… python -m bench.nearby_workers
"""

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from statistics import quantiles
from typing import Any
from zoneinfo import ZoneInfo

import typer

from data.demo.workers import CROWDED
from data.reference import districts
from engine.engine import Engine
from runtime.context import Context
from runtime.ending import end_when_told
from runtime.geography import INDIA
from runtime.language import Language
from runtime.process import process_of
from runtime.settings import Settings
from runtime.viewer import Viewer
from schema.graph import gateway

QUERY = """query ($slug: String!, $at: Float!, $across: Float!, $km: Float!, $order: NearbyOrder!,
  $from: DateTime, $until: DateTime) {
  nearbyWorkers(categorySlug: $slug, latitude: $at, longitude: $across, radiusKm: $km, first: 20,
    orderBy: $order, freeFrom: $from, freeUntil: $until) {
    edges { distanceKm node { id displayName } } } }"""

SEARCHES: dict[str, dict[str, Any]] = {
    "nearest 20 electricians within 10 km": {},
    "… who are free tomorrow at noon": {"free": True},
    "nearest 20 within 50 km of a rare trade": {"slug": "pathology", "km": 50},
    "best rated 20 electricians within 10 km": {"order": "RATING"},
    "best rated 20 electricians within 50 km": {"order": "RATING", "km": 50},
}


def points(count: int) -> Iterator[tuple[float, float]]:
    """Doorsteps around headquarters, most in the crowded districts, where there is most to
    read; every one another point, so that nothing is remembered from the last."""
    random = Random(5)
    places = [(d["latitude"], d["longitude"], CROWDED.get(d["slug"], 1)) for d in districts()]
    weights = [weight for _, _, weight in places]
    for latitude, longitude, _ in random.choices(places, weights, k=count):
        yield latitude + random.gauss(0, 0.05), longitude + random.gauss(0, 0.05)


def variables(
    at: tuple[float, float],
    slug: str = "electrician",
    km: float = 10,
    order: str = "DISTANCE",
    free: bool = False,
) -> dict[str, Any]:
    tomorrow = datetime.now(ZoneInfo(INDIA)) + timedelta(days=1)
    noon = tomorrow.replace(hour=12, minute=0, second=0, microsecond=0)
    return {
        "slug": slug,
        "at": at[0],
        "across": at[1],
        "km": km,
        "order": order,
        "from": noon.isoformat() if free else None,
        "until": (noon + timedelta(hours=1)).isoformat() if free else None,
    }


async def measure(url: str, count: int) -> list[str]:
    engine = Engine(gateway().schema)
    async with process_of(Settings(database_url=url)) as process:
        operation = engine.prepare(QUERY)
        lines = []
        for name, options in SEARCHES.items():
            sql, whole, found = [], [], 0
            for number, at in enumerate(points(count + 20)):
                context = Context(Viewer(), Language.EN, process)
                started = time.perf_counter()
                result = await engine.run(operation, variables(at, **options), context)
                assert result.errors is None, result.errors
                assert result.data is not None
                if number >= 20:
                    whole.append((time.perf_counter() - started) * 1000)
                    sql.append(context.batches.tally.seconds * 1000)
                    found += len(result.data["nearbyWorkers"]["edges"])
            lines.append(f"| {name} | {found / count:.0f} | {told(sql)} | {told(whole)} |")
    return lines


def told(milliseconds: list[float]) -> str:
    cuts = quantiles(milliseconds, n=20)
    return f"{cuts[9]:.1f} | {cuts[18]:.1f}"


def main(count: int = 300) -> None:
    """Print a table: milliseconds in PostgreSQL and altogether, one request at a time."""
    url = Settings.read().database_url
    assert url, "set DATABASE_URL"
    typer.echo("| search | found | SQL p50 | SQL p95 | all p50 | all p95 |")
    typer.echo("| --- | ---: | ---: | ---: | ---: | ---: |")
    for line in asyncio.run(measure(url, count)):
        typer.echo(line)


if __name__ == "__main__":
    end_when_told()
    typer.run(main)
