"""Divisions, districts and PINs of Uttar Pradesh."""

from typing import ClassVar

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped

from models.base import Row, public


class Division(Row):
    __tablename__ = "division"
    prefix: ClassVar[str] = "dv"

    id: Mapped[str] = public(primary_key=True)
    slug: Mapped[str] = public(unique=True)
    name_en: Mapped[str] = public()
    name_hi: Mapped[str] = public()
    headquarters_en: Mapped[str] = public()


class District(Row):
    __tablename__ = "district"
    prefix: ClassVar[str] = "dt"

    id: Mapped[str] = public(primary_key=True)
    lgd_code: Mapped[int] = public(unique=True)
    census_code: Mapped[str | None] = public()
    slug: Mapped[str] = public(unique=True)
    name_en: Mapped[str] = public(unique=True)
    name_hi: Mapped[str] = public()
    also_known_as: Mapped[str | None] = public()
    division_id: Mapped[str] = public(ForeignKey("division.id"), index=True)
    headquarters_en: Mapped[str] = public()
    headquarters_hi: Mapped[str] = public()
    latitude: Mapped[float] = public()
    """Of the headquarters town, as is `longitude`."""
    longitude: Mapped[float] = public()


class Pin(Row):
    """A postal code. It may span districts, so it hints at one and never decides it."""

    __tablename__ = "pin"

    code: Mapped[str] = public(primary_key=True)
    district_id: Mapped[str] = public(ForeignKey("district.id"), index=True)
    other_district_ids: Mapped[list[str]] = public()
    main_office: Mapped[str] = public()
