"""What a resolver can reach: who is asking, in which language, and batched reads."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from runtime.audit import Origin, Trail
from runtime.batch import ROOT, Access, Batch, Batches
from runtime.faults import AnotherHistory, Forbidden, Unauthenticated
from runtime.field import Field
from runtime.household import household
from runtime.kept import KeptRows
from runtime.language import Language
from runtime.page import Pages
from runtime.points import Spent
from runtime.process import Process
from runtime.projection import Projection
from runtime.quota import Use
from runtime.reason import Reason, ReasonCategory
from runtime.rights import Role
from runtime.settings import Settings
from runtime.viewer import Viewer


def numbers(settings: Settings) -> dict[str, int]:
    """The settings that statements refer to by name."""
    return {
        "suppress_below": settings.suppress_below,
        "anonymous_slot_days": settings.anonymous_slot_days,
    }


NO_HEADERS: Mapping[bytes, bytes] = {}


class Context:
    """One per request. Loaders are arguments to it, never attributes of it."""

    projection: Projection
    """Set when the operation is known, before any of it runs."""
    used: Use | None = None
    """How what was read leaves the client of a partner with its quotas."""
    spent: Spent | None = None
    """What the request costs, where that is counted."""
    has_sent = False
    """Whether a command of it has a code sent."""

    def __init__(
        self,
        viewer: Viewer,
        language: Language,
        process: Process,
        request_id: str = "",
        address: str = "",
        headers: Mapping[bytes, bytes] = NO_HEADERS,
        kept: KeptRows | None = None,
    ) -> None:
        """`headers` are the request's, in lower case."""
        self.viewer = viewer
        self.actor = viewer
        """Whom the record of access names."""
        self.language = language
        self.process = process
        self.settings = process.settings
        self.request_id = request_id
        self.address = address
        self.headers = headers
        self.answer_headers: list[tuple[str, str]] = []
        """What servers of others have for the client."""
        self.origin = Origin.of(request_id, address, headers)
        self.trail = Trail()
        self._charged = 0
        """Rows that are on account already."""
        self.batches = Batches(
            process.database.reads,
            Access(viewer),
            numbers(process.settings),
            kept,
        )
        self.batches.tally.owner = viewer.id or household(address)

    def again(self, told: Viewer | None = None) -> "Context":
        """Another of the same request: each run of an engine has one to itself. What `told` is
        sent is read with its access, and goes on record as what the viewer has asked for."""
        viewer = told or self.viewer
        made = Context(
            viewer,
            self.language,
            self.process,
            self.request_id,
            self.address,
            self.headers,
            self.batches.kept,
        )
        made.batches.tally, made.batches.now = self.batches.tally, self.batches.now
        if told is not None:
            sent = f"Sent to {told.id or 'a partner without access'}."
            reason = Reason(ReasonCategory.DISCLOSURE, sent, ())
            made.actor = replace(self.viewer, purposes=told.purposes, reason=reason)
        return made

    def admit(self, roles: Collection[Role], field: str) -> None:
        """Raises what others than these are told."""
        if self.viewer.role not in roles:
            anonymous = self.viewer.role is Role.ANONYMOUS
            raise Unauthenticated() if anonymous else Forbidden(field, "is not for your role")

    async def load(self, batch: Batch, key: str = ROOT) -> Any:
        """The row, rows or value of one key, read together with the keys of its neighbours."""
        return await self.batches.load(batch, key, self.projection.of(batch.entity))

    async def keep_trail(self) -> None:
        """Before the answer leaves: what is not on record is not told. Of the systems of partners
        it is also on record how much they were."""
        tally = self.batches.tally
        await self.trail.keep(self.process.database, self.actor, self.origin, tally)
        viewer, ledger = self.viewer, self.process.ledger
        if viewer.role is Role.PARTNER and viewer.id is not None and ledger is not None:
            rows, self._charged = tally.rows - self._charged, tally.rows
            if rows:
                self.used = await ledger.read(viewer.id, rows, tally)

    async def answer(self, field: Field, row: Any, arguments: dict[str, Any]) -> Any:
        """What a declared field of one row holds."""
        if field.check is not None:
            field.check(self, arguments)
        if field.load is None:
            assert field.compute is not None
            if field.speaks and arguments.get("language") is None:
                arguments["language"] = self.language
            return field.compute(row, **arguments)
        if field.by is not None:
            key = str(arguments.pop(field.by))
        else:
            key = getattr(row, field.needs[0]) if field.needs else ROOT
        if isinstance(field.load, Pages):
            asked = field.load.asked(arguments, self.settings.page_limit)
            if field.load.history is not None:
                stand = [
                    await self.load(field.load.history.stands, mark)
                    for mark in asked.marks.values()
                ]
                if refused := asked.refused(stand):
                    raise refused
            return asked.page(key, await self.load(asked.run, key))
        if field.stands is not None and not await self.load(field.stands, key):
            raise AnotherHistory(field.by or "")
        read = field.load if isinstance(field.load, Batch) else field.load(row)
        if isinstance(read, bool):
            return read
        if key is None:
            return [] if read.many else read.absent
        return await self.load(read(**arguments) if arguments else read, key)
