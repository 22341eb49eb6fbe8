"""Rows: what loaders return and fields read, with just the columns that were asked for."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec


@lru_cache(maxsize=4096)
def row_type(entity: type, columns: tuple[str, ...]) -> Callable[..., Any]:
    """A class for rows of `entity` with these columns; reading any other raises.

    Frozen, because a request's rows are shared by every field that reads them; without
    garbage collection, because a row refers to nothing that could refer back.
    """
    return msgspec.defstruct(
        entity.__name__,
        [(column, Any) for column in columns],
        frozen=True,
        gc=False,
        namespace={"entity": entity},
    )


def entity_of(kind: type) -> type | None:
    """The table of a kind of row; None if it is not a row."""
    return getattr(kind, "entity", None)


def is_row_of(entity: type, value: object) -> bool:
    return entity_of(type(value)) is entity
