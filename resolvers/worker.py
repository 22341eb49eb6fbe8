"""Workers and providers: what is computed of them, and how their registration goes on."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from loaders import worker as load
from models.account import Gender, MobileTaken, SignInAs
from models.base import new_id
from models.code import CodePurpose
from models.place import District
from models.worker import (
    CHECKABLE,
    MOVES,
    DistrictNotServed,
    EshramTaken,
    HasNoTablet,
    HasTablet,
    IdentityVerified,
    NotAtThisStage,
    NotEmpanelled,
    Provider,
    ProviderDistrict,
    ProviderStatus,
    TabletTaken,
    TooYoung,
    Verification,
    VerificationKind,
    VerificationStatus,
    Worker,
    WorkerStatus,
)
from resolvers.account import check_place, prove_mobile
from resolvers.number import written_down
from resolvers.place import Point
from resolvers.session import end_sessions
from runtime.audit import Author
from runtime.faults import BadInput, NotFound
from runtime.geography import cell_at, centre_of, day_of
from runtime.jobs import job
from runtime.language import Language
from runtime.phone import checked_mobile
from runtime.rights import Role, Rule
from runtime.transaction import Transaction, refused_as
from runtime.values import EARLIEST_BIRTH
from runtime.words import Exact, Words, checked_name

ERASED_NAME = ("Former worker", "पूर्व सेवा मित्र")
OFFICERS = (Role.DISTRICT_OFFICER, Role.STATE_OFFICER)

SYLLABLE = re.compile("^.(?:(?<=\u094d).|[\u093c-\u094d])*")
"""The first written syllable: a lone consonant of a conjunct cannot be read."""
LANGUAGE_CODE = re.compile(r"[a-z]{2,3}")
LANGUAGE_LIMIT = 12
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
EMAIL_LIMIT = 254
UAN = re.compile(r"[0-9]{12}")
LAST_FOUR = re.compile(r"[0-9]{4}")
SERIAL = re.compile(r"[A-Z0-9][A-Z0-9-]{2,39}")
GSTIN = re.compile(r"[0-9]{2}[A-Z]{5}[0-9]{4}[A-Z][0-9A-Z]Z[0-9A-Z]")
PAN_LAST_FOUR = re.compile(r"[0-9]{3}[A-Z]")


def first_name(row: Worker, *, language: Language) -> str | None:
    return language.of(row.first_name_en, row.first_name_hi)


def initial(row: Worker, *, language: Language) -> str | None:
    return language.of(row.initial_en, row.initial_hi)


def display_name(row: Worker, *, language: Language) -> str:
    first, letter = first_name(row, language=language), initial(row, language=language)
    if not first:
        return language.of(*ERASED_NAME) or ""
    return f"{first} {letter}." if letter else first


def full_name(row: Worker, *, language: Language) -> str | None:
    words = first_name(row, language=language), language.of(row.surname_en, row.surname_hi)
    return " ".join(word for word in words if word) or None


def public_point(row: Worker) -> Point:
    return Point(row.latitude, row.longitude)


def home_point(row: Worker) -> Point | None:
    if row.home_latitude is None or row.home_longitude is None:
        return None
    return Point(row.home_latitude, row.home_longitude)


@dataclass(frozen=True)
class PersonName:
    """A person's name, in both scripts."""

    first_en: Annotated[Words, "The given name in Latin letters."]
    first_hi: Annotated[Words, "The given name in Devanagari."]
    surname_en: Annotated[Words | None, "The surname in Latin letters, if they use one."] = None
    surname_hi: Annotated[Words | None, "The surname in Devanagari, if they use one."] = None


@dataclass(frozen=True)
class Home:
    """Where someone lives. Only the person and officers see it; others see the area."""

    latitude: Annotated[float, "Degrees north (WGS 84)."]
    longitude: Annotated[float, "Degrees east (WGS 84)."]
    address: Annotated[Words, "The address."]


@dataclass(frozen=True)
class ProviderDetails:
    """What a provider says of itself."""

    name_en: Annotated[Words, "Its name in English."]
    name_hi: Annotated[Words, "Its name in Hindi."]
    district_codes: Annotated[list[int], "The LGD codes of the districts it would serve."]
    gstin: Annotated[str | None, "Its GST number."] = None
    pan_last_four: Annotated[str | None, "The last four characters of its PAN."] = None


@dataclass(frozen=True)
class Application:
    code: str


