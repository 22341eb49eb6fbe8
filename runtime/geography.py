"""Where and when things are: H3 cells, the coarse places that stand for where a worker sets
out from, and India's time."""

import math
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import dist
from zoneinfo import ZoneInfo

import h3

EARTH_RADIUS_KM = 6371.0088

INDIA = "Asia/Kolkata"
"""The time zone of opening hours, days and months; everything stored is UTC."""

CELL = 7
"""Resolution of a public place: a hexagon of about 5 km²."""
AREA = 5
"""Resolution of the coarser hexagon around it: about 250 km²."""


def in_india(moment: datetime) -> datetime:
    """The same moment, as clocks in India show it."""
    return moment.astimezone(ZoneInfo(INDIA))


def day_of(moment: datetime) -> date:
    """The date in India."""
    return in_india(moment).date()


def day_bounds(moment: datetime) -> tuple[datetime, datetime]:
    """The day in India that the moment lies in: its midnight, and the next."""
    start = in_india(moment).replace(hour=0, minute=0, second=0, microsecond=0)
    return start, start + timedelta(days=1)


def cell_at(latitude: float, longitude: float) -> str:
    return str(h3.latlng_to_cell(latitude, longitude, CELL))


def area_of(cell: str) -> str:
    return str(h3.cell_to_parent(cell, AREA))


def centre_of(cell: str) -> tuple[float, float]:
    """Latitude and longitude."""
    latitude, longitude = h3.cell_to_latlng(cell)
    return latitude, longitude


def kilometres(start: tuple[float, float], end: tuple[float, float]) -> float:
    """Along the sphere: within half a percent of the ellipsoid."""
    return arc(dist(on_sphere(*start), on_sphere(*end)))


def on_sphere(latitude: float, longitude: float) -> tuple[float, float, float]:
    up, across = math.radians(latitude), math.radians(longitude)
    return math.cos(up) * math.cos(across), math.cos(up) * math.sin(across), math.sin(up)


def arc(chord: float) -> float:
    """The way along the surface between two points of the unit sphere, in kilometres."""
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, chord / 2))


@lru_cache(maxsize=64)
def disk(cell: str, rings: int) -> tuple[tuple[str, tuple[float, float, float]], ...]:
    """The cells around one, with their centres on the unit sphere."""
    return tuple((near, on_sphere(*centre_of(near))) for near in h3.grid_disk(cell, rings))


@lru_cache(maxsize=1024)
def cells_within(
    latitude: float, longitude: float, radius_km: float
) -> tuple[tuple[str, float], ...]:
    """Every cell whose centre is in reach, and how far that is in kilometres; nearest first.

    Each ring of a grid disk reaches at least 1.5 edges further than the last, and cells of
    the state differ from the average edge by less than a fifth. The point may lie at the rim
    of its own cell: two more rings allow for that.
    """
    here = on_sphere(latitude, longitude)
    edge = h3.average_hexagon_edge_length(CELL, unit="km") * 0.8
    around = disk(cell_at(latitude, longitude), int(radius_km / (edge * 1.5)) + 2)
    away = ((arc(dist(here, centre)), cell) for cell, centre in around)
    return tuple((cell, km) for km, cell in sorted(away) if km <= radius_km)
