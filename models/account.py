"""People and systems who use the service: citizens, departments, partners, what they agreed
to, how they sign in, and what was done on whose behalf."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    ForeignKey,
    Identity,
    Index,
    and_,
    any_,
    cast,
    or_,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, array
from sqlalchemy.orm import Mapped

from models.base import (
    Row,
    RowRule,
    datetime,
    masked_mobile,
    never,
    now,
    officer,
    one_of,
    owner,
    public,
)
from models.code import CodePurpose
from runtime.batch import DISTRICTS, VIEWER
from runtime.privacy import Privacy
from runtime.refusal import Refusal
from runtime.rights import Area, Role, Rule


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


class ConsentChannel(StrEnum):
    """Where a person was when they agreed."""

    APP = "APP"
    PORTAL = "PORTAL"
    HELPLINE = "HELPLINE"
    BLOCK_OFFICE = "BLOCK_OFFICE"
    CSC = "CSC"
    PROVIDER = "PROVIDER"


class SignInAs(StrEnum):
    """Who signs in with a phone; everyone else comes through the identity provider."""

    CITIZEN = "CITIZEN"
    WORKER = "WORKER"
    PROVIDER = "PROVIDER"


class ErasureState(StrEnum):
    REQUESTED = "REQUESTED"
    GRANTED = "GRANTED"
    DECLINED = "DECLINED"


class TooManyCodes(Refusal):
    """Too many codes were asked for. Wait, then ask again."""

    english = "Too many codes were sent. Try again in {minutes} minutes."
    hindi = "बहुत अधिक कोड भेजे जा चुके हैं। {minutes} मिनट बाद फिर प्रयास करें।"
    minutes: Annotated[int, "How long to wait."]


class CodeWrong(Refusal):
    """The code is wrong, used, too old, or was tried too often. Ask for a new one if in doubt."""

    english = "The code is not right, or not valid any more. Tries left: {tries_left}."
    hindi = "कोड सही नहीं है या अब मान्य नहीं है। शेष प्रयास: {tries_left}।"
    stands = True
    tries_left: Annotated[int, "With this code; at 0, ask for a new one."]


class NotRegistered(Refusal):
    """The phone is proved, but nobody is registered with it in this role."""

    english = "Nobody is registered with this number. Register first."
    hindi = "इस नंबर से कोई पंजीकृत नहीं है। पहले पंजीकरण करें।"


class SecondFactNeeded(Refusal):
    """Somebody else wrote this number down, or it was not used for so long that it may be another
    person's now. Send `fact` with the same code: your worker code or your agency's, from the
    registration slip; a citizen the number of one of their bookings, or `anew`."""

    english = (
        "Say also your code from the registration slip, or the number of one of your bookings."
    )
    hindi = "पंजीकरण पर्ची का कोड, या अपनी किसी बुकिंग का नंबर भी बताएँ।"


class FactWrong(Refusal):
    """The code is right, and the fact is not. It counts as a try."""

    english = "This does not belong to the registration. Tries left: {tries_left}."
    hindi = "यह पंजीकरण से मेल नहीं खाता। शेष प्रयास: {tries_left}।"
    stands = True
    tries_left: Annotated[int, "With this code; at 0, ask for a new one."]


class SessionEnded(Refusal):
    """The device is not signed in any more: sign in again."""

    english = "You are signed out on this device. Sign in again."
    hindi = "इस उपकरण पर आप साइन आउट हैं। फिर से साइन इन करें।"
    stands = True


class MobileTaken(Refusal):
    """The phone number belongs to somebody else already."""

    english = "This phone number is registered already."
    hindi = "यह फ़ोन नंबर पहले से पंजीकृत है।"


class TooManyAddresses(Refusal):
    """The citizen keeps as many addresses as they may. Remove one first."""

    english = "You may keep {limit} addresses. Remove one first."
    hindi = "आप अधिकतम {limit} पते रख सकते हैं। पहले कोई एक हटाएँ।"
    limit: Annotated[int, "How many one may keep."]


class PlaceOutsideDistrict(Refusal):
    """The point is too far away to lie in the district that was named. One of them is wrong."""

    english = "This place is not in the district you chose. Check the map and the district."
    hindi = "यह जगह चुने गए जिले में नहीं है। नक्शा और जिला जाँचें।"


class ErasurePending(Refusal):
    """The person has asked to be forgotten already, and was not answered yet."""

    english = "You have asked for this already. You will be answered soon."
    hindi = "आप यह अनुरोध पहले ही कर चुके हैं। शीघ्र उत्तर दिया जाएगा।"


class ErasureDecided(Refusal):
    """The request was answered before."""

    english = "This request has been decided already."
    hindi = "इस अनुरोध पर निर्णय हो चुका है।"


class BookingsUnderWay(Refusal):
    """Live bookings stand in the way: they must end, or be given to others, first."""

    english = "There are bookings under way: {count}. They must end first."
    hindi = "{count} बुकिंग अभी चल रही हैं। पहले वे पूरी होनी चाहिए।"
    count: Annotated[int, "How many."]


class ComplaintsUnsettled(Refusal):
    """Complaints by or about the person are not settled: what they say is still needed."""

    english = "There are complaints that are not settled: {count}. They must end first."
    hindi = "{count} शिकायतों का निपटारा बाकी है। पहले वे पूरी होनी चाहिए।"
    count: Annotated[int, "How many."]


UNPROVEN = text("unproven_mobile IS NOT NULL")


class DepartmentKind(StrEnum):
    OFFICE = "OFFICE"
    FIRM = "FIRM"


class Department(Row):
    """An office of the government, or a firm, that books services and engages workers."""

    __tablename__ = "department"
    __table_args__ = (one_of("kind", DepartmentKind),)
    prefix: ClassVar[str] = "dp"

    id: Mapped[str] = public(primary_key=True)
    kind: Mapped[str] = public(server_default=DepartmentKind.OFFICE)
    name_en: Mapped[str] = public()
    name_hi: Mapped[str] = public()
    district_id: Mapped[str | None] = public(ForeignKey("district.id"))


class Citizen(Row):
    __tablename__ = "citizen"
    __table_args__ = (
        one_of("gender", Gender),
        Index("citizen_unproven_mobile", "unproven_mobile", postgresql_where=UNPROVEN),
    )
    prefix: ClassVar[str] = "cz"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.CITIZEN_RECORD}
    rules: ClassVar[dict[Rule, RowRule]] = {
        Rule.OWN: lambda: and_(Citizen.id == VIEWER, Citizen.erased_at.is_(None)),
        Rule.DISTRICT: lambda: Citizen.district_id == any_(DISTRICTS),
    }

    id: Mapped[str] = public(primary_key=True)
    first_name_en: Mapped[str | None] = public()
    first_name_hi: Mapped[str | None] = public()
    surname_en: Mapped[str | None] = owner()
    surname_hi: Mapped[str | None] = owner()
    gender: Mapped[str | None] = owner()
    mobile: Mapped[str | None] = owner(unique=True, area=Area.CITIZEN_CONTACT, mask=masked_mobile)
    """What they sign in with: they have proven that it is theirs."""
    unproven_mobile: Mapped[str | None] = owner(area=Area.CITIZEN_CONTACT, mask=masked_mobile)
    """What somebody else wrote down. It becomes `mobile` by a code and a second fact."""
    mobile_used_at: Mapped[datetime | None] = never()
    """When they last signed in with it; null before they have."""
    language: Mapped[str] = owner()
    district_id: Mapped[str | None] = owner(ForeignKey("district.id"))
    """Null until they say where they live."""
    registered_at: Mapped[datetime] = owner()
    erased_at: Mapped[datetime | None] = owner()


class Address(Row):
    """A place a citizen has work done at."""

    __tablename__ = "address"
    prefix: ClassVar[str] = "ad"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.ADDRESS}
    rules: ClassVar[dict[Rule, RowRule]] = {Rule.OWN: lambda: Address.citizen_id == VIEWER}

    id: Mapped[str] = public(primary_key=True)
    citizen_id: Mapped[str] = owner(ForeignKey("citizen.id"), index=True)
    label: Mapped[str] = owner()
    line: Mapped[str] = owner()
    district_id: Mapped[str] = owner(ForeignKey("district.id"))
    latitude: Mapped[float] = owner()
    longitude: Mapped[float] = owner()


class ErasureRequest(Row):
    """Someone asks to be forgotten; the data protection officer decides."""

    __tablename__ = "erasure_request"
    __table_args__ = (
        one_of("state", ErasureState),
        Index(
            "erasure_request_open",
            "subject_id",
            unique=True,
            postgresql_where=text("state = 'REQUESTED'"),
        ),
    )
    prefix: ClassVar[str] = "er"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.ACCOUNT}
    rules: ClassVar[dict[Rule, RowRule]] = {Rule.OWN: lambda: ErasureRequest.subject_id == VIEWER}

    id: Mapped[str] = public(primary_key=True)
    subject_id: Mapped[str] = owner()
    """The id of a worker or a citizen."""
    state: Mapped[str] = owner()
    requested_at: Mapped[datetime] = owner()
    decided_at: Mapped[datetime | None] = owner()
    decided_by: Mapped[str | None] = never()
    answer: Mapped[str | None] = owner()


class ConsentRecord(Row):
    """What a person agreed to, with the notice they were shown. Withdrawal holds at once."""

    __tablename__ = "consent_record"
    __table_args__ = (
        one_of("purpose", ConsentPurpose),
        one_of("channel", ConsentChannel),
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
    subject_id: Mapped[str] = owner(index=True)
    """The id of a worker or a citizen."""
    purpose: Mapped[str] = owner()
    notice_version: Mapped[str] = owner()
    language: Mapped[str] = owner()
    channel: Mapped[str] = owner()
    given_at: Mapped[datetime] = owner()
    withdrawn_at: Mapped[datetime | None] = owner()


class Staff(Row):
    """The number under which people are told of somebody who acts for an office or a firm. It is
    given by `staff_number`, when they first do something that goes on record."""

    __tablename__ = "staff"

    id: Mapped[str] = never(primary_key=True)
    number: Mapped[int] = never(Identity(), unique=True)


class AuditDetail(Row):
    """What an entry of the audit says in words, and where it came from: erasure empties it."""

    __tablename__ = "audit_detail"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OFFICER: Area.AUDIT}

    id: Mapped[str] = officer(primary_key=True)
    reason: Mapped[str | None] = officer()
    address: Mapped[str | None] = officer()
    """The network address."""
    program: Mapped[str | None] = officer()


COMMANDS = "Mutation"
"""The type of entries of commands: their one field is the command."""


class AuditEntry(Row):
    """What was done, read or refused: one row for each command, and for each type that an
    operation reads. Rows are only added; the database itself refuses to change or delete one."""

    __tablename__ = "audit_entry"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OFFICER: Area.AUDIT}
    rules: ClassVar[dict[Rule, RowRule]] = {
        Rule.OWN: lambda: or_(AuditEntry.actor_id == VIEWER, AuditEntry.about(VIEWER)),
    }
    __table_args__ = (
        Index("audit_entry_of_actor", "actor_id", text("position DESC")),
        Index("audit_entry_of_subject", "subject_ids", postgresql_using="gin"),
        Index(
            "audit_entry_of_command",
            "fields",
            text("position DESC"),
            postgresql_where=text("type = 'Mutation'"),
        ),
    )

    position: Mapped[int] = officer(BigInteger, Identity(), primary_key=True)
    happened_at: Mapped[datetime] = officer(area=Area.ACCESS, default=now)
    actor_id: Mapped[str | None] = officer()
    role: Mapped[str] = officer(area=Area.ACCESS)
    session_id: Mapped[str | None] = officer()
    staff_number: Mapped[int | None] = officer(area=Area.ACCESS)
    district_id: Mapped[str | None] = officer(area=Area.ACCESS)
    department_id: Mapped[str | None] = officer(area=Area.ACCESS)
    provider_id: Mapped[str | None] = officer(area=Area.ACCESS)
    on_behalf_of: Mapped[str | None] = officer()
    purposes: Mapped[list[str]] = officer(area=Area.ACCESS)
    reason_category: Mapped[str | None] = officer(area=Area.ACCESS)
    refused: Mapped[bool] = officer(area=Area.ACCESS)
    type: Mapped[str] = officer(area=Area.ACCESS)
    subject_ids: Mapped[list[str]] = officer()
    fields: Mapped[list[str]] = officer(area=Area.ACCESS)
    request_id: Mapped[str] = officer()
    detail_id: Mapped[str | None] = officer(area=Area.ACCESS)

    @classmethod
    def did(cls, command: str | ColumnElement[str]) -> ColumnElement[bool]:
        return cls.fields == cast(array([command]), cls.fields.type)

    @classmethod
    def about(cls, id: str | ColumnElement[str]) -> ColumnElement[bool]:
        # Drivers send text as varchar, an array of which cannot be compared with one of text.
        return cls.subject_ids.bool_op("@>")(cast(array([id]), cls.subject_ids.type))


class OneTimeCode(Row):
    """A code sent to a phone, for one purpose. Tries are counted before they are compared."""

    __tablename__ = "one_time_code"
    __table_args__ = (
        one_of("purpose", CodePurpose),
        Index("one_time_code_of_phone", "mobile", text("sent_at DESC")),
        Index("one_time_code_of_address", "address", text("sent_at DESC")),
        Index("one_time_code_of_client", "client_hash", text("sent_at DESC")),
    )
    prefix: ClassVar[str] = "oc"

    id: Mapped[str] = never(primary_key=True)
    mobile: Mapped[str] = never()
    role: Mapped[str] = never()
    purpose: Mapped[str] = never(server_default=CodePurpose.SIGN_IN)
    subject_id: Mapped[str | None] = never()
    """The one thing that it is good for, where the purpose has many."""
    address: Mapped[str] = never()
    """The network address it was asked for from; of IPv6 the first 64 bits."""
    hash: Mapped[str] = never()
    sent_at: Mapped[datetime] = never(default=now)
    expires_at: Mapped[datetime] = never()
    tries: Mapped[int] = never(server_default="0")
    used_at: Mapped[datetime | None] = never()
    client_hash: Mapped[str | None] = never()
    """Of the secret that whoever asked for it has sent along."""
    answer: Mapped[str | None] = never()
    """What came of signing in with it, sealed under that secret and the code."""


class Session(Row):
    """A device that is signed in. Its refresh token changes with each use; `SpentToken` remembers
    those before, and whoever shows one again has stolen it or been stolen from, unless its answer
    was lost a moment ago."""

    __tablename__ = "session"
    __table_args__ = (
        one_of("role", Role),
        Index("session_of_person", "person_id"),
        Index("session_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )
    prefix: ClassVar[str] = "ss"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.SESSION}
    rules: ClassVar[dict[Rule, RowRule]] = {Rule.OWN: lambda: Session.person_id == VIEWER}

    id: Mapped[str] = owner(primary_key=True)
    person_id: Mapped[str] = owner()
    role: Mapped[str] = owner()
    device: Mapped[str | None] = owner()
    started_at: Mapped[datetime] = owner(default=now)
    used_at: Mapped[datetime] = owner(default=now)
    ended_at: Mapped[datetime | None] = owner()
    refresh_hash: Mapped[str] = never(unique=True)
    expires_at: Mapped[datetime] = never()


class SpentToken(Row):
    """A refresh token that was used. Showing it again ends the session, unless it is the last of
    them and the answer may have been lost: then it is answered the same for a while."""

    __tablename__ = "spent_token"

    hash: Mapped[str] = never(primary_key=True)
    session_id: Mapped[str] = never(ForeignKey("session.id"), index=True)
    spent_at: Mapped[datetime | None] = never()
    """Null of those that were used before this was noted."""
    answer: Mapped[str | None] = never()
    """Sealed under the token; of the last of a session only."""


class DemoAccount(Row):
    """Someone to become in demo data, by a token that is no secret. Only seeding makes one,
    and a gateway that is not in development accepts none."""

    __tablename__ = "demo_account"
    __table_args__ = (one_of("role", Role),)

    name: Mapped[str] = never(primary_key=True)
    role: Mapped[str] = never()
    person_id: Mapped[str] = never()
    district_ids: Mapped[list[str]] = never()
    provider_id: Mapped[str | None] = never()
    department_id: Mapped[str | None] = never()
    purposes: Mapped[list[str]] = never()


class SpentCall(Row):
    """A command that a gateway has sent a subgraph: it is not taken twice."""

    __tablename__ = "spent_call"

    gateway: Mapped[str] = never(primary_key=True)
    nonce: Mapped[str] = never(primary_key=True)
    expires_at: Mapped[datetime] = never(index=True)


class CommandDone(Row):
    """A command that was carried out under an idempotency key, kept for a day."""

    __tablename__ = "command_done"
    __table_args__ = (Index("command_done_by_age", "done_at"),)

    viewer_id: Mapped[str] = never(primary_key=True)
    key: Mapped[str] = never(primary_key=True)
    command: Mapped[str] = never()
    input_hash: Mapped[str] = never()
    result_id: Mapped[str | None] = never()
    done_at: Mapped[datetime] = never()


class Outbox(Row):
    """Events on their way out, written with what they tell of. `position` says nothing about
    the order of commits: readers follow `change_log`."""

    __tablename__ = "outbox"

    position: Mapped[int] = never(BigInteger, Identity(), primary_key=True)
    event: Mapped[str] = never()
    subject_id: Mapped[str] = never()
    facts: Mapped[dict[str, Any]] = never(JSONB())
    happened_at: Mapped[datetime] = never(default=now)


class ChangeLog(Row):
    """Events that were committed, in the order that holds for ever: what readers follow."""

    __tablename__ = "change_log"

    position: Mapped[int] = public(BigInteger, primary_key=True, autoincrement=False)
    event: Mapped[str] = public()
    subject_id: Mapped[str] = public(index=True)
    facts: Mapped[dict[str, Any]] = never(JSONB())
    happened_at: Mapped[datetime] = public()
    tag: Mapped[str | None] = public(server_default=text("left(gen_random_uuid()::text, 8)"))
    """Drawn for each row: after a backup is restored, another change has the same position and
    another tag. Null in rows that are older than tags."""


class Follower(Row):
    """How far a reader of `change_log` inside this service has come."""

    __tablename__ = "follower"

    name: Mapped[str] = never(primary_key=True)
    position: Mapped[int] = never(BigInteger)