WorkerId = Annotated[str | None, "Which worker; yourself if left out."]


def fits(pattern: re.Pattern[str], text: str, argument: str, told: str) -> str:
    """The text, which must be of the pattern. BadInput says what it `told` must be."""
    if not pattern.fullmatch(text):
        raise BadInput(f"`{argument}` must be {told}.", argument=argument)
    return text


async def worker_named(tx: Transaction, worker_id: str | None) -> Worker:
    """The worker to change, locked: the viewer, if they name nobody."""
    wanted = worker_id or tx.viewer.id or ""
    return await tx.the(load.worker_to_change(tx.rule, wanted), "workerId")


def move(worker: Worker, step: str, reason: str | None = None) -> None:
    """Take the registration a step on. Refuses: NotAtThisStage."""
    at_stage(worker, MOVES[step].before)
    worker.status, worker.status_reason = MOVES[step].after, reason


def at_stage(worker: Worker, statuses: Collection[WorkerStatus]) -> None:
    if worker.status not in statuses:
        raise NotAtThisStage(status=WorkerStatus(worker.status))


def set_name(worker: Worker, name: PersonName) -> None:
    """Names are public in part: they hold letters of their script and nothing else."""
    for part in ("first", "surname"):
        latin, devanagari = getattr(name, f"{part}_en"), getattr(name, f"{part}_hi")
        if latin is not None:
            checked_name(f"{part}En", latin, Language.EN)
        if devanagari is not None:
            checked_name(f"{part}Hi", devanagari, Language.HI)
    worker.first_name_en, worker.first_name_hi = name.first_en, name.first_hi
    worker.surname_en, worker.surname_hi = name.surname_en, name.surname_hi
    worker.initial_en = name.surname_en and name.surname_en[0].upper()
    syllable = SYLLABLE.match(name.surname_hi or "")
    worker.initial_hi = syllable and syllable[0]


def set_birth_date(tx: Transaction, worker: Worker, born: date) -> None:
    """Refuses: TooYoung."""
    today = day_of(tx.now)
    age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    if not EARLIEST_BIRTH <= born <= today:
        raise BadInput(
            "`birthDate` must be a day from 1900 to today: the day they were born.",
            argument="birthDate",
        )
    if age < tx.settings.minimum_age:
        raise TooYoung(years=tx.settings.minimum_age)
    worker.birth_date, worker.birth_year = born, born.year


def set_languages(worker: Worker, languages: list[str]) -> None:
    if len(languages) > LANGUAGE_LIMIT:
        raise BadInput(f"`languages` may hold at most {LANGUAGE_LIMIT}.", argument="languages")
    for code in languages:
        fits(LANGUAGE_CODE, code, "languages", "codes such as `hi`")
    worker.languages = list(dict.fromkeys(languages))


def set_home(tx: Transaction, worker: Worker, home: Home | None, district: District) -> None:
    """The public point is the centre of the home's cell; without a home, of headquarters'.
    Refuses: PlaceOutsideDistrict."""
    at = home or district
    point = (at.latitude, at.longitude)
    check_place(tx, district, *point)
    if home is not None:
        worker.home_latitude, worker.home_longitude = point
        worker.home_address = home.address
    worker.district_id = district.id
    worker.cell = cell_at(*point)
    worker.latitude, worker.longitude = centre_of(worker.cell)


