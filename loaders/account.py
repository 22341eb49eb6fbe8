"""Reads of citizens: to most people the others do not exist."""

from sqlalchemy import any_, select

from loaders.shown import shown, visible
from models.account import Citizen, Department
from runtime.batch import KEYS, Columns, Read, one
from runtime.rights import Area


@one(Citizen)
def citizen_by_id(columns: Columns) -> Read:
    return select(Citizen.id, *shown(Citizen, columns)).where(
        Citizen.id == any_(KEYS),
        visible(Citizen, Area.CITIZEN_RECORD, Area.CITIZEN_CONTACT),
    )


@one(Department)
def department_by_id(columns: Columns) -> Read:
    return select(Department.id, *shown(Department, columns)).where(Department.id == any_(KEYS))
