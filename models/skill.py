"""The catalogue (categories, services, rates) and what a worker is skilled in."""

from datetime import date
from typing import ClassVar

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from models.base import Row, at_least, datetime, never, partner, public
from models.worker import Worker
from runtime.privacy import Privacy
from runtime.rights import Area


class ServiceCategory(Row):
    """A kind of work. Categories are rows, so that the department can add one."""

    __tablename__ = "service_category"
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
    active: Mapped[bool] = public()


class Service(Row):
    """A piece of work with a rate: the unit says what one of it is."""

    __tablename__ = "service"
    __table_args__ = (at_least("duration_minutes", 1),)
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
    certificate_number: Mapped[str | None] = partner(unique=True)
    awarding_body: Mapped[str | None] = partner()
    verified_at: Mapped[datetime | None] = partner()


class RateCard(Row):
    """What a provider, or a worker of no provider, charges for a service in a district.

    A new version replaces an old one from its first day, once an officer has approved it; old
    bookings keep theirs.
    """

    __tablename__ = "rate_card"
    __table_args__ = (
        CheckConstraint("num_nonnulls(provider_id, worker_id) = 1", name="one_owner"),
        CheckConstraint("valid_until IS NULL OR valid_until > valid_from", name="dates_ordered"),
        at_least("amount_paise", 1),
        at_least("visit_charge_paise", 0),
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
    )
    prefix: ClassVar[str] = "rc"

    id: Mapped[str] = public(primary_key=True)
    provider_id: Mapped[str | None] = public(ForeignKey("provider.id"))
    worker_id: Mapped[str | None] = public(ForeignKey("worker.id"))
    service_id: Mapped[str] = public(ForeignKey("service.id"), index=True)
    district_id: Mapped[str] = public(ForeignKey("district.id"))
    amount_paise: Mapped[int] = public()
    visit_charge_paise: Mapped[int] = public()
    valid_from: Mapped[date] = public()
    valid_until: Mapped[date | None] = public()
    version: Mapped[int] = public()
    approved_at: Mapped[datetime | None] = public()
    """In force only with this."""
    approved_by: Mapped[str | None] = never()
