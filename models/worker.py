"""Workers, the providers they work through, their verifications and engagements."""

from datetime import date
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    UniqueConstraint,
    and_,
    any_,
    text,
)
from sqlalchemy.orm import Mapped

from models.account import ConsentRecord, Gender
from models.base import (
    Row,
    RowRule,
    datetime,
    last_four,
    masked_email,
    masked_mobile,
    officer,
    one_of,
    owner,
    partner,
    public,
    there_is,
)
from runtime.batch import DEPARTMENT, DISTRICTS, PROVIDER, PURPOSES, VIEWER
from runtime.privacy import Privacy
from runtime.rights import Area, Rule

MOBILE = "'^\\+91([6-9][0-9]{9}|0000[0-9]{6})$'"
"""E.164, or the prefix of demo people, which no network can dial."""


class WorkerStatus(StrEnum):
    DRAFT = "DRAFT"
    SUBMITTED = "SUBMITTED"
    UNDER_VERIFICATION = "UNDER_VERIFICATION"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    INACTIVE = "INACTIVE"
    REJECTED = "REJECTED"
    ERASED = "ERASED"


LISTED = text("status = 'ACTIVE'")
"""Only active workers are listed or found."""

UNREGISTERED = (WorkerStatus.DRAFT, WorkerStatus.REJECTED, WorkerStatus.ERASED)
"""The statuses that the count of registered workers leaves out."""


class ProviderStatus(StrEnum):
    APPLIED = "APPLIED"
    EMPANELLED = "EMPANELLED"
    SUSPENDED = "SUSPENDED"
    EXPIRED = "EXPIRED"
    TERMINATED = "TERMINATED"


class RegistrationChannel(StrEnum):
    SELF = "SELF"
    BLOCK_OFFICE = "BLOCK_OFFICE"
    CSC = "CSC"
    PROVIDER = "PROVIDER"
    IMPORT = "IMPORT"


class VerificationKind(StrEnum):
    IDENTITY = "IDENTITY"
    SKILL = "SKILL"
    POLICE = "POLICE"
    ADDRESS = "ADDRESS"
    LICENCE = "LICENCE"


class VerificationStatus(StrEnum):
    PENDING = "PENDING"
    VERIFIED = "VERIFIED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


class EngagementStatus(StrEnum):
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


class Provider(Row):
    """An agency under an MOU with the Directorate. The MOU's dates are its empanelment."""

    __tablename__ = "provider"
    __table_args__ = (
        one_of("status", ProviderStatus),
        CheckConstraint("empanelled_until > empanelled_from", name="empanelment_ordered"),
        Index("provider_listed", "code", postgresql_where=text("status = 'EMPANELLED'")),
    )
    prefix: ClassVar[str] = "pv"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OFFICER: Area.PROVIDER_RECORD}
    rules: ClassVar[dict[Rule, RowRule]] = {
        Rule.PROVIDER: lambda: Provider.id == PROVIDER,
        Rule.DISTRICT: lambda: there_is(
            ProviderDistrict,
            ProviderDistrict.provider_id == Provider.id,
            ProviderDistrict.district_id == any_(DISTRICTS),
            of=Provider,
        ),
    }

    id: Mapped[str] = public(primary_key=True)
    code: Mapped[str] = public(unique=True)
    name_en: Mapped[str] = public()
    name_hi: Mapped[str] = public()
    status: Mapped[str] = public()
    empanelled_from: Mapped[date | None] = public()
    empanelled_until: Mapped[date | None] = public()
    mou_reference: Mapped[str | None] = officer()
    gstin: Mapped[str | None] = officer(mask=last_four)
    pan_masked: Mapped[str | None] = officer()
    mobile: Mapped[str | None] = officer(
        CheckConstraint(f"mobile ~ {MOBILE}", name="mobile"), unique=True, mask=masked_mobile
    )
    """Also how those who act for it sign in."""
    registered_at: Mapped[datetime] = public()


