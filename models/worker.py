"""Workers, the providers they work through, their verifications and engagements."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import partial as bound
from typing import Annotated, ClassVar

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    FromClause,
    Index,
    Sequence,
    UniqueConstraint,
    and_,
    any_,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Mapped

from models.account import UNPROVEN, ConsentPurpose, ConsentRecord, Gender
from models.base import (
    Row,
    RowRule,
    datetime,
    last_four,
    last_two,
    masked_email,
    masked_mobile,
    never,
    officer,
    one_of,
    owner,
    partner,
    public,
    there_is,
)
from runtime.batch import DEPARTMENT, DISTRICTS, PROVIDER, PURPOSES, VIEWER
from runtime.language import Language
from runtime.privacy import Privacy
from runtime.refusal import Refusal
from runtime.rights import CONSENTS, Area, Rule

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


@dataclass(frozen=True)
class Move:
    """From which statuses to which one a command takes a registration. Who may send the
    command stands with its `Act`."""

    before: frozenset[WorkerStatus]
    after: WorkerStatus


MOVES: Mapping[str, Move] = {
    "submit": Move(frozenset({WorkerStatus.DRAFT, WorkerStatus.REJECTED}), WorkerStatus.SUBMITTED),
    "take_up": Move(frozenset({WorkerStatus.SUBMITTED}), WorkerStatus.UNDER_VERIFICATION),
    "activate": Move(
        frozenset({WorkerStatus.UNDER_VERIFICATION, WorkerStatus.SUSPENDED}), WorkerStatus.ACTIVE
    ),
    "reject": Move(
        frozenset({WorkerStatus.SUBMITTED, WorkerStatus.UNDER_VERIFICATION}),
        WorkerStatus.REJECTED,
    ),
    "pause": Move(frozenset({WorkerStatus.ACTIVE}), WorkerStatus.INACTIVE),
    "resume": Move(frozenset({WorkerStatus.INACTIVE}), WorkerStatus.ACTIVE),
    "suspend": Move(
        frozenset({WorkerStatus.ACTIVE, WorkerStatus.INACTIVE}), WorkerStatus.SUSPENDED
    ),
}
"""How registrations go on; erasure, which ends them, is the data protection officer's."""

CHECKABLE = frozenset(
    {
        WorkerStatus.UNDER_VERIFICATION,
        WorkerStatus.ACTIVE,
        WorkerStatus.INACTIVE,
        WorkerStatus.SUSPENDED,
    }
)
"""The statuses in which what is checked of a worker may be recorded."""


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


MANDATORY = (VerificationKind.IDENTITY, VerificationKind.POLICE)
"""What must stand of a worker before they take bookings, besides a verified skill."""


class EngagementStatus(StrEnum):
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


class NotAtThisStage(Refusal):
    """The registration has not come so far, or is past this."""

    english = "The registration stands at {status}: this cannot be done now."
    hindi = "पंजीकरण की स्थिति {status} है: अभी यह नहीं किया जा सकता।"
    status: Annotated[WorkerStatus, "Where it stands."]


class RegistrationIncomplete(Refusal):
    """Something is missing that the registration cannot be handed in without."""

    english = "Fill in first: {listed}."
    hindi = "पहले ये विवरण भरें: {listed}।"
    missing: Annotated[list[str], "What, as the fields are named."]

    def message(self, language: Language) -> str:
        return listing(self, [NEEDED[name] for name in self.missing], language)


class MissingVerifications(Refusal):
    """What must be verified before a worker takes bookings is not, or not any more."""

    english = "Not verified, or out of date: {listed}."
    hindi = "सत्यापित नहीं, या अवधि समाप्त: {listed}।"
    missing: Annotated[list[VerificationKind], "What."]

    def message(self, language: Language) -> str:
        return listing(self, [CHECKED[kind] for kind in self.missing], language)


NEEDED: Mapping[str, tuple[str, str]] = {
    "mobile": ("mobile number", "मोबाइल नंबर"),
    "gender": ("gender", "लिंग"),
    "birthDate": ("birth date", "जन्मतिथि"),
    "languages": ("languages", "भाषाएँ"),
    "home": ("home address", "घर का पता"),
    "trades": ("a trade", "कोई एक हुनर"),
}
"""What a registration cannot be handed in without, in words."""

