"""Reads of citizens: each sees only themselves."""

from sqlalchemy import any_, select

from loaders.shown import shown
from models.account import Citizen
from runtime.batch import KEYS, VIEWER, Columns, Read, one


@one(Citizen)
def citizen_by_id(columns: Columns) -> Read:
    return select(Citizen.id, *shown(Citizen, columns)).where(
        Citizen.id == any_(KEYS), Citizen.is_owned_by(VIEWER)
    )
