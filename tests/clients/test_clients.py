"""The gateway as clients find it that were written by others: over a real socket, by their own
packages.

With LONG=1 schemathesis asks for every root field a hundred times, in some minutes; else for every
third twice.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import schemathesis
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from hypothesis import HealthCheck, given
from hypothesis import settings as bounds
from hypothesis import strategies as some

from deploy.packages import is_installed
from edge.negotiation import GRAPHQL
from ide.build import programs
from models.account import DemoAccount
from runtime.rights import Role
from runtime.settings import Settings
from server import create_app
from tests.asking import Inbox
from tests.clients.packages import FOLDER
from tests.conftest import CHECKOUT
from tests.make import LUCKNOW, a_worker, save
from tests.reader import BEHIND, answers, script, typed, write_files
from tests.test_serving import served

LONG = "LONG" in os.environ
SECONDS = 60
AUDITS = 61
PAGE = CHECKOUT / "docs" / "clients.md"
WITH_AGREED = "set -e; for app in apollo.mjs relay.mjs built/catalogue.js; do node $app; done"
"""Apps of the page that run where no documents do but those that were agreed."""
ACCOUNTS = {role.lower(): role for role in (Role.CITIZEN, Role.WORKER, Role.STATE_OFFICER)}
OURS = {"INTERNAL", "UNAVAILABLE"}
installed = pytest.mark.skipif(
    not is_installed(FOLDER), reason="`python -m tests.clients.packages` installs the clients"
)


@asynccontextmanager
async def gateway_at(settings: Settings) -> AsyncIterator[str]:
    """Its address, as long as the block lasts."""
    app = create_app(settings, Inbox())
    async with served(app, settings) as running:
        yield f"http://127.0.0.1:{running.port}"


@pytest_asyncio.fixture
async def address(settings: Settings) -> AsyncIterator[str]:
    assert settings.database_url is not None
    worker = await a_worker(settings.database_url)
    accounts = [
        DemoAccount(name=name, role=role, person_id=worker.id, district_ids=[LUCKNOW], purposes=[])
        for name, role in ACCOUNTS.items()
    ]
    await save(settings.database_url, *accounts)
    async with gateway_at(replace(settings, rate_limits="off")) as address:
        yield address


@pytest_asyncio.fixture
async def found(address: str) -> dict[str, Any]:
    """What the programs in JavaScript tell of."""
    node, _ = programs()
    running = await asyncio.create_subprocess_exec(
        *node,
        "clients.mjs",
        f"{address}/graphql",
        cwd=FOLDER,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, complaints = await asyncio.wait_for(running.communicate(), SECONDS)
    finally:
        if running.returncode is None:
            running.kill()
    assert running.returncode == 0, complaints.decode()
    return dict(json.loads(output))


@installed
async def test_clients_in_javascript_are_answered_as_they_expect(found: dict[str, Any]) -> None:
    audit, hidden = found["audit"], found["apolloWithoutRights"]

    assert (audit["count"], audit["failed"]) == (AUDITS, [])
    # Apollo's first client is told to send the document; the second need not.
    assert found["apolloByHash"] == [
        ["GET", 400, GRAPHQL],
        ["POST", 200, GRAPHQL],
        ["GET", 200, GRAPHQL],
    ]
    assert found["apolloMistaken"] == {"codes": ["BAD_INPUT"], "notes": [["POST", 400, GRAPHQL]]}
    assert hidden["codes"] == ["FORBIDDEN"]
    assert [(worker["mobile"], worker["status"]) for worker in hidden["workers"]] == [
        (None, "ACTIVE")
    ]
    assert found["urql"] == {
        "codes": ["BAD_INPUT"],
        "notes": [["POST", 200, GRAPHQL], ["POST", 200, GRAPHQL], ["POST", 400, GRAPHQL]],
    }
    assert [status for _, status, _ in found["urqlByHash"]["notes"]] == [400, 200, 200, 400, 400]
    assert {method for method, _, _ in found["urqlByHash"]["notes"]} == {"GET"}
    assert found["urqlByHash"]["codes"] == ["BAD_INPUT"]


@pytest.fixture
def on_path(tmp_path: Path) -> str:
    """A PATH as the page's reader has it, without npx asking npm what is installed."""
    (tmp_path / "npx").write_text('#!/bin/sh\nexec "$@"\n')
    (tmp_path / "npx").chmod(0o755)
    node, _ = programs()
    folders = [tmp_path, FOLDER / "node_modules" / ".bin", Path(node[0]).parent]
    return os.pathsep.join([*map(str, folders), os.environ["PATH"]])


