"""Where finished files are kept, each under a name of its own: a folder, or a bucket of whatever
speaks S3."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from pyarrow import fs

from runtime.settings import Settings
from runtime.storage import folder_for

CHUNK = 1_048_576


class Parts:
    """Made of an address such as `s3://bucket/prefix?endpoint_override=…`, or a folder that only
    its owner can open."""

    def __init__(self, address: str) -> None:
        self.address = address

    @cached_property
    def _folder(self) -> Path | None:
        """None for a bucket."""
        return None if "://" in self.address else Path(self.address)

    @cached_property
    def _files(self) -> fs.FileSystem:
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return fs.SubTreeFileSystem(str(self._folder), fs.LocalFileSystem())
        found, root = fs.FileSystem.from_uri(self.address)
        return fs.SubTreeFileSystem(root, found)

    async def put(self, source: Path, name: str) -> None:
        """Whole or not at all: a reader, or a crash, never meets half a file."""
        await asyncio.to_thread(self._put, source, name)

    async def read(self, name: str, start: int, length: int) -> AsyncIterator[bytes]:
        """What comes of it once it is open. FileNotFoundError where there is no such file."""
        return chunks(await asyncio.to_thread(self._open, name, start), length)

    async def remove(self, folder: str) -> None:
        """With all that is in it, whether or not it is there."""
        await asyncio.to_thread(self._remove, folder)

    async def drop(self, name: str) -> None:
        """One file, whether or not it is there."""
        with suppress(FileNotFoundError):
            await asyncio.to_thread(self._files.delete_file, name)

    def _put(self, source: Path, name: str) -> None:
        folder = name.rpartition("/")[0]
        # What is written to a bucket is there when it is complete, and not before.
        draft = name if self._folder is None else f"{name}.{secrets.token_hex(4)}"
        if self._folder is not None:
            self._files.create_dir(folder)
        try:
            with source.open("rb") as file, self._files.open_output_stream(draft) as stream:
                while chunk := file.read(CHUNK):
                    stream.write(chunk)
            if self._folder is not None:
                sync(self._folder / draft)
                self._files.move(draft, name)
                sync(self._folder / folder)
        except BaseException:
            if self._folder is not None:
                (self._folder / draft).unlink(missing_ok=True)
            raise

    def _open(self, name: str, start: int) -> Any:
        file = self._files.open_input_file(name)
        file.seek(start)
        return file

    def _remove(self, folder: str) -> None:
        if self._has(folder):
            try:
                self._files.delete_dir(folder)
            except OSError:
                # Some buckets refuse the names that stand for folders; files are what counts.
                if self._has(folder):
                    raise

    def _has(self, folder: str) -> bool:
        return self._files.get_file_info(folder).type is not fs.FileType.NotFound


async def chunks(file: Any, length: int) -> AsyncIterator[bytes]:
    try:
        while length > 0 and (chunk := await asyncio.to_thread(file.read, min(CHUNK, length))):
            length -= len(chunk)
            yield chunk
    finally:
        file.close()


def sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def parts_for(settings: Settings) -> Parts:
    """EXPORT_STORE, or a folder beside the one of documents."""
    return Parts(settings.export_store or str(folder_for(settings).parent / "exports"))
