"""Exports: all rows that the client may have when they are read, each once."""

import csv
import gzip
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pytest_asyncio

from resolvers import export_turn as turn
from resolvers.export import whole_list
from runtime import clock, partner, tabular
from runtime.jobs import carry_out
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import answer, send
from tests.conftest import Statements, run_sql_async
from tests.exporting import (
    IDS,
    NAMES,
    VARANASI,
    a_client,
    about,
    begin,
    exported,
    exporting,
    files,
    finish,
    ids_in,
    kept,
    note,
    people,
    rows_of,
    while_it_runs,
    with_settings,
)

AUDITOR = Viewer(Role.AUDITOR, "us_auditor")


@pytest_asyncio.fixture
async def process(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Process]:
    # Clients are looked up anew each time.
    monkeypatch.setattr(partner, "KNOWN_SECONDS", -1)
    async with exporting(database_url, tmp_path / "store") as process:
        yield process


@pytest_asyncio.fixture
async def client(database_url: str) -> Viewer:
    return await a_client(database_url)


# What is in it.

FULL = """{ workerChanges { edges { node { id: workerId happenedAt worker {
  name: fullName years: yearsExperience registeredAt location { latitude }
  skills { category { slug } nsqfLevel } languages } } } } }"""
EXPECTED = """
    SELECT w.id, w.first_name_en || ' ' || w.surname_en AS name, w.years_experience AS years,
           w.registered_at, w.latitude, w.languages,
           (SELECT array_agg(c.slug) FROM worker_skill s
              JOIN service_category c ON c.id = s.category_id WHERE s.worker_id = w.id) AS slugs
      FROM worker w
     WHERE w.district_id = 'dt_162'
       AND EXISTS (SELECT FROM consent_record c WHERE c.subject_id = w.id
                      AND c.purpose = 'JOB_MATCHING' AND c.withdrawn_at IS NULL)
"""
Told = dict[str, Any]


def from_json(paths: Sequence[Path]) -> list[Told]:
    return [json.loads(line) for path in paths for line in gzip.open(path, "rt", encoding="utf-8")]


def from_csv(paths: Sequence[Path]) -> list[Told]:
    found = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                worker = {
                    "name": row["worker.name"],
                    "years": int(row["worker.years"]),
                    "registeredAt": row["worker.registeredAt"],
                    "location": {"latitude": float(row["worker.location.latitude"])},
                    "skills": json.loads(row["worker.skills"]),
                    "languages": json.loads(row["worker.languages"]),
                }
                found.append({"id": row["id"], "worker": worker})
    return found


def from_parquet(paths: Sequence[Path]) -> list[Told]:
    found: list[Told] = pa.concat_tables([pq.read_table(path) for path in paths]).to_pylist()
    for row in found:
        row["worker"]["registeredAt"] = row["worker"]["registeredAt"].isoformat()
    return found


@pytest.mark.parametrize(
    ("format", "compression", "read"),
    [
        ("JSON_LINES", "GZIP", from_json),
        ("CSV", "NONE", from_csv),
        ("PARQUET", "ZSTD", from_parquet),
    ],
)
async def test_an_export_has_whom_the_client_may_have_and_nobody_else(
    process: Process, database_url: str, client: Viewer, format: str, compression: str, read: Any
) -> None:
    await people(database_url, 6, years_experience=7)
    await people(database_url, 2, purpose=None)
    await people(database_url, 2, purpose="SOCIAL_SECURITY")
    await people(database_url, 2, district_id=VARANASI)
    (gone,) = await people(database_url, 1)
    await run_sql_async(
        database_url, f"UPDATE consent_record SET withdrawn_at = :now WHERE subject_id = '{gone}'"
    )
    await note(process)

    id = await exported(process, client, FULL, format=format, compression=compression)

    expected = {row.id: row for row in await rows_of(database_url, EXPECTED)}
    found = read(await files(process, id))
    assert len(expected) == 6
    assert sorted(row["id"] for row in found) == sorted(expected)
    for row in found:
        worker, told = row["worker"], expected[row["id"]]
        assert worker["name"] == told.name == "Anil Yadav"
        assert worker["years"] == told.years == 7
        assert datetime.fromisoformat(worker["registeredAt"]) == told.registered_at
        assert worker["location"] == {"latitude": told.latitude}
        assert [skill["category"]["slug"] for skill in worker["skills"]] == told.slugs
        assert worker["languages"] == told.languages


