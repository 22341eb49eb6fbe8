"""What has become of records: who is told, and which events are changes of which."""

from collections.abc import Mapping, Sequence

from loaders import change as load
from models.change import RecordChange, RecordKind
from runtime.changes import follower
from runtime.feed import Change
from runtime.transaction import Transaction

PERSON = frozenset(
    (
        *("ConsentGiven", "ConsentWithdrawn"),
        *("WorkerActivated", "WorkerChanged", "WorkerErased", "WorkerSubmitted"),
        "WorkerSuspended",
    )
)
"""Who may have a copy of what is known of a worker may have changed with these."""
OF_SKILLS = frozenset(("SkillChanged", "SkillVerified"))
OF_WORKERS = (
    PERSON
    | OF_SKILLS
    | {"AvailabilityChanged", "RatingRecomputed", "VerificationRecorded", "WorkerRegistered"}
)
"""Work that they are offered or do is no change of them: when that was is nobody's business."""
OF_PROVIDERS = frozenset(
    (
        *("ProviderApplied", "ProviderChanged", "ProviderEmpanelled", "ProviderExpired"),
        "ProviderSuspended",
    )
)
OF_RATINGS = frozenset(("RatingRecomputed",))
OF_REVIEWS = frozenset(
    (
        *("ReviewPublished", "ReviewEdited", "ReviewReplied", "ReviewWithdrawn"),
        *("ReviewFlagged", "ReviewHidden", "ReviewRestored", "ReviewCleared"),
    )
)
OF_CATEGORIES = frozenset(("CategoryAdded", "CategoryChanged", "ServiceAdded", "ServiceChanged"))
KINDS: Sequence[tuple[RecordKind, frozenset[str], tuple[str, ...]]] = (
    (RecordKind.WORKER, OF_WORKERS, ("wk_",)),
    (RecordKind.SKILL, OF_SKILLS, ("sk_",)),
    (RecordKind.PROVIDER, OF_PROVIDERS, ("pv_",)),
    (RecordKind.RATING, OF_RATINGS, ("wk_", "pv_")),
    (RecordKind.REVIEW, OF_REVIEWS, ("rv_",)),
    (RecordKind.CATEGORY, OF_CATEGORIES, ("ct_",)),
)
"""By which events a record has changed, and what its id begins with."""


@follower("records")
async def note_changes(tx: Transaction, changes: Sequence[Change]) -> None:
    latest: dict[RecordKind, dict[str, Change]] = {kind: {} for kind in RecordKind}
    people: dict[str, Change] = {}
    for change in changes:
        named = {id for id in (change.subject_id, *change.facts.values()) if isinstance(id, str)}
        for kind, events, prefixes in KINDS:
            if change.event in events:
                latest[kind].update({id: change for id in named if id.startswith(prefixes)})
        if change.event in PERSON:
            people.update({id: change for id in named if id.startswith("wk_")})
        # A step of a booking says where in its timeline it stands; nothing else about one does.
        if "position" in change.facts and change.subject_id.startswith("bk_"):
            latest[RecordKind.BOOKING][change.subject_id] = change
    for kind, found in latest.items():
        if found:
            await tx.change(load.note(kind, in_rows(found)))
    if people:
        await tx.change(load.note_skills_of(in_rows(people)))


def in_rows(latest: Mapping[str, Change]) -> load.Latest:
    return [(id, each.position, each.event, each.happened_at) for id, each in latest.items()]


def record_id(row: RecordChange) -> str:
    return row.record_id
