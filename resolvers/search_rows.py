"""Keeps what workers are found by true to what they are."""

from collections.abc import Iterable, Sequence

from loaders import search_rows as load
from runtime.changes import follower
from runtime.feed import Change
from runtime.folding import words
from runtime.geography import area_of
from runtime.transaction import Transaction

OF_WORKERS = frozenset(
    {
        "WorkerActivated",
        "WorkerChanged",
        "WorkerErased",
        "WorkerSuspended",
        "RatingRecomputed",
        "SkillChanged",
        "SkillVerified",
        "VerificationRecorded",
    }
)
OF_PROVIDERS = frozenset({"ProviderEmpanelled", "ProviderExpired", "ProviderSuspended"})
OF_CATEGORIES = frozenset({"CategoryChanged"})


@follower("search")
async def keep_findable(tx: Transaction, changes: Sequence[Change]) -> None:
    """Which event it was makes no difference: the rows are worked out from the tables."""
    workers = named(changes, OF_WORKERS, "wk_")
    if providers := named(changes, OF_PROVIDERS, "pv_"):
        workers.update(await tx.every(load.workers_of_providers(sorted(providers))))
    if categories := named(changes, OF_CATEGORIES, "ct_"):
        workers.update(await tx.every(load.workers_in_categories(sorted(categories))))
    if workers:
        await refresh(tx, workers)


def named(changes: Iterable[Change], events: frozenset[str], prefix: str) -> set[str]:
    """The ids of a kind that such changes are about, or name."""
    return {
        id
        for change in changes
        if change.event in events
        for id in (change.subject_id, *change.facts.values())
        if isinstance(id, str) and id.startswith(prefix)
    }


async def refresh(tx: Transaction, workers: Iterable[str]) -> None:
    ids = sorted(workers)
    areas = {cell: area_of(cell) for cell in await tx.every(load.cells_of(ids))}
    folded = {key: sorted(set(words(said))) for key, said in await tx.rows(load.said_of(ids))}
    for table in ("worker_place", "worker_words"):
        await tx.change(load.forget(table, ids))
    await tx.change(load.places_of(ids, areas))
    await tx.change(load.words_of(ids, folded))
