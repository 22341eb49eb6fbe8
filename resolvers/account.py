"""People and their accounts: signing in, and what is computed of the viewer and of citizens."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlsplit

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
    FactWrong,
    Gender,
    MobileTaken,
    NotRegistered,
    OneTimeCode,
    PlaceOutsideDistrict,
    SecondFactNeeded,
    SignInAs,
    TooManyAddresses,
    TooManyCodes,
)
from models.base import new_id
from models.code import CODE_TEXTS, CodePurpose
from models.place import District
from resolvers.info import Info
from resolvers.place import Point
from resolvers.session import Device, SignedIn, begin_session, digest, told_again
from runtime import clock
from runtime.faults import BadInput, NotFound
from runtime.geography import kilometres
from runtime.household import household
from runtime.language import Language
from runtime.lost import sealed
from runtime.phone import checked_mobile
from runtime.quota import Quota
from runtime.rights import Role
from runtime.secret import NOBODYS_HASH, a_code, hashed, matches
from runtime.transaction import Transaction, refused_as
from runtime.viewer import Viewer
from runtime.words import Exact, Words, checked_name

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
class RightCode:
    """A code that was told rightly, to be used up."""

    id: str
    tries_left: int


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


def reached_at(row: Any) -> str | None:
    """The number of a citizen, worker or provider, whether they have proven it or not."""
    number: str | None = row.mobile or row.unproven_mobile
    return number


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


Mobile = Annotated[Exact, "Their mobile number, such as +919876543210."]
As = Annotated[SignInAs, "In which role."]
ClientSecret = Annotated[
    Exact | None,
    "A random text of your own, of 22 characters and more, for this device: sent with both commands"
    " it lets you sign in once more with the same code where the answer was lost.",
]
CLIENT_SECRET = range(22, 201)
"""How long one is: 22 characters of base64 are the 128 bits that nobody guesses."""


def account_of(viewer: Viewer) -> str | None:
    """The id of the row by which somebody signs in: of those who act for a provider, its own."""
    return viewer.provider_id if viewer.role is Role.PROVIDER else viewer.id


@dataclass(frozen=True)
class Subject:
    """The one thing that a code is good for, and what its text calls it."""

    id: str | None = None
    english: str = ""
    hindi: str = ""


async def no_subject(tx: Transaction, role: SignInAs, subject_id: str | None) -> Subject:
    if subject_id is not None:
        raise BadInput("A code of this purpose has no subject.", argument="subjectId")
    return Subject()


async def themself(tx: Transaction, role: SignInAs, subject_id: str | None) -> Subject:
    """Whoever asks, who is signed in."""
    await no_subject(tx, role, subject_id)
    if tx.viewer.role != Role(role):
        raise BadInput("`role` must be that in which you are signed in.", argument="role")
    return Subject(account_of(tx.viewer))


SubjectOf = Callable[[Transaction, SignInAs, str | None], Awaitable[Subject]]
SUBJECTS: dict[CodePurpose, SubjectOf] = {
    CodePurpose.SIGN_IN: no_subject,
    CodePurpose.REGISTRATION: no_subject,
    CodePurpose.OLD_NUMBER: themself,
    CodePurpose.NEW_NUMBER: themself,
}
"""How the subject of a code is found. Domains above add the purposes whose subjects are theirs."""
ROLES: Mapping[CodePurpose, frozenset[SignInAs]] = {
    CodePurpose.REGISTRATION: frozenset({SignInAs.WORKER, SignInAs.PROVIDER}),
    CodePurpose.BOOKING: frozenset({SignInAs.CITIZEN}),
}
"""The roles that a purpose is for; all of them if it is not named."""


async def request_code(
    tx: Transaction,
    *,
    mobile: Mobile,
    role: As,
    purpose: Annotated[
        CodePurpose, "What the code is for; it is good for nothing else."
    ] = CodePurpose.SIGN_IN,
    subject_id: Annotated[str | None, "To book: the price that you were told."] = None,
    client_secret: ClientSecret = None,
) -> CodeSent:
    """Refuses: TooManyCodes. Whether anybody has the number makes no difference here."""
    mobile, settings = checked_mobile(mobile, tx.settings), tx.settings
    if role not in ROLES.get(purpose, SignInAs):
        raise BadInput("There is no code of this purpose for the role.", argument="role")
    subject = await SUBJECTS[purpose](tx, role, subject_id)
    client = client_of(client_secret)
    # Ahead of the locks: who asks from the address of a carrier would wait for all others there.
    code = a_code()
    hash = await hashed(code)
    address = household(tx.origin.address)
    # Counting and sending must not overlap with another request for the same phone.
    device = () if client is None else (f"codes of {client}",)
    await tx.rows(load.quiet(f"codes to {mobile}", f"codes from {address}", *device))
    since = tx.now - LIMITED_WITHIN
    ((to_phone, of_client, from_address),) = await tx.rows(
        load.codes_since(mobile, client, address, since)
    )
    if (
        to_phone >= settings.codes_per_phone
        or of_client >= settings.codes_per_device
        or from_address >= settings.codes_per_address
    ):
        raise TooManyCodes(minutes=int(LIMITED_WITHIN / timedelta(minutes=1)))
    expires_at = tx.now + timedelta(minutes=settings.code_minutes)
    await tx.add(
        OneTimeCode(
            id=new_id(OneTimeCode.prefix),
            mobile=mobile,
            role=role,
            purpose=purpose,
            subject_id=subject.id,
            address=address,
            hash=hash,
            expires_at=expires_at,
            client_hash=client,
        )
    )
    said, ends = CODE_TEXTS[purpose], filled_in(tx, code)
    tx.tell(
        mobile,
        tx.language,
        said.english.format(code=code, about=subject.english) + ends,
        said.hindi.format(code=code, about=subject.hindi) + ends,
    )
    return CodeSent(expires_at)


def filled_in(tx: Transaction, code: str) -> str:
    """The last line of a text, by which phones fill the code in on our own pages and on no others
    (origin-bound one-time codes, of the WICG)."""
    return f"\n\n@{urlsplit(tx.settings.address).hostname} #{code}"


async def prove_mobile(
    tx: Transaction,
    mobile: str,
    role: SignInAs,
    code: str,
    purpose: CodePurpose,
    subject_id: str | None = None,
) -> None:
    """That whoever asks has the phone in hand, for this and nothing else. Refuses: CodeWrong."""
    await use_codes(tx, await right_code(tx, mobile, role, code, purpose, subject_id))


async def right_code(
    tx: Transaction,
    mobile: str,
    role: SignInAs,
    code: str,
    purpose: CodePurpose,
    subject_id: str | None = None,
) -> RightCode:
    """Raises CodeWrong, the try counted."""
    tries = await tx.rows(load.count_try(mobile, role, purpose, subject_id))
    limit = tx.settings.code_tries
    if not tries:
        await matches(NOBODYS_HASH, code)
        raise CodeWrong(tries_left=0)
    (found,) = tries
    usable = found.used_at is None and found.expires_at > tx.now and found.tries <= limit
    # Compared whether or not it can be used, for the time it takes would tell; but not for who
    # tries on and on, as others wait for the row.
    is_right = found.tries <= limit and await matches(found.hash, code)
    if not (usable and is_right):
        raise CodeWrong(tries_left=max(0, limit - found.tries) if usable else 0)
    return RightCode(found.id, limit - found.tries)


async def use_codes(tx: Transaction, *codes: RightCode) -> None:
    for code in codes:
        await tx.change(load.use_code(code.id, tx.now))


async def sign_in(
    tx: Transaction,
    *,
    mobile: Mobile,
    role: As,
    code: Annotated[Exact, "The code from the text message."],
    fact: Annotated[
        Exact | None,
        "Where SecondFactNeeded was the answer: the code on your registration slip; for a citizen,"
        " the number of one of your bookings.",
    ] = None,
    anew: Annotated[
        bool, "A citizen begins with nothing: what was there was another person's."
    ] = False,
    device: Device = None,
    client_secret: ClientSecret = None,
) -> SignedIn:
    """A citizen is registered by their first sign-in. Whoever asked for the code with a secret of
    theirs, and sends it, is answered the same again for a while. Refuses: CodeWrong,
    SecondFactNeeded, FactWrong, MobileTaken, NotRegistered."""
    mobile, client = checked_mobile(mobile, tx.settings), client_of(client_secret)
    proven = partial(sign_in_by_code, tx, mobile, role, code, fact, device, anew=anew)
    if client is None:
        return await proven()
    # Only the client itself knows both, so no try is counted.
    secret = f"{client_secret} {code}"
    await tx.rows(load.quiet(f"sign in {client}"))
    since = tx.now - timedelta(seconds=tx.settings.refresh_grace_seconds)
    kept = await tx.value(load.code_answered(mobile, role, client, since))
    if kept is not None and (answer := told_again(kept, secret)) is not None:
        return answer
    answer = await proven()
    await tx.change(load.keep_answer(mobile, role, client, tx.now, sealed(answer, secret)))
    return answer


def client_of(secret: str | None) -> str | None:
    """What is kept of the secret: its digest."""
    if secret is None:
        return None
    if len(secret) not in CLIENT_SECRET:
        told = f"`clientSecret` must have {CLIENT_SECRET[0]} to {CLIENT_SECRET[-1]} characters."
        raise BadInput(told, argument="clientSecret")
    return digest(secret)


async def sign_in_by_code(
    tx: Transaction,
    mobile: str,
    role: SignInAs,
    code: str,
    fact: str | None,
    device: str | None,
    *,
    anew: bool,
) -> SignedIn:
    proof = await right_code(tx, mobile, role, code, CodePurpose.SIGN_IN)
    fresh = anew and role is SignInAs.CITIZEN
    person_id = await owner_of(tx, mobile, role, fact, proof, fresh=fresh)
    await use_codes(tx, proof)
    if person_id is not None:
        return await begin_session(tx, role, person_id, device)
    if role is not SignInAs.CITIZEN:
        raise NotRegistered
    citizen = Citizen(
        id=new_id(Citizen.prefix),
        mobile=mobile,
        mobile_used_at=tx.now,
        language=tx.language.lower(),
        registered_at=tx.now,
    )
    await tx.add(citizen)
    await tx.emit("CitizenRegistered", citizen.id)
    return await begin_session(tx, role, citizen.id, device)


async def owner_of(
    tx: Transaction,
    mobile: str,
    role: SignInAs,
    fact: str | None,
    proof: RightCode,
    *,
    fresh: bool,
) -> str | None:
    """Who signs in with the number, which is theirs from now on; None for somebody new.

    Of a number that somebody else wrote down, or that was not used for long, the code is not
    enough: the phone may be a stranger's. Refuses: SecondFactNeeded, FactWrong, MobileTaken.
    """
    holders = await tx.rows(load.person_with_mobile(role, mobile))
    if holders and not await is_unused(tx, holders[0]):
        await tx.change(load.number_used(role, holders[0].id, mobile, tx.now))
        return str(holders[0].id)
    claimants = holders or await tx.rows(load.people_with_unproven(role, mobile))
    if fresh and holders:
        await tx.change(load.number_left(role, holders[0].id))
        await tx.emit("CitizenChanged", holders[0].id, changed="NUMBER")
    if fresh or not claimants:
        return None
    if fact is None:
        raise SecondFactNeeded
    ids = [person.id for person in claimants]
    known = await tx.every(load.knowing(role, ids, fact.strip().upper()))
    if len(known) != 1:
        raise FactWrong(tries_left=proof.tries_left)
    with refused_as("mobile_unique", MobileTaken()):
        await tx.change(load.number_used(role, known[0], mobile, tx.now))
    await tx.emit("NumberProven", known[0])
    return str(known[0])


async def is_unused(tx: Transaction, person: Any) -> bool:
    """Whether the number may have been given to somebody else. Of one that was there before this
    was kept, nothing is known."""
    since = tx.now - timedelta(days=tx.settings.number_unused_days)
    if person.mobile_used_at is None or person.mobile_used_at > since:
        return False
    return not await tx.value(load.signed_in_since(person.id, since))


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