CHECKED: Mapping[VerificationKind, tuple[str, str]] = {
    VerificationKind.IDENTITY: ("identity", "पहचान"),
    VerificationKind.POLICE: ("police verification", "पुलिस सत्यापन"),
    VerificationKind.SKILL: ("a skill", "कौशल"),
}


def listing(refusal: Refusal, words: Iterable[tuple[str, str]], language: Language) -> str:
    text = refusal.hindi if language is Language.HI else refusal.english
    return text.format(listed=", ".join(language.of(*both) or "" for both in words))


class IdentityVerified(Refusal):
    """Name, gender and birth date were verified: only an officer changes them now."""

    english = "Name, gender and birth date are verified. Ask the employment office to change them."
    hindi = "नाम, लिंग और जन्मतिथि सत्यापित हैं। बदलने के लिए सेवायोजन कार्यालय से कहें।"


class TooYoung(Refusal):
    """Nobody works here before they are of age."""

    english = "A worker must be at least {years} years old."
    hindi = "सेवा मित्र की आयु कम से कम {years} वर्ष होनी चाहिए।"
    years: Annotated[int, "The lowest age."]


class EshramTaken(Refusal):
    """The e-Shram number belongs to another worker."""

    english = "This e-Shram number belongs to another worker."
    hindi = "यह ई-श्रम संख्या किसी और सेवा मित्र की है।"


class TabletTaken(Refusal):
    """The tablet was allotted to another worker and not returned."""

    english = "This tablet is with another worker. It must be returned first."
    hindi = "यह टैबलेट किसी और सेवा मित्र के पास है। पहले उसे लौटाना होगा।"


class HasTablet(Refusal):
    """The worker has a tablet already; there is one for each."""

    english = "The worker has a tablet already. It must be returned first."
    hindi = "सेवा मित्र के पास टैबलेट पहले से है। पहले उसे लौटाना होगा।"


class HasNoTablet(Refusal):
    """There is no tablet to return."""

    english = "The worker has no tablet."
    hindi = "सेवा मित्र के पास कोई टैबलेट नहीं है।"


class DocumentTooLarge(Refusal):
    """The file is larger than we take."""

    english = "A document may have at most {limit} bytes."
    hindi = "दस्तावेज़ अधिकतम {limit} बाइट का हो सकता है।"
    limit: Annotated[int, "The most it may have, in bytes."]


class TooManyDocuments(Refusal):
    """The worker has handed in as many documents as we keep of one."""

    english = "At most {limit} documents are kept of one person."
    hindi = "एक व्यक्ति के अधिकतम {limit} दस्तावेज़ रखे जाते हैं।"
    limit: Annotated[int, "The most there may be."]


class NotEmpanelled(Refusal):
    """The provider works under no valid MOU now."""

    english = "The provider is not empanelled now."
    hindi = "सेवाप्रदाता अभी सूचीबद्ध नहीं है।"


class DistrictNotServed(Refusal):
    """The provider does not serve the district."""

    english = "The provider does not serve this district."
    hindi = "सेवाप्रदाता इस ज़िले में सेवा नहीं देता।"


FIRST_CODE = 5_000_001
"""Lower codes are those of older registers, and of demo data."""
worker_codes = Sequence("worker_codes", start=FIRST_CODE, metadata=Row.metadata)
provider_codes = Sequence("provider_codes", start=50_001, metadata=Row.metadata)


