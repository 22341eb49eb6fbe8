"""The workers around a point: nearest or best rated first, exactly, from bounded reads."""

import math
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Text,
    Time,
    any_,
    bindparam,
    case,
    cast,
    exists,
    extract,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE

from loaders.page import Sort, own_parameters
from loaders.shown import shown
from models.account import Gender
from models.booking import AvailabilityRule, WorkerTime
from models.discovery import APART, COSINE, SPOT, WorkerPlace
from models.skill import ServiceCategory
from models.worker import Worker
from runtime.batch import ROOT, Columns, Read, many, value
from runtime.geography import FINE_RADIUS_KM, INDIA, hexagons_around
from runtime.page import Pages, Values, Window

EARTH_RADIUS_KM = 6371.0088
KM_PER_DEGREE = EARTH_RADIUS_KM * math.pi / 180


class NearbyOrder(StrEnum):
    DISTANCE = "DISTANCE"
    RATING = "RATING"


class Search:
    """One search around a point, as the expressions its statements are made of.

    All of it rests on the public point of a worker: filtering or sorting by the home would
    give it away to whoever asks from three places.
    """

    def __init__(
        self,
        *,
        category_slug: str,
        latitude: float,
        longitude: float,
        radius_km: float,
        free_from: datetime | None,
        free_until: datetime | None,
        language: str | None,
        verified: bool,
        gender: Gender | None,
    ) -> None:
        place = WorkerPlace
        number = select(ServiceCategory.number).where(ServiceCategory.slug == category_slug)
        self.category: ColumnElement[int] = number.scalar_subquery()
        self.here = (latitude, longitude)
        self.radius_km = radius_km
        self.km = haversine_km(latitude, longitude)
        self.across = literal(longitude * COSINE, Double)
        self.up = literal(latitude, Double) + APART * self.category
        self.spot: ColumnElement[Any] = literal_column(SPOT)
        self.plane: ColumnElement[float] = self.spot.op("<->", return_type=Double())(
            func.point(self.across, self.up)
        )
        self.shortest, self.longest = degrees_to_km(latitude, radius_km)
        self.sorts = {
            NearbyOrder.DISTANCE: Sort((self.km, place.worker_id)),
            NearbyOrder.RATING: Sort((place.score, place.worker_id), descending=True),
        }
        self.conditions: list[Any] = [self.km <= radius_km]
        if verified:
            self.conditions.append(place.verified)
        if language is not None:
            self.conditions.append(literal(language) == any_(place.languages))
        if gender is not None:
            self.conditions.append(place.gender == gender)
        if free_from is not None and free_until is not None:
            self.conditions += free_between(free_from, free_until)

    def within(self, degrees: ColumnElement[Any]) -> ColumnElement[bool]:
        """Inside a box of the index's plane that reaches so far on each side."""
        corners = (
            func.point(self.across - degrees, self.up - degrees),
            func.point(self.across + degrees, self.up + degrees),
        )
        return self.spot.bool_op("<@")(func.box(*corners))

    @property
    def in_reach(self) -> ColumnElement[bool]:
        return self.within(literal(self.radius_km / self.shortest, Double))


def haversine_km(latitude: float, longitude: float) -> ColumnElement[float]:
    """From the point to a worker's place, in kilometres."""
    here = literal(latitude, Double)
    up = func.sin(func.radians(WorkerPlace.latitude - here) / 2)
    across = func.sin(func.radians(WorkerPlace.longitude - literal(longitude, Double)) / 2)
    chord = up * up + func.cos(func.radians(here)) * func.cos(
        func.radians(WorkerPlace.latitude)
    ) * (across * across)
    return type_coerce(2 * EARTH_RADIUS_KM * func.asin(func.sqrt(chord)), Double)


def degrees_to_km(latitude: float, radius_km: float) -> tuple[float, float]:
    """The least and the most kilometres that a degree of the index's plane can stand for
    within the radius: its width is true at one latitude only."""
    around = radius_km / KM_PER_DEGREE + 0.1
    widths = [math.cos(math.radians(latitude + side * around)) / COSINE for side in (-1, 1)]
    return KM_PER_DEGREE * min(1.0, *widths) * 0.999, KM_PER_DEGREE * max(1.0, *widths) * 1.001


def free_between(start: datetime, end: datetime) -> list[ColumnElement[bool]]:
    """Open by the weekly hours, and promised to nobody, for the whole stretch.

    OFFSET 0 keeps PostgreSQL from turning either test into a join over all workers; run for
    the few candidates alone, they cost next to nothing.
    """
    opens, closes = (func.timezone(INDIA, literal(instant)) for instant in (start, end))
    rule = AvailabilityRule
    open_then = (
        select(literal(1))
        .where(
            rule.worker_id == WorkerPlace.worker_id,
            rule.weekday == extract("isodow", opens),
            rule.from_time <= cast(opens, Time),
            rule.until_time >= cast(closes, Time),
            rule.valid_from <= func.date(opens),
            or_(rule.valid_until.is_(None), rule.valid_until > func.date(opens)),
        )
        .offset(literal_column("0"))
    )
    promised = (
        select(literal(1))
        .where(
            WorkerTime.worker_id == WorkerPlace.worker_id,
            WorkerTime.during.op("&&")(
                func.tstzrange(literal(start), literal(end), type_=TSTZRANGE)
            ),
        )
        .offset(literal_column("0"))
    )
    return [
        exists(open_then.correlate(WorkerPlace)),
        ~exists(promised.correlate(WorkerPlace)),
    ]


