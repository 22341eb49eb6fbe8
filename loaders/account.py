"""Reads of people and their accounts: to most people the others do not exist."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import (
    Select,
    Text,
    Update,
    any_,
    cast,
    exists,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from loaders.page import Sort, pages
from loaders.shown import shown, visible
from models.account import (
    COMMANDS,
    Address,
    AuditDetail,
    AuditEntry,
    Citizen,
    ConsentRecord,
    Department,
    ErasureRequest,
    ErasureState,
    OneTimeCode,
    Session,
    SignInAs,
    SpentToken,
)
from runtime.batch import KEYS, VIEWER, Columns, Read, many, one, value
from runtime.clock import NOW
from runtime.rights import Area, Rule


@one(Citizen)
def citizen_by_id(columns: Columns) -> Read:
    return select(Citizen.id, *shown(Citizen, columns)).where(
        Citizen.id == any_(KEYS),
        visible(Citizen, Area.CITIZEN_RECORD, Area.CITIZEN_CONTACT),
    )


@one(Department)
def department_by_id(columns: Columns) -> Read:
    return select(Department.id, *shown(Department, columns)).where(Department.id == any_(KEYS))


@one(Address)
def address_by_id(columns: Columns) -> Read:
    return select(Address.id, *shown(Address, columns)).where(
        Address.id == any_(KEYS), visible(Address, Area.ADDRESS)
    )


@many(Address)
def addresses_by_citizen(columns: Columns) -> Read:
    return (
        select(Address.citizen_id, *shown(Address, columns))
        .where(Address.citizen_id == any_(KEYS), visible(Address, Area.ADDRESS))
        .order_by(Address.citizen_id, Address.label, Address.id)
    )


@one(ConsentRecord)
def consent_by_id(columns: Columns) -> Read:
    return select(ConsentRecord.id, *shown(ConsentRecord, columns)).where(
        ConsentRecord.id == any_(KEYS), visible(ConsentRecord, Area.ACCOUNT)
    )


@pages(ConsentRecord, Sort((ConsentRecord.given_at, ConsentRecord.id), descending=True))
def consents_by_subject(key: Any) -> Read:
    return select(ConsentRecord).where(
        ConsentRecord.subject_id == key, visible(ConsentRecord, Area.ACCOUNT)
    )


@one(ErasureRequest)
def erasure_by_id(columns: Columns) -> Read:
    return select(ErasureRequest.id, *shown(ErasureRequest, columns)).where(
        ErasureRequest.id == any_(KEYS), visible(ErasureRequest, Area.ACCOUNT)
    )


@pages(ErasureRequest, Sort((ErasureRequest.requested_at, ErasureRequest.id), descending=True))
def erasures_by_subject(key: Any) -> Read:
    return select(ErasureRequest).where(
        ErasureRequest.subject_id == key, visible(ErasureRequest, Area.ACCOUNT)
    )


@pages(ErasureRequest, Sort((ErasureRequest.requested_at, ErasureRequest.id)))
def erasures_to_decide(key: Any) -> Read:
    return select(ErasureRequest).where(
        ErasureRequest.state == ErasureState.REQUESTED, visible(ErasureRequest, Area.ACCOUNT)
    )


@pages(Session, Sort((Session.started_at, Session.id), descending=True))
def sessions_by_person(key: Any) -> Read:
    return select(Session).where(
        Session.person_id == key,
        Session.ended_at.is_(None),
        Session.expires_at > NOW,
        visible(Session, Area.SESSION),
    )


@pages(AuditEntry, Sort((AuditEntry.position,), descending=True))
def audit(
    key: Any,
    *,
    subject_id: Annotated[str | None, "Only what was about this person or thing."] = None,
    actor_id: Annotated[str | None, "Only what this one did."] = None,
    refused: Annotated[bool | None, "Only what was refused, or only what was not."] = None,
    changes: Annotated[bool | None, "Only commands, or only what was read."] = None,
    command: Annotated[str | None, "Only this command, such as `suspendWorker`."] = None,
    staff_number: Annotated[int | None, "Only what the one with this number did."] = None,
) -> Read:
    found = select(AuditEntry).where(visible(AuditEntry, Area.ACCESS))
    if subject_id is not None:
        # A filter tells no more than the field it is about: people see their own id alone.
        seen = or_(visible(AuditEntry, Area.AUDIT), cast(subject_id, Text) == VIEWER)
        found = found.where(AuditEntry.about(subject_id), seen)
    if actor_id is not None:
        found = found.where(AuditEntry.actor_id == actor_id, visible(AuditEntry, Area.AUDIT))
    if refused is not None:
        found = found.where(AuditEntry.refused == refused)
    if changes is not None:
        found = found.where((AuditEntry.type == COMMANDS) == changes)
    if command is not None:
        found = found.where(AuditEntry.type == COMMANDS, AuditEntry.did(command))
    if staff_number is not None:
        found = found.where(AuditEntry.staff_number == staff_number)
    return found


@pages(AuditEntry, Sort((AuditEntry.position,), descending=True))
def accesses_by_subject(key: Any) -> Read:
    return select(AuditEntry).where(
        AuditEntry.about(key), ~AuditEntry.refused, visible(AuditEntry, Area.ACCESS)
    )


@value(absent=None)
def reason_by_detail(columns: Columns) -> Read:
    return detail(AuditDetail.reason)


@value(absent=None)
def address_by_detail(columns: Columns) -> Read:
    return detail(AuditDetail.address)


@value(absent=None)
def program_by_detail(columns: Columns) -> Read:
    return detail(AuditDetail.program)


def detail(column: InstrumentedAttribute[str | None]) -> Read:
    """Whether it is shown is decided with the entry, which alone leads here."""
    return select(AuditDetail.id, column).where(AuditDetail.id == any_(KEYS))


def quiet(*names: str) -> Select[Any]:
    """Waits until nobody else does something under one of these names; ends with the
    transaction. In one order, so that two who need the same never wait for each other."""
    locks = [func.pg_advisory_xact_lock(func.hashtextextended(name, 0)) for name in sorted(names)]
    return select(*locks)


def codes_since(mobile: str, client_hash: str | None, address: str, since: datetime) -> Select[Any]:
    """How many codes went to the phone, and how many were asked for by the client and from the
    address. Clients that do not say who they are are nobody together."""
    sent = OneTimeCode.sent_at > since
    # Nobody's secret is like nobody's.
    of_client = false() if client_hash is None else OneTimeCode.client_hash == client_hash
    return select(
        select(func.count()).where(OneTimeCode.mobile == mobile, sent).scalar_subquery(),
        select(func.count(OneTimeCode.id)).where(of_client, sent).scalar_subquery(),
        select(func.count()).where(OneTimeCode.address == address, sent).scalar_subquery(),
    )


def count_try(mobile: str, role: str, purpose: str, subject_id: str | None) -> Update:
    """Counts before anything is compared: whoever tries in parallel is counted too."""
    latest = (
        select(OneTimeCode.id)
        .where(
            OneTimeCode.mobile == mobile,
            OneTimeCode.role == role,
            OneTimeCode.purpose == purpose,
            OneTimeCode.subject_id.is_not_distinct_from(subject_id),
        )
        .order_by(OneTimeCode.sent_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        update(OneTimeCode)
        .where(OneTimeCode.id == latest)
        .values(tries=OneTimeCode.tries + 1)
        .returning(
            OneTimeCode.id,
            OneTimeCode.hash,
            OneTimeCode.tries,
            OneTimeCode.expires_at,
            OneTimeCode.used_at,
        )
    )


def use_code(id: str, now: datetime) -> Update:
    return update(OneTimeCode).where(OneTimeCode.id == id).values(used_at=now)


def session_to_change(refresh_hash: str) -> Select[Session]:
    return select(Session).where(Session.refresh_hash == refresh_hash).with_for_update()


def session_of_spent(hash: str) -> Select[Session]:
    """The session of a refresh token that was used before."""
    return (
        select(Session)
        .join(SpentToken, SpentToken.session_id == Session.id)
        .where(SpentToken.hash == hash)
        .with_for_update(of=Session)
    )


def answer_to_spent(hash: str, since: datetime) -> Select[*tuple[Any, ...]]:
    """What a refresh token was answered, if that was after the time and it is still kept."""
    return select(SpentToken.answer).where(SpentToken.hash == hash, SpentToken.spent_at > since)


def drop_answers(session_id: str) -> Update:
    """Whoever uses a token has had the answer that brought it."""
    return (
        update(SpentToken)
        .where(SpentToken.session_id == session_id, SpentToken.answer.is_not(None))
        .values(answer=None)
    )


def code_answered(
    mobile: str, role: str, client_hash: str, since: datetime
) -> Select[*tuple[Any, ...]]:
    """What came of signing in with a code that this client has asked for, if that was after the
    time."""
    return (
        select(OneTimeCode.answer)
        .where(
            OneTimeCode.mobile == mobile,
            OneTimeCode.role == role,
            OneTimeCode.client_hash == client_hash,
            OneTimeCode.used_at > since,
            OneTimeCode.answer.is_not(None),
        )
        .order_by(OneTimeCode.used_at.desc())
        .limit(1)
    )


def keep_answer(mobile: str, role: str, client_hash: str, now: datetime, answer: str) -> Update:
    """Of signing in with the code that was used at this moment, if this client asked for it."""
    return (
        update(OneTimeCode)
        .where(
            OneTimeCode.mobile == mobile,
            OneTimeCode.role == role,
            OneTimeCode.client_hash == client_hash,
            OneTimeCode.used_at == now,
        )
        .values(answer=answer)
    )


def end_sessions(
    person_id: str, session_id: str | None, now: datetime
) -> ReturningUpdate[*tuple[Any, ...]]:
    """One of a person's sessions, or all of them: the ids of those that have ended by it."""
    mine = update(Session).where(Session.person_id == person_id, Session.ended_at.is_(None))
    chosen = mine if session_id is None else mine.where(Session.id == session_id)
    return chosen.values(ended_at=now).returning(Session.id)


