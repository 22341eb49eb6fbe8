"""Connections, declared once for every list that can grow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from runtime.batch import Batch
from runtime.field import AS_PARENT
from runtime.page import Page
from schema.base import field, plain

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """A row and the page it stands on: what an edge is made of."""

    row: Any
    page: Page


def places(page: Page) -> list[Place]:
    return [Place(row, page) for row in page.rows]


def rows(page: Page) -> Iterable[Any]:
    return page.rows


def row(place: Place) -> Any:
    return place.row


def cursor(place: Place) -> str:
    return place.page.cursor(place.row)


def itself(page: Page) -> Page:
    return page


def first_cursor(page: Page) -> str | None:
    return page.cursor(page.rows[0]) if page.rows else None


def last_cursor(page: Page) -> str | None:
    return page.cursor(page.rows[-1]) if page.rows else None


def total(page: Page) -> Batch:
    return page.total


def ahead(page: Page) -> bool | Batch:
    return page.ahead


def behind(page: Page) -> bool | Batch:
    return page.behind


@plain
class PageInfo:
    """Where a page ends, and whether the list goes on there."""

    has_next_page: bool = field(
        "Whether there is more behind the last item.", "key", load=ahead, cost=1, max_age=AS_PARENT
    )
    has_previous_page: bool = field(
        "Whether there is more ahead of the first item.",
        "key",
        load=behind,
        cost=1,
        max_age=AS_PARENT,
    )
    start_cursor: str | None = field("The cursor of the first item.", compute=first_cursor)
    end_cursor: str | None = field(
        "The cursor of the last item: give it as `after` for the next page.", compute=last_cursor
    )


@plain
class Edge(Generic[T]):
    """An item and its place in the list."""

    cursor: str = field("Opaque; stays right when items are added.", compute=cursor)
    node: T = field("The item.", compute=row)


@plain
class Connection(Generic[T]):
    """A page of a longer list."""

    edges: Sequence[Edge[T]] = field("The items with their cursors.", compute=places)
    nodes: list[T] = field("The items alone.", compute=rows)
    page_info: PageInfo = field("Where this page ends.", compute=itself)
    total_count: int | None = field(
        "How many items the whole list has. Counted only when asked for. Of people and providers,"
        " null where there are some, but fewer than ten, as in statistics; officers, departments,"
        " partners and auditors are told.",
        "key",
        load=total,
        cost=5,
        max_age=AS_PARENT,
    )