@installed
@pytest.mark.skipif(not shutil.which("curl"), reason="the page asks with curl")
async def test_the_page_for_frontends_does_what_it_says(
    settings: Settings, tmp_path: Path, on_path: str
) -> None:
    work, agreed = tmp_path / "work", tmp_path / "agreed"
    agreed.mkdir()
    write_files(PAGE, work)
    (work / "node_modules").symlink_to(FOLDER / "node_modules")
    async with gateway_at(replace(settings, documents=str(agreed))) as address:
        given = {"GATEWAY": address, "DOCUMENTS": str(agreed), "PATH": on_path}
        code, output, complaints = await asyncio.to_thread(typed, script(PAGE), work, given)

    assert code == 0, output + complaints
    only = replace(settings, documents=str(agreed), trusted_only="anonymous")
    async with gateway_at(only) as address:
        given = {"GATEWAY": address, "PATH": on_path}
        code, _, complaints = await asyncio.to_thread(typed, WITH_AGREED, work, given)
    assert code == 0, complaints
    expected = list(answers(PAGE))
    assert len([answer for answer in expected if answer]) == 4
    for text, answer in zip(output.split(BEHIND), expected, strict=False):
        # Compilers tell what they do before the program tells what it found.
        assert answer is None or json.loads(text.strip().splitlines()[-1]) == answer, output


CATEGORY = "query Category($slug: String!) { serviceCategory(slug: $slug) { name } }"
REFUSED = {
    "{ workers(first: 1000) { nodes { id } } }": ("LIMIT_EXCEEDED", None),
    "{ workers { nodes { mobile } } }": ("FORBIDDEN", {"workers": {"nodes": [{"mobile": None}]}}),
}


async def test_gql_takes_the_schema_from_us_and_reads_data_and_codes(address: str) -> None:
    transport = HTTPXAsyncTransport(f"{address}/graphql", headers={"Accept-Language": "hi"})
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        asked = gql(CATEGORY)
        asked.variable_values = {"slug": "electrician"}
        answer = await session.execute(asked)
        told = {}
        for document in REFUSED:
            with pytest.raises(TransportQueryError) as refused:
                await session.execute(gql(document))
            assert refused.value.errors is not None
            told[document] = refused.value.errors[0]["extensions"]["code"], refused.value.data

    assert answer == {"serviceCategory": {"name": "इलेक्ट्रीशियन"}}
    assert told == REFUSED


def ask_for_everything(address: str) -> int:
    """How many root fields there are. They are asked for with whatever values, by anybody."""
    schema = schemathesis.graphql.from_url(f"{address}/graphql")
    found: Any = list(schema.get_all_operations())
    operations = [each.ok() for each in found]
    for operation in operations if LONG else operations[::3]:

        @bounds(
            max_examples=100 if LONG else 2,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(), account=some.sampled_from([None, *ACCOUNTS]))
        def answers(case: Any, account: str | None) -> None:
            named = {} if account is None else {"Authorization": f"Bearer demo:{account}"}
            response = case.call(headers=named)
            codes = {error["extensions"]["code"] for error in response.json().get("errors", ())}

            assert response.status_code == 200, response.text
            assert not codes & OURS, f"{case.body} as {account}: {response.text}"

        answers()
    return len(operations)


async def test_whatever_schemathesis_makes_up_is_answered_or_refused_with_a_code(
    address: str,
) -> None:
    assert await asyncio.to_thread(ask_for_everything, address) > 100
