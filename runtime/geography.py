"""Where and when things are: H3 cells, the coarse places that stand for where a worker sets
out from, and India's time."""

from functools import lru_cache

import h3

INDIA = "Asia/Kolkata"
"""The time zone of opening hours, days and months; everything stored is UTC."""

CELL = 7
"""Resolution of a public place: a hexagon of about 5 km²."""
AREA = 5
"""Resolution of the coarser hexagon around it: about 250 km²."""

FINE_RADIUS_KM = 10.0
"""Up to here a disk is made of cells, beyond of areas: at most a few hundred either way."""


def cell_at(latitude: float, longitude: float) -> str:
    return str(h3.latlng_to_cell(latitude, longitude, CELL))


def area_of(cell: str) -> str:
    return str(h3.cell_to_parent(cell, AREA))


def centre_of(cell: str) -> tuple[float, float]:
    """Latitude and longitude."""
    latitude, longitude = h3.cell_to_latlng(cell)
    return latitude, longitude


@lru_cache(maxsize=1024)
def hexagons_around(latitude: float, longitude: float, radius_km: float) -> tuple[str, ...]:
    """Cells, or areas for a wide radius, that together hold every cell centre in reach.

    Each ring of a grid disk reaches at least 1.5 edges further than the last, and hexagons
    of the state differ from the average edge by less than a fifth. The area that is a cell's
    parent by index may leave a cell's centre just outside its own outline, and the point
    itself may lie at the rim of its hexagon: two more rings allow for both.
    """
    resolution = CELL if radius_km <= FINE_RADIUS_KM else AREA
    edge = h3.average_hexagon_edge_length(resolution, unit="km") * 0.8
    rings = int(radius_km / (edge * 1.5)) + 2
    return tuple(h3.grid_disk(h3.latlng_to_cell(latitude, longitude, resolution), rings))