async def test_a_part_is_as_its_row_says(
    process: Process, database_url: str, client: Viewer
) -> None:
    await people(database_url, 6)
    await note(process)
    id = await exported(process, client)

    told = (await about(process, client, id))["parts"]

    paths = await files(process, id)
    assert [part["number"] for part in told] == [1, 2]
    # Two pages fit into five rows; the third begins the second part.
    assert [part["rows"] for part in told] == [4, 2]
    for part, path in zip(told, paths, strict=True):
        content = path.read_bytes()
        assert part["bytes"] == len(content)
        assert part["sha256"] == sha256(content).hexdigest()
        assert content.count(b"\n") == part["rows"]


async def test_parquet_has_records_lists_and_times(
    process: Process, database_url: str, client: Viewer
) -> None:
    await people(database_url, 1)
    await note(process)
    id = await exported(process, client, FULL, format="PARQUET")

    (path,) = await files(process, id)

    schema = pq.read_schema(path)
    worker = schema.field("worker").type
    assert schema.field("happenedAt").type == pa.timestamp("us", "UTC")
    assert worker.field("years").type == pa.int64()
    assert pa.types.is_struct(worker.field("skills").type.value_type)
    assert worker.field("languages").type.value_type == pa.string()


@pytest.mark.parametrize("format", ["JSON_LINES", "CSV", "PARQUET"])
async def test_an_export_of_nothing_is_a_valid_file(
    process: Process, client: Viewer, format: str
) -> None:
    id = await exported(process, client, FULL, format=format)

    told = await about(process, client, id)
    (path,) = await files(process, id)
    assert (told["rows"], told["share"]) == (0, 1.0)
    if format == "PARQUET":
        assert pq.read_table(path).num_rows == 0
        assert pq.read_schema(path).names == ["id", "happenedAt", "worker"]
    else:
        header = "id,happenedAt,worker.name" if format == "CSV" else ""
        assert path.read_text(encoding="utf-8").startswith(header)
        assert path.read_text(encoding="utf-8").count("\n") == (format == "CSV")


async def test_no_cell_is_taken_for_a_formula(
    process: Process, database_url: str, client: Viewer
) -> None:
    await people(database_url, 1, first_name_en='=HYPERLINK("http://x","y")')
    document = "{ workers { nodes { firstName(language: EN) mobile yearsExperience } } }"
    id = await exported(process, client, document, format="CSV")

    (path,) = await files(process, id)

    with path.open(encoding="utf-8", newline="") as file:
        _, (name, mobile, years) = csv.reader(file)
    assert name == '\'=HYPERLINK("http://x","y")'
    assert mobile.startswith("'+91XXXXXX")
    assert years == "5"


async def test_an_after_of_ones_own_is_where_it_begins(
    process: Process, database_url: str, client: Viewer
) -> None:
    await people(database_url, 3)
    await note(process)
    page = "{ workerChanges(first: 1) { nodes { workerId } pageInfo { endCursor } } }"
    data, _ = await answer(process, client, page)
    first, cursor = data["workerChanges"]["nodes"], data["workerChanges"]["pageInfo"]["endCursor"]

    given = {"document": IDS.replace("workerChanges", "workerChanges(after: $from, first: $n)")}
    given["document"] = "query ($from: String, $n: Int) " + given["document"]
    id = await exported(process, client, **given, variables=json.dumps({"from": cursor, "n": 1}))

    found = await ids_in(process, id)
    assert len(found) == 2
    assert first[0]["workerId"] not in found


# Limits and costs.


@pytest.mark.parametrize("count", [3, 12])
async def test_a_page_costs_the_same_statements_for_any_number_of_rows(
    process: Process, database_url: str, client: Viewer, statements: Statements, count: int
) -> None:
    await people(database_url, count)
    await note(process)
    large = with_settings(process, export_page=50, export_part_rows=50)
    await begin(large, client, FULL)

    with statements(at_most=40) as sent:
        assert await turn.work_on_exports(large)

    assert len(sent) == 22


