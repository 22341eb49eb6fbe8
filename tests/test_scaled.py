"""Four subgraphs behind a router answer as the gateway does.

The operations are compared with LONG=1 alone: five processes take half a minute to start.
"""

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from difflib import unified_diff
from pathlib import Path
from pprint import pformat
from typing import Any

import httpx
import pytest
from graphql import GraphQLInterfaceType, parse, validate

from deploy.packages import is_installed
from deploy.scaled import ROUTER, scaled_out
from models.base import Row
from runtime.rights import Role
from runtime.settings import Settings
from runtime.tokens import rotate
from runtime.viewer import Viewer
from tests.asking import SCHEMA, Inbox, a_process
from tests.conftest import database, run_sql_async
from tests.day import comparable
from tests.everything import IDS, by_id, commands, edges, missing, queries, walks
from tests.examples import EXAMPLES, Scene
from tests.make import save
from tests.test_rights import a_world
from tests.ways import (
    COST_LIMIT,
    POOL_SIZE,
    SECONDS,
    Asking,
    a_gateway,
    an_account,
    is_below_null,
    keys_of,
    shown_to,
    told,
    viewers,
)

pytestmark = pytest.mark.slow

NO_IDS = dict.fromkeys(IDS.values(), "x")
long = pytest.mark.skipif(
    "LONG" not in os.environ or not is_installed(ROUTER),
    reason="LONG=1, with the router installed by `make test-long`",
)


def test_every_root_field_type_and_edge_between_subgraphs_is_asked_for() -> None:
    documents = [*queries(NO_IDS, apart=True).values(), *commands().values()]

    assert missing(documents) == set()
    assert len(set(edges())) > 40


def test_every_node_is_asked_for_by_its_id_and_all_that_is_asked_is_valid() -> None:
    queried = {**queries(NO_IDS), **queries(NO_IDS, apart=True)}
    documents = {**queried, **walks(NO_IDS), **commands()}
    invalid = {
        name: [error.message for error in errors]
        for name, document in documents.items()
        if (errors := validate(SCHEMA, parse(document)))
    }

    node = SCHEMA.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    assert set(by_id(NO_IDS)) == {type_.name for type_ in SCHEMA.get_possible_types(node)}
    assert invalid == {}


def test_what_is_not_asked_for_is_named() -> None:
    documents = {**queries(NO_IDS), **commands()}
    del documents["statistics"], documents["cancelBooking"]

    assert missing(documents.values()) >= {
        "Query.statistics",
        "Mutation.cancelBooking",
        "Statistics",
        "DistrictStatistics.district",
        "CancelBookingResult",
    }


@asynccontextmanager
async def a_router(url: str, keys: Path, storage: Path) -> AsyncIterator[Asking]:
    environment = {
        "SIGNING_KEYS": str(keys),
        # Tokens and addresses are alike wherever these processes listen.
        "ISSUER": Settings().address,
        "STORAGE_DIR": str(storage),
        "TOKEN_LIMIT": "20000",
        "COST_LIMIT": str(COST_LIMIT),
        "POOL_SIZE": str(POOL_SIZE),
        "OPERATION_SECONDS": str(SECONDS),
        "LOG_LEVEL": "error",
    }
    with scaled_out(url, environment) as address:
        # Node ends a connection that was idle for five seconds, perhaps as the next request comes.
        none_kept = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(timeout=60, limits=none_kept) as client:
            yield Asking(client, address, keys_of(keys))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    rotate(tmp_path / "keys.json")
    return tmp_path / "keys.json"


REFERENCE = {
    "booking_transition",
    "cancellation_policy",
    "district",
    "division",
    "pin",
    "service",
    "service_category",
}
"""Tables that are full before anybody has done anything."""


COUNTED = re.compile(r"\bSP\d+|\+91[X\d]+|\bWyJ[\w-]+")
"""What the examples number as they go, and cursors made of it."""


def alike(data: Any) -> str:
    """What each system makes anew is compared by its kind."""
    return COUNTED.sub("…", comparable(data))


def test_an_error_below_a_null_is_told_from_the_one_that_made_it() -> None:
    data = {"nodes": [{"team": None}, {"team": None}]}

    assert is_below_null(data, ["nodes", "team", "edges"])
    assert is_below_null(data, ["nodes", 1, "team", "edges"])
    assert not is_below_null(data, ["nodes", "team"])
    assert not is_below_null({"nodes": [{"team": {}}]}, ["nodes", "team", "edges"])


@long
async def test_everything_reads_the_same_for_every_role(
    database_url: str, keys: Path, tmp_path: Path
) -> None:
    world = await a_world(database_url)
    partners = [world.near(Role.PARTNER), world.far(Role.PARTNER)]
    await save(database_url, *map(an_account, partners))
    different, compared = [], 0
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(a_gateway(database_url, keys, tmp_path))
        router = await stack.enter_async_context(a_router(database_url, keys, tmp_path))
        for viewer in viewers(world):
            ids = world.ids | world.instead.get(viewer.role, {})
            # Asked for everything of the viewer at once, this router tells of a worker's days off
            # that they are no list, leaves engagements empty and puts errors where values belong;
            # ours does not (test_own_router.py).
            documents = queries(ids, apart=True, schema=shown_to(viewer))
            for name, document in documents.items():
                # One after the other: who waits for connections too long is told to come again.
                answers = [await gateway(document, viewer), await router(document, viewer)]
                expected, found = map(told, answers)
                compared += 1
                if found != expected:
                    ours, theirs = (
                        json.dumps(a.get("data"), indent=1).split("\n") for a in answers
                    )
                    data = list(unified_diff(ours, theirs, lineterm=""))
                    errors = expected[1] ^ found[1]
                    different.append((viewer.role, viewer.reason, name, errors, data[:50]))

    assert not different, pformat(different)
    assert compared > 1000


