"""The catalogue (categories, services, rates) and what a worker is skilled in."""

from datetime import date
from typing import Annotated, ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, any_, func, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped

from models.base import (
    Paise,
    Row,
    RowRule,
    at_least,
    datetime,
    never,
    owner,
    partner,
    public,
    tellable,
)
from models.worker import Worker
from runtime.batch import DISTRICTS, PROVIDER, VIEWER
from runtime.privacy import Privacy
from runtime.refusal import Refusal
from runtime.rights import Area, Rule

NSQF_LEVELS = ("1", "2", "2.5", "3", "3.5", "4", "4.5", "5", "5.5", "6", "6.5", "7", "7.5", "8")
"""The levels and sub-levels of the National Skills Qualifications Framework of 2023."""


class SlugTaken(Refusal):
    """There is something of this name already."""

    english = "There is one named {slug} already."
    hindi = "{slug} नाम पहले से है।"
    slug: Annotated[str, "The name."]


class SkillExists(Refusal):
    """The worker has this skill already."""

    english = "The worker has this skill already."
    hindi = "सेवा मित्र के पास यह कौशल पहले से दर्ज है।"


class LastSkill(Refusal):
    """An active worker keeps at least one verified skill."""

    english = "This is the only verified skill of an active worker."
    hindi = "सक्रिय सेवा मित्र का यही एक सत्यापित कौशल है।"


class CertificateTaken(Refusal):
    """The certificate number is on record for another skill."""

    english = "This certificate number is on record already."
    hindi = "यह प्रमाणपत्र संख्या पहले से दर्ज है।"


class CategoryRetired(Refusal):
    """The category cannot be booked any more."""

    english = "This category is not offered any more."
    hindi = "यह सेवा श्रेणी अब उपलब्ध नहीं है।"


class WorksThroughProvider(Refusal):
    """Rates of a worker who works through a provider are the provider's to set."""

    english = "You work through a provider, whose rates hold for you."
    hindi = "आप सेवाप्रदाता के माध्यम से काम करते हैं; उसी की दरें लागू हैं।"


class RateDecided(Refusal):
    """The rate was approved or rejected before."""

    english = "This rate has been decided on already."
    hindi = "इस दर पर निर्णय हो चुका है।"


class RateSuperseded(Refusal):
    """A later version holds from the same day or an earlier one: this one would never hold."""

    english = "Version {version}, approved already, takes the place of this one."
    hindi = "संस्करण {version} पहले से स्वीकृत है और इसकी जगह लेता है।"
    version: Annotated[int, "The later version."]


class ServiceCategory(Row):
    """A kind of work. Categories are rows, so that the department can add one."""

    __tablename__ = "service_category"
    __table_args__ = (CheckConstraint("rework_days BETWEEN 7 AND 30", name="rework_days_range"),)
    prefix: ClassVar[str] = "ct"

    id: Mapped[str] = public(primary_key=True)
    number: Mapped[int] = public(unique=True)
    """Small and stable: the place in the official order, and the key of geographic indexes."""
    slug: Mapped[str] = public(unique=True)
    name_en: Mapped[str] = public()
    name_hi: Mapped[str] = public()
    group: Mapped[str] = public()
    nco_code: Mapped[str | None] = public(
        CheckConstraint("nco_code ~ '^[0-9]{4}\\.[0-9]{4}$'", name="nco_code")
    )
    nco_title: Mapped[str | None] = public()
    qp_code: Mapped[str | None] = public()
    qp_title: Mapped[str | None] = public()
    nsqf_level: Mapped[str | None] = public()
    regulations: Mapped[list[str]] = public()
    gender_preference: Mapped[bool] = public()
    """Whether a citizen may ask for a worker of one gender."""
    rework_days: Mapped[int] = public(server_default="7")
    """How long after completion poor work is put right without charge."""
    active: Mapped[bool] = public()


class Service(Row):
    """A piece of work with a rate: the unit says what one of it is."""

    __tablename__ = "service"
    __table_args__ = (
        at_least("duration_minutes", 1),
        UniqueConstraint("category_id", "slug", name="service_slug_unique"),
    )
    prefix: ClassVar[str] = "sv"

    id: Mapped[str] = public(primary_key=True)
    category_id: Mapped[str] = public(ForeignKey("service_category.id"), index=True)
    position: Mapped[int] = public()
    slug: Mapped[str] = public()
    name_en: Mapped[str] = public()
    name_hi: Mapped[str] = public()
    unit: Mapped[str] = public()
    duration_minutes: Mapped[int] = public()
    ondc_code: Mapped[str | None] = public()


