"""Our own router over the four subgraphs answers as the gateway does.

What a reason is stated for is left out: it comes in the request's extensions, which go no further.
With LONG=1 all roles ask for everything, in six minutes.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from pprint import pformat
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from edge.federated import federated_app
from runtime.rights import Role
from runtime.settings import Settings
from runtime.tokens import rotate
from runtime.viewer import Viewer
from schema.graph import SUBGRAPHS
from schema.sdl import SUPERGRAPH
from server import create_subgraph
from tests.asking import Inbox
from tests.conftest import client_of
from tests.everything import queries
from tests.federation.world import Hosts
from tests.make import save
from tests.test_rights import World, a_world
from tests.ways import (
    COST_LIMIT,
    POOL_SIZE,
    SECONDS,
    Asking,
    a_gateway,
    an_account,
    difference,
    keys_of,
    shown_to,
    told,
    viewers,
)

LONG = "LONG" in os.environ
SOME = ("viewer", "District", "nearbyWorkers", "statistics", "nodes")
SECRET = "5ecret" * 8
PARTNER = """
[{name}]
url = "http://{name}/graphql"
private_addresses = true
attempts = 1
seconds = 30
secret = "{secret}"
enforces = true
headers = ["authorization", "accept-language"]
"""


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    rotate(tmp_path / "keys.json")
    return tmp_path / "keys.json"


@asynccontextmanager
async def a_router(url: str, keys: Path, folder: Path) -> AsyncIterator[Asking]:
    """All in this process, with the calls between them in between."""
    settings = Settings(
        database_url=url,
        signing_keys=str(keys),
        storage_dir=str(folder),
        token_limit=20_000,
        cost_limit=COST_LIMIT,
        pool_size=POOL_SIZE,
        operation_seconds=SECONDS,
        gateway_secrets=f"gateway={SECRET}",
        partners=str(folder / "partners.toml"),
    )
    agreed = [PARTNER.format(name=name, secret=SECRET) for name in SUBGRAPHS]
    (folder / "partners.toml").write_text("".join(agreed))
    async with AsyncExitStack() as stack:
        hosts = {}
        for name in SUBGRAPHS:
            app = create_subgraph(settings, name, sms=Inbox())
            state = await stack.enter_async_context(app.router.lifespan_context(app))

            async def served(
                scope: Scope, receive: Receive, send: Send, app: Any = app, state: Any = state
            ) -> None:
                await app({**scope, "state": dict(state)}, receive, send)

            hosts[name] = served
        router = federated_app(SUPERGRAPH, settings, Hosts(hosts))
        client = await stack.enter_async_context(client_of(router))
        yield Asking(client, "/graphql", keys_of(keys))


async def test_everything_reads_the_same_for_every_role(
    database_url: str, keys: Path, tmp_path: Path
) -> None:
    world = await a_world(database_url)
    partners = [viewer for viewer in viewers(world) if viewer.role == "PARTNER"]
    await save(database_url, *{a.name: a for a in map(an_account, partners)}.values())
    different, compared = [], 0
    async with (
        a_gateway(database_url, keys, tmp_path) as gateway,
        a_router(database_url, keys, tmp_path) as router,
    ):
        for viewer in asking(world):
            ids = world.ids | world.instead.get(viewer.role, {})
            documents = queries(ids, schema=shown_to(viewer))
            for name in documents if LONG else SOME:
                document = documents[name]
                # One after the other: together they would wait for the same few cores.
                answers = [await gateway(document, viewer), await router(document, viewer)]
                expected, found = map(told, answers)
                compared += 1
                if found != expected:
                    different.append((viewer.role, name, difference(expected, found)))

    assert not different, pformat(different)
    assert compared >= (400 if LONG else len(SOME))


def asking(world: World) -> Iterator[Viewer]:
    if LONG:
        return (viewer for viewer in viewers(world) if not viewer.reason)
    return iter([world.near(Role.DEPARTMENT)])