async def test_a_page_asks_for_consents_once_rather_than_for_each_field(
    process: Process, database_url: str, client: Viewer, statements: Statements
) -> None:
    await people(database_url, 2)
    await begin(process, client, "{ workers { nodes { fullName gender birthYear registeredAt } } }")

    with statements(at_most=40) as sent:
        await turn.work_on_exports(process)

    (read,) = [sql for sql in sent if "birth_year" in sql and "EXISTS" in sql]
    assert read.count("FROM consent_record") == 1


async def test_a_part_is_written_a_page_at_a_time(
    process: Process, database_url: str, client: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the part's size, no more than a page of it is held."""
    await people(database_url, 8)
    await note(process)
    large = with_settings(process, export_part_rows=50)
    handed: list[int] = []
    whole = tabular.writing

    @contextmanager
    def watched(*given: Any) -> Iterator[tabular.Write]:
        with whole(*given) as write:

            def counted(rows: Sequence[Any]) -> None:
                handed.append(len(rows))
                write(rows)

            yield counted

    monkeypatch.setattr("resolvers.export_turn.writing", watched)
    id = await exported(large, client)

    assert handed == [2, 2, 2, 2]
    assert [part["rows"] for part in (await about(process, client, id))["parts"]] == [8]


async def test_a_page_is_as_large_as_its_cost_lets_it_be(
    process: Process, database_url: str, client: Viewer
) -> None:
    found = whole_list(process, client, "{ workers { nodes { code } } }", None, {})
    dear = "{ workers { nodes { code skills { category { slug } } reviews(first: 50) { nodes"
    dearer = whole_list(process, client, f"{dear} {{ stars }} }} }} }} }}", None, {})

    assert found.size(client, 2000) == 2000
    assert 1 < dearer.size(client, 2000) < 1000


async def refused(process: Process, client: Viewer, **given: Any) -> Any:
    return await send(process, client, "startExport", **given)


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ("{ __typename }", "`__typename` is no connection"),
        ('{ worker(id: "x") { code } }', "`worker` is no connection"),
        ("{ a: workers { nodes { code } } b: workers { nodes { code } } }", "one root field"),
        ("{ workers(last: 2) { nodes { code } } }", "`workers` is given `last`"),
        ("{ workers { totalCount } }", "does not have edges or nodes once"),
        ("{ workers { edges { cursor } } }", "`edges` does not have node once"),
        ("subscription { exportChanged(exportId: 1) { event } }", "it is a subscription"),
    ],
)
async def test_what_is_not_one_list_is_refused_with_what_to_send_instead(
    process: Process, client: Viewer, document: str, found: str
) -> None:
    came = await refused(process, client, document=document)

    assert came["__typename"] == "NotExportable"
    assert found in came["message"]
    assert "nodes { … }" in came["message"]


async def test_what_is_not_valid_for_the_client_is_refused_with_the_reason(
    process: Process, database_url: str
) -> None:
    student = await a_client(database_url, purposes=["RESEARCH"])

    came = await refused(process, student, document=NAMES)
    long = "{ districts { nodes { workers(first: 101) { nodes { code } } } } }"
    too_long = await refused(process, student, document=long)

    assert came["__typename"] == too_long["__typename"] == "InvalidOperation"
    assert "Cannot query field 'fullName' on type 'Worker'" in came["message"]
    assert "`first` of `workers` may be at most 100." in too_long["message"]


async def test_variables_are_a_json_object(process: Process, client: Viewer) -> None:
    for variables in ("[]", "{", "1"):
        assert await refused(process, client, document=IDS, variables=variables) == ["BAD_INPUT"]


async def test_a_client_has_only_so_many_at_once(
    process: Process, database_url: str, client: Viewer
) -> None:
    first, _ = await begin(process, client), await begin(process, client)
    came = await refused(process, client, document=IDS)
    assert came["__typename"] == "TooManyExports"
    assert "At most 2" in came["message"]
    other = await a_client(database_url)
    assert await begin(process, other)

    await send(process, client, "cancelExport", exportId=first)

    assert await begin(process, client)


# Who sees it, and for how long.


