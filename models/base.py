"""What every table shares: identifiers, privacy classes on columns, and small column kinds."""

import secrets
from collections.abc import Callable
from datetime import date, datetime
from datetime import time as time_of_day
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    ColumnElement,
    DateTime,
    Double,
    MetaData,
    Text,
    false,
)
from sqlalchemy.orm import DeclarativeBase, MappedColumn, mapped_column

from runtime.privacy import Privacy

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
PAIRS = [first + second for first in CROCKFORD for second in CROCKFORD]


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

    @classmethod
    def privacy(cls, column: str) -> Privacy:
        """The class of a column; KeyError if there is no such column."""
        return Privacy(cls.__table__.columns[column].info["privacy"])

    @classmethod
    def is_owned_by(cls, viewer: ColumnElement[str]) -> ColumnElement[bool]:
        """The rows that are about the viewer."""
        return false()


def column(*args: Any, privacy: Privacy, **options: Any) -> MappedColumn[Any]:
    return mapped_column(*args, info={"privacy": privacy}, **options)


Column = Callable[..., MappedColumn[Any]]
public: Column = partial(column, privacy=Privacy.PUBLIC)
partner: Column = partial(column, privacy=Privacy.PARTNER)
owner: Column = partial(column, privacy=Privacy.OWNER)
officer: Column = partial(column, privacy=Privacy.OFFICER)


def one_of(name: str, states: type[StrEnum]) -> CheckConstraint:
    """Keeps a text column to the members of an enum.

    Rows carry the text itself: a member equals and hashes like its text, so nothing
    needs converting on the way out.
    """
    listed = ", ".join(f"'{state}'" for state in states)
    return CheckConstraint(f"{name} IN ({listed})", name=f"{name}_known")


def at_least(name: str, lowest: int) -> CheckConstraint:
    return CheckConstraint(f"{name} >= {lowest}", name=f"{name}_range")


def identifier(prefix: str, randomness: int) -> str:
    """An opaque id from 130 random bits.

    No time is in it: when a review was written is not public, and its id is.
    """
    return f"{prefix}_" + "".join([PAIRS[randomness >> 10 * i & 1023] for i in range(13)])


def new_id(prefix: str) -> str:
    return identifier(prefix, secrets.randbits(130))


__all__ = [
    "Row",
    "at_least",
    "date",
    "datetime",
    "identifier",
    "new_id",
    "officer",
    "one_of",
    "owner",
    "partner",
    "public",
    "time_of_day",
]
