"""Reads of one row each that come along with the rows they hang below, in one statement.

A worker's district and rating, a review's booking: of each there is at most one, by a column of
the row. As a lateral join they cost a look into an index for each row; as reads of their own
they cost a round trip for each level. What is read is the same, and so are the rules that hide
some of it: the loader's own statement, with the column in the place of the keys.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    Cast,
    ColumnElement,
    FromClause,
    Select,
    Text,
    UnaryExpression,
    bindparam,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.sql.elements import BinaryExpression, CollectionAggregate, KeyedColumnElement
from sqlalchemy.sql.operators import desc_op
from sqlalchemy.sql.visitors import replacement_traverse

if TYPE_CHECKING:
    from runtime.batch import Batch

Read = Select[*tuple[Any, ...]]


class Keys(Cast[Any]):
    """The keys of a batch, in statements: bound as one array.

    They stand in a subselect, where the planner does not look for their values. What is read by
    keys is read by an index, however many there are; and PostgreSQL, which would otherwise plan
    anew for every few keys, finds that it need not. Planning takes longer than the read.
    """

    inherit_cache = True

    def __init__(self) -> None:
        keys = bindparam("keys", type_=ARRAY(Text(collation="C")))
        super().__init__(select(keys).scalar_subquery(), ARRAY(Text))


@dataclass(frozen=True)
class Along:
    """A `@one` read without arguments, by a column of the rows it comes along with."""

    batch: "Batch"
    by: str
    columns: tuple[str, ...]
    along: "tuple[Along, ...]" = ()
    """What comes along with its own row."""

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.batch, self.by, self.columns, self.along))


@dataclass(frozen=True)
class Part:
    """Where in a record the row of one read stands: behind its key, which is null where there is
    no such row."""

    read: Along
    by: int
    """The place of the column it is read by."""
    start: int
    names: tuple[str, ...]

    @property
    def end(self) -> int:
        return self.start + 1 + len(self.names)


def joined(read: Read, along: Sequence[Along]) -> tuple[Read, tuple[Part, ...]]:
    """The read with what comes along, its records in the same order as before."""
    order = list(read._order_by_clauses)
    key, *rest = read.selected_columns
    inner = read.with_only_columns(
        key.label("row_key"),
        *rest,
        *(bare(clause).label(f"place_{i}") for i, clause in enumerate(order)),
        maintain_column_froms=True,
    )
    rows = (inner if read._limit_clause is not None else inner.order_by(None)).subquery("rows")
    joins = Joins(rows, [*rows.c][: 1 + len(rest)])
    joins.add(along, rows, 0)
    found = select(*joins.columns).select_from(joins.source)
    for i, clause in enumerate(order):
        place = rows.c[f"place_{i}"]
        found = found.order_by(place.desc() if is_descending(clause) else place)
    return found, tuple(joins.parts)


@dataclass
class Joins:
    """What has been joined so far."""

    source: FromClause
    columns: list[KeyedColumnElement[Any]]
    parts: list[Part] = field(default_factory=list)

    def add(self, along: Sequence[Along], owner: FromClause, start: int) -> None:
        """To the rows of `owner`, whose columns begin at `start`."""
        names = [column.name for column in owner.c]
        for one in along:
            beside = lateral(one, owner.c[one.by], f"along_{len(self.parts)}")
            self.source = self.source.outerjoin(beside, true())
            mine = len(self.columns)
            _, *read = (str(column.name) for column in beside.c)
            self.parts.append(Part(one, start + names.index(one.by), mine, tuple(read)))
            self.columns += beside.c
            self.add(one.along, beside, mine)


def lateral(one: Along, by: ColumnElement[Any], name: str) -> FromClause:
    """The rows of a read whose one key is the column."""

    def in_place_of_keys(element: Any, **_: Any) -> Any:
        if isinstance(element, BinaryExpression) and is_any_key(element.right):
            return element.left == by
        return array([by]) if isinstance(element, Keys) else None

    read = one.batch.statement(one.columns)
    key, *rest = read.selected_columns
    labelled = read.with_only_columns(key.label("row_key"), *rest, maintain_column_froms=True)
    made: Any = replacement_traverse(labelled, {}, in_place_of_keys)
    beside: FromClause = made.lateral(name)
    return beside


def is_any_key(element: Any) -> bool:
    """Whether it is `any_(KEYS)`, which stands in brackets."""
    return isinstance(element, CollectionAggregate) and isinstance(
        getattr(element.element, "element", None), Keys
    )


def bare(clause: Any) -> ColumnElement[Any]:
    """What is sorted by, without the direction."""
    found: ColumnElement[Any] = clause.element if isinstance(clause, UnaryExpression) else clause
    return found


def is_descending(clause: Any) -> bool:
    return isinstance(clause, UnaryExpression) and clause.modifier is desc_op
