"""Documents: a command gives a ticket, the file follows by PUT; a signed address gives it back.

A file is too large for a command's JSON. What the file is to be (its kind, type, size and hash)
is said and checked before it comes, so that what comes can only be that.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from loaders import document as load
from models.base import new_id
from models.worker import (
    Document,
    DocumentKind,
    DocumentTooLarge,
    MediaType,
    TooManyDocuments,
    Upload,
)
from resolvers.info import Info
from resolvers.session import digest
from resolvers.worker import WorkerId, fits, worker_named
from runtime.faults import BadInput, Coded
from runtime.http import Refused, counted, encoded
from runtime.jobs import job
from runtime.process import Process
from runtime.storage import media_type_of, sha256_of
from runtime.tokens import InvalidToken
from runtime.transaction import Transaction, transaction
from runtime.words import Exact

AUDIENCE = "sewa-mitra-documents"
"""Whom addresses are signed for: as a bearer token one is worth nothing."""
SHA256 = re.compile(r"[0-9a-f]{64}")
UPLOAD_SECONDS = 120
"""How long a file may take to arrive: villages have slow networks."""


@dataclass(frozen=True)
class UploadTicket:
    url: str
    expires_at: datetime


async def request_document_upload(
    tx: Transaction,
    *,
    worker_id: WorkerId = None,
    kind: Annotated[DocumentKind, "What the document is."],
    media_type: Annotated[MediaType, "What kind of file it is."],
    bytes: Annotated[int, "How large it is."],
    sha256: Annotated[Exact, "The SHA-256 of its content, in small hex digits."],
) -> UploadTicket:
    """Refuses: DocumentTooLarge, TooManyDocuments."""
    worker = await worker_named(tx, worker_id)
    if bytes < 1:
        raise BadInput("`bytes` must be at least 1.", argument="bytes")
    if bytes > tx.settings.document_limit:
        raise DocumentTooLarge(limit=tx.settings.document_limit)
    if len(await tx.every(load.documents_of(worker.id))) >= tx.settings.documents_each:
        raise TooManyDocuments(limit=tx.settings.documents_each)
    ticket = secrets.token_urlsafe(32)
    upload = Upload(
        ticket_hash=digest(ticket),
        worker_id=worker.id,
        kind=kind,
        media_type=media_type,
        bytes=bytes,
        sha256=fits(SHA256, sha256, "sha256", "64 small hex digits"),
        requested_by=tx.viewer.id,
        expires_at=tx.now + timedelta(minutes=tx.settings.document_minutes),
    )
    await tx.add(upload)
    return UploadTicket(f"{tx.settings.address}/documents/{ticket}", upload.expires_at)


def url(root: Any, info: Info) -> str:
    """Whoever holds it reads the document, for some minutes: it is told only to those who may."""
    process = info.context.process
    minutes = process.settings.document_minutes
    token = process.keys.sign(minutes, aud=AUDIENCE, document=root.id)
    return f"{process.settings.address}/documents/{token}"


async def receive(request: Request) -> Response:
    """PUT /documents/{ticket}: the file that the ticket was given for, once."""
    process: Process = request.state.process
    ticket_hash = digest(request.path_params["ticket"])
    try:
        async with transaction(process) as tx:
            upload = await tx.find(load.open_upload(ticket_hash, tx.now))
        if upload is None:
            raise gone()
        content = await counted(request.receive, upload.bytes, UPLOAD_SECONDS)
        compare(upload, content)
        await process.storage.put(content)
        try:
            async with transaction(process) as tx:
                document_id = await keep(tx, upload)
        except Refused:
            # Whoever was forgotten while it came leaves nothing behind.
            async with transaction(process) as tx:
                await remove_content(tx, sha256=upload.sha256)
            raise
    except Refused as refused:
        return encoded({"errors": [refused.error.formatted]}, refused.status)
    except ClientDisconnect:
        return Response(status_code=499)
    return encoded({"id": document_id}, 201)


def gone() -> Refused:
    told = "The ticket is unknown, used or too old: ask for a new one."
    return Refused(404, Coded("NOT_FOUND", told))


def compare(upload: Upload, content: bytes) -> None:
    """That the file is what was said it would be, whatever it calls itself."""
    if len(content) != upload.bytes or sha256_of(content) != upload.sha256:
        raise Refused(422, BadInput("The file is not the one that the ticket was given for."))
    if media_type_of(content) != upload.media_type:
        raise Refused(415, BadInput(f"The file is not of the type {upload.media_type}."))


async def keep(tx: Transaction, upload: Upload) -> str:
    """Spend the ticket. Raises Refused if somebody did, or if the worker was erased."""
    spent = await tx.value(load.use_ticket(upload.ticket_hash, tx.now))
    if spent is None or await tx.find(load.still_registered(upload.worker_id)) is None:
        raise gone()
    document = Document(
        id=new_id(Document.prefix),
        worker_id=upload.worker_id,
        kind=upload.kind,
        media_type=upload.media_type,
        bytes=upload.bytes,
        sha256=upload.sha256,
        submitted_at=tx.now,
    )
    await tx.add(document)
    await tx.emit("DocumentSubmitted", document.id, worker_id=upload.worker_id, kind=upload.kind)
    return document.id


@job("remove_content")
async def remove_content(tx: Transaction, *, sha256: str) -> None:
    """Of a document nobody has any more."""
    if not await tx.value(load.is_kept(sha256)):
        await tx.process.storage.remove(sha256)


async def deliver(request: Request) -> Response:
    """GET /documents/{token}: the file that the address was signed for."""
    process: Process = request.state.process
    try:
        claims = process.keys.claims(request.path_params["ticket"], AUDIENCE)
        async with transaction(process) as tx:
            document = await tx.find(load.document(claims["document"]))
        if document is None:
            raise FileNotFoundError
        content = await process.storage.get(document.sha256)
    except (InvalidToken, FileNotFoundError):
        told = "The address is not valid, or not any more: ask for `url` again."
        return encoded({"errors": [Coded("NOT_FOUND", told).formatted]}, 404)
    return Response(
        content,
        media_type=document.media_type,
        headers={
            # Nothing of it stays in caches, and nothing in it runs.
            "cache-control": "private, no-store",
            "content-disposition": f'attachment; filename="{document.id}"',
            "content-security-policy": "sandbox",
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
        },
    )
