"""Lists that systems of partners have written into files: what was asked for, how far it has come,
and the parts that are there."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from models.base import Row, RowRule, at_least, datetime, never, one_of, owner, public
from runtime.batch import VIEWER
from runtime.privacy import Privacy
from runtime.refusal import Refusal
from runtime.rights import Area, Rule
from runtime.tabular import ExportCompression, ExportFormat


class ExportState(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


OPEN = (ExportState.QUEUED, ExportState.RUNNING)
FETCHABLE = (*OPEN, ExportState.DONE)
BROKEN_OFF = (ExportState.CANCELLED, ExportState.FAILED)


class NotExportable(Refusal):
    """The operation is valid, but is not a query of one list."""

    english = (
        "This operation cannot be exported: {found}. Send a query with exactly one root field,"
        " a connection (it takes `first` and `after`), and of it `nodes {{ … }}` or"
        " `edges {{ node {{ … }} }}`; leave out `last` and `before`."
    )
    hindi = (
        "यह ऑपरेशन निर्यात नहीं हो सकता ({found})। ऐसी query भेजें जिसमें ठीक एक मूल फ़ील्ड हो, जो"
        " connection हो (`first` और `after` लेती हो), और उसका `nodes {{ … }}` या"
        " `edges {{ node {{ … }} }}` हो; `last` और `before` न दें।"
    )
    found: Annotated[str, "What is in the way, in English."]


class InvalidOperation(Refusal):
    """The document, or its variables, are not valid for the schema that the client is shown."""

    english = "The operation is not valid in the schema you are shown: {first}"
    hindi = "यह ऑपरेशन आपको दिखाए गए schema में मान्य नहीं है: {first}"
    messages: Annotated[list[str], "The first of what is wrong, in English."]


class TooManyExports(Refusal):
    """The client has as many exports waiting or running as one may have."""

    english = "At most {limit} exports of yours may wait or run. Wait for one, or cancel one."
    hindi = "आपके अधिकतम {limit} निर्यात एक साथ चल सकते हैं। किसी के पूरा होने तक रुकें या एक रद्द करें।"
    limit: Annotated[int, "The most there may be."]


class ExportOver(Refusal):
    """The export has ended already."""

    english = "The export has ended already: it is {current_state}."
    hindi = "यह निर्यात पहले ही समाप्त हो चुका है ({current_state})।"
    current_state: Annotated[ExportState, "Where it stands."]


class Export(Row):
    """One export: it goes on from `cursor`, a part at a time."""

    __tablename__ = "export"
    __table_args__ = (
        one_of("format", ExportFormat),
        one_of("compression", ExportCompression),
        one_of("state", ExportState),
        Index(
            "export_unfinished",
            "asked_at",
            postgresql_where=text("state IN ('QUEUED', 'RUNNING')"),
        ),
        Index("export_of_client", "client_id", "asked_at"),
    )
    prefix: ClassVar[str] = "ex"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.EXPORT}
    rules: ClassVar[dict[Rule, RowRule]] = {Rule.OWN: lambda: Export.client_id == VIEWER}

    id: Mapped[str] = public(primary_key=True)
    client_id: Mapped[str] = owner(ForeignKey("partner_client.id"))
    document: Mapped[str] = owner()
    operation_name: Mapped[str | None] = owner()
    variables: Mapped[dict[str, Any]] = owner(JSONB())
    format: Mapped[str] = owner()
    compression: Mapped[str] = owner()
    shape: Mapped[list[dict[str, Any]]] = never(JSONB())
    """The columns of its rows, the same in every part."""
    contract: Mapped[str] = never()
    """The version of what the client is shown; with it the names in the document mean something."""
    purposes: Mapped[list[str]] = never()
    district_ids: Mapped[list[str]] = never()
    """What the token that started it was for. Nothing beyond is ever exported."""

    state: Mapped[str] = owner()
    asked_at: Mapped[datetime] = public()
    started_at: Mapped[datetime | None] = owner()
    worked_at: Mapped[datetime | None] = owner()
    """When it was its turn last."""
    finished_at: Mapped[datetime | None] = owner()
    expires_at: Mapped[datetime | None] = owner()
    reason: Mapped[str | None] = owner()
    """Why it failed: a code, and what the client may know."""
    total: Mapped[int | None] = owner(BigInteger)
    """Rows there were when it began, where that can be told."""
    rows_written: Mapped[int] = owner(BigInteger, server_default="0")
    parts_written: Mapped[int] = never(server_default="0")
    warnings: Mapped[int] = owner(server_default="0")
    """Fields that a page was not shown."""
    cursor: Mapped[str | None] = never()
    """Behind the last row of the last part."""

    held_by: Mapped[str | None] = never()
    """Whose turn it is: drawn anew with each."""
    held_until: Mapped[datetime | None] = never()
    failures: Mapped[int] = never(server_default="0")
    """How often in a row something we depend on was down."""
    not_before: Mapped[datetime] = never()
    has_files: Mapped[bool] = never(server_default="false")
    """Whether the store may hold something of it."""


class ExportPart(Row):
    """A file that is finished, and will not change."""

    __tablename__ = "export_part"
    __table_args__ = (
        at_least("number", 1),
        at_least("row_count", 0),
        Index("export_part_about", "about", postgresql_using="gin"),
    )
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.EXPORT}
    part_of = ("export_id", Export)

    export_id: Mapped[str] = owner(ForeignKey("export.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = owner(primary_key=True)
    row_count: Mapped[int] = owner(BigInteger)
    bytes: Mapped[int] = owner(BigInteger)
    sha256: Mapped[str] = owner()
    name: Mapped[str] = never()
    """In the store."""
    written_at: Mapped[datetime] = owner()
    about: Mapped[list[str] | None] = never()
    """The ids of the people, and of the reviews, that it says something of; null in parts that are
    older than this, which may be about anybody."""
