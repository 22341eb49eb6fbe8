"""What partners said of an entity is kept, until something happens to it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.types import Message, Receive, Scope, Send

from deploy.compose import FOLDER
from deploy.packages import is_installed
from runtime.changes import sequence
from runtime.settings import Settings
from runtime.transaction import transaction
from server import create_app
from tests.asking import a_process
from tests.conftest import client_of
from tests.federation.joined.partners import Partner, composed, partners
from tests.federation.joined.served import asked
from tests.federation.world import Hosts
from tests.make import a_worker

pytestmark = pytest.mark.skipif(
    not is_installed(FOLDER), reason="the composers are installed by `make compose`"
)
AGREED = """
[provident-fund]
private_addresses = true
cache_seconds = 600
"""
PATIENCE = 10
"""Seconds until a test that waits in vain fails."""


def lasting(partner: Partner) -> Any:
    """The partner, allowing others to keep what it says."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = (b"cache-control", b"max-age=600")
                message = {**message, "headers": [*message["headers"], kept]}
            await send(message)

        await partner(scope, receive, sent)

    return app


@pytest.fixture
def fund() -> Partner:
    return partners()["provident-fund"]


@pytest_asyncio.fixture
async def client(
    settings: Settings, tmp_path: Path, fund: Partner
) -> AsyncIterator[httpx.AsyncClient]:
    supergraph, agreed = tmp_path / "supergraph.graphql", tmp_path / "partners.toml"
    supergraph.write_text(composed("provident-fund"), encoding="utf-8")
    agreed.write_text(AGREED, encoding="utf-8")
    joined = replace(settings, supergraph=str(supergraph), partners=str(agreed))
    app = create_app(joined, transport=Hosts({"provident-fund": lasting(fund)}))
    async with client_of(app) as client:
        yield client


async def contributions(client: httpx.AsyncClient, worker: str) -> None:
    query = "query ($id: ID!) { worker(id: $id) { contributions } }"
    answer = await asked(client, query, id=worker)
    assert answer == {"data": {"worker": {"contributions": [1, 2]}}}


async def test_a_partner_is_asked_again_of_what_has_changed_and_of_nothing_else(
    client: httpx.AsyncClient, database_url: str, fund: Partner
) -> None:
    asha, bela = (await a_worker(database_url)).id, (await a_worker(database_url)).id
    for worker in (asha, bela, asha, bela):
        await contributions(client, worker)
    assert [each["id"] for each in fund.representations] == [asha, bela]

    async with a_process(database_url) as process:
        async with transaction(process) as tx:
            await tx.emit("AvailabilityChanged", asha)
        await sequence(process)

    async with asyncio.timeout(PATIENCE):
        while len(fund.representations) < 3:
            await contributions(client, bela)
            await contributions(client, asha)
    assert [each["id"] for each in fund.representations] == [asha, bela, asha]
