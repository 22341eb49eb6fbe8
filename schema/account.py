"""The viewer, and citizens."""

from datetime import datetime

from strawberry import ID

import resolvers.account as resolve
import resolvers.session as resolve_session
from loaders import account as load
from loaders import place as load_place
from models import account as model
from models.code import CodePurpose
from runtime.language import Language
from runtime.privacy import Privacy
from runtime.quota import Of, Per
from runtime.reason import ReasonCategory
from runtime.rights import Act, Area, Role
from schema.base import (
    Node,
    command,
    entity,
    enum,
    field,
    mutation,
    outcome,
    part,
    plain,
    query,
)
from schema.page import Connection
from schema.place import District, Point

enum(
    Role,
    "What a person is to the service.",
    ANONYMOUS="Anyone who has not signed in.",
    CITIZEN="Someone who books services.",
    WORKER="Someone who carries them out.",
    PROVIDER="Someone who acts for a service provider.",
    HELPLINE="An agent of the helpline, 155330.",
    DISTRICT_OFFICER="An employment officer of a district or division.",
    STATE_OFFICER="The state office.",
    DEPARTMENT="Someone who books and engages for a department.",
    PARTNER="The system of a partner department.",
    MODERATOR="Someone who looks into flagged reviews.",
    AUDITOR="An auditor, or the data protection officer.",
)
enum(
    ReasonCategory,
    "What somebody looked at people for.",
    CALL="Somebody called.",
    VERIFICATION="To check who somebody is, or what they can do.",
    COMPLAINT="A complaint.",
    SAFETY="Somebody was in danger.",
    PAYMENT="A payment or a refund.",
    CORRECTION="Something on record was wrong.",
    COURT="A court, or an authority that may ask.",
    DISCLOSURE="Sent to a partner, as their agreement says.",
)
enum(
    model.Gender,
    "A person's gender, as they state it.",
    FEMALE="Female.",
    MALE="Male.",
    OTHER="Another gender.",
)
enum(
    model.SignInAs,
    "The roles that sign in with a phone.",
    CITIZEN="Someone who books services.",
    WORKER="Someone who carries them out.",
    PROVIDER="Someone who acts for a service provider.",
)
enum(
    CodePurpose,
    "What a one-time code is for. It is good for nothing else.",
    SIGN_IN="To sign in. Nobody else may hear it.",
    REGISTRATION="To register as a worker or a provider. Nobody else may hear it.",
    BOOKING="To have the helpline or a provider book for a caller, who may tell it to them.",
    OLD_NUMBER="To change from this number to another. Nobody else may hear it.",
    NEW_NUMBER="To change to this number. Nobody else may hear it.",
)
enum(
    model.ConsentPurpose,
    "What a person may agree to have their data used for.",
    JOB_MATCHING="To be offered work by partner departments.",
    SKILL_RECORDS="To have skills and certificates kept in the registers of training.",
    SOCIAL_SECURITY="To be enrolled for social security.",
    RESEARCH="For research.",
    PHOTO="To have their photo shown to everyone.",
)
enum(
    model.ConsentChannel,
    "Where a person was when they agreed.",
    APP="In the app.",
    PORTAL="On the portal.",
    HELPLINE="On the phone.",
    BLOCK_OFFICE="At a block office.",
    CSC="At a common service centre.",
    PROVIDER="At their provider.",
)
enum(
    model.ErasureState,
    "How a request to be forgotten stands.",
    REQUESTED="Not decided.",
    GRANTED="Granted: nothing personal is left.",
    DECLINED="Declined: see the answer.",
)


@entity(model.Citizen, by_id=load.citizen_by_id)
class Citizen(Node):
    """Someone who books services. Others see of them what a live booking needs."""

    id: ID = field("Opaque and stable.")
    first_name: str | None = field(
        "Their given name.",
        "first_name_en first_name_hi",
        compute=resolve.first_name,
        shows=Privacy.OWNER,
        area=Area.CITIZEN_CONTACT,
    )
    surname: str | None = field("Their surname.", "surname_en surname_hi", compute=resolve.surname)
    gender: model.Gender | None = field("Their gender, if they stated it.")
    mobile: str | None = field(
        "Their phone number, as +91XXXXXXXXXX.",
        "mobile unproven_mobile",
        compute=resolve.reached_at,
    )
    language: Language | None = field(
        "The language they are told things in.", "language", compute=resolve.spoken
    )
    district: District | None = field(
        "Where they live; null until they say.", "district_id", load=load_place.district_by_id
    )
    registered_at: datetime | None = field("When they first signed in.")


@entity(model.Address, by_id=load.address_by_id)
class Address(Node):
    """A place a citizen has work done at. Nobody else sees it; a booking takes a copy."""

    id: ID = field("Opaque and stable.")
    label: str | None = field("What they call it.")
    line: str | None = field("How to find it.")
    district: District | None = field(
        "The district it lies in.", "district_id", load=load_place.district_by_id
    )
    location: Point | None = field(
        "Where it is.", "latitude longitude", compute=resolve.address_point
    )


