"""Keeps a copy of workers in one Parquet file, with the place up to which it is complete inside it.

    GATEWAY=http://127.0.0.1:8000 CLIENT_ID=pc_… CLIENT_SECRET=… \\
        python -m examples.partner.copy workers.parquet

It may be stopped at any moment: the file is replaced as a whole, so it is always a copy as of the
place that it names, and to be told the same once more does no harm.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .gateway import AnotherHistory, Gateway, Refused, Unanswered
from .load import Load

CHANGES = """
query Changes($after: String) {
  workerChanges(first: 100, after: $after) {
    nodes {
      workerId
      worker {
        code fullName gender birthYear status
        district { lgdCode }
        skills { category { slug } nsqfLevel certificateNumber }
      }
    }
    pageInfo { endCursor hasNextPage }
  }
}
"""
SKILL = pa.struct(
    [("category", pa.string()), ("nsqf_level", pa.string()), ("certificate", pa.string())]
)
COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("code", pa.string()),
        ("full_name", pa.string()),
        ("gender", pa.string()),
        ("birth_year", pa.int32()),
        ("status", pa.string()),
        ("district", pa.int32()),
        ("skills", pa.list_(SKILL)),
    ]
)
PAGES = 20
"""The file is written after so many, and whenever there is nothing more for now."""
PAUSE_SECONDS = float(os.environ.get("PAUSE_SECONDS", "30"))


class Copy:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.workers: dict[str, dict[str, Any]] = {}
        self.cursor: str | None = None
        if path.exists():
            table = pq.read_table(path)
            self.workers = {row["id"]: row for row in table.to_pylist()}
            self.cursor = (table.schema.metadata or {}).get(b"cursor", b"").decode() or None

    def take(self, change: dict[str, Any]) -> None:
        """The record in the place of what is there; without one, nothing."""
        id, worker = change["workerId"], change["worker"]
        if worker is None:
            self.workers.pop(id, None)
        else:
            self.workers[id] = row_of(id, worker)

    def begin_again(self) -> None:
        """What is in the file stays until all of it has come anew."""
        self.workers, self.cursor = {}, None

    def save(self) -> None:
        """The rows and the cursor in one step: neither is ever ahead of the other."""
        told = {"cursor": self.cursor or ""}
        table = pa.Table.from_pylist(list(self.workers.values()), COLUMNS.with_metadata(told))
        draft = self.path.with_suffix(".draft")
        with draft.open("wb") as file:
            pq.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)


def row_of(id: str, worker: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": id,
        "code": worker["code"],
        "full_name": worker["fullName"],
        "gender": worker["gender"],
        "birth_year": worker["birthYear"],
        "status": worker["status"],
        "district": worker["district"]["lgdCode"],
        "skills": [
            {
                "category": skill["category"]["slug"],
                "nsqf_level": skill["nsqfLevel"],
                "certificate": skill["certificateNumber"],
            }
            for skill in worker["skills"]
        ],
    }


def first_load(gateway: Gateway, copy: Copy) -> None:
    load = Load(gateway, CHANGES, copy.path)
    rows, cursor = load.run()
    for change in rows:
        copy.take(change)
    copy.cursor = cursor
    copy.save()
    load.forget()


def catch_up(gateway: Gateway, copy: Copy) -> int:
    """All that there is for now; how many changes that were."""
    taken = pages = 0
    while True:
        page = gateway.ask(CHANGES, after=copy.cursor)["workerChanges"]
        for change in page["nodes"]:
            copy.take(change)
        taken, pages = taken + len(page["nodes"]), pages + 1
        copy.cursor = page["pageInfo"]["endCursor"] or copy.cursor
        done = not page["pageInfo"]["hasNextPage"]
        if (done and taken) or pages % PAGES == 0:
            copy.save()
        if done:
            return taken


def main() -> None:
    given = [os.environ.get(name, "") for name in ("GATEWAY", "CLIENT_ID", "CLIENT_SECRET")]
    if not all(given) or len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        keep(Copy(Path(sys.argv[1])), Gateway(*given))
    except (Refused, Unanswered) as error:
        sys.exit(f"{error}")


def keep(copy: Copy, gateway: Gateway) -> None:
    while True:
        if copy.cursor is None:
            first_load(gateway, copy)
            print(f"{len(copy.workers)} workers", flush=True)
        try:
            taken = catch_up(gateway, copy)
        except AnotherHistory:
            print("a backup was restored: starting again", flush=True)
            copy.begin_again()
            continue
        if taken:
            print(f"{taken} changes, {len(copy.workers)} workers", flush=True)
        if "--once" in sys.argv:
            return
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
