"""One statement per list, for any number of parents: keyset pages, counts, and what lies beyond."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql.selectable import FromClause, TableValuedAlias
from sqlalchemy.sql.visitors import iterate

from loaders.shown import evidence, shown_of
from models.base import Row
from runtime.batch import KEYS, ROOT, TOLD_EXACTLY, Columns, Derive, Read, Statement, many, value
from runtime.page import History, Pages, Values, Window

Scope = Callable[..., Read]
Figure = Callable[[ColumnElement[int]], ColumnElement[int]]
"""Makes of a count what is told of it."""


@dataclass(frozen=True)
class Marked:
    """How a cursor tells which history it is from."""

    head: ColumnElement[str]
    """The mark of how far it has come, whatever the row."""
    history: History


@dataclass(frozen=True)
class Sort:
    """A total order: every column NOT NULL and public, the last one unique."""

    columns: tuple[Any, ...]
    descending: bool = False
    marked: "Marked | None" = None
    """Where the list tells of changes."""

    @property
    def kinds(self) -> tuple[type, ...]:
        return tuple(column.type.python_type for column in self.columns)

    def side(self, anchor: Values, *, ahead: bool, inclusive: bool = False) -> ColumnElement[bool]:
        """The rows ahead of or behind the anchor, in this order."""
        here = tuple_(*self.columns)
        there = tuple_(*anchor, types=[column.type for column in self.columns])
        if ahead is self.descending:
            return here <= there if inclusive else here < there
        return here >= there if inclusive else here > there

    def order(self, *, reverse: bool = False) -> list[ColumnElement[Any]]:
        down = self.descending is not reverse
        return [column.desc() if down else column.asc() for column in self.columns]


class Usual(StrEnum):
    """The name of the order of a list that has one order only."""

    USUAL = "usual"


KEYED: TableValuedAlias = func.unnest(KEYS).table_valued("key", name="k").render_derived()
"""The keys of the batch, as a table `k` with one column `key`."""


def run_statement(
    entity: type[Row], scope: Read, columns: Columns, sort: Sort, window: Window
) -> Read:
    """`scope` selects the rows that belong to `keyed()`'s key."""
    ranked = [column.label(f"sort_{i}") for i, column in enumerate(sort.columns)]
    found_out, joined = evidence(entity, columns)
    inner = scope.with_only_columns(*found_out, *ranked, maintain_column_froms=True)
    if joined is not None:
        inner = inner.join_from(entity, joined, true())
    if window.after is not None:
        inner = inner.where(sort.side(window.after, ahead=True))
    if window.before is not None:
        inner = inner.where(sort.side(window.before, ahead=False))
    inner = inner.order_by(*sort.order(reverse=window.backward)).limit(window.size + 1)
    found: Read
    item: FromClause
    if is_keyed(scope):
        item = inner.correlate(KEYED).lateral("item")
        found = select(KEYED.c.key).select_from(KEYED.join(item, true()))
    else:
        # A list that hangs below no row. PostgreSQL would take a table of keys to hold ten, and
        # plan anew for each request because of it.
        item = inner.subquery("item")
        found = select(literal(ROOT)).select_from(item)
    placed = [item.c[f"sort_{i}"] for i in range(len(sort.columns))]
    found = found.add_columns(*shown_of(entity, columns, item), *placed)
    if sort.marked is not None:
        found = found.add_columns(sort.marked.head.label("mark"))
    return found.order_by(*(p.desc() if sort.descending else p.asc() for p in placed))


def is_keyed(scope: Read) -> bool:
    """Whether it depends on the key what belongs to the list."""
    return any(getattr(part, "table", None) is KEYED for part in iterate(scope))


def exact(count: ColumnElement[int]) -> ColumnElement[int]:
    return count


def of_people(count: ColumnElement[int]) -> ColumnElement[int]:
    """Null where it is as small as what statistics suppress, but to those who read them whole.
    That there is nobody, the empty list tells as well."""
    smallest = bindparam("suppress_below", type_=Integer)
    return case((or_(TOLD_EXACTLY, count == 0, count >= smallest), count))


def pages(
    entity: type[Row],
    sorts: Mapping[Any, Sort] | Sort,
    derive: Derive | None = None,
    figure: Figure = exact,
) -> Callable[[Scope], Pages]:
    """A list of `entity`: the marked function gives, for a key, the rows that belong to it.

    Its keyword-only parameters become arguments of the field. Give several sorts by the
    members of an enum, and the field takes `orderBy`; the first is the usual one.
    """
    by_name: Mapping[Any, Sort] = {Usual.USUAL: sorts} if isinstance(sorts, Sort) else sorts

    def decorate(scope: Scope) -> Pages:
        parameters = own_parameters(scope)
        marked = next(iter(by_name.values())).marked
        if not isinstance(sorts, Sort):
            usual = next(iter(sorts))
            parameters.append(
                inspect.Parameter(
                    "order_by",
                    inspect.Parameter.KEYWORD_ONLY,
                    default=usual,
                    annotation=Annotated[type(usual), "How the list is ordered."],
                )
            )

        @many(entity, derive)
        @named(scope)
        def run(columns: Columns, *, window: Window, sort: StrEnum, **own: Any) -> Read:
            return run_statement(entity, scope(KEYED.c.key, **own), columns, by_name[sort], window)

        @value(absent=0, derive=derive)
        @named(scope, ".total")
        def total(columns: Columns, **own: Any) -> Read:
            counted = scope(KEYED.c.key, **own).with_only_columns(
                figure(func.count()), maintain_column_froms=True
            )
            return select(KEYED.c.key, counted.correlate(KEYED).scalar_subquery())

        @value(absent=False, derive=derive)
        @named(scope, ".beyond")
        def beyond(
            columns: Columns, *, sort: StrEnum, anchor: Values, ahead: bool, **own: Any
        ) -> Read:
            side = by_name[sort].side(anchor, ahead=ahead, inclusive=True)
            found = (
                scope(KEYED.c.key, **own)
                .with_only_columns(literal(1), maintain_column_froms=True)
                .where(side)
            )
            return select(KEYED.c.key, exists(found.correlate(KEYED)))

        return Pages(
            run=run,
            total=total,
            beyond=beyond,
            sorts={name: sort.kinds for name, sort in by_name.items()},
            parameters=parameters,
            history=marked.history if marked else None,
        )

    return decorate


def named(scope: Scope, part: str = "") -> Callable[[Statement], Statement]:
    """For logs, plans and traces: the statement is known by the list it reads."""

    def decorate(statement: Statement) -> Statement:
        statement.__module__ = scope.__module__
        statement.__qualname__ = f"{scope.__qualname__}{part}"
        return statement

    return decorate


def own_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    signature = inspect.signature(function)
    return [p for p in signature.parameters.values() if p.kind is inspect.Parameter.KEYWORD_ONLY]
