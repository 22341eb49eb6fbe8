"""What workers know and what it costs: skills, rates, the catalogue, and money."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from loaders import skill as load
from loaders import worker as load_worker
from models.base import new_id
from models.skill import (
    NSQF_LEVELS,
    CategoryRetired,
    CertificateTaken,
    LastSkill,
    RateCard,
    RateDecided,
    RateSuperseded,
    Service,
    ServiceCategory,
    SkillExists,
    SlugTaken,
    WorkerSkill,
    WorksThroughProvider,
)
from models.worker import Worker, WorkerStatus
from resolvers.worker import WorkerId, fits, serving, worker_named
from runtime.faults import BadInput, NotFound
from runtime.geography import day_of
from runtime.rights import Role
from runtime.transaction import Transaction, refused_as
from runtime.words import Words

QP_CODE = re.compile(r"[A-Z]{3}/Q[0-9]{4}")
QP_VERSION = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}")
NCO_CODE = re.compile(r"[0-9]{4}\.[0-9]{4}")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SLUG_LIMIT = 60
LONGEST_CAREER = 80
LONGEST_SERVICE = 7 * 24 * 60


@dataclass(frozen=True)
class Money:
    paise: int


def amount(row: RateCard) -> Money:
    return Money(row.amount_paise)


def visit_charge(row: RateCard) -> Money:
    return Money(row.visit_charge_paise)


def formatted(money: Money) -> str:
    """As written in India: ₹1,23,456.50, the paise left out when there are none."""
    sign = "-" if money.paise < 0 else ""
    rupees, paise = divmod(abs(money.paise), 100)
    return f"{sign}₹{grouped(rupees)}" + (f".{paise:02}" if paise else "")


def grouped(rupees: int) -> str:
    digits = str(rupees)
    head, tail = digits[:-3], digits[-3:]
    pairs = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)]
    return ",".join([*reversed(pairs), tail])


@dataclass(frozen=True)
class Names:
    """What something is called in both languages."""

    en: Annotated[Words, "In English."]
    hi: Annotated[Words, "In Hindi."]


def within(number: int, lowest: int, highest: int, argument: str) -> int:
    if not lowest <= number <= highest:
        raise BadInput(f"`{argument}` must be {lowest} to {highest}.", argument=argument)
    return number


async def a_skill(
    tx: Transaction, worker: Worker, category_id: str, years: int, position: int
) -> WorkerSkill:
    """Add one that nobody has checked. Refuses: CategoryRetired, SkillExists."""
    category = await tx.the(load.category_offered(category_id), "categoryId")
    if not category.active:
        raise CategoryRetired
    skill = WorkerSkill(
        id=new_id(WorkerSkill.prefix),
        worker_id=worker.id,
        category_id=category_id,
        position=position,
        years_experience=within(years, 0, LONGEST_CAREER, "yearsExperience"),
        verified=False,
    )
    with refused_as("worker_skill_worker_id_category_id_unique", SkillExists()):
        await tx.add(skill)
    worker.years_experience = max(worker.years_experience, years)
    return skill


async def add_skill(
    tx: Transaction,
    *,
    worker_id: WorkerId = None,
    category_id: Annotated[str, "The category they are skilled in."],
    years_experience: Annotated[int, "Years at work in it."],
) -> str:
    """Refuses: SkillExists, CategoryRetired."""
    worker = await worker_named(tx, worker_id)
    known, before = await tx.every(load.skills_of(worker.id)), worker.years_experience
    skill = await a_skill(tx, worker, category_id, years_experience, len(known))
    await tx.emit("SkillChanged", skill.id, worker_id=worker.id, category_id=category_id)
    if worker.years_experience != before:
        await tx.emit("WorkerChanged", worker.id, fields=["yearsExperience"])
    return skill.id


SkillId = Annotated[str, "Which skill."]


async def the_skill(tx: Transaction, skill_id: str) -> tuple[Worker, WorkerSkill]:
    """The skill to change and its worker, who is locked first: what others decide from the
    skills of a worker, they decide with the worker locked."""
    skill = await tx.the(load.skill_in_reach(tx.rule, skill_id), "skillId")
    worker = await tx.find(load_worker.worker_to_change(tx.rule, skill.worker_id))
    skills = {known.id: known for known in await tx.every(load.skills_of(skill.worker_id))}
    if worker is None or skill_id not in skills:
        raise NotFound("skillId")
    return worker, skills[skill_id]


async def verify_skill(
    tx: Transaction,
    *,
    skill_id: SkillId,
    qp_code: Annotated[str, "The qualification pack, such as `PSC/Q0104`."],
    qp_version: Annotated[str, "Its version, such as `2.0`: codes are used again over time."],
    nsqf_level: Annotated[str, "The level in the skills framework, such as `3` or `4.5`."],
    certificate_number: Annotated[Words | None, "The number of the certificate."] = None,
    awarding_body: Annotated[Words | None, "Who awarded it."] = None,
) -> str:
    """Refuses: CertificateTaken."""
    worker, skill = await the_skill(tx, skill_id)
    if nsqf_level not in NSQF_LEVELS:
        levels = ", ".join(NSQF_LEVELS)
        raise BadInput(f"`nsqfLevel` must be one of {levels}.", argument="nsqfLevel")
    skill.qp_code = fits(QP_CODE, qp_code, "qpCode", "a code such as PSC/Q0104")
    skill.qp_version = fits(QP_VERSION, qp_version, "qpVersion", "a version such as 2.0")
    skill.nsqf_level = nsqf_level
    skill.certificate_number, skill.awarding_body = certificate_number, awarding_body
    skill.verified, skill.verified_at = True, tx.now
    with refused_as("worker_skill_certificate_number_unique", CertificateTaken()):
        await tx.flush()
    await tx.emit("SkillVerified", skill.id, worker_id=worker.id, category_id=skill.category_id)
    return skill.id


async def withdraw_skill_verification(tx: Transaction, *, skill_id: SkillId) -> str:
    """Refuses: LastSkill. What was on record of the certificate stays."""
    worker, skill = await the_skill(tx, skill_id)
    await keep_one(tx, worker, skill)
    skill.verified, skill.verified_at = False, None
    await tx.emit("SkillChanged", skill.id, worker_id=worker.id, category_id=skill.category_id)
    return skill.id


async def remove_skill(tx: Transaction, *, skill_id: SkillId) -> str:
    """Refuses: LastSkill."""
    worker, skill = await the_skill(tx, skill_id)
    await keep_one(tx, worker, skill)
    await tx.remove(skill)
    moved = await tx.rows(load.move_up(worker.id, skill.position))
    for id, category_id in [(skill.id, skill.category_id), *moved]:
        await tx.emit("SkillChanged", id, worker_id=worker.id, category_id=category_id)
    return worker.id


async def keep_one(tx: Transaction, worker: Worker, skill: WorkerSkill) -> None:
    """An active worker without a verified skill could be found and not assigned."""
    others = [s for s in await tx.every(load.skills_of(worker.id)) if s.id != skill.id]
    if worker.status == WorkerStatus.ACTIVE and not any(other.verified for other in others):
        raise LastSkill


async def publish_rate(
    tx: Transaction,
    *,
    service_id: Annotated[str, "For which service."],
    district_code: Annotated[
        int | None, "The LGD code of the district it is for; a worker's is their own."
    ] = None,
    amount_paise: Annotated[int, "For one unit of the service, in paise."],
    visit_charge_paise: Annotated[int, "For coming, whatever is done, in paise."] = 0,
    valid_from: Annotated[date, "The first day it is to hold."],
) -> str:
    """Refuses: CategoryRetired, NotEmpanelled, DistrictNotServed, WorksThroughProvider. The
    version before stays in force until an officer approves this one."""
    if valid_from < day_of(tx.now):
        raise BadInput("`validFrom` must be today or later.", argument="validFrom")
    highest = tx.settings.rate_limit_paise
    rate = RateCard(
        id=new_id(RateCard.prefix),
        service_id=service_id,
        amount_paise=within(amount_paise, 1, highest, "amountPaise"),
        visit_charge_paise=within(visit_charge_paise, 0, highest, "visitChargePaise"),
        valid_from=valid_from,
        **await whose(tx, district_code),
    )
    service = await tx.the(load.service_known(service_id), "serviceId")
    category = await tx.the(load.category_offered(service.category_id), "serviceId")
    if not category.active:
        raise CategoryRetired
    rate.version = await tx.value(load.next_version(rate))
    await tx.add(rate)
    await tx.emit("RateCardPublished", rate.id, version=rate.version)
    return rate.id


async def whose(tx: Transaction, district_code: int | None) -> dict[str, Any]:
    """Whose rate it is, and where. They are locked, so that versions count up one by one."""
    if tx.viewer.role is Role.WORKER:
        worker = await worker_named(tx, None)
        if worker.provider_id is not None:
            raise WorksThroughProvider
        return {"worker_id": worker.id, "district_id": worker.district_id}
    provider = await tx.the(
        load_worker.provider_to_change(tx.rule, tx.viewer.provider_id or ""), "provider"
    )
    districts = [district_code] if district_code is not None else []
    district = await tx.the(load_worker.districts_in_reach(tx.rule, districts), "districtCode")
    await serving(tx, provider.id, district.id)
    return {"provider_id": provider.id, "district_id": district.id}


RateId = Annotated[str, "Which rate."]


async def the_proposal(tx: Transaction, rate_id: str) -> tuple[RateCard, list[RateCard]]:
    """The rate to decide on, and the other versions of it. Refuses: RateDecided."""
    rate = await tx.the(load.rate_in_reach(tx.rule, rate_id), "rateId")
    versions = await tx.every(load.versions_of(rate))
    if rate.approved_at is not None or rate.rejected_at is not None:
        raise RateDecided
    return rate, [version for version in versions if version.id != rate.id]


async def approve_rate(tx: Transaction, *, rate_id: RateId) -> str:
    """Refuses: RateDecided, RateSuperseded. It holds from its first day, or from today if that
    has gone by, until a later version does."""
    rate, others = await the_proposal(tx, rate_id)
    rate.valid_from = max(rate.valid_from, day_of(tx.now))
    approved = [other for other in others if other.approved_at is not None]
    for later in (other for other in approved if other.version > rate.version):
        if later.valid_from <= rate.valid_from:
            raise RateSuperseded(version=later.version)
        rate.valid_until = min(rate.valid_until or later.valid_from, later.valid_from)
    replaced = [
        earlier
        for earlier in approved
        if earlier.version < rate.version
        and (earlier.valid_until is None or earlier.valid_until > rate.valid_from)
    ]
    for earlier in replaced:
        earlier.valid_until = max(earlier.valid_from, rate.valid_from)
    # The others make room before this one takes it: the constraint looks at each statement.
    await tx.flush()
    rate.approved_at, rate.decided_by = tx.now, tx.viewer.id
    await tx.emit(
        "RateCardApproved",
        rate.id,
        version=rate.version,
        replaces=[earlier.id for earlier in replaced],
    )
    if rate.worker_id is not None:
        await tx.emit("WorkerChanged", rate.worker_id, fields=["rates"])
    if rate.provider_id is not None:
        await tx.emit("ProviderChanged", rate.provider_id, fields=["rates"])
    return rate.id


async def reject_rate(
    tx: Transaction,
    *,
    rate_id: RateId,
    reason: Annotated[Words, "Why, for whoever set it to read."],
) -> str:
    """Refuses: RateDecided."""
    rate, _ = await the_proposal(tx, rate_id)
    rate.rejected_at, rate.rejection_reason, rate.decided_by = tx.now, reason, tx.viewer.id
    await tx.emit("RateCardRejected", rate.id, version=rate.version)
    return rate.id


@dataclass(frozen=True)
class Trade:
    """What is on record of a kind of work besides its name. What is left out stays as it is."""

    group: Annotated[str | None, "The group it is shown in, such as `repair`."] = None
    nco_code: Annotated[str | None, "Its code in NCO 2015, such as `7411.0100`."] = None
    nco_title: Annotated[Words | None, "Its title there."] = None
    qp_code: Annotated[str | None, "The usual qualification pack."] = None
    qp_title: Annotated[Words | None, "The title of that pack."] = None
    nsqf_level: Annotated[str | None, "The usual level in the skills framework."] = None
    regulations: Annotated[list[Words] | None, "Licences and checks the trade asks for."] = None
    gender_preference: Annotated[
        bool | None, "Whether a citizen may ask for a worker of one gender."
    ] = None
    rework_days: Annotated[
        int | None, "For how many days poor work is put right without charge; 7 to 30."
    ] = None


PATTERNS = {
    "group": (SLUG, "a word such as `repair`"),
    "nco_code": (NCO_CODE, "a code such as 7411.0100"),
    "qp_code": (QP_CODE, "a code such as PSC/Q0104"),
}


def describe(category: ServiceCategory, trade: Trade) -> None:
    for name, value in vars(trade).items():
        if value is None:
            continue
        if name in PATTERNS:
            fits(PATTERNS[name][0], value, name, PATTERNS[name][1])
        if name == "nsqf_level" and value not in NSQF_LEVELS:
            raise BadInput("`nsqfLevel` is no level of the framework.", argument="nsqfLevel")
        if name == "rework_days":
            within(value, 7, 30, "reworkDays")
        setattr(category, name, value)


def a_slug(text: str) -> str:
    return fits(SLUG, text[: SLUG_LIMIT + 1], "slug", "small letters and digits with hyphens")


async def add_category(
    tx: Transaction,
    *,
    slug: Annotated[str, "Its lasting name for addresses and arguments, such as `plumber`."],
    name: Annotated[Names, "What people call it."],
    group: Annotated[str, "The group it is shown in, such as `repair`."],
    trade: Annotated[Trade | None, "What is on record of it."] = None,
) -> str:
    """Refuses: SlugTaken. It comes last in the official order."""
    await tx.rows(load.one_at_a_time())
    category = ServiceCategory(
        id=new_id(ServiceCategory.prefix),
        number=await tx.value(load.next_number()),
        slug=a_slug(slug),
        name_en=name.en,
        name_hi=name.hi,
        group=fits(SLUG, group, "group", "a word such as `repair`"),
        regulations=[],
        gender_preference=False,
        active=True,
    )
    describe(category, trade or Trade())
    with refused_as("service_category_slug_unique", SlugTaken(slug=slug)):
        await tx.add(category)
    await tx.emit("CategoryAdded", category.id)
    return category.id


CategoryId = Annotated[str, "Which category."]


async def change_category(
    tx: Transaction,
    *,
    category_id: CategoryId,
    name: Annotated[Names | None, "What people call it."] = None,
    trade: Annotated[Trade | None, "What is on record of it."] = None,
    active: Annotated[bool | None, "true to offer it again once it was retired."] = None,
) -> str:
    category = await tx.the(load.category_to_change(category_id), "categoryId")
    if active is False:
        raise BadInput("Send `retireCategory` for that.", argument="active")
    if name is not None:
        category.name_en, category.name_hi = name.en, name.hi
    describe(category, trade or Trade())
    category.active = active or category.active
    await tx.emit("CategoryChanged", category.id)
    return category.id


async def retire_category(tx: Transaction, *, category_id: CategoryId) -> str:
    """Refuses: CategoryRetired. Bookings made before stand; nothing is deleted."""
    category = await tx.the(load.category_to_change(category_id), "categoryId")
    if not category.active:
        raise CategoryRetired
    category.active = False
    await tx.emit("CategoryChanged", category.id)
    return category.id


Unit = Annotated[str, "What one of it is, such as `job`, `visit` or `sqft`."]
Minutes = Annotated[int, "How long one usually takes, in minutes."]
OndcCode = Annotated[str | None, "Its code in the ONDC network, such as `SRV11-1030`."]
ONDC_CODE = re.compile(r"[A-Z0-9]{3,8}-[0-9]{3,6}")


async def add_service(
    tx: Transaction,
    *,
    category_id: CategoryId,
    slug: Annotated[str, "Its lasting name within the category, such as `fan-repair`."],
    name: Annotated[Names, "What people call it."],
    unit: Unit,
    duration_minutes: Minutes,
    ondc_code: OndcCode = None,
) -> str:
    """Refuses: SlugTaken, CategoryRetired. It comes last in its category."""
    category = await tx.the(load.category_to_change(category_id), "categoryId")
    if not category.active:
        raise CategoryRetired
    service = Service(
        id=new_id(Service.prefix),
        category_id=category.id,
        position=await tx.value(load.next_place(category.id)),
        slug=a_slug(slug),
    )
    specify(service, name, unit, duration_minutes, ondc_code)
    with refused_as("service_slug_unique", SlugTaken(slug=slug)):
        await tx.add(service)
    await tx.emit("ServiceAdded", service.id, category_id=category.id)
    return service.id


async def change_service(
    tx: Transaction,
    *,
    service_id: Annotated[str, "Which service."],
    name: Annotated[Names | None, "What people call it."] = None,
    unit: Annotated[str | None, "What one of it is, such as `job`."] = None,
    duration_minutes: Annotated[int | None, "How long one usually takes, in minutes."] = None,
    ondc_code: OndcCode = None,
) -> str:
    service = await tx.the(load.service_to_change(service_id), "serviceId")
    specify(service, name, unit, duration_minutes, ondc_code)
    await tx.emit("ServiceChanged", service.id, category_id=service.category_id)
    return service.id


def specify(
    service: Service,
    name: Names | None,
    unit: str | None,
    duration_minutes: int | None,
    ondc_code: str | None,
) -> None:
    """What is None stays as it is."""
    if name is not None:
        service.name_en, service.name_hi = name.en, name.hi
    if unit is not None:
        service.unit = fits(SLUG, unit, "unit", "a word such as `job`")
    if duration_minutes is not None:
        service.duration_minutes = within(duration_minutes, 1, LONGEST_SERVICE, "durationMinutes")
    if ondc_code is not None:
        service.ondc_code = fits(ONDC_CODE, ondc_code, "ondcCode", "a code such as SRV11-1030")
