"""Where documents are kept: under the hash of their content, which is also how they are found."""

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Protocol

from runtime.embedded import default_folder
from runtime.settings import Settings

CHECKOUT = Path(__file__).parent.parent

SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"%PDF-": "application/pdf",
}
"""How files of the kinds we take begin."""


def media_type_of(content: bytes) -> str | None:
    """What the content is, whatever it is called; None if it is nothing we take."""
    for start, media_type in SIGNATURES.items():
        if content.startswith(start):
            return media_type
    return None


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Storage(Protocol):
    """Content goes in under its SHA-256, in hex, and comes out under it. Putting the same in
    again changes nothing; what is not there raises FileNotFoundError."""

    async def put(self, content: bytes) -> str: ...
    async def get(self, sha256: str) -> bytes: ...
    async def remove(self, sha256: str) -> None: ...


class LocalStorage:
    """A folder that only its owner can open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def put(self, content: bytes) -> str:
        return await asyncio.to_thread(self._put, content)

    async def get(self, sha256: str) -> bytes:
        return await asyncio.to_thread(self._path(sha256).read_bytes)

    async def remove(self, sha256: str) -> None:
        await asyncio.to_thread(self._path(sha256).unlink, missing_ok=True)

    def _path(self, sha256: str) -> Path:
        # Folders of some thousands each: what lies in one folder is listed and backed up whole.
        return self.folder / sha256[:2] / sha256

    def _put(self, content: bytes) -> str:
        sha256 = sha256_of(content)
        path = self._path(sha256)
        if path.exists():
            return sha256
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        # Whole or not at all: a reader, or a crash, never meets half a file.
        handle, draft = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise
        entry = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)
        return sha256


def folder_for(settings: Settings) -> Path:
    """STORAGE_DIR, or a folder beside the data of the embedded server."""
    if settings.storage_dir:
        return Path(settings.storage_dir)
    return Path(settings.data_dir or default_folder(CHECKOUT)) / "documents"
