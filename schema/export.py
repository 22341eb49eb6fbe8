"""Lists written into files, for systems of partner departments: docs/exports.md."""

from datetime import datetime

import resolvers.export as resolve
import resolvers.export_file as resolve_file
from loaders import export as load
from models import export as model
from runtime.privacy import Privacy
from runtime.rights import Act, Area, Role
from runtime.tabular import ExportCompression, ExportFormat
from runtime.words import AadhaarInText
from schema.base import Node, command, entity, enum, field, mutation, part, query
from schema.page import Connection

READERS = [Role.PARTNER, Role.STATE_OFFICER, Role.AUDITOR]
enum(
    ExportFormat,
    "What kind of files.",
    JSON_LINES="A line of JSON for each row, as the answer to the query would have it.",
    CSV="Columns of dotted names; lists as JSON. Text that a spreadsheet would take for a formula"
    " begins with an apostrophe.",
    PARQUET="Apache Parquet, with records and lists as they are.",
)
enum(
    ExportCompression,
    "How files are compressed.",
    NONE="They are not.",
    GZIP="With gzip.",
    ZSTD="With Zstandard.",
)
enum(
    model.ExportState,
    "Where an export stands.",
    QUEUED="It waits for its turn.",
    RUNNING="It has begun; parts that are finished can be fetched.",
    DONE="All of it can be fetched, until `expiresAt`.",
    CANCELLED="You cancelled it.",
    FAILED="It could not go on; `reason` says why.",
    EXPIRED="It could be fetched, and cannot any more.",
)


@part(model.ExportPart)
class ExportPart:
    """A file that is finished and will not change."""

    number: int | None = field("From 1 on, in the order of the list.")
    rows: int | None = field("How many rows it has.", "row_count", compute=resolve.rows_of_part)
    bytes: int | None = field("How large it is.")
    sha256: str | None = field("The SHA-256 of it as it is fetched, in hex.")
    url: str | None = field(
        "Where to fetch it, for some minutes; ask again for another address. Whoever has it can.",
        "export_id number",
        resolve=resolve_file.part_url,
        area=Area.EXPORT_FILES,
    )


@entity(model.Export, by_id=load.export_by_id)
class Export(Node):
    """A list of yours, written into files."""

    document: str | None = field("What was asked for.")
    operation_name: str | None = field("Which operation of it.")
    variables: str | None = field(
        "Its variables, as JSON.", "variables", compute=resolve.variables_of
    )
    format: ExportFormat | None = field("What kind of files.")
    compression: ExportCompression | None = field("How they are compressed.")
    state: model.ExportState | None = field("Where it stands.")
    rows: int | None = field(
        "How many rows the finished parts have.", "rows_written", compute=resolve.rows
    )
    share: float | None = field(
        "How much of it is done, from 0 to 1, by how many rows there were when it began; null"
        " where nobody could count them.",
        "state rows_written total",
        compute=resolve.share,
    )
    warnings: int | None = field(
        "How often a page had a field that is not shown to you: in those rows it is null."
    )
    asked_at: datetime = field("When it was asked for.")
    started_at: datetime | None = field("When its first turn came.")
    finished_at: datetime | None = field("When it ended.")
    estimated_end: datetime | None = field(
        "When it will end, if it goes on as it has.",
        "state rows_written total started_at worked_at",
        compute=resolve.estimated_end,
    )
    expires_at: datetime | None = field("Until when it can be fetched.")
    reason: str | None = field("Why it failed: a code, and what to do about it.")
    parts: list[ExportPart] | None = field(
        "The parts that are finished.",
        "id",
        load=load.parts_by_export,
        size=20,
        shows=Privacy.OWNER,
        area=Area.EXPORT,
    )
    manifest: str | None = field(
        "Where to fetch a list of the parts, with their hashes and what columns they have: JSON,"
        " for some minutes.",
        "id",
        resolve=resolve_file.manifest_url,
        shows=Privacy.OWNER,
        area=Area.EXPORT_FILES,
    )


@query
class Query:
    export: Export | None = field(
        "One export, by its id: yours, or for officers of the state and auditors any.",
        by="id",
        load=load.export_by_id,
        roles=READERS,
    )
    exports: Connection[Export] = field(
        "Exports, those asked for last first.", load=load.exports, roles=READERS
    )


@mutation
class Mutation:
    start_export = command(
        "Have a whole list written into files, in the background, with your rights of each moment."
        " `first` is ours to choose; with `after` it begins there.",
        resolve.start_export,
        may=Act.EXPORT,
        gives=Export,
        refuses=(
            model.InvalidOperation,
            model.NotExportable,
            model.TooManyExports,
            AadhaarInText,
        ),
    )
    cancel_export = command(
        "End an export. What it has written goes.",
        resolve.cancel_export,
        may=Act.EXPORT,
        gives=Export,
        refuses=(model.ExportOver,),
    )