async def change_worker_profile(
    tx: Transaction,
    *,
    worker_id: WorkerId = None,
    name: Annotated[PersonName | None, "Their name, all of it."] = None,
    gender: Annotated[Gender | None, "Their gender."] = None,
    birth_date: Annotated[date | None, "The day they were born."] = None,
    languages: Annotated[list[str] | None, "Every language they speak, such as `hi`."] = None,
    district_code: Annotated[
        int | None, "The LGD code of the district they work in now; send `home` with it."
    ] = None,
    home: Annotated[Home | None, "Where they live."] = None,
    eshram_uan: Annotated[Exact | None, "Their number in the e-Shram register."] = None,
) -> str:
    """Refuses: IdentityVerified, TooYoung, EshramTaken, PlaceOutsideDistrict, NotEmpanelled,
    DistrictNotServed."""
    worker = await worker_named(tx, worker_id)
    changed = {
        "name": name,
        "gender": gender,
        "birthDate": birth_date,
        "languages": languages,
        "home": home,
        "eshramUan": eshram_uan,
    }
    fields = [field for field, value in changed.items() if value is not None]
    if not fields or (district_code is not None and home is None):
        raise BadInput("Say what to change; a district, with the home that lies there.")
    if {"name", "gender", "birthDate"} & set(fields) and tx.viewer.role not in OFFICERS:
        today = day_of(tx.now)
        if VerificationKind.IDENTITY in await tx.every(load.checks_that_stand(worker.id, today)):
            raise IdentityVerified
    if name is not None:
        set_name(worker, name)
    if birth_date is not None:
        set_birth_date(tx, worker, birth_date)
    if languages is not None:
        set_languages(worker, languages)
    if home is not None:
        await move_home(tx, worker, home, district_code)
    worker.gender = gender or worker.gender
    if eshram_uan is not None:
        worker.eshram_uan = fits(UAN, eshram_uan, "eshramUan", "twelve digits")
    with refused_as("worker_eshram_uan_unique", EshramTaken()):
        await tx.flush()
    await tx.emit("WorkerChanged", worker.id, fields=fields)
    return worker.id


async def move_home(tx: Transaction, worker: Worker, home: Home, code: int | None) -> None:
    """People may move to any district; their officers there look after them from then on."""
    if code is None:
        district = await tx.the(load.district(worker.district_id), "districtCode")
    else:
        district = await tx.the(load.districts_in_reach(Rule.ALL, [code]), "districtCode")
    if worker.provider_id is not None and district.id != worker.district_id:
        await serving(tx, worker.provider_id, district.id)
    set_home(tx, worker, home, district)


async def serving(tx: Transaction, provider_id: str, district_id: str) -> None:
    """Refuses: NotEmpanelled, DistrictNotServed."""
    if await tx.find(load.empanelled(provider_id, day_of(tx.now))) is None:
        raise NotEmpanelled
    if district_id not in await tx.every(load.districts_served(provider_id)):
        raise DistrictNotServed


async def change_contact(
    tx: Transaction,
    *,
    worker_id: WorkerId = None,
    alternate_mobile: Annotated[Exact | None, "Another number of theirs."] = None,
    email: Annotated[str | None, "Their email address."] = None,
    emergency_contact: Annotated[
        Words | None, "Whom to call when something happens to them: a name and a number."
    ] = None,
) -> str:
    """The number that they sign in with is not theirs to change who are not the person."""
    worker = await worker_named(tx, worker_id)
    if email is not None:
        fits(EMAIL, email[: EMAIL_LIMIT + 1], "email", "an email address")
    if alternate_mobile is not None:
        worker.alternate_mobile = checked_mobile(alternate_mobile, tx.settings, "alternateMobile")
    worker.email = email or worker.email
    worker.emergency_contact = emergency_contact or worker.emergency_contact
    await tx.emit("WorkerChanged", worker.id, fields=["contact"])
    return worker.id


async def take_up_verification(tx: Transaction, *, worker_id: Annotated[str, "Whose."]) -> str:
    """Refuses: NotAtThisStage."""
    worker = await worker_named(tx, worker_id)
    move(worker, "take_up")
    await tx.emit("WorkerChanged", worker.id, status=worker.status)
    return worker.id


async def record_verification(
    tx: Transaction,
    *,
    worker_id: Annotated[str, "Whose."],
    kind: Annotated[VerificationKind, "What was checked."],
    status: Annotated[VerificationStatus, "How it ended; EXPIRED is not for you to say."],
    method: Annotated[Words, "How it was done, such as `offline e-KYC` or `police certificate`."],
    valid_until: Annotated[date | None, "The first day it no longer stands."] = None,
    evidence_reference: Annotated[Words | None, "Where the evidence is filed."] = None,
    aadhaar_last_four: Annotated[
        str | None, "With an identity checked by Aadhaar: its last four digits, never more."
    ] = None,
) -> str:
    """Refuses: NotAtThisStage. A check that is done again takes the place of the last one."""
    worker = await worker_named(tx, worker_id)
    at_stage(worker, CHECKABLE)
    verified = status is VerificationStatus.VERIFIED
    if status is VerificationStatus.EXPIRED:
        raise BadInput("`status` becomes EXPIRED by itself, in time.", argument="status")
    if verified and valid_until is not None and valid_until <= day_of(tx.now):
        raise BadInput("`validUntil` must be a day to come.", argument="validUntil")
    if aadhaar_last_four is not None and kind is not VerificationKind.IDENTITY:
        raise BadInput("Only identity has to do with Aadhaar.", argument="aadhaarLastFour")
    check = await tx.find(load.check_of(worker.id, kind))
    if check is None:
        check = Verification(id=new_id(Verification.prefix), worker_id=worker.id, kind=kind)
    check.status, check.verified = status, verified
    check.method, check.evidence_reference = method, evidence_reference
    check.valid_until, check.verified_at = valid_until, tx.now
    check.verified_by = tx.viewer.id
    if kind is VerificationKind.IDENTITY:
        worker.kyc_method = method
        four = aadhaar_last_four
        if four is not None:
            fits(LAST_FOUR, four, "aadhaarLastFour", "four digits")
        worker.aadhaar_last4 = four
    await tx.add(check)
    await tx.emit("VerificationRecorded", check.id, worker_id=worker.id, kind=kind, status=status)
    return check.id


