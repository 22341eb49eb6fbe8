"""People and their accounts: signing in, and what is computed of the viewer and of citizens."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from loaders import account as load
from loaders import place as load_place
from models.account import (
    Address,
    AuditEntry,
    Citizen,
    CodeWrong,
    ConsentChannel,
    ConsentPurpose,
    ConsentRecord,
    Department,
    ErasurePending,
    ErasureRequest,
    ErasureState,
    Gender,
    NotRegistered,
    OneTimeCode,
    PlaceOutsideDistrict,
    Session,
    SessionEnded,
    SignInAs,
    SpentToken,
    TooManyAddresses,
    TooManyCodes,
)
from models.base import new_id
from models.place import District
from resolvers.info import Info
from resolvers.place import Point
from runtime import clock
from runtime.audit import Author
from runtime.bearer import claims_of
from runtime.faults import BadInput, NotFound
from runtime.geography import kilometres
from runtime.language import Language
from runtime.phone import checked_mobile
from runtime.quota import Quota
from runtime.rights import Role
from runtime.secret import a_code, hashed, matches
from runtime.transaction import Transaction, refused_as
from runtime.viewer import Viewer
from runtime.words import Words, checked_name

LIMITED_WITHIN = timedelta(hours=1)


@dataclass(frozen=True)
class Self:
    """Whoever asks. Ids are empty where they have none, so that lists of theirs are empty."""

    role: Role
    language: Language
    id: str
    provider_id: str
    department_id: str
    session_id: str | None


@dataclass(frozen=True)
class CodeSent:
    expires_at: datetime


@dataclass(frozen=True)
class SignedIn:
    access_token: str
    refresh_token: str
    expires_at: datetime
    role: Role


@dataclass(frozen=True)
class SignedOut:
    devices: int


@dataclass(frozen=True)
class RateLimit:
    cost: int
    limit: int
    remaining: int
    reset_at: datetime
    quotas: tuple[Quota, ...]


def rate_limit(info: Info) -> RateLimit | None:
    spent = info.context.spent
    if spent is None:
        return None
    standing = spent.standing
    return RateLimit(
        spent.points,
        int(standing.allowance.capacity),
        standing.remaining,
        clock.now() + timedelta(seconds=standing.owed_seconds),
        spent.use.quotas if spent.use is not None else (),
    )


def viewer(info: Info) -> Self:
    viewer = info.context.viewer
    return Self(
        viewer.role,
        info.context.language,
        viewer.id or "",
        viewer.provider_id or "",
        viewer.department_id or "",
        viewer.session_id,
    )


def own_id(row: Self) -> str | None:
    return row.id or None


def first_name(row: Citizen, *, language: Language) -> str | None:
    return language.of(row.first_name_en, row.first_name_hi)


def surname(row: Citizen, *, language: Language) -> str | None:
    return language.of(row.surname_en, row.surname_hi)


def spoken(row: Citizen | ConsentRecord) -> Language:
    return Language(row.language.upper())


def address_point(row: Address) -> Point:
    return Point(row.latitude, row.longitude)


def role_of(row: AuditEntry) -> Role | None:
    return Role.__members__.get(row.role)


def department_name(row: Department, *, language: Language) -> str:
    return language.of(row.name_en, row.name_hi) or ""


Mobile = Annotated[str, "Their mobile number, such as +919876543210."]
As = Annotated[SignInAs, "In which role."]
Device = Annotated[str | None, "What to call this device in the list of sessions."]


async def request_code(tx: Transaction, *, mobile: Mobile, role: As) -> CodeSent:
    """Refuses: TooManyCodes. Whether anybody has the number makes no difference here."""
    mobile, settings = checked_mobile(mobile, tx.settings), tx.settings
    # Counting and sending must not overlap with another request for the same phone.
    await tx.rows(load.quiet(f"codes to {mobile}", f"codes from {tx.origin.address}"))
    ((to_phone, from_address),) = await tx.rows(
        load.codes_since(mobile, tx.origin.address, tx.now - LIMITED_WITHIN)
    )
    if to_phone >= settings.codes_per_phone or from_address >= settings.codes_per_address:
        raise TooManyCodes(minutes=int(LIMITED_WITHIN / timedelta(minutes=1)))
    code = a_code()
    expires_at = tx.now + timedelta(minutes=settings.code_minutes)
    await tx.add(
        OneTimeCode(
            id=new_id(OneTimeCode.prefix),
            mobile=mobile,
            role=role,
            address=tx.origin.address,
            hash=await hashed(code),
            expires_at=expires_at,
        )
    )
    tx.tell(
        mobile,
        tx.language,
        f"{code} is your Sewa Mitra code. Tell it to nobody.",
        f"{code} आपका सेवा मित्र कोड है। इसे किसी को न बताएँ।",
    )
    return CodeSent(expires_at)


async def prove_mobile(tx: Transaction, mobile: str, role: SignInAs, code: str) -> None:
    """That whoever asks has the phone in hand. Raises CodeWrong, the try counted."""
    tries = await tx.rows(load.count_try(mobile, role))
    limit = tx.settings.code_tries
    if not tries:
        raise CodeWrong(tries_left=0)
    (found,) = tries
    usable = found.used_at is None and found.expires_at > tx.now and found.tries <= limit
    if not usable or not await matches(found.hash, code):
        raise CodeWrong(tries_left=max(0, limit - found.tries) if usable else 0)
    await tx.change(load.use_code(found.id, tx.now))


async def sign_in(
    tx: Transaction,
    *,
    mobile: Mobile,
    role: As,
    code: Annotated[str, "The code from the text message."],
    device: Device = None,
) -> SignedIn:
    """A citizen is registered by their first sign-in. Refuses: CodeWrong, NotRegistered."""
    mobile = checked_mobile(mobile, tx.settings)
    await prove_mobile(tx, mobile, role, code)
    people = await tx.rows(load.person_with_mobile(role, mobile))
    if people:
        return await begin_session(tx, role, people[0].id, device)
    if role is not SignInAs.CITIZEN:
        raise NotRegistered
    citizen = Citizen(
        id=new_id(Citizen.prefix),
        mobile=mobile,
        language=tx.language.lower(),
        registered_at=tx.now,
    )
    await tx.add(citizen)
    await tx.emit("CitizenRegistered", citizen.id)
    return await begin_session(tx, role, citizen.id, device)


async def begin_session(
    tx: Transaction, role: SignInAs, person_id: str, device: str | None
) -> SignedIn:
    (person,) = await tx.rows(load.person_with_id(role, person_id))
    refresh_token = secrets.token_urlsafe(32)
    session = Session(
        id=new_id(Session.prefix),
        person_id=person_id,
        role=role,
        device=device[:100] if device else None,
        refresh_hash=digest(refresh_token),
        expires_at=tx.now + timedelta(days=tx.settings.refresh_days),
    )
    await tx.add(session)
    return signed_in(tx, session, person, refresh_token)


def signed_in(tx: Transaction, session: Session, person: Any, refresh_token: str) -> SignedIn:
    """What the device is given. From here on it is this person who sent the command."""
    role, minutes = Role(session.role), tx.settings.access_minutes
    viewer = Viewer(
        role,
        session.person_id,
        provider_id=person.provider_id if role is Role.PROVIDER else None,
        session_id=session.id,
        language=Language(person.language.upper()) if person.language else None,
    )
    tx.author = Author.of(viewer)
    return SignedIn(
        access_token=tx.process.keys.sign(minutes, **claims_of(viewer)),
        refresh_token=refresh_token,
        expires_at=tx.now + timedelta(minutes=minutes),
        role=role,
    )


def digest(token: str) -> str:
    """Of a token that is random: nothing slower is needed to keep it from being guessed."""
    return hashlib.sha256(token.encode()).hexdigest()


async def refresh_session(
    tx: Transaction,
    *,
    refresh_token: Annotated[str, "The one you were given last; it can be used once."],
) -> SignedIn:
    """Refuses: SessionEnded. A token that was used before ends its session, for one of the two
    who showed it is a thief."""
    old = digest(refresh_token)
    session = await tx.find(load.session_to_change(old))
    if session is None:
        await tx.change(load.end_session_of(old, tx.now))
        raise SessionEnded
    people = await tx.rows(load.person_with_id(SignInAs(session.role), session.person_id))
    if session.ended_at is not None or session.expires_at <= tx.now or not people:
        raise SessionEnded
    new = secrets.token_urlsafe(32)
    await tx.add(SpentToken(hash=old, session_id=session.id))
    session.refresh_hash, session.used_at = digest(new), tx.now
    session.expires_at = tx.now + timedelta(days=tx.settings.refresh_days)
    await tx.flush()
    return signed_in(tx, session, people[0], new)


async def sign_out(
    tx: Transaction,
    *,
    session_id: Annotated[str | None, "Which device; the one you ask from if left out."] = None,
) -> SignedOut:
    chosen = session_id or tx.viewer.session_id or ""
    return SignedOut(await tx.change(load.end_sessions(tx.viewer.id or "", chosen, tx.now)))


async def sign_out_everywhere(tx: Transaction) -> SignedOut:
    return SignedOut(await tx.change(load.end_sessions(tx.viewer.id or "", None, tx.now)))


async def myself(tx: Transaction) -> Citizen:
    """The citizen who asks. Whoever was forgotten is nobody, though their token still holds."""
    found: Citizen | None = await tx.find(load.mine(Citizen, tx.rule, tx.viewer.id or ""))
    if found is None:
        raise NotFound("viewer")
    return found


async def change_profile(
    tx: Transaction,
    *,
    first_name_en: Annotated[Words | None, "Given name, in Latin letters."] = None,
    first_name_hi: Annotated[Words | None, "Given name, in Devanagari."] = None,
    surname_en: Annotated[Words | None, "Surname, in Latin letters."] = None,
    surname_hi: Annotated[Words | None, "Surname, in Devanagari."] = None,
    gender: Annotated[Gender | None, "As you state it."] = None,
    language: Annotated[Language | None, "The language to be told things in."] = None,
    district_lgd_code: Annotated[int | None, "Where you live: a district's LGD code."] = None,
) -> str:
    """What is left out stays as it is."""
    citizen = await myself(tx)
    district = None if district_lgd_code is None else await district_of(tx, district_lgd_code)
    names = {
        "first_name_en": (first_name_en, Language.EN),
        "first_name_hi": (first_name_hi, Language.HI),
        "surname_en": (surname_en, Language.EN),
        "surname_hi": (surname_hi, Language.HI),
    }
    for column, (name, script) in names.items():
        if name is not None:
            setattr(citizen, column, checked_name(column, name, script))
    if gender is not None:
        citizen.gender = gender
    if language is not None:
        citizen.language = language.lower()
    if district is not None:
        citizen.district_id = district.id
    await tx.emit("CitizenChanged", citizen.id, changed="PROFILE")
    return citizen.id


async def district_of(tx: Transaction, lgd_code: int) -> District:
    return await tx.the(load_place.district_with_code(lgd_code), "districtLgdCode")


async def district_around(
    tx: Transaction, lgd_code: int, latitude: float, longitude: float
) -> District:
    """The district stated for a place. Refuses: PlaceOutsideDistrict."""
    district = await district_of(tx, lgd_code)
    check_place(tx, district, latitude, longitude)
    return district


def check_place(tx: Transaction, district: District, latitude: float, longitude: float) -> None:
    """Refuses: PlaceOutsideDistrict, where the place cannot be in it: borders are not known here,
    but none is so far from its headquarters."""
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise BadInput("`latitude` and `longitude` must be a place on earth.", argument="latitude")
    away = kilometres((latitude, longitude), (district.latitude, district.longitude))
    if away > tx.settings.district_reach_km:
        raise PlaceOutsideDistrict


async def add_address(
    tx: Transaction,
    *,
    label: Annotated[Words, "What you call it, such as Home."],
    line: Annotated[Words, "House, street, landmark: how to find it."],
    district_lgd_code: Annotated[int, "The LGD code of the district it lies in; no PIN says."],
    latitude: Annotated[float, "Degrees north."],
    longitude: Annotated[float, "Degrees east."],
) -> str:
    """Refuses: TooManyAddresses, PlaceOutsideDistrict."""
    citizen, limit = await myself(tx), tx.settings.addresses_per_citizen
    # Their row is locked: two who add at once are counted one after the other.
    if await tx.value(load.count_addresses(citizen.id)) >= limit:
        raise TooManyAddresses(limit=limit)
    district = await district_around(tx, district_lgd_code, latitude, longitude)
    address = Address(
        id=new_id(Address.prefix),
        citizen_id=citizen.id,
        label=label,
        line=line,
        district_id=district.id,
        latitude=latitude,
        longitude=longitude,
    )
    await tx.add(address)
    await tx.emit("CitizenChanged", citizen.id, changed="ADDRESSES", address=address.id)
    return address.id


async def remove_address(
    tx: Transaction, *, address_id: Annotated[str, "One of yours. Bookings keep theirs."]
) -> str:
    address = await tx.the(load.mine(Address, tx.rule, address_id), "addressId")
    await tx.remove(address)
    await tx.emit("CitizenChanged", address.citizen_id, changed="ADDRESSES", address=address.id)
    return str(address.citizen_id)


Purpose = Annotated[ConsentPurpose, "What your data may be used for."]
NOTICE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,19}")


async def someone(tx: Transaction) -> str:
    """The id of the worker or citizen who asks, who was not forgotten since they signed in."""
    role, id = SignInAs(tx.viewer.role), tx.viewer.id or ""
    if not await tx.rows(load.person_with_id(role, id)):
        raise NotFound("viewer")
    return id


async def give_consent(
    tx: Transaction,
    *,
    purpose: Purpose,
    notice_version: Annotated[str, "Which version of the notice you were shown, such as 2026.1."],
    language: Annotated[Language, "The language you read it in."],
    channel: Annotated[ConsentChannel, "Where you were shown it."],
) -> str:
    """Given again, what stands goes on standing, with the notice it was given under."""
    if not NOTICE.fullmatch(notice_version):
        raise BadInput(
            "`noticeVersion` must be a version such as 2026.1.", argument="noticeVersion"
        )
    person_id = await someone(tx)
    ((consent_id, is_new),) = await tx.rows(
        load.give_consent(
            id=new_id(ConsentRecord.prefix),
            subject_id=person_id,
            purpose=purpose,
            notice_version=notice_version,
            language=language.lower(),
            channel=channel,
            given_at=tx.now,
        )
    )
    if is_new:
        await tx.emit("ConsentGiven", person_id, consent=consent_id, purpose=purpose)
    return str(consent_id)


async def withdraw_consent(tx: Transaction, *, purpose: Purpose) -> str:
    """Withdrawn again, it stays withdrawn as it was."""
    person_id = await someone(tx)
    withdrawn = await tx.value(load.withdraw_consent(person_id, purpose, tx.now))
    if withdrawn is not None:
        await tx.emit("ConsentWithdrawn", person_id, consent=withdrawn, purpose=purpose)
    consent_id = withdrawn or await tx.value(load.latest_consent(person_id, purpose))
    if consent_id is None:
        raise NotFound("purpose")
    return str(consent_id)


async def request_erasure(tx: Transaction) -> str:
    """Refuses: ErasurePending."""
    person_id = await someone(tx)
    request = ErasureRequest(
        id=new_id(ErasureRequest.prefix),
        subject_id=person_id,
        state=ErasureState.REQUESTED,
        requested_at=tx.now,
    )
    with refused_as("erasure_request_open", ErasurePending()):
        await tx.add(request)
    await tx.emit("ErasureRequested", person_id, request=request.id)
    return request.id
