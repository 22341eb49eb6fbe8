"""Exports: what a client may have written into files, and what is told of it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson

from loaders import export as load
from models.base import new_id
from models.export import (
    OPEN,
    Export,
    ExportOver,
    ExportPart,
    ExportState,
    InvalidOperation,
    NotExportable,
    TooManyExports,
)
from runtime.contract import newest
from runtime.faults import BadInput, Invalid
from runtime.process import Process
from runtime.runner import NotOneList, WholeList
from runtime.tabular import ExportCompression, ExportFormat, described
from runtime.transaction import Transaction
from runtime.viewer import Viewer
from runtime.words import Exact, refuse_identity_numbers, searchable

MESSAGES = 3
"""How many of what is wrong with a document are told."""


async def start_export(
    tx: Transaction,
    *,
    document: Annotated[Exact, "A query of yours with one root field, which is a connection."],
    operation_name: Annotated[str | None, "Which operation, if the document has several."] = None,
    variables: Annotated[Exact | None, "Its variables, as a JSON object."] = None,
    format: Annotated[ExportFormat, "What kind of files."] = ExportFormat.JSON_LINES,
    compression: Annotated[
        ExportCompression, "How they are compressed; Parquet, within the file."
    ] = ExportCompression.NONE,
) -> str:
    """Refuses: InvalidOperation, NotExportable, TooManyExports, AadhaarInText."""
    viewer, values = tx.viewer, values_in(variables)
    refuse_identity_numbers(searchable(document))
    refuse_identity_numbers(orjson.dumps(values).decode())
    contract = viewer.contract or newest()
    shown = replace(viewer, contract=contract)
    found = whole_list(tx.process, shown, document, operation_name, values)
    client = await tx.the(load.client_to_serve(viewer.id), "client")
    if await tx.value(load.open_exports(client.id)) >= tx.settings.exports_at_once:
        raise TooManyExports(limit=tx.settings.exports_at_once)
    export = Export(
        id=new_id(Export.prefix),
        client_id=client.id,
        document=document,
        operation_name=operation_name,
        variables=values,
        format=format,
        compression=compression,
        shape=described(found.columns),
        contract=contract,
        purposes=list(viewer.purposes),
        district_ids=list(viewer.districts),
        state=ExportState.QUEUED,
        asked_at=tx.now,
        not_before=tx.now,
    )
    await tx.add(export)
    await tx.emit("ExportStarted", export.id)
    return export.id


def values_in(variables: str | None) -> dict[str, Any]:
    try:
        found = orjson.loads(variables or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadInput("`variables` must be the text of a JSON object.", argument="variables")
    return found


def whole_list(
    process: Process,
    viewer: Viewer,
    document: str,
    operation_name: str | None,
    variables: dict[str, Any],
) -> WholeList:
    assert process.runner_for is not None
    runner, limit = process.runner_for(viewer), process.settings.page_limit
    try:
        found = runner.whole_list(document, operation_name, variables, limit)
        found.size(viewer, 1)
    except NotOneList as error:
        raise NotExportable(found=error.found) from None
    except Invalid as invalid:
        told = [error.message for error in invalid.errors[:MESSAGES]]
        raise InvalidOperation(messages=told, first=told[0]) from None
    return found


async def cancel_export(
    tx: Transaction, *, export_id: Annotated[str, "Which export of yours."]
) -> str:
    """Refuses: ExportOver."""
    export = await tx.the(load.export_to_change(tx.rule, export_id), "exportId")
    if export.state not in OPEN:
        raise ExportOver(current_state=export.state)
    await end(tx, export, ExportState.CANCELLED)
    return export.id


async def end(
    tx: Transaction, export: Export, state: ExportState, reason: str | None = None
) -> None:
    export.state, export.finished_at, export.reason = state, tx.now, reason
    export.held_by = export.held_until = None
    if state is ExportState.DONE:
        export.expires_at = tx.now + timedelta(days=tx.settings.exports_kept_days)
    await tx.emit("ExportEnded", export.id, client=export.client_id, state=state)


def rows(export: Export) -> int:
    return export.rows_written


def rows_of_part(part: ExportPart) -> int:
    return part.row_count


def variables_of(export: Export) -> str:
    return orjson.dumps(export.variables).decode()


def share(export: Export) -> float | None:
    if export.state in (ExportState.DONE, ExportState.EXPIRED):
        return 1.0
    if export.total is None:
        return None
    # There may be more by now than were counted.
    return min(export.rows_written / export.total, 0.999) if export.total else 0.0


def estimated_end(export: Export) -> datetime | None:
    if export.state != ExportState.RUNNING or not export.rows_written or not export.total:
        return None
    assert export.started_at is not None
    assert export.worked_at is not None
    left = max(export.total - export.rows_written, 0) / export.rows_written
    return export.worked_at + left * (export.worked_at - export.started_at)
