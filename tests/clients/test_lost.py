"""A phone whose network loses the answer to a refresh: a client that others wrote asks again, and
stays signed in."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from ide.build import programs
from models.account import Session
from models.base import new_id
from resolvers.session import digest
from runtime import clock
from runtime.settings import Settings
from tests.clients.packages import FOLDER
from tests.clients.test_clients import SECONDS, gateway_at, installed
from tests.make import a_citizen, save

TOKEN = "a-refresh-token-of-a-phone"


@asynccontextmanager
async def losing(port: int, lost: int) -> AsyncIterator[str]:
    """The address of a network that leads to the port, and loses the first answers to refreshing:
    the connection breaks when the gateway has given them."""
    left = lost

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        refreshing = asyncio.Event()

        async def there() -> None:
            while data := await reader.read(65_536):
                if b"refreshSession" in data:
                    refreshing.set()
                far_writer.write(data)
            far_writer.close()

        going = asyncio.create_task(there())
        with suppress(OSError):
            while data := await far_reader.read(65_536):
                if refreshing.is_set() and left:
                    left -= 1
                    break
                writer.write(data)
                await writer.drain()
        going.cancel()
        far_writer.close()
        writer.transport.abort()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert left == 0


async def refreshed_by_apollo(settings: Settings, lost: int) -> dict[str, Any]:
    assert settings.database_url is not None
    citizen = await a_citizen(settings.database_url)
    session = Session(
        id=new_id("ss"),
        person_id=citizen.id,
        role="CITIZEN",
        refresh_hash=digest(TOKEN),
        expires_at=clock.now() + timedelta(days=1),
    )
    await save(settings.database_url, session)
    node, _ = programs()
    async with gateway_at(settings) as address:
        port = int(address.rpartition(":")[2])
        async with losing(port, lost) as network:
            running = await asyncio.create_subprocess_exec(
                *node,
                "lost.mjs",
                f"{network}/graphql",
                TOKEN,
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
@pytest.mark.parametrize("lost", [0, 1, 2])
async def test_a_client_whose_answer_was_lost_asks_again_and_stays_signed_in(
    settings: Settings, lost: int
) -> None:
    told = await refreshed_by_apollo(settings, lost)

    assert told == {"first": "SignedIn", "triesOfFirst": lost + 1, "second": "SignedIn"}
