"""The record of who read and changed what of people, and of what was refused."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from sqlalchemy import ARRAY, Boolean, DateTime, Insert, Integer, Text, column, func, insert, table

from runtime import clock
from runtime.database import Database
from runtime.reads import Tally
from runtime.reason import Reason
from runtime.rights import STAFF, Role
from runtime.viewer import Viewer

# Named here rather than imported: the tables belong to a domain, the duty to every request.
ENTRIES = table(
    "audit_entry",
    column("happened_at", DateTime(timezone=True)),
    column("actor_id", Text),
    column("role", Text),
    column("session_id", Text),
    column("staff_number", Integer),
    column("district_id", Text),
    column("department_id", Text),
    column("provider_id", Text),
    column("on_behalf_of", Text),
    column("purposes", ARRAY(Text)),
    column("reason_category", Text),
    column("refused", Boolean),
    column("type", Text),
    column("subject_ids", ARRAY(Text)),
    column("fields", ARRAY(Text)),
    column("request_id", Text),
    column("detail_id", Text),
)
DETAILS = table(
    "audit_detail",
    column("id", Text),
    column("reason", Text),
    column("address", Text),
    column("program", Text),
)
SYSTEM = "SYSTEM"
"""What the service itself is, where it acts unasked or at the command line."""
PROGRAM_LIMIT = 200


@dataclass(frozen=True)
class Origin:
    """Where a request came from."""

    request_id: str = ""
    address: str = ""
    program: str = ""
    """What the client calls itself: its `User-Agent`."""

    @classmethod
    def of(cls, request_id: str, address: str, headers: Mapping[bytes, bytes]) -> "Origin":
        program = headers.get(b"user-agent", b"")[:PROGRAM_LIMIT].decode("latin-1")
        return cls(request_id, address, program)


NOWHERE = Origin()


@dataclass(frozen=True)
class Author:
    """Who is named for what was done. Of staff also the office; their number is the database's."""

    role: str
    id: str | None
    session_id: str | None = None
    district_id: str | None = None
    department_id: str | None = None
    provider_id: str | None = None
    purposes: tuple[str, ...] = ()
    reason: Reason | None = None

    @classmethod
    def of(cls, viewer: Viewer) -> "Author":
        is_local = viewer.role is Role.DISTRICT_OFFICER and len(viewer.districts) == 1
        return cls(
            role=viewer.role.value,
            id=viewer.id,
            session_id=viewer.session_id,
            district_id=viewer.districts[0] if is_local else None,
            department_id=viewer.department_id,
            provider_id=viewer.provider_id,
            purposes=viewer.purposes,
            reason=viewer.reason,
        )

    @classmethod
    def system(cls, name: str) -> "Author":
        """The service itself, by what it was doing."""
        return cls(SYSTEM, f"system:{name}")

    @property
    def columns(self) -> dict[str, Any]:
        is_staff = self.id is not None and self.role in STAFF
        return {
            "actor_id": self.id,
            "role": self.role,
            "session_id": self.session_id,
            "staff_number": func.staff_number(self.id) if is_staff else None,
            "district_id": self.district_id,
            "department_id": self.department_id,
            "provider_id": self.provider_id,
            "purposes": list(self.purposes),
            "reason_category": self.reason.category if self.reason else None,
        }


@dataclass
class Seen:
    """Of one type: whom it was about, and which fields. A dict keeps the order and no doubles."""

    subjects: dict[str, None] = field(default_factory=dict)
    fields: dict[str, None] = field(default_factory=dict)

    def entry(
        self, type_: str, *, refused: bool, on_behalf_of: str | None = None
    ) -> dict[str, Any]:
        return {
            "type": type_,
            "fields": list(self.fields),
            "subject_ids": list(self.subjects),
            "refused": refused,
            "on_behalf_of": on_behalf_of,
        }


def record(author: Author, origin: Origin, entries: list[dict[str, Any]]) -> Insert:
    """One statement. What can name somebody, and may have to be forgotten, has a row of its own
    that they share: the entries themselves are never changed."""
    stated = author.reason.text if author.reason else None
    detail = {"reason": stated, "address": origin.address, "program": origin.program}
    told = {name: value for name, value in detail.items() if value}
    detail_id = uuid4().hex if told else None
    common = {
        **author.columns,
        "happened_at": clock.now(),
        "request_id": origin.request_id,
        "detail_id": detail_id,
    }
    statement = insert(ENTRIES).values([common | entry for entry in entries])
    if detail_id is None:
        return statement
    return statement.add_cte(insert(DETAILS).values(id=detail_id, **told).cte("detail"))


class Trail:
    """What one request has read above OWNER, and what it was refused."""

    def __init__(self) -> None:
        self._seen = defaultdict[tuple[str, bool], Seen](Seen)

    def note(self, type_: str, field: str, subject: str | None, *, refused: bool) -> None:
        seen = self._seen[type_, refused]
        seen.fields[field] = None
        if subject is not None:
            seen.subjects[subject] = None

    async def keep(self, database: Database, viewer: Viewer, origin: Origin, tally: Tally) -> None:
        """One row for each type, in one statement, before the answer leaves."""
        if not self._seen:
            return
        entries = [
            seen.entry(type_, refused=refused) for (type_, refused), seen in self._seen.items()
        ]
        self._seen.clear()
        await database.write(record(Author.of(viewer), origin, entries), tally)
