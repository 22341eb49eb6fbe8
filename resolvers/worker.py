"""What is computed of workers."""

from models.worker import Worker
from resolvers.place import Point
from runtime.language import Language

ERASED_NAME = ("Former worker", "पूर्व सेवा मित्र")


def first_name(row: Worker, *, language: Language) -> str | None:
    return language.of(row.first_name_en, row.first_name_hi)


def initial(row: Worker, *, language: Language) -> str | None:
    return language.of(row.initial_en, row.initial_hi)


def display_name(row: Worker, *, language: Language) -> str:
    first, letter = first_name(row, language=language), initial(row, language=language)
    if not first:
        return language.of(*ERASED_NAME) or ""
    return f"{first} {letter}." if letter else first


def full_name(row: Worker, *, language: Language) -> str | None:
    words = first_name(row, language=language), language.of(row.surname_en, row.surname_hi)
    return " ".join(word for word in words if word) or None


def public_point(row: Worker) -> Point:
    return Point(row.latitude, row.longitude)


def home_point(row: Worker) -> Point | None:
    if row.home_latitude is None or row.home_longitude is None:
        return None
    return Point(row.home_latitude, row.home_longitude)
