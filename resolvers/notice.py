"""Tells people what happened to what is theirs, by text message and in their language.

A follower puts one job on the list for each change and each of its parties, in the transaction
in which it moves past the change: no notice is lost, and none is put there twice. What a job
says is worked out when it is sent, so that no text and no number lies in the list.
"""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from loaders import notice as load
from models.notice import NOTICES, Party, Said
from runtime.changes import follower
from runtime.feed import Change
from runtime.geography import INDIA
from runtime.jobs import job
from runtime.language import Language
from runtime.transaction import Transaction

NOTHING: Mapping[Party, Said] = {}
BOOKING, GRIEVANCE = "bk_", "gr_"
SHOWN_AS = "%d-%m-%Y %H:%M"
"""Of a time in India: the same in both languages."""


@follower("notices")
async def tell_parties(tx: Transaction, changes: Sequence[Change]) -> None:
    told = [change for change in changes if said_of(change)]
    behind: dict[str, set[str]] = {}
    for subject, party in await tx.rows(load.parties({about(change) for change in told})):
        behind.setdefault(subject, set()).add(party or "")
    notices: list[tuple[int, str]] = []
    for change in told:
        subject = about(change)
        people = behind.get(subject, set())
        # Whom a complaint names is not told of it; whom anything else names is a party to it.
        if not subject.startswith(GRIEVANCE):
            people = people | ids_in(change)
        said = said_of(change)
        notices += [(change.position, id) for id in sorted(people) if kind_of(id) in said]
    if notices:
        await tx.rows(load.put_on_list(notices))


@job("send_notice")
async def send_notice(tx: Transaction, *, position: int, recipient_id: str) -> None:
    """Nothing is sent to who has no number: departments have none, and who was erased."""
    ((*columns,),) = await tx.rows(load.change_at(position))
    change = Change(*columns)
    party = Party(kind_of(recipient_id))
    said = said_of(change)[party]
    ((mobile, reads_hindi),) = await tx.rows(load.phone_of(party, recipient_id))
    if mobile is None:
        return
    language = Language.HI if reads_hindi else Language.EN
    facts = await facts_of(tx, about(change), language)
    tx.tell(mobile, language, said.english.format_map(facts), said.hindi.format_map(facts))


async def facts_of(tx: Transaction, subject: str, language: Language) -> dict[str, str]:
    """What a text may name of the booking or complaint, as it is now."""
    if subject.startswith(BOOKING):
        ((number, starts_at, english, hindi),) = await tx.rows(load.told_of_booking(subject))
        when = starts_at.astimezone(ZoneInfo(INDIA)).strftime(SHOWN_AS)
        category = language.of(english, hindi) or ""
        return {"number": number, "category": category, "when": when}
    if subject.startswith(GRIEVANCE):
        return {"ticket": await tx.value(load.told_of_grievance(subject))}
    return {}


def said_of(change: Change) -> Mapping[Party, Said]:
    status = change.facts.get("status")
    return NOTICES.get(f"{change.event} {status}") or NOTICES.get(change.event) or NOTHING


def about(change: Change) -> str:
    """The booking or complaint, where the change is about one or about a part of one."""
    if change.subject_id.startswith((BOOKING, GRIEVANCE)):
        return change.subject_id
    named = (id for id in sorted(ids_in(change)) if id.startswith(BOOKING))
    return next(named, change.subject_id)


def ids_in(change: Change) -> set[str]:
    """Whatever the change is about or names."""
    return {change.subject_id, *(fact for fact in change.facts.values() if isinstance(fact, str))}


def kind_of(id: str) -> str:
    return id.partition("_")[0]
