"""Pages: a run of rows from a longer list, as Relay's connections define it."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from inspect import Parameter
from typing import Annotated, Any

import orjson

from runtime.batch import SHAPE, Batch
from runtime.faults import AnotherHistory, BadInput, LimitExceeded
from runtime.values import TAKEN

Values = tuple[Any, ...]

DEFAULT_SIZE = 20

First = Annotated[
    int | None, "How many from the start; 20 if neither `first` nor `last` is given, at most 100."
]
After = Annotated[str | None, "Start behind this cursor."]
Last = Annotated[int | None, "How many from the end; not together with `first`."]
Before = Annotated[str | None, "End ahead of this cursor."]


class NotOfList(BadInput):
    """What is given as a cursor is none."""

    def __init__(self, argument: str) -> None:
        told = f"`{argument}` is not a cursor of this list. Use one from `pageInfo` or `edges`."
        super().__init__(told, argument=argument)


@dataclass(frozen=True)
class Window:
    """Which run of a list: `size` rows from its start, or from its end if `backward`.

    `after` and `before` are the sort values of the rows next to the run.
    """

    size: int = field(metadata=SHAPE)
    backward: bool = False
    after: Values | None = None
    before: Values | None = None

    @classmethod
    def of(
        cls,
        sort: str,
        kinds: tuple[type, ...],
        limit: int,
        *,
        first: int | None,
        after: str | None,
        last: int | None,
        before: str | None,
    ) -> "Window":
        """BAD_INPUT and LIMIT_EXCEEDED name the argument at fault."""
        if first is not None and last is not None:
            raise BadInput("Give `first` or `last`, not both.", argument="last")
        name, size = ("last", last) if last is not None else ("first", first)
        if size is None:
            size = min(DEFAULT_SIZE, limit)
        if size < 0:
            raise BadInput(f"`{name}` must not be negative.", argument=name)
        if size > limit:
            raise LimitExceeded(
                f"`{name}` may be at most {limit}; ask for more with `after: pageInfo.endCursor`.",
                argument=name,
                limit=limit,
                requested=size,
            )
        return cls(
            size=size,
            backward=name == "last",
            after=values_of("after", after, sort, kinds),
            before=values_of("before", before, sort, kinds),
        )


def cursor_of(sort: str, values: Values) -> str:
    """Opaque to clients; holds only what is public of the row, for anyone can decode it."""
    return base64.urlsafe_b64encode(orjson.dumps([sort, *values])).decode().rstrip("=")


def values_of(
    argument: str, cursor: str | None, sort: str, kinds: tuple[type, ...]
) -> Values | None:
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        held = orjson.loads(raw)
        if not isinstance(held, list) or not held:
            raise ValueError(held)
        made_for, *typed = [
            TAKEN[kind](value) for value, kind in zip(held, (str, *kinds), strict=True)
        ]
    except ValueError:
        raise NotOfList(argument) from None
    if made_for != sort:
        raise BadInput(
            f"`{argument}` is a cursor of the order {made_for}, but this list is in the order"
            f" {sort}. Start again without `{argument}`.",
            argument=argument,
        )
    return tuple(typed)


BEFORE_MARK = "."
"""Stands between a cursor and the mark of the history that it is from."""
MARK = re.compile(r"[0-9]{1,18}-[0-9a-f]{0,8}")
"""A position of the change log, and the tag of what is there."""


@dataclass(frozen=True, eq=False)
class History:
    """That of what a list tells: its cursors carry a mark of how far it had come when they were
    made, so that one from before a backup was restored is known."""

    stands: Batch
    """Takes marks; tells whether they are of this history."""
    unmarked: Callable[[Values], str]
    """The mark of a cursor that was made when there were none."""


@dataclass(frozen=True, eq=False)
class Pages:
    """A list that may grow, read a page at a time, for any number of parents at once."""

    run: Batch
    """Takes `window`, `sort` and the list's own arguments; gives one row more than asked for,
    if there is one, each ending in its sort values (`sort_0` …)."""
    total: Batch
    """Takes the list's own arguments; counts the list."""
    beyond: Batch
    """Takes `sort`, `anchor`, `ahead` and the list's own arguments; tells whether a row stands
    at the anchor or on its far side."""
    sorts: Mapping[StrEnum, tuple[type, ...]]
    """The orders of the list, the usual one first, with the kinds of their sort values."""
    parameters: Sequence[Parameter]
    """The list's own arguments."""
    history: History | None = None
    """If it has one, its rows end in a `mark` of it."""

    def asked(self, arguments: Mapping[str, Any], limit: int) -> "Asked":
        """BAD_INPUT and LIMIT_EXCEEDED name the argument at fault."""
        own = dict(arguments)
        ends = {name: own.pop(name, None) for name in ("first", "after", "last", "before")}
        sort = own.pop("order_by", None) or next(iter(self.sorts))
        if self.history is None:
            return Asked(self, Window.of(sort, self.sorts[sort], limit, **ends), sort, own)
        given = {
            name: ends[name].partition(BEFORE_MARK) for name in ("after", "before") if ends[name]
        }
        for name, (_, _, mark) in given.items():
            if mark and MARK.fullmatch(mark) is None:
                raise NotOfList(name)
        ends |= {name: cursor for name, (cursor, _, _) in given.items()}
        window = Window.of(sort, self.sorts[sort], limit, **ends)
        marks = {
            name: mark or self.history.unmarked(getattr(window, name))
            for name, (_, _, mark) in given.items()
        }
        return Asked(self, window, sort, own, marks)