class ProviderDistrict(Row):
    """A district that a provider serves."""

    __tablename__ = "provider_district"

    provider_id: Mapped[str] = public(ForeignKey("provider.id"), primary_key=True)
    district_id: Mapped[str] = public(ForeignKey("district.id"), primary_key=True, index=True)


class Worker(Row):
    """A sewa mitra. Erasure leaves the row, its counts and money, and nothing personal.

    `latitude` and `longitude` are the centre of the H3 cell (resolution 7) the worker sets
    out from: the only point that leaves the database or takes part in a distance.
    """

    __tablename__ = "worker"
    __table_args__ = (
        one_of("status", WorkerStatus),
        one_of("channel", RegistrationChannel),
        one_of("gender", Gender),
        CheckConstraint("aadhaar_last4 ~ '^[0-9]{4}$'", name="aadhaar_last4_only"),
        CheckConstraint("bank_last4 ~ '^[0-9]{4}$'", name="bank_last4_only"),
        CheckConstraint("status <> 'ERASED' OR mobile IS NULL", name="erased_is_anonymous"),
        Index("worker_of_district", "district_id", "code", postgresql_where=LISTED),
        Index("worker_of_provider", "provider_id", "code", postgresql_where=LISTED),
        Index("worker_listed", "code", postgresql_where=LISTED),
        Index(
            "worker_by_experience",
            text("years_experience DESC"),
            text("code DESC"),
            postgresql_where=LISTED,
        ),
        Index("worker_by_status", "status", "district_id"),
    )
    prefix: ClassVar[str] = "wk"
    areas: ClassVar[dict[Privacy, Area]] = {
        Privacy.PARTNER: Area.WORKER_RECORD,
        Privacy.OWNER: Area.WORKER_CONTACT,
        Privacy.OFFICER: Area.WORKER_KYC,
    }
    rules: ClassVar[dict[Rule, RowRule]] = {
        Rule.OWN: lambda: Worker.id == VIEWER,
        Rule.DISTRICT: lambda: Worker.district_id == any_(DISTRICTS),
        Rule.PROVIDER: lambda: Worker.provider_id == PROVIDER,
        Rule.OFFICE: lambda: there_is(
            Engagement,
            Engagement.worker_id == Worker.id,
            Engagement.department_id == DEPARTMENT,
            Engagement.status == EngagementStatus.ACTIVE,
            of=Worker,
        ),
        Rule.CONSENT: lambda: and_(
            Worker.district_id == any_(DISTRICTS),
            there_is(
                ConsentRecord,
                ConsentRecord.subject_id == Worker.id,
                ConsentRecord.purpose == any_(PURPOSES),
                ConsentRecord.withdrawn_at.is_(None),
                of=Worker,
            ),
        ),
    }

    id: Mapped[str] = public(primary_key=True)
    code: Mapped[str] = public(unique=True)
    status: Mapped[str] = public()
    first_name_en: Mapped[str | None] = public()
    first_name_hi: Mapped[str | None] = public()
    initial_en: Mapped[str | None] = public()
    initial_hi: Mapped[str | None] = public()
    languages: Mapped[list[str]] = public()
    years_experience: Mapped[int] = public()
    photo_url: Mapped[str | None] = public()
    """Only with the worker's consent; null without it."""
    district_id: Mapped[str] = public(ForeignKey("district.id"))
    provider_id: Mapped[str | None] = public(ForeignKey("provider.id"))
    cell: Mapped[str] = public()
    latitude: Mapped[float] = public()
    longitude: Mapped[float] = public()

    surname_en: Mapped[str | None] = partner()
    surname_hi: Mapped[str | None] = partner()
    registered_at: Mapped[datetime] = partner()
    gender: Mapped[str | None] = partner()
    birth_year: Mapped[int | None] = partner()
    eshram_uan: Mapped[str | None] = partner(
        CheckConstraint("eshram_uan ~ '^[0-9]{12}$'", name="eshram_uan"), unique=True
    )

    mobile: Mapped[str | None] = owner(
        CheckConstraint(f"mobile ~ {MOBILE}", name="mobile"), unique=True, mask=masked_mobile
    )
    alternate_mobile: Mapped[str | None] = owner(mask=masked_mobile)
    email: Mapped[str | None] = owner(mask=masked_email)
    home_latitude: Mapped[float | None] = owner(area=Area.WORKER_HOME)
    home_longitude: Mapped[float | None] = owner(area=Area.WORKER_HOME)

    channel: Mapped[str] = officer()
    birth_date: Mapped[date | None] = officer(area=Area.WORKER_HOME)
    home_address: Mapped[str | None] = officer(area=Area.WORKER_HOME)
    aadhaar_last4: Mapped[str | None] = officer()
    kyc_method: Mapped[str | None] = officer()
    bank_last4: Mapped[str | None] = officer()
    emergency_contact: Mapped[str | None] = officer(area=Area.WORKER_HOME)
    tablet_serial: Mapped[str | None] = officer(unique=True)