class Provider(Row):
    """An agency under an MOU with the Directorate. The MOU's dates are its empanelment."""

    __tablename__ = "provider"
    __table_args__ = (
        one_of("status", ProviderStatus),
        CheckConstraint("empanelled_until > empanelled_from", name="empanelment_ordered"),
        Index("provider_unproven_mobile", "unproven_mobile", postgresql_where=UNPROVEN),
        Index("provider_listed", "code", postgresql_where=text("status = 'EMPANELLED'")),
    )
    prefix: ClassVar[str] = "pv"
    areas: ClassVar[dict[Privacy, Area]] = {
        Privacy.OWNER: Area.PROVIDER_TEAM,
        Privacy.OFFICER: Area.PROVIDER_RECORD,
    }
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
    code: Mapped[str] = public(
        unique=True,
        server_default=text("'SP' || lpad(nextval('provider_codes')::text, 5, '0')"),
    )
    name_en: Mapped[str] = public()
    name_hi: Mapped[str] = public()
    status: Mapped[str] = public()
    status_reason: Mapped[str | None] = owner()
    empanelled_from: Mapped[date | None] = public()
    empanelled_until: Mapped[date | None] = public()
    mou_reference: Mapped[str | None] = officer()
    gstin: Mapped[str | None] = officer(mask=last_four)
    pan_masked: Mapped[str | None] = officer()
    mobile: Mapped[str | None] = officer(
        CheckConstraint(f"mobile ~ {MOBILE}", name="mobile"), unique=True, mask=masked_mobile
    )
    """Also how those who act for it sign in: they have proven that it is theirs."""
    unproven_mobile: Mapped[str | None] = officer(
        CheckConstraint(f"unproven_mobile ~ {MOBILE}", name="unproven_mobile"), mask=masked_mobile
    )
    """What somebody else wrote down. It becomes `mobile` by a code and a second fact."""
    mobile_used_at: Mapped[datetime | None] = never()
    """When somebody last signed in with it; null before they have."""
    registered_at: Mapped[datetime] = public()


class ProviderDistrict(Row):
    """A district that a provider serves."""

    __tablename__ = "provider_district"

    provider_id: Mapped[str] = public(ForeignKey("provider.id"), primary_key=True)
    district_id: Mapped[str] = public(ForeignKey("district.id"), primary_key=True, index=True)


def agreeing(purposes: frozenset[str]) -> ColumnElement[bool]:
    """The workers in the client's districts who agreed to one of the purposes that it has."""
    of_its = ConsentRecord.purpose == any_(PURPOSES)
    return in_reach(consented(of_its, ConsentRecord.purpose.in_(sorted(purposes))))


def agreements() -> FromClause:
    """Of the purposes that the client has, those that the worker agreed to."""
    purposes = (
        select(func.array_agg(ConsentRecord.purpose))
        .where(
            ConsentRecord.subject_id == Worker.id,
            ConsentRecord.purpose == any_(PURPOSES),
            ConsentRecord.withdrawn_at.is_(None),
        )
        .correlate(Worker)
    )
    return select(purposes.scalar_subquery().label("purposes")).offset(0).lateral("agreed")


def agreeing_as_found(purposes: frozenset[str], agreed: FromClause) -> ColumnElement[bool]:
    among = cast(array(sorted(purposes)), Worker.languages.type)
    return in_reach(agreed.c.purposes.bool_op("&&")(among))


