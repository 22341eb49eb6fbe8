"""What partners said of an entity is kept, until something happens to it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from deploy.compose import FOLDER
from deploy.packages import is_installed
from runtime.changes import sequence
from runtime.transaction import transaction
from tests.asking import a_process
from tests.federation.joined.partners import Partner, composed, partners
from tests.federation.joined.served import FUND, Served
from tests.make import a_worker
from tests.patience import PATIENCE

pytestmark = pytest.mark.skipif(
    not is_installed(FOLDER), reason="the composers are installed by `make compose`"
)


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


async def test_a_partner_is_asked_again_of_what_has_changed_and_of_nothing_else(
    tmp_path: Path, database_url: str
) -> None:
    fund = partners()["provident-fund"]
    agreed = FUND.replace("attempts = 1", "cache_seconds = 600")
    gateway = Served(
        tmp_path, composed("provident-fund"), agreed, {"provident-fund": lasting(fund)}
    )
    asha, bela = (await a_worker(database_url)).id, (await a_worker(database_url)).id
    query = "query ($id: ID!) { worker(id: $id) { contributions } }"

    async with a_process(database_url) as process, gateway.following(process):
        for worker in (asha, bela, asha, bela):
            answer = await gateway.ask(process, query=query, id=worker)
            assert answer == {"data": {"worker": {"contributions": [1, 2]}}}
        assert [each["id"] for each in fund.representations] == [asha, bela]

        async with transaction(process) as tx:
            await tx.emit("AvailabilityChanged", asha)
        await sequence(process)

        async with asyncio.timeout(PATIENCE):
            while len(fund.representations) < 3:
                await gateway.ask(process, query=query, id=bela)
                await gateway.ask(process, query=query, id=asha)
    assert [each["id"] for each in fund.representations] == [asha, bela, asha]