@job("expire_verifications", cron="35 18 * * *")
async def expire_verifications(tx: Transaction) -> None:
    """A little after midnight in India: checks that stood until yesterday."""
    for check in await tx.every(load.checks_run_out(day_of(tx.now))):
        check.verified, check.status = False, VerificationStatus.EXPIRED
        await tx.emit(
            "VerificationRecorded",
            check.id,
            worker_id=check.worker_id,
            kind=check.kind,
            status=check.status,
        )


async def reject_worker(
    tx: Transaction,
    *,
    worker_id: Annotated[str, "Whom."],
    reason: Annotated[Words, "Why, for them to read."],
) -> str:
    """Refuses: NotAtThisStage."""
    worker = await worker_named(tx, worker_id)
    move(worker, "reject", reason)
    await tx.emit("WorkerChanged", worker.id, status=worker.status)
    return worker.id


async def deactivate_worker(tx: Transaction) -> str:
    """Refuses: NotAtThisStage. What they accepted before stands."""
    worker = await worker_named(tx, None)
    move(worker, "pause")
    await tx.emit("WorkerChanged", worker.id, status=worker.status)
    return worker.id


async def allot_tablet(
    tx: Transaction,
    *,
    worker_id: Annotated[str, "To whom."],
    serial: Annotated[str, "Its serial number: capitals, digits and hyphens."],
) -> str:
    """Refuses: NotAtThisStage, HasTablet, TabletTaken."""
    worker = await worker_named(tx, worker_id)
    at_stage(worker, {WorkerStatus.ACTIVE})
    if worker.tablet_serial is not None:
        raise HasTablet
    worker.tablet_serial = fits(SERIAL, serial, "serial", "3 to 40 capitals, digits and hyphens")
    with refused_as("worker_tablet_serial_unique", TabletTaken()):
        await tx.flush()
    await tx.emit("TabletAllotted", worker.id)
    return worker.id


async def return_tablet(tx: Transaction, *, worker_id: Annotated[str, "By whom."]) -> str:
    """Refuses: HasNoTablet."""
    worker = await worker_named(tx, worker_id)
    if worker.tablet_serial is None:
        raise HasNoTablet
    worker.tablet_serial = None
    await tx.emit("TabletReturned", worker.id)
    return worker.id


async def apply_as_provider(
    tx: Transaction,
    *,
    mobile: Annotated[Exact, "The number that those who act for it will sign in with."],
    code: Annotated[Exact, "The code that was sent to it, for registration as a provider."],
    details: Annotated[ProviderDetails, "Who applies."],
) -> Application:
    """Refuses: CodeWrong, MobileTaken."""
    mobile = checked_mobile(mobile, tx.settings)
    await prove_mobile(tx, mobile, SignInAs.PROVIDER, code, CodePurpose.REGISTRATION)
    provider = await a_provider(tx, Rule.ALL, details, mobile=mobile, mobile_used_at=tx.now)
    tx.author = Author(Role.PROVIDER, provider.id, provider_id=provider.id)
    return Application(provider.code)


async def enrol_provider(
    tx: Transaction,
    *,
    mobile: Annotated[Exact, "The number that those who act for it will sign in with."],
    details: Annotated[ProviderDetails, "Who applies, on paper."],
) -> str:
    """Whether the number is another's already makes no difference here."""
    number = checked_mobile(mobile, tx.settings)
    provider = await a_provider(tx, tx.rule, details, unproven_mobile=number)
    await written_down(tx, SignInAs.PROVIDER, provider.id)
    return provider.id