People = Callable[[], Select[*tuple[Any, ...]]]
"""Selects everyone who may sign in in a role: `id`, `mobile`, `unproven_mobile`,
`mobile_used_at`, `provider_id`, and the `language` that they read (`hi` or `en`), if they have
said so."""

PEOPLE: dict[SignInAs, People] = {
    SignInAs.CITIZEN: lambda: select(
        *number_of(Citizen), null().label("provider_id"), Citizen.language
    ).where(Citizen.erased_at.is_(None)),
}
ACCOUNTS: dict[SignInAs, Any] = {SignInAs.CITIZEN: Citizen}
"""The rows of those who sign in."""
FACTS: dict[SignInAs, People] = {}
"""Selects what people know of themselves: `id` and `fact`. Domains above add to all three the
roles whose tables are theirs."""


def number_of(account: Any) -> tuple[Any, ...]:
    return account.id, account.mobile, account.unproven_mobile, account.mobile_used_at


def person_with_mobile(role: SignInAs, mobile: str) -> Select[Any]:
    people = PEOPLE[role]().subquery()
    return select(people).where(people.c.mobile == mobile)


def people_with_unproven(role: SignInAs, mobile: str) -> Select[Any]:
    """Those for whom others wrote the number down."""
    people = PEOPLE[role]().subquery()
    return select(people).where(people.c.unproven_mobile == mobile).order_by(people.c.id)


