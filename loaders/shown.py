"""The only way to name an entity's columns in a loader: guarded by their privacy class."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal

from models.base import Row
from runtime.batch import VIEWER
from runtime.field import FLAGS
from runtime.privacy import Privacy


def shown(entity: type[Row], columns: Sequence[str]) -> list[ColumnElement[Any]]:
    """The columns as they may leave the database, and one flag per rule that guards them.

    A value above PUBLIC is null in the rows whose rule does not hold, and the flag
    (`may_see_owner` …) tells such a null from an absent value.
    """
    wanted: list[ColumnElement[Any]] = []
    flags = {column for column in columns if column in FLAGS}
    for column in columns:
        if column in FLAGS:
            continue
        attribute = entity.__table__.columns[column]
        privacy = entity.privacy(column)
        if privacy is Privacy.PUBLIC:
            wanted.append(attribute.label(column))
        else:
            wanted.append(case((rule(entity, privacy), attribute)).label(column))
            flags.add(privacy.flag)
    return wanted + [rule(entity, FLAGS[flag]).label(flag) for flag in sorted(flags)]


@cache
def rule(entity: type[Row], privacy: Privacy) -> ColumnElement[bool]:
    """Which rows show a class of column to the viewer. The anonymous own nothing."""
    if privacy is Privacy.OWNER:
        return func.coalesce(entity.is_owned_by(VIEWER), literal(False))
    return literal(False)