@entity(model.ConsentRecord, by_id=load.consent_by_id)
class ConsentRecord(Node):
    """What a person agreed to, after the notice they were shown."""

    id: ID = field("Opaque and stable.")
    subject_id: ID | None = field("Whose consent it is: a worker's or a citizen's.")
    purpose: model.ConsentPurpose | None = field("What their data may be used for.")
    notice_version: str | None = field("Which version of the notice they were shown.")
    language: Language | None = field(
        "The language they read it in.", "language", compute=resolve.spoken
    )
    channel: model.ConsentChannel | None = field("Where they were shown it.")
    given_at: datetime | None = field("When they agreed.")
    withdrawn_at: datetime | None = field("When they withdrew it; null while it stands.")


@entity(model.ErasureRequest, by_id=load.erasure_by_id)
class ErasureRequest(Node):
    """A person asks to be forgotten; the data protection officer decides."""

    id: ID = field("Opaque and stable.")
    subject_id: ID | None = field("Who asks: a worker or a citizen.")
    state: model.ErasureState | None = field("How it stands.")
    requested_at: datetime | None = field("When they asked.")
    decided_at: datetime | None = field("When it was decided.")
    answer: str | None = field("What they were answered.")


@part(model.Session)
class Session:
    """A device that is signed in."""

    id: ID | None = field("Give it to `signOut`.")
    device: str | None = field("What it was called when it signed in.")
    started_at: datetime | None = field("When it signed in.")
    used_at: datetime | None = field("When its access was last renewed.")


@entity(model.Department, by_id=load.department_by_id)
class Department(Node):
    """An office of the government that books services and engages workers."""

    id: ID = field("Opaque and stable.")
    name: str = field("Its name.", "name_en name_hi", compute=resolve.department_name)


@part(model.AuditEntry)
class AuditEntry:
    """What was done: one entry for each command that succeeded, and for each type that a request
    read of people, or was refused. People are told of staff by office and number."""

    happened_at: datetime | None = field("When.")
    actor_id: ID | None = field("Who did it; null for someone who was not signed in.")
    role: Role | None = field(
        "What they were to the service; null for the service itself.",
        "role",
        compute=resolve.role_of,
    )
    staff_number: int | None = field("Which of the staff, if it was one of them.")
    district: District | None = field(
        "Whose officer it was.", "district_id", load=load_place.district_by_id
    )
    department: Department | None = field(
        "For which department it was.", "department_id", load=load.department_by_id
    )
    provider_id: ID | None = field("For which provider it was.")
    on_behalf_of: ID | None = field("For whom, where it was done for somebody who asked for it.")
    session_id: ID | None = field("The device they were signed in on.")
    purposes: list[str] | None = field("What a partner's system may use data for.")
    reason_category: ReasonCategory | None = field("What for, where a reason was stated.")
    reason: str | None = field(
        "Why they asked, where a reason had to be stated. Emptied when somebody is forgotten.",
        "detail_id",
        load=load.reason_by_detail,
    )
    refused: bool | None = field("Whether it was refused.")
    type: str | None = field("What was read, the refusal, or `Mutation` for a command.")
    subject_ids: list[ID] | None = field("Whom or what it was about.")
    fields: list[str] | None = field("What was read of them, or the command.")
    request_id: str | None = field("The request, as in the log.")
    address: str | None = field(
        "The network address that it came from.",
        "detail_id",
        load=load.address_by_detail,
        shows=Privacy.OFFICER,
        area=Area.AUDIT,
    )
    program: str | None = field(
        "What the program they used calls itself.",
        "detail_id",
        load=load.program_by_detail,
        shows=Privacy.OFFICER,
        area=Area.AUDIT,
    )


@plain
class Viewer:
    """Whoever sends the request."""

    id: ID | None = field("Your id; null if you are not signed in.", "id", compute=resolve.own_id)
    role: Role = field("What you are to the service.")
    language: Language = field("The language you are answered in.")
    citizen: Citizen | None = field(
        "You, as someone who books services.", "id", load=load.citizen_by_id
    )
    department: Department | None = field(
        "The department you act for.", "department_id", load=load.department_by_id
    )
    session_id: ID | None = field("The device you ask from, in `sessions`.")
    addresses: list[Address] = field(
        "Places you have work done at.", "id", load=load.addresses_by_citizen, size=20
    )
    consents: Connection[ConsentRecord] = field(
        "What you agreed to, the latest first.", "id", load=load.consents_by_subject
    )
    erasure_requests: Connection[ErasureRequest] = field(
        "Where you asked to be forgotten, the latest first.", "id", load=load.erasures_by_subject
    )
    accesses: Connection[AuditEntry] = field(
        "Who saw and changed your data, the latest first.", "id", load=load.accesses_by_subject
    )
    sessions: Connection[Session] = field(
        "Devices that are signed in as you, the latest first.", "id", load=load.sessions_by_person
    )


