"""The only way to name an entity's columns in a loader: guarded by who may see them."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Boolean, ColumnElement, FromClause, and_, bindparam, case, func, or_

from models.base import Row
from runtime.rights import FLAGS, Area, gate, is_reasoned, rules


def shown(entity: type[Row], columns: Sequence[str]) -> list[ColumnElement[Any]]:
    """The columns as they may leave the database, and one flag per area that guards them.

    A value above PUBLIC is null in the rows whose rules do not hold, masked in those that
    show it so, and the flag (`may_see_worker_contact` …) tells a null from an absent value.
    """
    wanted: list[ColumnElement[Any]] = []
    flags = {column for column in columns if column in FLAGS}
    for column in columns:
        if column in FLAGS:
            continue
        area = entity.area_of(column)
        if area is None:
            wanted.append(unguarded(entity, column).label(column))
        else:
            wanted.append(guarded(entity, column, area).label(column))
            flags.add(area.flag)
    return wanted + [visible(entity, FLAGS[flag]).label(flag) for flag in sorted(flags)]


def evidence(
    entity: type[Row], columns: Sequence[str]
) -> tuple[list[ColumnElement[Any]], FromClause | None]:
    """What `shown_of` makes the columns of, once this is a subquery that stays one: values as they
    are, and for each row and area only once whether it shows them. Where each column asks for
    itself, PostgreSQL finds out anew for each. And what has to be joined for it, if anything."""
    names = [column for column in columns if column not in FLAGS]
    table, areas = entity.__table__.columns, areas_of(entity, columns)
    values = [
        unguarded(entity, name) if entity.area_of(name) is None else table[name] for name in names
    ]
    kinds = [(area, masked) for area in areas for masked in (False, True)]
    asked = {rule for area, masked in kinds for rule in rules(area, masked=masked)}
    found = None
    if entity.evidence is not None and not asked.isdisjoint(entity.by_evidence):
        found = entity.evidence()
    flags = [
        holding(entity, area, masked, found).label(found_in(area, masked)) for area, masked in kinds
    ]
    named = [value.label(name) for name, value in zip(names, values, strict=True)]
    return [*named, *flags], found


def shown_of(
    entity: type[Row], columns: Sequence[str], item: FromClause
) -> list[ColumnElement[Any]]:
    """The same as `shown`, in the same order."""
    wanted: list[ColumnElement[Any]] = []
    for name in (column for column in columns if column not in FLAGS):
        area, value = entity.area_of(name), item.c[name]
        if area is None:
            wanted.append(value)
            continue
        whole, masked = (item.c[found_in(area, masked)] for masked in (False, True))
        mask = entity.mask_of(name)
        shows = case((whole, value), (masked, mask(value) if mask else value))
        wanted.append(shows.label(name))
    return wanted + [
        or_(item.c[found_in(area, False)], item.c[found_in(area, True)]).label(area.flag)
        for area in areas_of(entity, columns)
    ]


def areas_of(entity: type[Row], columns: Sequence[str]) -> list[Area]:
    """By the names of their flags."""
    found = {FLAGS[name] if name in FLAGS else entity.area_of(name) for name in columns} - {None}
    return sorted((area for area in found if area is not None), key=lambda area: area.flag)


def found_in(area: Area, masked: bool) -> str:
    return f"{area}_masked" if masked else f"{area}_whole"


@cache
def unguarded(entity: type[Row], column: str) -> ColumnElement[Any]:
    value, condition = entity.__table__.columns[column], entity.condition_of(column)
    return value if condition is None else case((condition, value))


@cache
def guarded(entity: type[Row], column: str, area: Area) -> ColumnElement[Any]:
    value, mask = entity.__table__.columns[column], entity.mask_of(column)
    if mask is None:
        return case((visible(entity, area), value))
    return case((holds(entity, area, False), value), (holds(entity, area, True), mask(value)))


@cache
def visible(entity: type[Row], *areas: Area) -> ColumnElement[bool]:
    """The rows that show the viewer one of the areas, masked or not."""
    return or_(*(holds(entity, area, masked) for area in areas for masked in (False, True)))


@cache
def holds(entity: type[Row], area: Area, masked: bool) -> ColumnElement[bool]:
    return holding(entity, area, masked)


def holding(
    entity: type[Row], area: Area, masked: bool, found: FromClause | None = None
) -> ColumnElement[bool]:
    """The rows in which a grant of the viewer's role holds. Never null: a rule that compares
    with nothing does not hold."""
    terms = [
        and_(
            bindparam(gate(area, rule, masked=masked), type_=Boolean),
            func.coalesce(entity.rows(rule, found), False),
            *([entity.named()] if is_reasoned(area, rule, masked=masked) else []),
        )
        for rule in rules(area, masked=masked)
    ]
    return or_(False, *terms)