async def test_it_shows_to_its_client_and_to_those_who_oversee(
    process: Process, database_url: str, client: Viewer
) -> None:
    id = await begin(process, client)
    other = await a_client(database_url)
    officer = Viewer(Role.STATE_OFFICER, "us_state")

    async def listed(viewer: Viewer) -> list[str]:
        data, errors = await answer(process, viewer, "{ exports { nodes { id } } }")
        assert not errors
        return [node["id"] for node in data["exports"]["nodes"]]

    assert await listed(client) == await listed(AUDITOR) == await listed(officer) == [id]
    assert await listed(other) == []
    assert await about(process, other, id) is None
    assert await send(process, other, "cancelExport", exportId=id) == ["NOT_FOUND"]
    _, (error,) = await answer(
        process, Viewer(Role.CITIZEN, "cz_1"), "{ exports { nodes { id } } }"
    )
    assert error["extensions"]["code"] == "FORBIDDEN"


async def test_progress_is_told(process: Process, database_url: str, client: Viewer) -> None:
    await people(database_url, 10)
    await note(process)
    id = await begin(process, client)
    waiting = await about(process, client, id)
    await turn.work_on_exports(process)
    running = await about(process, client, id)
    await finish(process)
    done = await about(process, client, id)

    assert (waiting["state"], waiting["share"], waiting["startedAt"]) == ("QUEUED", None, None)
    assert (running["state"], running["rows"], running["share"]) == ("RUNNING", 4, 0.4)
    assert running["estimatedEnd"] > running["startedAt"]
    assert (done["state"], done["rows"], done["share"]) == ("DONE", 10, 1.0)
    ended, expires = (datetime.fromisoformat(done[key]) for key in ("finishedAt", "expiresAt"))
    assert expires - ended == timedelta(days=7)


async def test_one_that_is_cancelled_stops_at_the_next_page_and_its_files_go(
    process: Process, database_url: str, client: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people(database_url, 9)
    await note(process)
    id = await begin(process, client)
    await turn.work_on_exports(process)
    assert len(await files(process, id)) == 1

    async def cancelled() -> None:
        came = await send(process, client, "cancelExport", "... on Export { state }", exportId=id)
        assert came["state"] == "CANCELLED"

    while_it_runs(monkeypatch, cancelled)
    assert await turn.work_on_exports(process)

    assert await finish(process) == 0
    told = await about(process, client, id)
    assert (told["state"], len(told["parts"])) == ("CANCELLED", 1)
    both = "... on Export { state } ... on ExportOver { currentState message }"
    came = await send(process, client, "cancelExport", both, exportId=id)
    assert came == {
        "__typename": "ExportOver",
        "currentState": "CANCELLED",
        "message": "The export has ended already: it is CANCELLED.",
    }
    await carry_out(process, "remove_exports", {}, clock.now() + timedelta(hours=1))
    assert kept(process) == []
    assert (await about(process, client, id))["parts"] == []


async def test_one_that_has_expired_is_gone(
    process: Process, database_url: str, client: Viewer
) -> None:
    id = await exported(process, client)
    now = clock.now()

    await carry_out(process, "remove_exports", {}, now + timedelta(days=6))
    assert (await about(process, client, id))["state"] == "DONE"
    await carry_out(process, "remove_exports", {}, now + timedelta(days=8))

    told = await about(process, client, id)
    assert (told["state"], told["parts"]) == ("EXPIRED", [])
    assert kept(process) == []


async def test_who_has_used_up_its_rows_waits_for_more_and_loses_nothing(
    process: Process, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await a_client(database_url, rows_per_minute=15)
    monkeypatch.setattr(partner, "KNOWN_SECONDS", -1)
    workers = await people(database_url, 12)
    await note(process)
    small = with_settings(process, export_page=4, export_part_rows=4)
    id = await begin(small, client, IDS)
    minute = "UPDATE partner_usage SET minute = minute - interval '1 minute'"

    while await turn.work_on_exports(small):
        pass
    waits = await about(small, client, id)
    assert waits["state"] == "RUNNING"
    assert 0 < waits["rows"] < len(workers)

    for _ in workers:
        await run_sql_async(database_url, minute, "UPDATE export SET not_before = :now")
        while await turn.work_on_exports(small):
            pass
    told = await about(small, client, id)
    assert (told["state"], told["rows"]) == ("DONE", len(workers))