def by_distance(search: Search, sort: Sort, window: Window) -> Read:
    """The nearest places, exactly, from an index that is only nearly true to distance.

    A first look along the index finds how far out the page can reach at most; a second reads
    all within that reach and sorts by the distance itself. Reading backwards has no end to
    start from but the radius.
    """
    where = [*search.conditions, *ends(sort, window)]
    reach = search.in_reach
    if not window.backward:
        look = (
            select(search.plane.label("degrees"))
            .where(search.in_reach, *where)
            .order_by(search.plane)
            .limit(window.size + 1)
            .subquery("look")
        )
        stretch = search.longest / search.shortest
        widest = case(
            (func.count() > window.size, func.max(look.c.degrees) * stretch),
            else_=search.radius_km / search.shortest,
        )
        reach = search.within(select(widest).select_from(look).scalar_subquery())
    return (
        select(WorkerPlace.worker_id, search.km.label("km"), *ranked(sort))
        .where(reach, *where)
        .order_by(*sort.order(reverse=window.backward))
        .limit(window.size + 1)
    )


def by_rating(search: Search, sort: Sort, window: Window) -> Read:
    """The best of every hexagon in reach, then the best of those."""
    hexagons = bindparam(
        None, list(hexagons_around(*search.here, search.radius_km)), type_=ARRAY(Text)
    )
    hexagon = func.unnest(hexagons).table_valued("cell", name="hexagon").render_derived()
    fine = search.radius_km <= FINE_RADIUS_KM
    best = (
        select(WorkerPlace.worker_id, search.km.label("km"), *ranked(sort))
        .where(
            WorkerPlace.category_number == search.category,
            (WorkerPlace.cell if fine else WorkerPlace.area) == hexagon.c.cell,
            *search.conditions,
            *ends(sort, window),
        )
        .order_by(*sort.order(reverse=window.backward))
        .limit(window.size + 1)
        .correlate(hexagon)
        .lateral("best")
    )
    order = [best.c.sort_0, best.c.sort_1]
    down = sort.descending is not window.backward
    return (
        select(*best.c)
        .select_from(hexagon.join(best, true()))
        .order_by(*(column.desc() if down else column.asc() for column in order))
        .limit(window.size + 1)
    )


def ranked(sort: Sort) -> list[ColumnElement[Any]]:
    return [column.label(f"sort_{i}") for i, column in enumerate(sort.columns)]


def ends(sort: Sort, window: Window) -> list[ColumnElement[bool]]:
    found = []
    if window.after is not None:
        found.append(sort.side(window.after, ahead=True))
    if window.before is not None:
        found.append(sort.side(window.before, ahead=False))
    return found


def search_arguments(
    *,
    category_slug: Annotated[str, "The kind of work, such as `electrician`."],
    latitude: Annotated[float, "Degrees north of the place to come to."],
    longitude: Annotated[float, "Degrees east of the place to come to."],
    radius_km: Annotated[float, "How far away a worker may be, in kilometres; at most 50."] = 10,
    free_from: Annotated[
        datetime | None, "With `freeUntil`: only workers who are free all that time."
    ] = None,
    free_until: Annotated[
        datetime | None, "The end of that time, on the same day in India."
    ] = None,
    speaking: Annotated[str | None, "Only workers who speak this language, such as `hi`."] = None,
    verified: Annotated[
        bool, "Only workers whose identity and police record have been verified."
    ] = False,
    gender: Annotated[Gender | None, "Only workers of this gender; for signed-in citizens."] = None,
    order_by: Annotated[NearbyOrder, "Nearest first, or best rated first."] = NearbyOrder.DISTANCE,
) -> Search:
    return Search(
        category_slug=category_slug,
        latitude=latitude,
        longitude=longitude,
        radius_km=radius_km,
        free_from=free_from,
        free_until=free_until,
        language=speaking,
        verified=verified,
        gender=gender,
    )


@many(Worker)
def nearby_run(columns: Columns, *, window: Window, sort: str, **own: Any) -> Read:
    search = search_arguments(**own)
    order = search.sorts[NearbyOrder(sort)]
    read = by_distance if sort == NearbyOrder.DISTANCE else by_rating
    near = read(search, order, window).subquery("near")
    placed = [near.c.sort_0, near.c.sort_1]
    return (
        select(literal(ROOT), *shown(Worker, columns), near.c.km, near.c.sort_0, near.c.sort_1)
        .select_from(Worker)
        .join(near, near.c.worker_id == Worker.id)
        .order_by(*(column.desc() if order.descending else column.asc() for column in placed))
    )


@value(absent=0)
def nearby_total(columns: Columns, **own: Any) -> Read:
    search = search_arguments(**own)
    return (
        select(literal(ROOT), func.count())
        .select_from(WorkerPlace)
        .where(search.in_reach, *search.conditions)
    )


@value(absent=False)
def nearby_beyond(columns: Columns, *, sort: str, anchor: Values, ahead: bool, **own: Any) -> Read:
    search = search_arguments(**own)
    side = search.sorts[NearbyOrder(sort)].side(anchor, ahead=ahead, inclusive=True)
    found = select(literal(1)).where(search.in_reach, *search.conditions, side)
    return select(literal(ROOT), exists(found.select_from(WorkerPlace)))


nearby_workers = Pages(
    run=nearby_run,
    total=nearby_total,
    beyond=nearby_beyond,
    sorts={NearbyOrder.DISTANCE: (float, str), NearbyOrder.RATING: (float, str)},
    parameters=own_parameters(search_arguments),
)