async def a_provider(
    tx: Transaction, rule: Rule, details: ProviderDetails, **number: Any
) -> Provider:
    districts = await all_in_reach(tx, rule, details.district_codes)
    gstin, four = details.gstin, details.pan_last_four
    if gstin is not None:
        fits(GSTIN, gstin, "gstin", "a GST number")
    if four is not None:
        fits(PAN_LAST_FOUR, four, "panLastFour", "the end of a PAN")
    provider = Provider(
        id=new_id(Provider.prefix),
        name_en=details.name_en,
        name_hi=details.name_hi,
        status=ProviderStatus.APPLIED,
        **number,
        gstin=gstin,
        pan_masked=four and f"XXXXXX{four}",
        registered_at=tx.now,
    )
    with refused_as("provider_mobile_unique", MobileTaken()):
        await tx.add(provider)
    await tx.add(*(ProviderDistrict(provider_id=provider.id, district_id=id) for id in districts))
    await tx.emit("ProviderApplied", provider.id)
    return provider


async def all_in_reach(tx: Transaction, rule: Rule, codes: list[int]) -> set[str]:
    """The ids of the districts, each of which must be one in which the viewer may act."""
    if not codes:
        raise BadInput("`districtCodes` must name a district.", argument="districtCodes")
    found = {district.id for district in await tx.every(load.districts_in_reach(rule, codes))}
    if len(found) < len(set(codes)):
        raise NotFound("districtCodes")
    return found


async def empanel_provider(
    tx: Transaction,
    *,
    provider_id: Annotated[str, "Which provider."],
    mou_reference: Annotated[Words, "The number of its MOU."],
    starts_on: Annotated[date, "The first day of the MOU."],
    ends_on: Annotated[date, "The first day after the MOU."],
    district_codes: Annotated[
        list[int] | None,
        "The LGD codes of the districts it serves, of those that are yours to decide on; the"
        " ones it has if left out.",
    ] = None,
) -> str:
    """For the first time, again, or for longer."""
    provider = await tx.the(load.provider_to_change(tx.rule, provider_id), "providerId")
    if not starts_on < ends_on or ends_on <= day_of(tx.now):
        raise BadInput("`endsOn` must be a day to come, after `startsOn`.", argument="endsOn")
    if district_codes is not None:
        await serve(tx, provider, await all_in_reach(tx, tx.rule, district_codes))
    provider.status, provider.status_reason = ProviderStatus.EMPANELLED, None
    provider.mou_reference = mou_reference
    provider.empanelled_from, provider.empanelled_until = starts_on, ends_on
    await tx.emit("ProviderEmpanelled", provider.id)
    return provider.id


async def serve(tx: Transaction, provider: Provider, wanted: set[str]) -> None:
    """Districts that are another officer's to decide on stay as they are."""
    served = set(await tx.every(load.districts_served(provider.id)))
    theirs = served - set(tx.viewer.districts) if tx.rule is Rule.DISTRICT else set()
    if dropped := served - theirs - wanted:
        await tx.change(load.stop_serving(provider.id, dropped))
    added = sorted(wanted - served)
    await tx.add(*(ProviderDistrict(provider_id=provider.id, district_id=id) for id in added))


async def suspend_provider(
    tx: Transaction,
    *,
    provider_id: Annotated[str, "Which provider."],
    reason: Annotated[Words, "Why, for it to read."],
) -> str:
    """Refuses: NotEmpanelled. Its workers stay registered; nobody can assign them until it is
    empanelled again."""
    await end_sessions(tx, provider_id)
    provider = await tx.the(load.provider_to_change(tx.rule, provider_id), "providerId")
    if provider.status != ProviderStatus.EMPANELLED:
        raise NotEmpanelled
    provider.status, provider.status_reason = ProviderStatus.SUSPENDED, reason
    await tx.emit("ProviderSuspended", provider.id)
    return provider.id


@job("expire_empanelments", cron="40 18 * * *")
async def expire_empanelments(tx: Transaction) -> None:
    """A little after midnight in India: MOUs that ran until yesterday."""
    for provider in await tx.every(load.empanelments_run_out(day_of(tx.now))):
        provider.status = ProviderStatus.EXPIRED
        await tx.emit("ProviderExpired", provider.id)
