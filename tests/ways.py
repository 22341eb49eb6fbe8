"""Ways to the graph, asked the same by the same people, and their answers compared."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from graphql import GraphQLSchema

from models.account import DemoAccount
from runtime.bearer import claims_of
from runtime.contract import Contract, newest
from runtime.rights import Role
from runtime.settings import Settings
from runtime.tokens import Keys
from runtime.viewer import Viewer
from schema.contract import contract
from server import create_app
from tests.asking import SCHEMA, Inbox, as_sent
from tests.conftest import client_of
from tests.day import TOKEN
from tests.test_rights import World

COST_LIMIT = 1_000_000
POOL_SIZE = 24
SECONDS = 300
"""Of what is compared nothing is to be given up, though the machine has other things to do."""
BUSY = {"UNAVAILABLE", "PARTNER_UNAVAILABLE"}
ROWS_READ = re.compile(r'("rowsRead": )\d+')
TRIES = 10
PAUSE_SECONDS = 1

Told = tuple[str, set[tuple[str, str]]]
"""Data, and errors."""


@dataclass
class Asking:
    """A way to the graph."""

    client: httpx.AsyncClient
    address: str
    keys: Keys

    async def __call__(
        self, document: str, viewer: Viewer, variables: dict[str, Any] | None = None
    ) -> Any:
        """The answer. Operations for everything there is may wait for connections too long; who
        is told to try again in a moment does, unless something may have been done by then."""
        for _ in range(TRIES):
            answer = await self._asked(document, viewer, variables)
            if document.startswith("mutation") or not is_busy(answer):
                break
            await asyncio.sleep(PAUSE_SECONDS)
        return answer

    async def _asked(self, document: str, viewer: Viewer, variables: dict[str, Any] | None) -> Any:
        asked: dict[str, Any] = {"query": document, "variables": variables or {}}
        if viewer.reason:
            asked["extensions"] = {"reason": as_sent(viewer.reason)}
        answer = await self.send(json.dumps(asked), viewer)
        # A router in JavaScript knows one kind of number, and writes 5 for 5.0.
        return json.loads(answer.text, parse_float=lambda text: as_number(float(text)))

    async def send(self, body: str, viewer: Viewer) -> httpx.Response:
        headers = {"accept-language": "en", "content-type": "application/json"}
        if viewer.role is Role.PARTNER:
            # A client's access ends with its row in the database: it comes as a demo account.
            headers["authorization"] = f"Bearer demo:{name_of(viewer)}"
        elif viewer.role is not Role.ANONYMOUS:
            token = self.keys.sign(10, **claims_of(viewer))
            headers["authorization"] = f"Bearer {token}"
        return await self.client.post(self.address, content=body, headers=headers)


def is_busy(answer: Any) -> bool:
    errors = answer.get("errors") or ()
    return any(error.get("extensions", {}).get("code") in BUSY for error in errors)


def as_number(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def name_of(viewer: Viewer) -> str:
    return f"{viewer.role}_{'_'.join(viewer.purposes)}".lower()


def an_account(viewer: Viewer) -> DemoAccount:
    return DemoAccount(
        name=name_of(viewer),
        role=viewer.role,
        person_id=viewer.id or "",
        district_ids=list(viewer.districts),
        provider_id=viewer.provider_id,
        department_id=viewer.department_id,
        purposes=list(viewer.purposes),
    )


@asynccontextmanager
async def a_gateway(url: str, keys: Path, storage: Path) -> AsyncIterator[Asking]:
    settings = Settings(
        database_url=url,
        signing_keys=str(keys),
        storage_dir=str(storage),
        token_limit=20_000,
        cost_limit=COST_LIMIT,
        pool_size=POOL_SIZE,
        operation_seconds=SECONDS,
        rate_limits="off",  # as with routers, who do not know whose points to count
    )
    async with client_of(create_app(settings, Inbox())) as client:
        yield Asking(client, "/graphql", keys_of(keys))


def keys_of(path: Path) -> Keys:
    settings = Settings()
    return Keys(path, settings.address, settings.oidc_audience)


def exactly(data: Any) -> str:
    """All but tokens, which are new each time, and what a client has used up by asking."""
    text = TOKEN.sub("…", json.dumps(data, ensure_ascii=False, sort_keys=True))
    return ROWS_READ.sub(r"\1…", text)


def told(answer: Any, compared: Callable[[Any], str] = exactly) -> Told:
    """The data, and of each error what clients act on.

    The gateway tells once in how many rows of a field something is hidden, and in each place of
    the operation that asks for it; a router asks for what several places want of an entity at
    once, and tells of one of them. Below what is null it may complain that it is.
    """
    data = answer.get("data")
    errors = {
        (error.get("extensions", {}).get("code"), error["message"])
        for error in answer.get("errors") or ()
        if not is_below_null(data, error.get("path") or [])
    }
    return compared(data), errors


def shown_to(viewer: Viewer) -> GraphQLSchema:
    """Contracts are the gateway's: a router knows none, and what they lack is not compared."""
    if viewer.role is not Role.PARTNER:
        return SCHEMA
    return contract(Contract(newest(), frozenset(viewer.purposes)))


def difference(expected: Told, found: Told) -> dict[str, Any]:
    """What is seen of it in a list of failures."""
    return {
        "same data": expected[0] == found[0],
        "missing": sorted(map(str, expected[1] - found[1])),
        "too many": sorted(map(str, found[1] - expected[1])),
    }


def is_below_null(data: Any, path: list[str | int]) -> bool:
    if data is None:
        return bool(path)
    if not path:
        return False
    if isinstance(data, list):
        rest = path[1:] if isinstance(path[0], int) else path
        return all(is_below_null(item, rest) for item in data)
    return is_below_null(data.get(path[0]), path[1:]) if isinstance(data, dict) else False


def viewers(world: World) -> Iterator[Viewer]:
    for role in Role:
        near = world.near(role)
        yield from (near, world.far(role), replace(near, reason=world.reason))