PAGES = 3


@long
async def test_pages_are_walked_backwards_the_same(
    database_url: str, keys: Path, tmp_path: Path
) -> None:
    world = await a_world(database_url)
    await save(database_url, an_account(world.near(Role.PARTNER)))
    different, further = [], set()
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(a_gateway(database_url, keys, tmp_path))
        router = await stack.enter_async_context(a_router(database_url, keys, tmp_path))
        for viewer in map(world.near, Role):
            ids = world.ids | world.instead.get(viewer.role, {})
            for name, document in walks(ids, shown_to(viewer)).items():
                before = None
                for _ in range(PAGES):
                    asked = document, viewer, {"before": before}
                    answers = [await gateway(*asked), await router(*asked)]
                    expected, found = map(told, answers)
                    if found != expected:
                        different.append((viewer.role, name, before, expected, found))
                    bounds = bounds_of(answers[0]["data"])
                    if not bounds["hasPreviousPage"]:
                        break
                    before = bounds["startCursor"]
                    further.add(name)

    assert not different, pformat(different)
    assert len(further) > 10


def bounds_of(data: Any) -> Any:
    page = (data or {}).get("page") or ((data or {}).get("of") or {}).get("page")
    return page["pageInfo"] if page else {"hasPreviousPage": False}


ENTITIES = 1_200
"""More than a subgraph takes at once."""


@long
async def test_more_entities_than_a_subgraph_takes_at_once_are_asked_for_in_several_calls(
    database_url: str, keys: Path, tmp_path: Path
) -> None:
    await run_sql_async(database_url, some_workers(ENTITIES))
    document = "{ districts(first: 100) { nodes { workers(first: 100) { nodes { %s } } } } }"
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(a_gateway(database_url, keys, tmp_path))
        router = await stack.enter_async_context(a_router(database_url, keys, tmp_path))
        for fields in ("code rating { count }", "code rating { count } skills { position }"):
            asked = document % fields, Viewer()
            expected, found = told(await gateway(*asked)), told(await router(*asked))

            assert found == expected
            assert expected[0].count('"code"') == ENTITIES
            assert not expected[1]


def some_workers(count: int) -> str:
    """Spread over all districts, so that pages of a hundred hold them."""
    return f"""
    INSERT INTO worker (id, code, status, languages, years_experience, district_id, cell, latitude,
                        longitude, registered_at, channel)
    SELECT 'wk_' || lpad(n::text, 26, '0'), 'SM' || lpad(n::text, 7, '0'), 'ACTIVE', '{{hi}}', 1,
           (SELECT array_agg(id ORDER BY id) FROM district)[1 + n % 75], '8a3da11a2c87fff', 26.8,
           80.9, now(), 'SELF'
      FROM generate_series(1, {count}) n
    """


@pytest.fixture
def another_url(server_url: str, template: str) -> Iterator[str]:
    with database(server_url, template) as url:
        yield url


async def forget(url: str) -> None:
    """Everything but what every database begins with, and what cannot be forgotten."""
    tables = [
        table.name
        for table in Row.metadata.sorted_tables
        if table.name not in ("audit_entry", *REFERENCE)
    ]
    await run_sql_async(url, f"TRUNCATE {', '.join(tables)}")


@long
async def test_every_command_is_carried_out_or_refused_the_same(
    database_url: str, another_url: str, keys: Path, tmp_path: Path
) -> None:
    documents, different, refused = commands(), [], list[str]()
    async with AsyncExitStack() as stack:
        ways = {
            database_url: await stack.enter_async_context(a_gateway(database_url, keys, tmp_path)),
            another_url: await stack.enter_async_context(a_router(another_url, keys, tmp_path)),
        }
        for command, prepare in EXAMPLES.items():
            answers = []
            for url, ask in ways.items():
                inbox = Inbox()
                chosen = {"storage_dir": str(tmp_path), "signing_keys": str(keys)}
                async with a_process(url, inbox, **chosen) as process:
                    sending = await prepare(Scene(process, url, inbox))
                if sending.viewer.role is Role.PARTNER:
                    await save(url, an_account(sending.viewer))
                given = {"input": sending.given} if sending.given else {}
                # By somebody else, by whom it is for, and once more.
                for viewer in (Viewer(), sending.viewer, sending.viewer):
                    answers.append(told(await ask(documents[command], viewer, given), alike))
                await forget(url)
            expected, found = answers[:3], answers[3:]
            # What anybody may send has been done by then.
            data, errors = expected[0 if sending.viewer == Viewer() else 1]
            # Who declines a booking sees it no longer.
            if '"message"' in data or (errors and '"__typename"' not in data):
                refused.append(command)
            if found != expected:
                different.append((command, expected, found))

    assert not different, pformat(different)
    assert refused == []
