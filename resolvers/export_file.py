"""Fetching exports: signed addresses of their parts, and of the manifest that lists them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from loaders import export as load
from models.export import FETCHABLE, Export, ExportPart, ExportState
from resolvers.info import Info
from runtime.faults import BadInput, Coded
from runtime.http import encoded
from runtime.process import Process
from runtime.tabular import ExportCompression, ExportFormat, ending
from runtime.tokens import InvalidToken
from runtime.transaction import transaction

AUDIENCE = "sewa-mitra-exports"
"""Whom addresses are signed for: as a bearer token one is worth nothing."""
RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
"""One range. Whoever asks for several is sent everything, as HTTP lets us."""
SAFE = {
    # Nothing of it stays in caches, and nothing in it runs.
    "cache-control": "private, no-store",
    "content-security-policy": "sandbox",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
BINARY = "application/octet-stream"
"""It leaves as it is: what compresses answers on their way would make another file of it."""


def part_url(root: Any, info: Info) -> str:
    return address(info.context.process, export=root.export_id, part=root.number)


def manifest_url(root: Any, info: Info) -> str:
    return address(info.context.process, export=root.id)


def address(process: Process, **claims: Any) -> str:
    """Whoever holds it can read it, for some minutes: it is told only to those who may."""
    token = process.keys.sign(process.settings.document_minutes, aud=AUDIENCE, **claims)
    return f"{process.settings.address}/exports/{token}"


async def deliver(request: Request) -> Response:
    """GET /exports/{token}: the part or the manifest that the address was signed for."""
    process: Process = request.state.process
    try:
        claims = process.keys.claims(request.path_params["token"], AUDIENCE)
    except InvalidToken:
        return gone()
    async with transaction(process) as tx:
        export = await tx.find(load.export(claims["export"]))
        parts = await tx.every(load.parts(claims["export"]))
    if export is None or export.state not in FETCHABLE:
        return gone()
    if (await process.partners.client(export.client_id)).id is None:
        return gone()
    if "part" not in claims:
        found = encoded(manifest(export, parts))
        found.headers.update(SAFE)
        return found
    part = next((part for part in parts if part.number == claims["part"]), None)
    try:
        return gone() if part is None else await content(process, export, part, request)
    except FileNotFoundError:
        return gone()


def gone() -> Response:
    told = "The address is not valid, or not any more: ask for `url` again."
    return encoded({"errors": [Coded("NOT_FOUND", told).formatted]}, 404)


def file_name(export: Export, part: ExportPart) -> str:
    tail = ending(ExportFormat(export.format), ExportCompression(export.compression))
    return f"{export.id}-{part.number:05}{tail}"


def manifest(export: Export, parts: list[ExportPart]) -> dict[str, Any]:
    return {
        "export": export.id,
        "state": export.state,
        "complete": export.state == ExportState.DONE,
        "document": export.document,
        "operationName": export.operation_name,
        "variables": export.variables,
        "format": export.format,
        "compression": export.compression,
        "startedAt": export.started_at,
        "finishedAt": export.finished_at,
        "expiresAt": export.expires_at,
        "columns": export.shape,
        "rows": export.rows_written,
        "endCursor": export.cursor,
        "warnings": export.warnings,
        "parts": [
            {
                "number": part.number,
                "name": file_name(export, part),
                "rows": part.row_count,
                "bytes": part.bytes,
                "sha256": part.sha256,
            }
            for part in parts
        ],
    }


async def content(process: Process, export: Export, part: ExportPart, request: Request) -> Response:
    """Whole or in part, as RFC 9110 has it."""
    tag = f'"{part.sha256}"'
    headers = {
        **SAFE,
        "accept-ranges": "bytes",
        "etag": tag,
        "content-disposition": f'attachment; filename="{file_name(export, part)}"',
    }
    span = Span(0, part.bytes)
    status = 200
    # Of a file that has changed since, the rest would be the rest of another.
    if request.headers.get("if-range", tag) == tag and request.method == "GET":
        asked = span_of(request.headers, part.bytes)
        if asked is None:
            error = BadInput(f"The part has {part.bytes} bytes, and none of those.")
            refusal = encoded({"errors": [error.formatted]}, 416, **SAFE)
            refusal.headers["content-range"] = f"bytes */{part.bytes}"
            return refusal
        if asked is not WHOLE:
            span, status = asked, 206
            headers["content-range"] = f"bytes {span.start}-{span.end - 1}/{part.bytes}"
    headers["content-length"] = str(span.end - span.start)
    if request.method == "HEAD":
        return Response(headers=headers, media_type=BINARY)
    body = await process.parts.read(part.name, span.start, span.end - span.start)
    return StreamingResponse(body, status, headers, BINARY)


@dataclass(frozen=True)
class Span:
    """From a byte to the one behind the last."""

    start: int
    end: int


WHOLE = Span(0, 0)


def span_of(headers: Mapping[str, str], size: int) -> Span | None:
    """What is asked for, WHOLE without a range that we know; None for one that there is nothing
    of."""
    found = RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if found is None or found.group() == "bytes=-":
        return WHOLE
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return WHOLE
    return Span(start, end) if start < end else None
