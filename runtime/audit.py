"""The record of what was read of people, and of what was refused: kept before an answer leaves."""

from collections import defaultdict
from dataclasses import dataclass, field

from sqlalchemy import ARRAY, Boolean, DateTime, Text, column, insert, table

from runtime import clock
from runtime.database import Database
from runtime.reads import Tally
from runtime.viewer import Viewer

# Named here rather than imported: the table belongs to a domain, the duty to every request.
ENTRIES = table(
    "audit_entry",
    column("happened_at", DateTime(timezone=True)),
    column("actor_id", Text),
    column("role", Text),
    column("purposes", ARRAY(Text)),
    column("reason", Text),
    column("refused", Boolean),
    column("type", Text),
    column("subject_ids", ARRAY(Text)),
    column("fields", ARRAY(Text)),
    column("request_id", Text),
)


@dataclass
class Seen:
    """Of one type: whom it was about, and which fields. A dict keeps the order and no doubles."""

    subjects: dict[str, None] = field(default_factory=dict)
    fields: dict[str, None] = field(default_factory=dict)


class Trail:
    """What one request has read above OWNER, and what it was refused."""

    def __init__(self) -> None:
        self._seen = defaultdict[tuple[str, bool], Seen](Seen)

    def note(self, type_: str, field: str, subject: str | None, *, refused: bool) -> None:
        seen = self._seen[type_, refused]
        seen.fields[field] = None
        if subject is not None:
            seen.subjects[subject] = None

    async def keep(self, database: Database, viewer: Viewer, request_id: str, tally: Tally) -> None:
        """One row for each type, in one statement."""
        if not self._seen:
            return
        now = clock.now()
        entries = [
            {
                "happened_at": now,
                "actor_id": viewer.id,
                "role": viewer.role.value,
                "purposes": list(viewer.purposes),
                "reason": viewer.reason,
                "refused": refused,
                "type": type_,
                "subject_ids": list(seen.subjects),
                "fields": list(seen.fields),
                "request_id": request_id,
            }
            for (type_, refused), seen in self._seen.items()
        ]
        self._seen.clear()
        await database.write(insert(ENTRIES).values(entries), tally)
