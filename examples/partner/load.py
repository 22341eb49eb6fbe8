"""The first load: everything at once, as files that the gateway writes in the background.

What has been fetched stays beside the copy until the copy has it, so whoever is killed goes on in
the middle of a file.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow.parquet as pq

from .gateway import Gateway, Refused

START = """
mutation Start($input: StartExportInput!) {
  startExport(input: $input) { ... on Export { id } ... on Refusal { message } }
}
"""
FOLLOW = """
query Follow($id: ID!) {
  export(id: $id) { state reason manifest parts { number sha256 url } }
}
"""
OVER = ("CANCELLED", "FAILED", "EXPIRED")
TRIES = 5
PAUSE_SECONDS = 0.5


class Load:
    def __init__(self, gateway: Gateway, document: str, beside: Path) -> None:
        self._gateway = gateway
        self._document = document
        self._begun = beside.with_suffix(".load")
        self._beside = beside

    def run(self) -> tuple[Iterator[dict[str, Any]], str]:
        """Every row, and the cursor to go on from."""
        export = self._finished()
        told = json.loads(self._gateway.file(export["manifest"]))
        files = [self._fetched(part) for part in export["parts"]]
        return (row for file in files for row in pq.read_table(file).to_pylist()), told["endCursor"]

    def forget(self) -> None:
        """Once the copy has all of it."""
        for file in (*self._parts(), self._begun):
            file.unlink(missing_ok=True)

    def _finished(self) -> Any:
        """Asked for once: the key is kept before it is asked for with it."""
        for _ in range(TRIES):
            if not self._begun.exists():
                self._begun.write_text(uuid4().hex)
            key = self._begun.read_text()
            asked = {"document": self._document, "format": "PARQUET", "idempotencyKey": key}
            id = self._gateway.ask(START, input=asked)["startExport"]["id"]
            while (export := self._gateway.ask(FOLLOW, id=id)["export"])["state"] != "DONE":
                if export["state"] in OVER:
                    self.forget()
                    break
                time.sleep(PAUSE_SECONDS)
            else:
                return export
        raise Refused(f"The export ended as {export['state']}, {TRIES} times: {export['reason']}.")

    def _fetched(self, part: Any) -> Path:
        file = self._beside.with_suffix(f".part{part['number']:05}")
        for _ in range(TRIES):
            with file.open("ab") as end:
                end.write(self._gateway.file(part["url"], end.tell()))
                end.flush()
                os.fsync(end.fileno())
            if hashlib.sha256(file.read_bytes()).hexdigest() == part["sha256"]:
                return file
            file.unlink()
        raise Refused(f"Part {part['number']} was fetched {TRIES} times, and never was whole.")

    def _parts(self) -> Iterator[Path]:
        yield from self._beside.parent.glob(f"{self._beside.stem}.part*")
