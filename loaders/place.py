"""Reads of districts and divisions."""

from typing import Any

from sqlalchemy import Select, Text, any_, cast, select

from loaders.lifetimes import CATALOGUE
from loaders.page import Sort, pages
from loaders.shown import shown
from models.place import District, Division
from runtime.batch import KEYS, Columns, Read, one

BY_NAME = Sort((District.name_en,))


@one(Division, max_age=CATALOGUE)
def division_by_id(columns: Columns) -> Read:
    return select(Division.id, *shown(Division, columns)).where(Division.id == any_(KEYS))


@one(District, max_age=CATALOGUE)
def district_by_id(columns: Columns) -> Read:
    return select(District.id, *shown(District, columns)).where(District.id == any_(KEYS))


@one(District)
def district_by_lgd_code(columns: Columns) -> Read:
    code = cast(District.lgd_code, Text)
    return select(code, *shown(District, columns)).where(code == any_(KEYS))


def district_with_id(id: str) -> Select[District]:
    return select(District).where(District.id == id)


def district_with_code(lgd_code: int) -> Select[District]:
    return select(District).where(District.lgd_code == lgd_code)


@pages(District, BY_NAME)
def districts(key: Any) -> Read:
    return select(District)


@pages(District, BY_NAME)
def districts_by_division(key: Any) -> Read:
    return select(District).where(District.division_id == key)


@pages(Division, Sort((Division.slug,)))
def divisions(key: Any) -> Read:
    return select(Division)