class WorkerSkill(Row):
    """A worker's skill in a category, with the certificate behind it."""

    __tablename__ = "worker_skill"
    __table_args__ = (
        UniqueConstraint("worker_id", "category_id"),
        Index("worker_skill_of_category", "category_id", "worker_id"),
        CheckConstraint("qp_code IS NULL OR qp_version IS NOT NULL", name="qp_has_version"),
        at_least("years_experience", 0),
    )
    prefix: ClassVar[str] = "sk"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.PARTNER: Area.WORKER_RECORD}
    part_of = ("worker_id", Worker)

    id: Mapped[str] = public(primary_key=True)
    worker_id: Mapped[str] = public(ForeignKey("worker.id"))
    category_id: Mapped[str] = public(ForeignKey("service_category.id"))
    position: Mapped[int] = public()
    """0 is the worker's main skill."""
    years_experience: Mapped[int] = public()
    nsqf_level: Mapped[str | None] = public()
    verified: Mapped[bool] = public()
    qp_code: Mapped[str | None] = partner()
    qp_version: Mapped[str | None] = partner()
    certificate_number: Mapped[str | None] = partner(unique=True, area=Area.WORKER_IDENTITY)
    awarding_body: Mapped[str | None] = partner()
    verified_at: Mapped[datetime | None] = partner()


SERIES = "coalesce(provider_id || '/' || district_id, worker_id) || '/' || service_id"
"""Whose rate for what, where: of such a series one version holds on any day."""


class RateCard(Row):
    """What a provider, or a worker of no provider, charges for a service in a district.

    A new version replaces an old one from its first day, once an officer has approved it; old
    bookings keep theirs. A version that was replaced before its first day has an empty period.
    """

    __tablename__ = "rate_card"
    __table_args__ = (
        CheckConstraint("num_nonnulls(provider_id, worker_id) = 1", name="one_owner"),
        CheckConstraint("valid_until IS NULL OR valid_until >= valid_from", name="dates_ordered"),
        at_least("amount_paise", 1),
        at_least("visit_charge_paise", 0),
        tellable("amount_paise"),
        tellable("visit_charge_paise"),
        Index(
            "rate_card_of_provider",
            "provider_id",
            "district_id",
            "service_id",
            text("version DESC"),
            unique=True,
            postgresql_where=text("provider_id IS NOT NULL"),
        ),
        Index(
            "rate_card_of_worker",
            "worker_id",
            "service_id",
            text("version DESC"),
            unique=True,
            postgresql_where=text("worker_id IS NOT NULL"),
        ),
        ExcludeConstraint(
            (func.textrange(text(SERIES), text(SERIES), "[]"), "&&"),
            (func.daterange(text("valid_from"), text("valid_until")), "&&"),
            name="rate_card_holds_alone",
            using="gist",
            where=text("approved_at IS NOT NULL"),
        ),
        Index(
            "rate_card_proposed",
            "valid_from",
            "id",
            postgresql_where=text("approved_at IS NULL AND rejected_at IS NULL"),
        ),
        CheckConstraint("num_nonnulls(approved_at, rejected_at) < 2", name="decided_once"),
    )
    prefix: ClassVar[str] = "rc"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.RATE_PROPOSAL}
    rules: ClassVar[dict[Rule, RowRule]] = {
        Rule.OWN: lambda: RateCard.worker_id == VIEWER,
        Rule.PROVIDER: lambda: RateCard.provider_id == PROVIDER,
        Rule.DISTRICT: lambda: RateCard.district_id == any_(DISTRICTS),
    }

    id: Mapped[str] = public(primary_key=True)
    provider_id: Mapped[str | None] = public(ForeignKey("provider.id"))
    worker_id: Mapped[str | None] = public(ForeignKey("worker.id"))
    service_id: Mapped[str] = public(ForeignKey("service.id"), index=True)
    district_id: Mapped[str] = public(ForeignKey("district.id"))
    amount_paise: Mapped[Paise] = public()
    visit_charge_paise: Mapped[Paise] = public()
    valid_from: Mapped[date] = public()
    valid_until: Mapped[date | None] = public()
    version: Mapped[int] = public()
    approved_at: Mapped[datetime | None] = public()
    """In force only with this."""
    rejected_at: Mapped[datetime | None] = owner()
    rejection_reason: Mapped[str | None] = owner()
    decided_by: Mapped[str | None] = never()
