"""Where and when things are: H3 cells, the coarse places that stand for where a worker sets
out from, and India's time."""

import math
from functools import lru_cache
from operator import itemgetter

import h3

EARTH_RADIUS_KM = 6371.0088

INDIA = "Asia/Kolkata"
"""The time zone of opening hours, days and months; everything stored is UTC."""

CELL = 7
"""Resolution of a public place: a hexagon of about 5 km²."""
AREA = 5
"""Resolution of the coarser hexagon around it: about 250 km²."""


def cell_at(latitude: float, longitude: float) -> str:
    return str(h3.latlng_to_cell(latitude, longitude, CELL))


def area_of(cell: str) -> str:
    return str(h3.cell_to_parent(cell, AREA))


def centre_of(cell: str) -> tuple[float, float]:
    """Latitude and longitude."""
    latitude, longitude = h3.cell_to_latlng(cell)
    return latitude, longitude


def kilometres(start: tuple[float, float], end: tuple[float, float]) -> float:
    """Along the sphere, by haversine: within half a percent of the ellipsoid."""
    (latitude, longitude), (there, across) = (tuple(map(math.radians, at)) for at in (start, end))
    up, aside = math.sin((there - latitude) / 2), math.sin((across - longitude) / 2)
    chord = up * up + math.cos(latitude) * math.cos(there) * aside * aside
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(chord))


@lru_cache(maxsize=1024)
def cells_within(
    latitude: float, longitude: float, radius_km: float
) -> tuple[tuple[str, float], ...]:
    """Every cell whose centre is in reach, and how far that is in kilometres; nearest first.

    Each ring of a grid disk reaches at least 1.5 edges further than the last, and cells of
    the state differ from the average edge by less than a fifth. The point may lie at the rim
    of its own cell: two more rings allow for that.
    """
    here = latitude, longitude
    edge = h3.average_hexagon_edge_length(CELL, unit="km") * 0.8
    disk = h3.grid_disk(cell_at(*here), int(radius_km / (edge * 1.5)) + 2)
    away = ((cell, kilometres(here, centre_of(cell))) for cell in disk)
    return tuple(sorted((found for found in away if found[1] <= radius_km), key=itemgetter(1, 0)))