def knowing(role: SignInAs, ids: Collection[str], fact: str) -> Select[Any]:
    """Whose fact it is, among these."""
    facts = FACTS[role]().subquery()
    return select(facts.c.id).where(facts.c.id.in_(ids), facts.c.fact == fact).distinct()


def number_used(role: SignInAs, id: str, mobile: str, now: datetime) -> Update:
    """They have proven that it is theirs."""
    account = ACCOUNTS[role]
    return (
        update(account)
        .where(account.id == id)
        .values(mobile=mobile, unproven_mobile=None, mobile_used_at=now)
    )


def number_left(role: SignInAs, id: str) -> Update:
    account = ACCOUNTS[role]
    return update(account).where(account.id == id).values(mobile=None, mobile_used_at=None)


def signed_in_since(person_id: str, since: datetime) -> Select[Any]:
    return select(exists(literal(1)).where(Session.person_id == person_id, Session.used_at > since))


def person_with_id(role: SignInAs, id: str) -> Select[Any]:
    people = PEOPLE[role]().subquery()
    return select(people).where(people.c.id == id)


def citizen_called(mobile: str) -> Select[Citizen]:
    """Whose number it is; or for whom it was written down last, if it is nobody's."""
    return (
        select(Citizen)
        .where(or_(Citizen.mobile == mobile, Citizen.unproven_mobile == mobile))
        .order_by(Citizen.mobile.is_(None), Citizen.registered_at.desc())
        .limit(1)
    )


def mine(entity: Any, rule: Rule, id: str) -> Select[Any]:
    """The row to change, if the rule holds for it: nobody else changes it meanwhile."""
    return select(entity).where(entity.id == id, entity.rows(rule)).with_for_update(of=entity)


def give_consent(**columns: Any) -> ReturningInsert[*tuple[Any, ...]]:
    """Makes the record, unless one for the purpose stands: gives the id of the one that now
    does, and whether it is new."""
    made = insert(ConsentRecord).values(**columns)
    return made.on_conflict_do_update(
        index_elements=[ConsentRecord.subject_id, ConsentRecord.purpose],
        index_where=ConsentRecord.withdrawn_at.is_(None),
        set_={"purpose": made.excluded.purpose},
    ).returning(ConsentRecord.id, literal_column("xmax = 0").label("new"))


def withdraw_consent(
    subject_id: str, purpose: str, now: datetime
) -> ReturningUpdate[*tuple[Any, ...]]:
    return (
        update(ConsentRecord)
        .where(
            ConsentRecord.subject_id == subject_id,
            ConsentRecord.purpose == purpose,
            ConsentRecord.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=now)
        .returning(ConsentRecord.id)
    )


def latest_consent(subject_id: str, purpose: str) -> Select[Any]:
    return (
        select(ConsentRecord.id)
        .where(ConsentRecord.subject_id == subject_id, ConsentRecord.purpose == purpose)
        .order_by(ConsentRecord.given_at.desc())
        .limit(1)
    )


def count_addresses(citizen_id: str) -> Select[Any]:
    return select(func.count()).where(Address.citizen_id == citizen_id)
