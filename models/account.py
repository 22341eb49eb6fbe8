"""People who use the service without working for it: citizens."""

from enum import StrEnum
from typing import ClassVar

from sqlalchemy import ColumnElement, ForeignKey
from sqlalchemy.orm import Mapped

from models.base import Row, datetime, one_of, owner, public


class Gender(StrEnum):
    FEMALE = "FEMALE"
    MALE = "MALE"
    OTHER = "OTHER"


class Citizen(Row):
    __tablename__ = "citizen"
    __table_args__ = (one_of("gender", Gender),)
    prefix: ClassVar[str] = "cz"

    id: Mapped[str] = public(primary_key=True)
    first_name_en: Mapped[str | None] = public()
    first_name_hi: Mapped[str | None] = public()
    surname_en: Mapped[str | None] = owner()
    surname_hi: Mapped[str | None] = owner()
    gender: Mapped[str | None] = owner()
    mobile: Mapped[str | None] = owner(unique=True)
    language: Mapped[str] = owner()
    district_id: Mapped[str] = owner(ForeignKey("district.id"))
    registered_at: Mapped[datetime] = owner()

    @classmethod
    def is_owned_by(cls, viewer: ColumnElement[str]) -> ColumnElement[bool]:
        return cls.id == viewer
