"""What is checked and computed of searches and statistics."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from runtime import clock
from runtime.context import Context
from runtime.faults import BadInput, LimitExceeded
from runtime.folding import words
from runtime.geography import INDIA
from runtime.rights import Role

TEXT_LIMIT = 100


@dataclass(frozen=True)
class Statistics:
    """Stands for the figures; each is counted only when asked for."""


def statistics(_: None) -> Statistics:
    return Statistics()


def distance_km(place: Any) -> float:
    return round(float(place.row.km), 1)


def check_nearby(context: Context, arguments: dict[str, Any]) -> None:
    limit = context.settings.radius_limit_km
    radius = arguments["radius_km"]
    if not 0 < radius <= limit:
        raise LimitExceeded(
            f"`radiusKm` must be more than 0 and at most {limit}.", argument="radiusKm", limit=limit
        )
    if not (-90 <= arguments["latitude"] <= 90 and -180 <= arguments["longitude"] <= 180):
        raise BadInput(
            "`latitude` is between -90 and 90, `longitude` between -180 and 180.",
            argument="latitude",
        )
    start, end = arguments.get("free_from"), arguments.get("free_until")
    if (start is None) is not (end is None):
        raise BadInput("Give `freeFrom` and `freeUntil` together.", argument="freeFrom")
    if start is None or end is None:
        return
    if context.viewer.role is Role.ANONYMOUS:
        check_hours(context, start, end)
    if not start < end <= start + timedelta(days=1) or not same_day(start, end):
        raise BadInput(
            "`freeUntil` must be later than `freeFrom`, on the same day in India.",
            argument="freeUntil",
        )


def check_hours(context: Context, *instants: datetime) -> None:
    """Who is free when is told by whole hours of the next days to whoever is not signed in."""
    days = context.settings.anonymous_slot_days
    latest = clock.now() + timedelta(days=days)
    local = [instant.astimezone(ZoneInfo(INDIA)) for instant in instants]
    if any((one.minute, one.second, one.microsecond) != (0, 0, 0) or one > latest for one in local):
        raise BadInput(
            f"Give whole hours of the next {days} days, or sign in.", argument="freeFrom"
        )


def same_day(start: datetime, end: datetime) -> bool:
    return start.astimezone(ZoneInfo(INDIA)).date() == end.astimezone(ZoneInfo(INDIA)).date()


def check_search(context: Context, arguments: dict[str, Any]) -> None:
    text = arguments["text"]
    if len(text) > TEXT_LIMIT:
        raise LimitExceeded(
            f"`text` may be at most {TEXT_LIMIT} characters.", argument="text", limit=TEXT_LIMIT
        )
    if not words(text):
        raise BadInput("`text` must hold at least one letter or digit.", argument="text")
