"""Registration: how somebody becomes a worker, from the first form to the first booking.

It stands above `worker` and `skill` because it needs both: nobody is registered without a
trade, and nobody takes bookings without a verified one.
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from loaders import registration as load
from models.account import Gender, MobileTaken, SignInAs
from models.base import new_id
from models.code import CodePurpose
from models.worker import (
    MANDATORY,
    EshramTaken,
    MissingVerifications,
    RegistrationChannel,
    RegistrationIncomplete,
    VerificationKind,
    Worker,
    WorkerStatus,
)
from resolvers.account import prove_mobile, reached_at
from resolvers.number import written_down
from resolvers.session import Device, SignedIn, begin_session
from resolvers.skill import a_skill
from resolvers.worker import (
    UAN,
    Home,
    PersonName,
    WorkerId,
    fits,
    move,
    serving,
    set_birth_date,
    set_home,
    set_languages,
    set_name,
    worker_named,
)
from runtime.faults import BadInput
from runtime.geography import day_of
from runtime.phone import checked_mobile
from runtime.rights import Role, Rule
from runtime.transaction import Transaction, refused_as
from runtime.words import Exact

TRADES_AT_ONCE = 10

CHANNELS = {
    Role.PROVIDER: RegistrationChannel.PROVIDER,
    Role.DISTRICT_OFFICER: RegistrationChannel.BLOCK_OFFICE,
    Role.STATE_OFFICER: RegistrationChannel.BLOCK_OFFICE,
    Role.PARTNER: RegistrationChannel.IMPORT,
}
"""By whom someone is enrolled. Whom the helpline assists registers by themselves."""


@dataclass(frozen=True)
class TradeKnown:
    """What somebody knows how to do."""

    category_id: Annotated[str, "The category."]
    years_experience: Annotated[int, "Years at work in it."]


@dataclass(frozen=True)
class WorkerDetails:
    """Who registers. What is optional can follow; until it is there the registration is a
    draft."""

    name: Annotated[PersonName, "Their name."]
    district_code: Annotated[int, "The LGD code of the district they work in, such as 162."]
    gender: Annotated[Gender | None, "Their gender."] = None
    birth_date: Annotated[date | None, "The day they were born."] = None
    languages: Annotated[list[str] | None, "The languages they speak, such as `hi`."] = None
    home: Annotated[Home | None, "Where they live."] = None
    trades: Annotated[list[TradeKnown] | None, "What they know, the main trade first."] = None
    eshram_uan: Annotated[Exact | None, "Their number in the e-Shram register."] = None


async def register_as_worker(
    tx: Transaction,
    *,
    mobile: Annotated[Exact, "Your mobile number, such as +919876543210."],
    code: Annotated[Exact, "The code that was sent to it, for registration as a worker."],
    details: Annotated[WorkerDetails, "Who you are."],
    device: Device = None,
) -> SignedIn:
    """Refuses: CodeWrong, MobileTaken, TooYoung, EshramTaken, CategoryRetired, SkillExists."""
    mobile = checked_mobile(mobile, tx.settings)
    await prove_mobile(tx, mobile, SignInAs.WORKER, code, CodePurpose.REGISTRATION)
    worker = a_registration(tx, RegistrationChannel.SELF)
    worker.mobile, worker.mobile_used_at = mobile, tx.now
    await fill_in(tx, worker, Rule.ALL, details)
    return await begin_session(tx, SignInAs.WORKER, worker.id, device)


async def enrol_worker(
    tx: Transaction,
    *,
    mobile: Annotated[Exact | None, "Their mobile number, if they have one."] = None,
    details: Annotated[WorkerDetails, "Who they are."],
) -> str:
    """Refuses: TooYoung, EshramTaken, CategoryRetired, SkillExists, NotEmpanelled,
    DistrictNotServed. Whether the number is another's already makes no difference here: the
    worker has to prove it, and its owner is told. What a partner system sends stays a draft until
    somebody here, or the person, has looked at it."""
    role = tx.viewer.role
    worker = a_registration(tx, CHANNELS.get(role, RegistrationChannel.SELF))
    if mobile is not None:
        worker.unproven_mobile = checked_mobile(mobile, tx.settings)
    worker.enrolled_by = tx.viewer.id
    tx.acts_for(worker.id)
    if role is Role.PROVIDER:
        worker.provider_id = tx.viewer.provider_id
    await fill_in(tx, worker, tx.rule, details, draft=role is Role.PARTNER)
    await written_down(tx, SignInAs.WORKER, worker.id)
    return worker.id


def a_registration(tx: Transaction, channel: RegistrationChannel) -> Worker:
    return Worker(
        id=new_id(Worker.prefix),
        status=WorkerStatus.DRAFT,
        channel=channel,
        registered_at=tx.now,
        languages=[],
        years_experience=0,
    )


async def fill_in(
    tx: Transaction, worker: Worker, rule: Rule, details: WorkerDetails, *, draft: bool = False
) -> None:
    """Store it, handed in at once if nothing is missing."""
    trades = details.trades or []
    if len(trades) > TRADES_AT_ONCE:
        raise BadInput(f"`trades` may hold at most {TRADES_AT_ONCE}.", argument="trades")
    district = await tx.the(load.districts_in_reach(rule, [details.district_code]), "districtCode")
    if worker.provider_id is not None:
        await serving(tx, worker.provider_id, district.id)
    set_name(worker, details.name)
    set_languages(worker, details.languages or [])
    set_home(tx, worker, details.home, district)
    worker.gender = details.gender
    if details.birth_date is not None:
        set_birth_date(tx, worker, details.birth_date)
    if details.eshram_uan is not None:
        fits(UAN, details.eshram_uan, "eshramUan", "twelve digits")
    worker.eshram_uan = details.eshram_uan
    with (
        refused_as("worker_mobile_unique", MobileTaken()),
        refused_as("worker_eshram_uan_unique", EshramTaken()),
    ):
        await tx.add(worker)
    skills = [
        await a_skill(tx, worker, trade.category_id, trade.years_experience, position)
        for position, trade in enumerate(trades)
    ]
    await tx.emit("WorkerRegistered", worker.id, channel=worker.channel)
    for skill in skills:
        await tx.emit("SkillChanged", skill.id, worker_id=worker.id, category_id=skill.category_id)
    if not draft and not lacking(worker, bool(trades)):
        move(worker, "submit")
        await tx.emit("WorkerSubmitted", worker.id)


def lacking(worker: Worker, trades: bool) -> list[str]:
    """What the registration cannot be handed in without; see `NEEDED`."""
    given = {
        "mobile": reached_at(worker),
        "gender": worker.gender,
        "birthDate": worker.birth_date,
        "languages": worker.languages,
        "home": worker.home_address,
        "trades": trades,
    }
    return [name for name, value in given.items() if not value]


async def submit_worker(tx: Transaction, *, worker_id: WorkerId = None) -> str:
    """Refuses: NotAtThisStage, RegistrationIncomplete."""
    worker = await worker_named(tx, worker_id)
    move(worker, "submit")
    if missing := lacking(worker, bool(await tx.every(load.trades_of(worker.id)))):
        raise RegistrationIncomplete(missing=missing)
    await tx.emit("WorkerSubmitted", worker.id)
    return worker.id


async def activate_worker(tx: Transaction, *, worker_id: Annotated[str, "Whom."]) -> str:
    """Refuses: NotAtThisStage, MissingVerifications. Ends a suspension, too."""
    worker = await worker_named(tx, worker_id)
    move(worker, "activate")
    await all_verified(tx, worker)
    await tx.emit("WorkerActivated", worker.id)
    return worker.id


async def reactivate_worker(tx: Transaction) -> str:
    """Refuses: NotAtThisStage, MissingVerifications: time may have run out meanwhile."""
    worker = await worker_named(tx, None)
    move(worker, "resume")
    await all_verified(tx, worker)
    await tx.emit("WorkerActivated", worker.id)
    return worker.id


async def all_verified(tx: Transaction, worker: Worker) -> None:
    """Refuses: MissingVerifications."""
    stand = await tx.every(load.checks_that_stand(worker.id, day_of(tx.now)))
    missing = [kind for kind in MANDATORY if kind not in stand]
    if not await tx.every(load.verified_trades_of(worker.id)):
        missing.append(VerificationKind.SKILL)
    if missing:
        raise MissingVerifications(missing=missing)
