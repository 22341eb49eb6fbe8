"""Reads of exports: for whom they show, for whoever works on them, and for tidying up."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Delete,
    Select,
    Update,
    and_,
    any_,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import aliased

from loaders.page import Sort, pages
from loaders.shown import shown, visible
from models.account import ChangeLog
from models.change import ENDINGS
from models.export import BROKEN_OFF, FETCHABLE, OPEN, Export, ExportPart, ExportState
from models.partner import PartnerClient
from runtime.batch import IDENTIFIER, KEYS, Columns, Read, many, one
from runtime.rights import Area, Rule

LATEST_FIRST = Sort((Export.asked_at, Export.id), descending=True)


@one(Export)
def export_by_id(columns: Columns) -> Read:
    return select(Export.id, *shown(Export, columns)).where(
        Export.id == any_(KEYS), visible(Export, Area.EXPORT)
    )


@pages(Export, LATEST_FIRST)
def exports(key: Any) -> Read:
    return select(Export).where(visible(Export, Area.EXPORT))


@many(ExportPart)
def parts_by_export(columns: Columns) -> Read:
    return (
        select(ExportPart.export_id, *shown(ExportPart, columns))
        .where(ExportPart.export_id == any_(KEYS), visible(ExportPart, Area.EXPORT))
        .order_by(ExportPart.export_id, ExportPart.number)
    )


def client_to_serve(id: str | None) -> Select[PartnerClient]:
    """Locked: what one client may have at once is counted."""
    return select(PartnerClient).where(PartnerClient.id == id).with_for_update()


def open_exports(client_id: str) -> Select[int]:
    return select(func.count()).where(Export.client_id == client_id, Export.state.in_(OPEN))


def export_to_change(rule: Rule, id: str) -> Select[Export]:
    return select(Export).where(Export.id == id, Export.rows(rule)).with_for_update(of=Export)


def export(id: str) -> Select[Export]:
    return select(Export).where(Export.id == id)


def part(export_id: str, number: int) -> Select[ExportPart]:
    return select(ExportPart).where(ExportPart.export_id == export_id, ExportPart.number == number)


def parts(export_id: str) -> Select[ExportPart]:
    return select(ExportPart).where(ExportPart.export_id == export_id).order_by(ExportPart.number)


# Whose turn it is.


def next_export(now: datetime) -> Select[Export]:
    """Of the client that has waited longest, what it asked for first. Others pass over what one
    has locked."""
    other = aliased(Export)
    served = select(func.max(other.worked_at)).where(other.client_id == Export.client_id)
    return (
        select(Export)
        .where(Export.state.in_(OPEN), Export.not_before <= now, is_free(now))
        .order_by(
            served.correlate(Export).scalar_subquery().asc().nulls_first(),
            Export.asked_at,
            Export.id,
        )
        .limit(1)
        .with_for_update(of=Export, skip_locked=True)
    )


def is_free(now: datetime) -> ColumnElement[bool]:
    return or_(Export.held_until.is_(None), Export.held_until < now)


def held_export(id: str, token: str) -> Select[Export]:
    """Locked, if it is still ours to go on with."""
    return select(Export).where(is_held(id, token)).with_for_update()


def hold(id: str, token: str, until: datetime) -> Update:
    return update(Export).where(is_held(id, token)).values(held_until=until)


def put_off(id: str, token: str, until: datetime) -> Update:
    """Gives the turn back, and takes none before that time."""
    given_back = {"held_by": None, "held_until": None, "not_before": until}
    return update(Export).where(is_held(id, token)).values(given_back)


def is_held(id: str, token: str) -> ColumnElement[bool]:
    return and_(Export.id == id, Export.held_by == token, Export.state == ExportState.RUNNING)


# Whom they are about.


def ended_since(position: int, about: Sequence[str]) -> Select[Any]:
    """Whether any of them is to be found nowhere any more by what happened behind the position."""
    ending = select(ChangeLog.position).where(
        ChangeLog.position > position,
        ChangeLog.event.in_(ENDINGS),
        ChangeLog.subject_id == any_(cast(list(about), ARRAY(IDENTIFIER))),
    )
    return select(ending.exists())


def being_written() -> Select[Export]:
    """Locked: whoever is about to add a part has done so."""
    return select(Export).where(Export.state == ExportState.RUNNING).with_for_update()


def exports_about(subjects: Sequence[str], purpose: str | None = None) -> Select[Export]:
    """Those that can be fetched and say something of one of these, locked; of one that was read
    for the purpose, if one is given."""
    said = ExportPart.about.op("&&")(cast(list(subjects), ARRAY(IDENTIFIER)))
    parts = select(ExportPart.export_id).where(or_(said, ExportPart.about.is_(None)))
    found = select(Export).where(Export.state.in_(FETCHABLE), Export.id.in_(parts))
    if purpose is not None:
        found = found.where(literal(purpose) == any_(Export.purposes))
    return found.order_by(Export.id).with_for_update()


# What is not kept.


def outlived(now: datetime, after: timedelta) -> Select[Export]:
    """Those that have files which nobody is to fetch any more. Whoever was working on one that
    was broken off has noticed `after` that time."""
    return (
        select(Export)
        .where(
            Export.has_files,
            or_(
                and_(Export.state == ExportState.DONE, Export.expires_at < now),
                and_(Export.state.in_(BROKEN_OFF), Export.finished_at < now - after),
            ),
        )
        .order_by(Export.id)
        .with_for_update(skip_locked=True)
    )


def remove_parts(export_id: str) -> Delete:
    return delete(ExportPart).where(ExportPart.export_id == export_id)