class Verification(Row):
    """One check of a worker: a badge for everyone, its details for officers."""

    __tablename__ = "verification"
    __table_args__ = (
        UniqueConstraint("worker_id", "kind"),
        one_of("kind", VerificationKind),
        one_of("status", VerificationStatus),
    )
    prefix: ClassVar[str] = "vf"
    areas: ClassVar[dict[Privacy, Area]] = {
        Privacy.PARTNER: Area.VERIFICATION,
        Privacy.OFFICER: Area.WORKER_KYC,
    }
    part_of = ("worker_id", Worker)

    id: Mapped[str] = public(primary_key=True)
    worker_id: Mapped[str] = public(ForeignKey("worker.id"))
    kind: Mapped[str] = public()
    verified: Mapped[bool] = public()
    """Whether the check stands today; the only thing the public badge says."""
    status: Mapped[str] = partner()
    method: Mapped[str | None] = officer()
    verified_by: Mapped[str | None] = officer()
    verified_at: Mapped[datetime | None] = officer()
    valid_until: Mapped[date | None] = officer()
    evidence_reference: Mapped[str | None] = officer(mask=last_four)


class DocumentKind(StrEnum):
    PHOTO = "PHOTO"
    IDENTITY = "IDENTITY"
    ADDRESS = "ADDRESS"
    CERTIFICATE = "CERTIFICATE"
    POLICE = "POLICE"
    AFFIDAVIT = "AFFIDAVIT"
    LICENCE = "LICENCE"


class Document(Row):
    """A paper that a worker handed in. What is in it lies in storage, not here."""

    __tablename__ = "document"
    __table_args__ = (one_of("kind", DocumentKind),)
    prefix: ClassVar[str] = "dc"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.DOCUMENTS}
    part_of = ("worker_id", Worker)

    id: Mapped[str] = public(primary_key=True)
    worker_id: Mapped[str] = owner(ForeignKey("worker.id"), index=True)
    kind: Mapped[str] = owner()
    media_type: Mapped[str] = owner()
    bytes: Mapped[int] = owner()
    sha256: Mapped[str] = owner()
    """Of its content, in hex: also where storage keeps it."""
    submitted_at: Mapped[datetime] = owner()


class Engagement(Row):
    """A department or firm holds a worker from date to date."""

    __tablename__ = "engagement"
    __table_args__ = (
        one_of("status", EngagementStatus),
        CheckConstraint("ends_on > starts_on", name="dates_ordered"),
    )
    prefix: ClassVar[str] = "en"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.ENGAGEMENT}
    rules: ClassVar[dict[Rule, RowRule]] = {
        Rule.OFFICE: lambda: Engagement.department_id == DEPARTMENT,
    }
    part_of = ("worker_id", Worker)

    id: Mapped[str] = public(primary_key=True)
    worker_id: Mapped[str] = owner(ForeignKey("worker.id"), index=True)
    department_id: Mapped[str] = owner(ForeignKey("department.id"), index=True)
    purpose: Mapped[str] = owner()
    starts_on: Mapped[date] = owner()
    ends_on: Mapped[date] = owner()
    status: Mapped[str] = owner()
