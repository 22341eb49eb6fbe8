"""Fetching exports: by signed addresses, whole or in ranges; and being told how they go on."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from resolvers import export_turn as turn
from resolvers.export_file import AUDIENCE
from runtime import partner
from runtime.rights import Role
from runtime.settings import Settings
from runtime.viewer import Viewer
from server import create_app
from tests.asking import Inbox, answer, send
from tests.conftest import run_sql_async
from tests.exporting import IDS, a_client, begin, exported, finish, ids_in, note, people
from tests.live import Served, served
from tests.patience import PATIENCE

PARTS = """query Parts($id: ID!) { export(id: $id) {
  manifest parts { number rows bytes sha256 url } } }"""


@pytest_asyncio.fixture
async def gateway(
    settings: Settings, inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Served]:
    monkeypatch.setattr(partner, "KNOWN_SECONDS", -1)
    chosen = replace(
        settings, export_store=str(tmp_path / "store"), export_page=2, export_part_rows=4
    )
    async with served(create_app(chosen, inbox)) as gateway:
        yield gateway


@pytest_asyncio.fixture
async def viewer(database_url: str) -> Viewer:
    return await a_client(database_url)


@pytest_asyncio.fixture
async def http(gateway: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{gateway.port}") as http:
        yield http


async def an_export(
    gateway: Served, url: str, viewer: Viewer, **given: Any
) -> tuple[str, dict[str, Any]]:
    """Its id, and where it can be fetched."""
    await people(url, 6)
    await note(gateway.process)
    id = await exported(gateway.process, viewer, **given)
    return id, await addresses(gateway, viewer, id)


async def addresses(gateway: Served, viewer: Viewer, id: str) -> dict[str, Any]:
    data, errors = await answer(gateway.process, viewer, PARTS, id=id)
    assert not errors, errors
    found: dict[str, Any] = data["export"]
    return found


def path(url: str) -> str:
    return urlsplit(url).path


async def test_what_is_fetched_is_what_was_promised(
    gateway: Served, database_url: str, viewer: Viewer, http: httpx.AsyncClient
) -> None:
    id, told = await an_export(gateway, database_url, viewer)
    found = []
    for part in told["parts"]:
        response = await http.get(path(part["url"]))
        assert response.status_code == 200
        assert len(response.content) == part["bytes"]
        assert sha256(response.content).hexdigest() == part["sha256"]
        assert response.headers["etag"] == f'"{part["sha256"]}"'
        assert response.headers["accept-ranges"] == "bytes"
        assert response.headers["cache-control"] == "private, no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        name = f"{id}-{part['number']:05}.jsonl"
        assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
        # Whoever takes compressed answers is sent the same bytes.
        assert "content-encoding" not in response.headers
        found += [json.loads(line)["workerId"] for line in response.content.splitlines()]

    assert found == await ids_in(gateway.process, id)


async def test_the_manifest_lists_what_there_is(
    gateway: Served, database_url: str, viewer: Viewer, http: httpx.AsyncClient
) -> None:
    document = "query ($n: Int) { workerChanges(first: $n) { nodes { workerId happenedAt } } }"
    given = {"document": document, "variables": '{"n": 3}'}
    id, told = await an_export(
        gateway, database_url, viewer, **given, format="CSV", compression="ZSTD"
    )

    manifest = (await http.get(path(told["manifest"]))).json()

    assert (
        manifest.items()
        >= {
            "export": id,
            "complete": True,
            "document": document,
            "variables": {"n": 3},
            "format": "CSV",
            "compression": "ZSTD",
            "rows": 6,
        }.items()
    )
    assert manifest["columns"] == [
        {"name": "workerId", "type": "text"},
        {"name": "happenedAt", "type": "instant"},
    ]
    assert manifest["startedAt"] < manifest["finishedAt"] < manifest["expiresAt"]
    assert [part["name"] for part in manifest["parts"]] == [
        f"{id}-00001.csv.zst",
        f"{id}-00002.csv.zst",
    ]
    for listed, part in zip(manifest["parts"], told["parts"], strict=True):
        assert {key: part[key] for key in ("number", "rows", "bytes", "sha256")}.items() <= (
            listed.items()
        )


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        ("bytes=0-9", slice(0, 10)),
        ("bytes=10-", slice(10, None)),
        ("bytes=-5", slice(-5, None)),
        ("bytes=3-99999999", slice(3, None)),
        ("bytes=-99999999", slice(0, None)),
    ],
)
async def test_a_range_is_sent_alone(
    gateway: Served,
    database_url: str,
    viewer: Viewer,
    http: httpx.AsyncClient,
    asked: str,
    span: slice,
) -> None:
    _, told = await an_export(gateway, database_url, viewer)
    address = path(told["parts"][0]["url"])
    whole = (await http.get(address)).content

    response = await http.get(address, headers={"range": asked})

    start, end, _ = span.indices(len(whole))
    assert response.status_code == 206
    assert response.content == whole[span]
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/{len(whole)}"


@pytest.mark.parametrize("asked", ["bytes=9-3", "bytes=0-1,3-4", "lines=1-2", "bytes=-", "x"])
async def test_a_range_that_says_nothing_is_passed_over(
    gateway: Served, database_url: str, viewer: Viewer, http: httpx.AsyncClient, asked: str
) -> None:
    _, told = await an_export(gateway, database_url, viewer)
    part = told["parts"][0]

    response = await http.get(path(part["url"]), headers={"range": asked})

    assert (response.status_code, len(response.content)) == (200, part["bytes"])


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
async def test_a_range_of_nothing_is_refused(
    gateway: Served, database_url: str, viewer: Viewer, http: httpx.AsyncClient, asked: str
) -> None:
    _, told = await an_export(gateway, database_url, viewer)
    part = told["parts"][0]

    response = await http.get(path(part["url"]), headers={"range": asked})

    assert response.status_code == 416
    assert response.headers["content-range"] == f"bytes */{part['bytes']}"
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"


async def test_the_rest_is_sent_of_the_same_file_only(
    gateway: Served, database_url: str, viewer: Viewer, http: httpx.AsyncClient
) -> None:
    _, told = await an_export(gateway, database_url, viewer)
    address, tag = path(told["parts"][0]["url"]), f'"{told["parts"][0]["sha256"]}"'

    async def status(if_range: str) -> int:
        headers = {"range": "bytes=5-", "if-range": if_range}
        return (await http.get(address, headers=headers)).status_code

    assert await status(tag) == 206
    assert await status('"another"') == 200
    assert await status("Wed, 25 Nov 2026 10:00:00 GMT") == 200


async def test_head_tells_all_but_the_content(
    gateway: Served, database_url: str, viewer: Viewer, http: httpx.AsyncClient
) -> None:
    _, told = await an_export(gateway, database_url, viewer)
    part = told["parts"][0]

    response = await http.head(path(part["url"]), headers={"range": "bytes=0-3"})

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(part["bytes"])
    assert response.headers["etag"] == f'"{part["sha256"]}"'


async def test_addresses_that_are_forged_or_too_old_lead_nowhere(
    gateway: Served, database_url: str, viewer: Viewer, http: httpx.AsyncClient
) -> None:
    id, told = await an_export(gateway, database_url, viewer)
    address = path(told["parts"][0]["url"])
    keys = gateway.process.keys
    head, body, signature = address.rsplit("/", 1)[1].split(".")
    forged = {
        "changed": f"{head}.{body[:-2]}AA.{signature}",
        "expired": keys.sign(-1, aud=AUDIENCE, export=id, part=1),
        "for another purpose": keys.sign(10, export=id, part=1),
        "of no part": keys.sign(10, aud=AUDIENCE, export=id, part=99),
        "of no export": keys.sign(10, aud=AUDIENCE, export="ex_none"),
        "nonsense": "x",
    }

    for why, token in forged.items():
        assert (await http.get(f"/exports/{token}")).status_code == 404, why
    assert (await http.get(address)).status_code == 200


async def test_an_address_is_worth_nothing_once_the_client_or_the_export_is_gone(
    gateway: Served, database_url: str, viewer: Viewer, http: httpx.AsyncClient
) -> None:
    id, told = await an_export(gateway, database_url, viewer)
    address, manifest = path(told["parts"][0]["url"]), path(told["manifest"])
    for change in (
        "UPDATE export SET state = 'EXPIRED'",
        "UPDATE export SET state = 'DONE'; UPDATE partner_client SET revoked_at = :now",
    ):
        await run_sql_async(database_url, *change.split("; "))
        assert (await http.get(address)).status_code == 404
        assert (await http.get(manifest)).status_code == 404
    await run_sql_async(database_url, "UPDATE partner_client SET revoked_at = NULL")
    assert (await http.get(address)).status_code == 200
    assert id in (await http.get(manifest)).text


async def test_a_file_that_is_lost_is_not_found(
    gateway: Served, database_url: str, viewer: Viewer, http: httpx.AsyncClient
) -> None:
    id, told = await an_export(gateway, database_url, viewer)
    await gateway.process.parts.remove(id)

    assert (await http.get(path(told["parts"][0]["url"]))).status_code == 404


async def test_those_who_oversee_are_told_no_address(
    gateway: Served, database_url: str, viewer: Viewer
) -> None:
    id, _ = await an_export(gateway, database_url, viewer)

    data, errors = await answer(gateway.process, Viewer(Role.AUDITOR, "us_1"), PARTS, id=id)

    assert [part["rows"] for part in data["export"]["parts"]] == [4, 2]
    assert data["export"]["manifest"] is None
    assert all(part["url"] is None for part in data["export"]["parts"])
    assert {error["extensions"]["code"] for error in errors} == {"FORBIDDEN"}


async def test_finished_parts_can_be_fetched_while_it_runs(
    gateway: Served, database_url: str, viewer: Viewer, http: httpx.AsyncClient
) -> None:
    await people(database_url, 6)
    await note(gateway.process)
    id = await begin(gateway.process, viewer)
    await turn.work_on_exports(gateway.process)

    told = await addresses(gateway, viewer, id)

    assert len(told["parts"]) == 1
    assert (await http.get(path(told["parts"][0]["url"]))).status_code == 200
    assert not (await http.get(path(told["manifest"]))).json()["complete"]


# As it happens.

CHANGED = """subscription ($export: ID!) {
  exportChanged(exportId: $export) { event export { state rows } } }"""


async def test_progress_is_told_as_it_happens(
    gateway: Served, database_url: str, viewer: Viewer
) -> None:
    await people(database_url, 6)
    await note(gateway.process)
    id = await begin(gateway.process, viewer)
    await gateway.sequence()
    async with gateway.socket(viewer) as socket:
        await socket.subscribe(CHANGED, export=id)
        for _ in range(2):
            await turn.work_on_exports(gateway.process)
            await gateway.sequence()
            await asyncio.sleep(0)
        first, last = [await socket.next("exportChanged") for _ in range(2)]
        async with asyncio.timeout(PATIENCE):
            assert (await socket.hear())["type"] == "complete"

    assert first["event"] == "ExportProgressed"
    assert last == {"event": "ExportEnded", "export": {"state": "DONE", "rows": 6}}


async def test_nobody_else_is_told(gateway: Served, database_url: str, viewer: Viewer) -> None:
    id = await begin(gateway.process, viewer, IDS)
    async with gateway.socket(await a_client(database_url)) as socket:
        await socket.say(
            "subscribe", id="1", payload={"query": CHANGED, "variables": {"export": id}}
        )
        told = await socket.hear()

    assert told["payload"][0]["extensions"]["code"] == "NOT_FOUND"
    await send(gateway.process, viewer, "cancelExport", exportId=id)
    assert await finish(gateway.process) == 0