@dataclass(frozen=True, eq=False)
class Asked:
    """Which page of a list is wanted: the same below every parent."""

    pages: Pages
    window: Window
    sort: StrEnum
    own: Mapping[str, Any]
    """The list's own arguments."""
    marks: Mapping[str, str] = field(default_factory=dict)
    """Of the cursors that were given, by argument, those of a history."""

    @cached_property
    def run(self) -> Batch:
        return self.pages.run(window=self.window, sort=self.sort, **self.own)

    @cached_property
    def total(self) -> Batch:
        return self.pages.total(**self.own)

    def refused(self, stand: Sequence[bool]) -> AnotherHistory | None:
        """What is wrong with the cursors, by whether each of the marks stands."""
        strange = [name for name, stands in zip(self.marks, stand, strict=True) if not stands]
        return AnotherHistory(strange[0]) if strange else None

    def page(self, key: str, rows: list[Any]) -> "Page":
        """Of what `run` gave for the key."""
        size, backward = self.window.size, self.window.backward
        if len(rows) <= size:
            return Page(self, key, rows, False)
        return Page(self, key, rows[1:] if backward else rows[:size], True)

    def beyond(self, anchor: Values | None, *, ahead: bool) -> bool | Batch:
        """Whether the list goes on behind or ahead of the anchor: to be read if anyone asks."""
        if anchor is None:
            return False
        return self.pages.beyond(sort=self.sort, anchor=anchor, ahead=ahead, **self.own)


@dataclass(frozen=True, eq=False)
class Page:
    """What a connection field resolves to."""

    asked: Asked
    key: str
    rows: list[Any]
    has_more: bool
    """Whether the list goes on where the run was cut off."""

    @property
    def total(self) -> Batch:
        return self.asked.total

    @property
    def behind(self) -> bool | Batch:
        window = self.asked.window
        return (self.has_more and window.backward) or self.asked.beyond(window.after, ahead=False)

    @property
    def ahead(self) -> bool | Batch:
        window = self.asked.window
        onwards = self.has_more and not window.backward
        return onwards or self.asked.beyond(window.before, ahead=True)

    def cursor(self, row: Any) -> str:
        arity = len(self.asked.pages.sorts[self.asked.sort])
        values = tuple(getattr(row, f"sort_{i}") for i in range(arity))
        cursor = cursor_of(self.asked.sort, values)
        return cursor if self.asked.pages.history is None else f"{cursor}{BEFORE_MARK}{row.mark}"