@query
class ViewerQuery:
    """Also in every slice that adds to the viewer, who has no key to be found by."""

    viewer: Viewer = field("Who you are to this service.", resolve=resolve.viewer)


enum(Of, "What there is a quota of.", POINTS="What operations cost.", ROWS="Rows read for you.")
enum(Per, "For how long a quota is.", MINUTE="One minute.", DAY="One day, in India.")


@plain
class Quota:
    """What the system of a partner may use up in a while."""

    of: Of = field("What there is so much of.")
    per: Per = field("In how long.")
    limit: int = field("How much there is.")
    used: int = field("How much of it is used up.")
    resets_at: datetime = field("When it begins anew.")


@plain
class RateLimit:
    """How many points you may still spend. Operations cost points, and you get some every second:
    `RateLimit` in the headers of every answer says the same."""

    cost: int = field("What this operation costs.")
    limit: int = field("How many you can have at most.")
    remaining: int = field("How many you have left after it.")
    quotas: list[Quota] = field("What you may use up, if you are the system of a partner.", size=4)
    reset_at: datetime = field("When all will be back if you ask for nothing until then, in UTC.")


@query
class Query(ViewerQuery):
    rate_limit: RateLimit | None = field(
        "Where you stand with the points that you may spend; null where nobody counts them.",
        resolve=resolve.rate_limit,
    )
    audit: Connection[AuditEntry] = field(
        "What was changed, what was read of people and what was refused, the latest first: where"
        " it is about you, or of everyone, as your role has it.",
        load=load.audit,
    )
    erasure_requests: Connection[ErasureRequest] = field(
        "Requests to be forgotten that wait for a decision, the oldest first.",
        load=load.erasures_to_decide,
    )


@outcome(resolve.CodeSent)
class CodeSent:
    """A code is on its way to the phone, whoever has it."""

    expires_at: datetime = field("Until when it holds.")


@outcome(resolve_session.SignedIn)
class SignedIn:
    """You are signed in on this device."""

    access_token: str = field("Send it as `Authorization: Bearer …`; it holds for minutes.")
    refresh_token: str = field("For `refreshSession`; keep it where no other app can read it.")
    expires_at: datetime = field("When the access token ends.")
    role: Role = field("What you are to the service.")


@outcome(resolve_session.SignedOut)
class SignedOut:
    """Devices were signed out. What they hold already goes on working for some minutes."""

    devices: int = field("How many.")


@mutation
class Mutation:
    request_code = command(
        "Have a one-time code sent to a phone, for one purpose.",
        resolve.request_code,
        may=Act.SIGN_IN,
        gives=CodeSent,
        refuses=(model.TooManyCodes,),
        vital=True,
    )
    sign_in = command(
        "Sign in with the code. A citizen needs no registration before.",
        resolve.sign_in,
        may=Act.SIGN_IN,
        gives=SignedIn,
        refuses=(
            model.CodeWrong,
            model.SecondFactNeeded,
            model.FactWrong,
            model.MobileTaken,
            model.NotRegistered,
        ),
    )
    refresh_session = command(
        "Get the next access token, and the next refresh token with it.",
        resolve_session.refresh_session,
        may=Act.SIGN_IN,
        gives=SignedIn,
        refuses=(model.SessionEnded,),
    )
    sign_out = command(
        "Sign out on one device.",
        resolve_session.sign_out,
        may=Act.SIGN_OUT,
        gives=SignedOut,
        suspended=True,
    )
    sign_out_everywhere = command(
        "Sign out on all devices.",
        resolve_session.sign_out_everywhere,
        may=Act.SIGN_OUT,
        gives=SignedOut,
        suspended=True,
    )
    change_profile = command(
        "Say who you are and where you live; what you leave out stays as it is.",
        resolve.change_profile,
        may=Act.KEEP_PROFILE,
        gives=Citizen,
    )
    add_address = command(
        "Keep a place to have work done at.",
        resolve.add_address,
        may=Act.KEEP_PROFILE,
        gives=Address,
        refuses=(model.TooManyAddresses, model.PlaceOutsideDistrict),
    )
    remove_address = command(
        "Keep a place no longer.", resolve.remove_address, may=Act.KEEP_PROFILE, gives=Citizen
    )
    give_consent = command(
        "Agree to have your data used for a purpose.",
        resolve.give_consent,
        may=Act.CONSENT,
        gives=ConsentRecord,
    )
    withdraw_consent = command(
        "Take consent back: it holds from the next read on.",
        resolve.withdraw_consent,
        may=Act.CONSENT,
        gives=ConsentRecord,
        suspended=True,
    )
    request_erasure = command(
        "Ask to be forgotten.",
        resolve.request_erasure,
        may=Act.ASK_ERASURE,
        gives=ErasureRequest,
        refuses=(model.ErasurePending,),
        suspended=True,
    )
