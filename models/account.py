"""People and systems who use the service: citizens, departments, partners, what they agreed
to, how they sign in, and what was done on whose behalf."""

from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, any_, func, or_, text
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Mapped

from models.base import (
    Row,
    RowRule,
    datetime,
    masked_mobile,
    officer,
    one_of,
    owner,
    public,
)
from runtime.batch import DISTRICTS, VIEWER
from runtime.privacy import Privacy
from runtime.rights import Area, Rule


class Gender(StrEnum):
    FEMALE = "FEMALE"
    MALE = "MALE"
    OTHER = "OTHER"


class ConsentPurpose(StrEnum):
    """What a person may agree to have their data used for."""

    JOB_MATCHING = "JOB_MATCHING"
    SKILL_RECORDS = "SKILL_RECORDS"
    SOCIAL_SECURITY = "SOCIAL_SECURITY"
    RESEARCH = "RESEARCH"
    PHOTO = "PHOTO"


class Department(Row):
    """An office of the government that books services and engages workers."""

    __tablename__ = "department"
    prefix: ClassVar[str] = "dp"

    id: Mapped[str] = public(primary_key=True)
    name_en: Mapped[str] = public()
    name_hi: Mapped[str] = public()
    district_id: Mapped[str | None] = public(ForeignKey("district.id"))


class Citizen(Row):
    __tablename__ = "citizen"
    __table_args__ = (one_of("gender", Gender),)
    prefix: ClassVar[str] = "cz"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.CITIZEN_RECORD}
    rules: ClassVar[dict[Rule, RowRule]] = {
        Rule.OWN: lambda: Citizen.id == VIEWER,
        Rule.DISTRICT: lambda: Citizen.district_id == any_(DISTRICTS),
    }

    id: Mapped[str] = public(primary_key=True)
    first_name_en: Mapped[str | None] = public()
    first_name_hi: Mapped[str | None] = public()
    surname_en: Mapped[str | None] = owner()
    surname_hi: Mapped[str | None] = owner()
    gender: Mapped[str | None] = owner()
    mobile: Mapped[str | None] = owner(unique=True, area=Area.CITIZEN_CONTACT, mask=masked_mobile)
    language: Mapped[str] = owner()
    district_id: Mapped[str] = owner(ForeignKey("district.id"))
    registered_at: Mapped[datetime] = owner()


class ConsentRecord(Row):
    """What a person agreed to, with the notice they were shown. Withdrawal holds at once."""

    __tablename__ = "consent_record"
    __table_args__ = (
        one_of("purpose", ConsentPurpose),
        Index(
            "consent_record_standing",
            "subject_id",
            "purpose",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )
    prefix: ClassVar[str] = "cs"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.ACCOUNT}
    rules: ClassVar[dict[Rule, RowRule]] = {Rule.OWN: lambda: ConsentRecord.subject_id == VIEWER}

    id: Mapped[str] = public(primary_key=True)
    subject_id: Mapped[str] = owner()
    """The id of a worker or a citizen."""
    purpose: Mapped[str] = owner()
    notice_version: Mapped[str] = owner()
    language: Mapped[str] = owner()
    channel: Mapped[str] = owner()
    given_at: Mapped[datetime] = owner()
    withdrawn_at: Mapped[datetime | None] = owner()


class AuditEntry(Row):
    """What was read or refused: one row for each operation and type. Rows are only added;
    the database itself refuses to change or delete one."""

    __tablename__ = "audit_entry"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OFFICER: Area.AUDIT}
    rules: ClassVar[dict[Rule, RowRule]] = {
        Rule.OWN: lambda: or_(
            AuditEntry.actor_id == VIEWER, AuditEntry.subject_ids.bool_op("@>")(array([VIEWER]))
        ),
    }
    __table_args__ = (
        Index("audit_entry_of_actor", "actor_id", text("position DESC")),
        Index("audit_entry_of_subject", "subject_ids", postgresql_using="gin"),
    )

    position: Mapped[int] = officer(BigInteger, Identity(), primary_key=True)
    happened_at: Mapped[datetime] = officer(server_default=func.now())
    actor_id: Mapped[str | None] = officer()
    role: Mapped[str] = officer()
    purposes: Mapped[list[str]] = officer()
    reason: Mapped[str | None] = officer()
    refused: Mapped[bool] = officer()
    type: Mapped[str] = officer()
    subject_ids: Mapped[list[str]] = officer()
    fields: Mapped[list[str]] = officer()
    request_id: Mapped[str] = officer()