def in_reach(agrees: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(
        Worker.district_id == any_(DISTRICTS),
        or_(
            agrees,
            # What the client told us itself, until the person has taken it over.
            and_(Worker.enrolled_by == VIEWER, Worker.status == WorkerStatus.DRAFT),
        ),
    )


def consented(*to: ColumnElement[bool]) -> ColumnElement[bool]:
    found = select(literal(1)).where(
        ConsentRecord.subject_id == Worker.id, *to, ConsentRecord.withdrawn_at.is_(None)
    )
    # Without the fence PostgreSQL reads the consents of everybody, once for each place where a
    # statement asks, rather than look into the index for the rows that it shows.
    return exists(found.correlate(Worker).offset(0))


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
        Index("worker_unproven_mobile", "unproven_mobile", postgresql_where=UNPROVEN),
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
        Index(
            "worker_of_team",
            "provider_id",
            "code",
            postgresql_where=text("provider_id IS NOT NULL"),
        ),
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
        **{rule: bound(agreeing, purposes) for rule, purposes in CONSENTS.items()},
    }
    evidence = agreements
    by_evidence: ClassVar[dict[Rule, Callable[[FromClause], ColumnElement[bool]]]] = {
        rule: bound(agreeing_as_found, purposes) for rule, purposes in CONSENTS.items()
    }

    id: Mapped[str] = public(primary_key=True)
    code: Mapped[str] = public(
        unique=True,
        server_default=text("'SM' || lpad(nextval('worker_codes')::text, 7, '0')"),
    )
    status: Mapped[str] = public()
    status_reason: Mapped[str | None] = owner(area=Area.WORKER_STANDING)
    """Why it was turned down or stopped."""
    first_name_en: Mapped[str | None] = public()
    first_name_hi: Mapped[str | None] = public()
    initial_en: Mapped[str | None] = public()
    initial_hi: Mapped[str | None] = public()
    languages: Mapped[list[str]] = public()
    years_experience: Mapped[int] = public()
    photo_url: Mapped[str | None] = public(only_if=lambda: agreed_to(ConsentPurpose.PHOTO))
    district_id: Mapped[str] = public(ForeignKey("district.id"))
    provider_id: Mapped[str | None] = public(ForeignKey("provider.id"))
    cell: Mapped[str] = public()
    latitude: Mapped[float] = public()
    longitude: Mapped[float] = public()

    surname_en: Mapped[str | None] = partner(area=Area.WORKER_IDENTITY)
    surname_hi: Mapped[str | None] = partner(area=Area.WORKER_IDENTITY)
    registered_at: Mapped[datetime] = partner()
    gender: Mapped[str | None] = partner()
    birth_year: Mapped[int | None] = partner()
    eshram_uan: Mapped[str | None] = partner(
        CheckConstraint("eshram_uan ~ '^[0-9]{12}$'", name="eshram_uan"),
        unique=True,
        area=Area.WORKER_REGISTER,
    )

    mobile: Mapped[str | None] = owner(
        CheckConstraint(f"mobile ~ {MOBILE}", name="mobile"), unique=True, mask=masked_mobile
    )
    """What they sign in with: they have proven that it is theirs."""
    unproven_mobile: Mapped[str | None] = owner(
        CheckConstraint(f"unproven_mobile ~ {MOBILE}", name="unproven_mobile"), mask=masked_mobile
    )
    """What somebody else wrote down. It becomes `mobile` by a code and a second fact."""
    mobile_used_at: Mapped[datetime | None] = never()
    """When they last signed in with it; null before they have."""
    alternate_mobile: Mapped[str | None] = owner(mask=masked_mobile)
    email: Mapped[str | None] = owner(mask=masked_email)
    home_latitude: Mapped[float | None] = owner(area=Area.WORKER_HOME)
    home_longitude: Mapped[float | None] = owner(area=Area.WORKER_HOME)

    channel: Mapped[str] = officer()
    enrolled_by: Mapped[str | None] = never()
    """Who entered them, where it was not themselves."""
    birth_date: Mapped[date | None] = officer(area=Area.WORKER_HOME)
    home_address: Mapped[str | None] = officer(area=Area.WORKER_HOME)
    aadhaar_last4: Mapped[str | None] = officer(mask=last_two)
    kyc_method: Mapped[str | None] = officer()
    bank_last4: Mapped[str | None] = officer(mask=last_two)
    emergency_contact: Mapped[str | None] = officer(area=Area.WORKER_HOME)
    tablet_serial: Mapped[str | None] = officer(unique=True)


def agreed_to(purpose: ConsentPurpose) -> ColumnElement[bool]:
    """The workers whose consent for the purpose stands."""
    return consented(ConsentRecord.purpose == purpose)


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
    named_by = ("id", "worker_id")
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


class MediaType(StrEnum):
    JPEG = "image/jpeg"
    PNG = "image/png"
    PDF = "application/pdf"


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
    named_by = ("id", "worker_id")
    part_of = ("worker_id", Worker)

    id: Mapped[str] = public(primary_key=True)
    worker_id: Mapped[str] = owner(ForeignKey("worker.id"), index=True)
    kind: Mapped[str] = owner()
    media_type: Mapped[str] = owner()
    bytes: Mapped[int] = owner()
    sha256: Mapped[str] = officer(area=Area.DOCUMENTS)
    """Of its content, in hex: also where storage keeps it."""
    submitted_at: Mapped[datetime] = owner()


class Upload(Row):
    """A ticket to hand in one document, once. Only its hash is kept."""

    __tablename__ = "upload"
    __table_args__ = (one_of("kind", DocumentKind),)

    ticket_hash: Mapped[str] = never(primary_key=True)
    worker_id: Mapped[str] = never(ForeignKey("worker.id"), index=True)
    kind: Mapped[str] = never()
    media_type: Mapped[str] = never()
    bytes: Mapped[int] = never()
    sha256: Mapped[str] = never()
    requested_by: Mapped[str] = never()
    expires_at: Mapped[datetime] = never()
    used_at: Mapped[datetime | None] = never()


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
