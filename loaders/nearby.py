"""The workers around a point: nearest or best rated first, exactly, from bounded reads.

All of it rests on the cell a worker sets out from: filtering or sorting by the home would
give it away to whoever asks from three places.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Text,
    Time,
    any_,
    cast,
    column,
    exists,
    extract,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE
from sqlalchemy.sql.selectable import TableValuedAlias

from loaders.page import Sort, of_people, own_parameters
from loaders.shown import shown
from models.booking import AvailabilityException, AvailabilityRule, WorkerTime
from models.discovery import WorkerPlace
from models.skill import ServiceCategory
from models.worker import Worker
from runtime.batch import ROOT, Columns, Read, many, value
from runtime.geography import INDIA, area_of, cells_within
from runtime.page import Pages, Values, Window

FINE_RADIUS_KM = 10.0
"""Up to here the best of every cell are compared, beyond those of every area: at most about
a hundred either way."""


class NearbyOrder(StrEnum):
    DISTANCE = "DISTANCE"
    RATING = "RATING"


@dataclass(frozen=True)
class Search:
    """One search around a point, and the expressions its statements are made of."""

    cells: list[str]
    """Those in reach, nearest first."""
    distances: list[float]
    """How far they are, in kilometres."""
    hexagons: list[str]
    """The cells, or the areas they lie in."""
    is_fine: bool
    """Whether `hexagons` are cells."""
    category_slug: str
    free_from: datetime | None
    free_until: datetime | None
    language: str | None
    verified: bool

    @cached_property
    def reach(self) -> TableValuedAlias:
        return (
            func.unnest(cast(self.cells, ARRAY(Text)), cast(self.distances, ARRAY(Double)))
            .table_valued(column("cell", Text), column("km", Double), name="reach")
            .render_derived()
        )

    @cached_property
    def hexagon(self) -> TableValuedAlias:
        return (
            func.unnest(cast(self.hexagons, ARRAY(Text)))
            .table_valued("cell", name="hexagon")
            .render_derived()
        )

    @cached_property
    def conditions(self) -> list[Any]:
        place = WorkerPlace
        number = select(ServiceCategory.number).where(ServiceCategory.slug == self.category_slug)
        found: list[Any] = [place.category_number == number.scalar_subquery()]
        if self.verified:
            found.append(place.verified)
        if self.language is not None:
            found.append(any_(place.languages) == self.language)
        if self.free_from is not None and self.free_until is not None:
            found += free_between(self.free_from, self.free_until)
        return found

    @property
    def sorts(self) -> dict[NearbyOrder, Sort]:
        place = WorkerPlace
        return {
            NearbyOrder.DISTANCE: Sort((self.reach.c.km, place.worker_id)),
            NearbyOrder.RATING: Sort((place.score, place.worker_id), descending=True),
        }

    @property
    def everyone(self) -> Read:
        """The places in reach."""
        here = WorkerPlace.cell == self.reach.c.cell
        return select(WorkerPlace).join(self.reach, here).where(*self.conditions)


def free_between(start: datetime, end: datetime) -> list[ColumnElement[bool]]:
    """Open by the weekly hours, on no day off, and promised to nobody, for the whole stretch.

    OFFSET 0 keeps PostgreSQL from turning these tests into joins over all workers; run for
    the few candidates alone, they cost next to nothing.
    """
    opens, closes = (func.timezone(INDIA, instant) for instant in (start, end))
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
    day_off = (
        select(literal(1))
        .where(
            AvailabilityException.worker_id == WorkerPlace.worker_id,
            AvailabilityException.day == func.date(opens),
        )
        .offset(literal_column("0"))
    )
    promised = (
        select(literal(1))
        .where(
            WorkerTime.worker_id == WorkerPlace.worker_id,
            WorkerTime.during.op("&&")(func.tstzrange(start, end, type_=TSTZRANGE)),
        )
        .offset(literal_column("0"))
    )
    return [
        exists(open_then.correlate(WorkerPlace)),
        ~exists(day_off.correlate(WorkerPlace)),
        ~exists(promised.correlate(WorkerPlace)),
    ]


def by_distance(search: Search, sort: Sort, window: Window) -> Read:
    """Cell by cell, the nearest first: reading stops where the page is full."""
    reach = search.reach
    cells = select(reach.c.cell, reach.c.km).order_by(sort.order(reverse=window.backward)[0])
    for cursor, ahead in ((window.after, True), (window.before, False)):
        if cursor is not None:
            cells = cells.where(Sort((reach.c.km,)).side(cursor[:1], ahead=ahead, inclusive=True))
    cell = cells.subquery("near_cell")
    sort = Sort((cell.c.km, WorkerPlace.worker_id))
    place = (
        select(WorkerPlace.worker_id)
        .where(WorkerPlace.cell == cell.c.cell, *search.conditions, *ends(sort, window))
        .order_by(sort.order(reverse=window.backward)[1])
        .limit(window.size + 1)
        .correlate(cell)
        .lateral("place")
    )
    down = window.backward
    order = [c.desc() if down else c.asc() for c in (cell.c.km, place.c.worker_id)]
    return (
        select(
            place.c.worker_id,
            cell.c.km,
            cell.c.km.label("sort_0"),
            place.c.worker_id.label("sort_1"),
        )
        .select_from(cell.join(place, true()))
        .order_by(*order)
        .limit(window.size + 1)
    )


def by_rating(search: Search, sort: Sort, window: Window) -> Read:
    """The best of every hexagon, then the best of those."""
    reach, hexagon = search.reach, search.hexagon
    mine, outside = WorkerPlace.cell, []
    if not search.is_fine:
        mine = WorkerPlace.area
        # "IS true" keeps PostgreSQL from turning this into a join, which would cost the order
        # of the index; as it is, each row is looked up in a hash table.
        outside = [WorkerPlace.cell.in_(select(reach.c.cell)).is_(true())]
    best = (
        select(
            WorkerPlace.worker_id,
            WorkerPlace.cell,
            WorkerPlace.score.label("sort_0"),
            WorkerPlace.worker_id.label("sort_1"),
        )
        .where(mine == hexagon.c.cell, *outside, *search.conditions, *ends(sort, window))
        .order_by(*sort.order(reverse=window.backward))
        .limit(window.size + 1)
        .correlate(hexagon)
        .lateral("best")
    )
    down = not window.backward
    order = [c.desc() if down else c.asc() for c in (best.c.sort_0, best.c.sort_1)]
    page = (
        select(best)
        .select_from(hexagon.join(best, true()))
        .order_by(*order)
        .limit(window.size + 1)
        .subquery("page")
    )
    return select(page.c.worker_id, reach.c.km, page.c.sort_0, page.c.sort_1).join_from(
        page, reach, reach.c.cell == page.c.cell
    )


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
    order_by: Annotated[NearbyOrder, "Nearest first, or best rated first."] = NearbyOrder.DISTANCE,
) -> Search:
    reach = cells_within(latitude, longitude, radius_km)
    cells = [cell for cell, _ in reach]
    is_fine = radius_km <= FINE_RADIUS_KM
    return Search(
        cells=cells,
        distances=[km for _, km in reach],
        hexagons=cells if is_fine else sorted({area_of(cell) for cell in cells}),
        is_fine=is_fine,
        category_slug=category_slug,
        free_from=free_from,
        free_until=free_until,
        language=speaking,
        verified=verified,
    )


PARAMETERS = own_parameters(search_arguments)


def as_search(**arguments: Any) -> dict[str, Any]:
    """With one search in the place of what describes it."""
    named = {parameter.name for parameter in PARAMETERS} & arguments.keys()
    own = {name: arguments.pop(name) for name in named}
    return {**arguments, "search": search_arguments(**own)}


@many(Worker, as_search)
def nearby_run(columns: Columns, *, window: Window, sort: NearbyOrder, search: Search) -> Read:
    order = search.sorts[sort]
    read = by_distance if sort == NearbyOrder.DISTANCE else by_rating
    near = read(search, order, window).subquery("near")
    placed = [near.c.sort_0, near.c.sort_1]
    return (
        select(literal(ROOT), *shown(Worker, columns), near.c.km, near.c.sort_0, near.c.sort_1)
        .select_from(Worker)
        .join(near, near.c.worker_id == Worker.id)
        .order_by(*(column.desc() if order.descending else column.asc() for column in placed))
    )


@value(absent=0, derive=as_search)
def nearby_total(columns: Columns, *, search: Search) -> Read:
    return search.everyone.with_only_columns(
        literal(ROOT), of_people(func.count()), maintain_column_froms=True
    )


@value(absent=False, derive=as_search)
def nearby_beyond(
    columns: Columns, *, sort: NearbyOrder, anchor: Values, ahead: bool, search: Search
) -> Read:
    side = search.sorts[sort].side(anchor, ahead=ahead, inclusive=True)
    found = search.everyone.with_only_columns(literal(1), maintain_column_froms=True)
    return select(literal(ROOT), exists(found.where(side)))


nearby_workers = Pages(
    run=nearby_run,
    total=nearby_total,
    beyond=nearby_beyond,
    sorts={NearbyOrder.DISTANCE: (float, str), NearbyOrder.RATING: (float, str)},
    parameters=PARAMETERS,
)
