"""Reads of what workers handed in, and of tickets to hand something in with."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, Update, any_, select, update

from loaders.shown import shown, visible
from models.worker import Document, Upload, Worker, WorkerStatus
from runtime.batch import KEYS, Columns, Read, many, one
from runtime.rights import Area


@one(Document)
def document_by_id(columns: Columns) -> Read:
    """Those who handle the worker find it, so that they are told what reading it takes."""
    return select(Document.id, *shown(Document, columns)).where(
        Document.id == any_(KEYS), visible(Document, Area.DOCUMENTS, Area.WORKER_STANDING)
    )


@many(Document)
def documents_by_worker(columns: Columns) -> Read:
    """The latest first."""
    return (
        select(Document.worker_id, *shown(Document, columns))
        .where(Document.worker_id == any_(KEYS), visible(Document, Area.DOCUMENTS))
        .order_by(Document.worker_id, Document.submitted_at.desc(), Document.id)
    )


def documents_of(worker_id: str) -> Select[str]:
    return select(Document.id).where(Document.worker_id == worker_id)


def document(id: str) -> Select[Document]:
    return select(Document).where(Document.id == id)


def open_upload(ticket_hash: str, now: datetime) -> Select[Upload]:
    return select(Upload).where(
        Upload.ticket_hash == ticket_hash, Upload.used_at.is_(None), Upload.expires_at > now
    )


def use_ticket(ticket_hash: str, now: datetime) -> Update:
    """Who comes second waits here, and then finds it used."""
    return (
        update(Upload)
        .where(Upload.ticket_hash == ticket_hash, Upload.used_at.is_(None), Upload.expires_at > now)
        .values(used_at=now)
        .returning(Upload.worker_id)
    )


def still_registered(worker_id: str) -> Select[Worker]:
    """They cannot be erased meanwhile."""
    return (
        select(Worker)
        .where(Worker.id == worker_id, Worker.status != WorkerStatus.ERASED)
        .with_for_update(read=True)
    )


def is_kept(sha256: str) -> Select[Any]:
    """Whether anybody has a document with this content."""
    return select(select(Document.id).where(Document.sha256 == sha256).exists())
