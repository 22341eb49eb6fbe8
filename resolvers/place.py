"""What is computed of places; and names, which exist in two languages everywhere."""

from dataclasses import dataclass
from typing import Protocol

from models.place import District
from runtime.language import Language


class Named(Protocol):
    """A row with a name in both languages."""

    @property
    def name_en(self) -> object: ...
    @property
    def name_hi(self) -> object: ...


@dataclass(frozen=True)
class Point:
    latitude: float
    longitude: float


def name(row: Named, *, language: Language) -> str:
    return language.of(str(row.name_en), str(row.name_hi)) or ""


def headquarters(row: District, *, language: Language) -> str:
    return language.of(row.headquarters_en, row.headquarters_hi) or ""


def point(row: District) -> Point:
    return Point(row.latitude, row.longitude)
