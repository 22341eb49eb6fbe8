"""What every table shares: identifiers, privacy classes on columns, and small column kinds."""

import secrets
from collections.abc import Callable
from datetime import date, datetime
from datetime import time as time_of_day
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, ClassVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    DateTime,
    Double,
    FromClause,
    MetaData,
    Text,
    any_,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column

from runtime import clock
from runtime.batch import SUBJECTS
from runtime.privacy import Privacy
from runtime.rights import Area, Rule

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
PAIRS = [first + second for first in CROCKFORD for second in CROCKFORD]

MOST_PAISE = 2**31 - 1
"""What an `Int` of GraphQL holds: two crore rupees, and some."""


Mask = Callable[[ColumnElement[Any]], ColumnElement[Any]]
RowRule = Callable[[], ColumnElement[bool]]


class Row(DeclarativeBase):
    """A table. Its columns are declared with `public`, `partner`, `owner` or `officer`."""

    metadata = MetaData(
        naming_convention={
            "ix": "%(table_name)s_%(column_0_N_name)s",
            "uq": "%(table_name)s_%(column_0_N_name)s_unique",
            "ck": "%(table_name)s_%(constraint_name)s",
            "fk": "%(table_name)s_%(column_0_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        # Identifiers and codes dominate; "C" makes their order the order of their bytes.
        str: Text(collation="C"),
        float: Double(),
        datetime: DateTime(timezone=True),
        list[str]: ARRAY(Text(collation="C")),
    }

    prefix: ClassVar[str] = ""
    """What the ids of this table start with; empty for a part of something else."""

    areas: ClassVar[dict[Privacy, Area]] = {}
    """The area of the columns of each class, where a column names no other."""
    rules: ClassVar[dict[Rule, RowRule]] = {}
    """The rows a rule is about; domains above may add rules that need their tables."""
    evidence: ClassVar[Callable[[], FromClause] | None] = None
    """What several rules look at outside the row, to be found out once for each row: a lateral
    subquery that stays one."""
    by_evidence: ClassVar[dict[Rule, Callable[[FromClause], ColumnElement[bool]]]] = {}
    """The same rules, by what was found."""
    named_by: ClassVar[tuple[str, ...]] = ("id",)
    """The columns with an id under which a stated reason opens a row."""
    part_of: ClassVar[tuple[str, type["Row"]] | None] = None
    """The column that refers to the row this one is a part of, whose rules are its own."""

    @classmethod
    def privacy(cls, column: str) -> Privacy:
        """The class of a column; KeyError if there is no such column."""
        return Privacy(cls.__table__.columns[column].info["privacy"])

    @classmethod
    def area_of(cls, column: str) -> Area | None:
        """Who sees a column, unless everyone does."""
        info = cls.__table__.columns[column].info
        if info["privacy"] is Privacy.PUBLIC:
            return None
        area: Area = info["area"] or cls.areas[info["privacy"]]
        return area

    @classmethod
    def mask_of(cls, column: str) -> Mask | None:
        found: Mask | None = cls.__table__.columns[column].info["mask"]
        return found

    @classmethod
    def condition_of(cls, column: str) -> ColumnElement[bool] | None:
        """In which rows anybody sees a public column; None is in all of them."""
        found: RowRule | None = cls.__table__.columns[column].info["only_if"]
        return found and found()

    @classmethod
    def named(cls) -> ColumnElement[bool]:
        """The rows that a stated reason names: by their own id, or by whose they are."""
        columns = cls.__table__.columns
        names = [columns[name] for name in cls.named_by]
        return or_(*(func.coalesce(name == any_(SUBJECTS), False) for name in names))

    @classmethod
    def rows(cls, rule: Rule, found: FromClause | None = None) -> ColumnElement[bool]:
        """The rows of the viewer's that the rule is about; none where it means nothing. `found` is
        the evidence, where it is at hand."""
        if rule is Rule.ALL:
            return true()
        if found is not None and rule in cls.by_evidence:
            return cls.by_evidence[rule](found)
        if rule in cls.rules:
            return cls.rules[rule]()
        if cls.part_of is None:
            return false()
        name, whole = cls.part_of
        key: ColumnElement[str] = getattr(cls, name)
        return there_is(whole, whole.__table__.c.id == key, whole.rows(rule), of=cls)


def there_is(
    table: type[Row], *conditions: ColumnElement[bool], of: type[Row]
) -> ColumnElement[bool]:
    """Whether the table has such a row for a row `of` the other, whatever else is read."""
    return exists(select(literal(1)).select_from(table).where(*conditions).correlate(of))


def column(
    *args: Any,
    privacy: Privacy,
    area: Area | None = None,
    mask: Mask | None = None,
    only_if: RowRule | None = None,
    **options: Any,
) -> MappedColumn[Any]:
    """`mask` makes of a value what may be shown where a grant is for masked values; a column
    without one shows as it is. `only_if` says in which rows a public one shows at all."""
    info = {"privacy": privacy, "area": area, "mask": mask, "only_if": only_if}
    return mapped_column(*args, info=info, **options)


Paise = Annotated[int, mapped_column(BigInteger)]
"""An amount of money. Sums and products of amounts have room in it."""


def now() -> datetime:
    """What instants of rows default to. Asked here, for a column keeps the function it is given."""
    return clock.now()


Column = Callable[..., MappedColumn[Any]]
public: Column = partial(column, privacy=Privacy.PUBLIC)
partner: Column = partial(column, privacy=Privacy.PARTNER)
owner: Column = partial(column, privacy=Privacy.OWNER)
officer: Column = partial(column, privacy=Privacy.OFFICER)
never: Column = partial(column, privacy=Privacy.NEVER)


def masked_mobile(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """+91XXXXXX1234"""
    return func.left(value, 3) + "XXXXXX" + func.right(value, 4)


def masked_email(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """a…@example.org"""
    return func.left(value, 1) + "…@" + func.split_part(value, "@", 2)


def last_two(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """XX34, of four digits that are the end of a number already."""
    return "XX" + func.right(value, 2)


def last_four(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """XXXX1234"""
    return "XXXX" + func.right(value, 4)


def one_of(name: str, states: type[StrEnum]) -> CheckConstraint:
    """Keeps a text column to the members of an enum.

    Rows carry the text itself: a member equals and hashes like its text, so nothing
    needs converting on the way out.
    """
    listed = ", ".join(f"'{state}'" for state in states)
    return CheckConstraint(f"{name} IN ({listed})", name=f"{name}_known")


def at_least(name: str, lowest: int) -> CheckConstraint:
    return CheckConstraint(f"{name} >= {lowest}", name=f"{name}_range")


def tellable(name: str) -> CheckConstraint:
    """Keeps an amount to what the schema can say of it, though its column could hold more."""
    return CheckConstraint(f"abs({name}) <= {MOST_PAISE}", name=f"{name}_tellable")


def identifier(prefix: str, randomness: int) -> str:
    """An opaque id from 130 random bits.

    No time is in it: when a review was written is not public, and its id is.
    """
    return f"{prefix}_" + "".join([PAIRS[randomness >> 10 * i & 1023] for i in range(13)])


def new_id(prefix: str) -> str:
    return identifier(prefix, secrets.randbits(130))


__all__ = [
    "MOST_PAISE",
    "Paise",
    "Row",
    "at_least",
    "date",
    "datetime",
    "identifier",
    "last_four",
    "last_two",
    "masked_email",
    "masked_mobile",
    "never",
    "new_id",
    "officer",
    "one_of",
    "owner",
    "partner",
    "public",
    "tellable",
    "there_is",
    "time_of_day",
]
