"""Whatever value comes, for whichever argument: an answer in JSON with a code, none of them a fault
of ours, and everybody else is answered meanwhile."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from runtime.rights import Role
from runtime.tokens import rotate
from runtime.viewer import Viewer
from tests.asking import Inbox, a_process
from tests.conftest import database
from tests.everything import KNOWN
from tests.examples import EXAMPLES, Scene
from tests.fuzz.calls import Call, commanded, reads, sendings
from tests.make import save
from tests.test_rights import World, a_world
from tests.ways import Asking, a_gateway, an_account

LONG = bool(os.environ.get("LONG"))
ENOUGH = 10
AT_ONCE = 8
PATIENCE = 60
"""Seconds for something ordinary, on a machine that has other things to do."""
ORDINARY = {
    "query": "{ districts(first: 1) { nodes { id name workers(first: 1) { totalCount } } } }"
}
OURS = {"INTERNAL", "UNAVAILABLE"}


class Outcomes:
    """How far calls came, by the kind of the value that was replaced."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.executed: Counter[str] = Counter()
        """Past validation and the coercion of variables."""
        self.answered: Counter[str] = Counter()
        """Without BAD_INPUT, too."""
        self.faults: list[str] = []

    def note(self, call: Call, viewer: Viewer, status: int, content: bytes) -> None:
        self.sent[call.kind] += 1
        shown = json.dumps(call.variables)[:300]
        where = f"{call.where} by {viewer.role}: {shown}"
        try:
            body = json.loads(content)
            codes = {error["extensions"]["code"] for error in body.get("errors", ())}
        except (ValueError, KeyError, TypeError):
            self.faults.append(f"{status} {content[:200]!r} from {where}")
            return
        slow = any("took longer" in error["message"] for error in body.get("errors", ()))
        if status >= 500 or codes & OURS or slow or not ("data" in body or codes):
            self.faults.append(f"{status} {codes} from {where}")
        self.executed[call.kind] += "data" in body
        self.answered[call.kind] += "data" in body and "BAD_INPUT" not in codes

    def check(self) -> None:
        print(self.told())
        assert self.faults == []
        assert self.executed.total() > 0.5 * self.sent.total()
        for kind, count in self.sent.items():
            # Of a few, each may rightly be refused.
            if count >= ENOUGH:
                assert self.executed[kind] > 0.1 * count, f"{kind} is refused everywhere"

    def told(self) -> str:
        lines = [f"{'kind':24} {'sent':>7} {'executed':>9} {'answered':>9}"]
        for kind in (*sorted(self.sent), None):
            counts = [
                counted.total() if kind is None else counted[kind]
                for counted in (self.sent, self.executed, self.answered)
            ]
            lines.append(f"{kind or 'all':24} {counts[0]:7} {counts[1]:9} {counts[2]:9}")
        return "\n".join(lines)


@pytest_asyncio.fixture
async def world(database_url: str) -> World:
    world = await a_world(database_url)
    await save(database_url, an_account(world.near(Role.PARTNER)))
    return world


@pytest_asyncio.fixture
async def gateway(database_url: str, tmp_path: Path, world: World) -> AsyncIterator[Asking]:
    rotate(tmp_path / "keys.json")
    async with a_gateway(database_url, tmp_path / "keys.json", tmp_path) as asking:
        yield asking


def chosen(calls: Iterable[Call], every: int) -> Iterable[Call]:
    """All of them in the long form, else one in so many."""
    return calls if LONG else islice(calls, 0, None, every)


def batched(calls: Iterable[tuple[Call, Viewer]], size: int) -> Iterator[list[tuple[Call, Viewer]]]:
    rest = iter(calls)
    while some := list(islice(rest, size)):
        yield some


class Sender:
    """Sends calls, some at once, and something ordinary beside them."""

    def __init__(self, gateway: Asking, outcomes: Outcomes, at_once: int = AT_ONCE) -> None:
        self._gateway = gateway
        self._outcomes = outcomes
        self._room = asyncio.Semaphore(at_once)

    async def all(self, calls: Iterable[tuple[Call, Viewer]]) -> None:
        for some in batched(calls, 5 * AT_ONCE):
            await asyncio.gather(*(self.one(*each) for each in some), self.beside())

    async def one(self, call: Call, viewer: Viewer) -> None:
        async with self._room:
            body = json.dumps({"query": call.document, "variables": call.variables})
            came = await self._gateway.send(body, viewer)
            self._outcomes.note(call, viewer, came.status_code, came.content)

    async def beside(self) -> None:
        async with asyncio.timeout(PATIENCE):
            came = await self._gateway.client.post(self._gateway.address, json=ORDINARY)
        assert "errors" not in came.json(), came.json()


def by_roles(calls: Iterable[Call], world: World) -> Iterator[tuple[Call, Viewer]]:
    """By each of those who may be answered in turn, with and without a reason."""
    for number, call in enumerate(calls):
        turn, place = divmod(number, len(call.roles))
        viewer = world.near(call.roles[place])
        yield call, replace(viewer, reason=world.reason) if turn % 2 else viewer


async def test_no_value_of_an_argument_is_a_fault_of_ours(gateway: Asking, world: World) -> None:
    outcomes = Outcomes()
    await Sender(gateway, outcomes).all(by_roles(chosen(reads(world), every=17), world))

    outcomes.check()


async def undone(session: AsyncSession) -> None:
    """In the place of a commit, so that each call finds everything as the one before did."""
    await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    await session.rollback()


@pytest.mark.skipif(LONG, reason="The long form begins where each command succeeds")
async def test_no_value_in_an_input_is_a_fault_of_ours(
    gateway: Asking, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AsyncSession, "commit", undone)
    outcomes = Outcomes()
    calls = by_roles(chosen(commanded(world), every=17), world)
    # They lock the same rows, and would wait for each other.
    await Sender(gateway, outcomes, at_once=1).all(calls)

    outcomes.check()


@pytest.mark.skipif(not LONG, reason="LONG=1: a scene for each command")
async def test_no_value_in_an_input_that_would_succeed_is_a_fault_of_ours(
    server_url: str, template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate(keys := tmp_path / "keys.json")
    outcomes = Outcomes()
    for name, prepare in EXAMPLES.items():
        with database(server_url, template) as url, monkeypatch.context() as patch:
            inbox, chosen = Inbox(), {"storage_dir": str(tmp_path), "signing_keys": str(keys)}
            async with a_process(url, inbox, **chosen) as process:
                sending = await prepare(Scene(process, url, inbox))
            if not sending.given:
                continue
            viewer, ids = sending.viewer, {"an": "wk_1", **KNOWN}
            if viewer.role is Role.PARTNER:
                await save(url, an_account(viewer))
            patch.setattr(AsyncSession, "commit", undone)
            calls = sendings(name, sending.given, sending.given, (viewer.role,), ids)
            async with a_gateway(url, keys, tmp_path) as gateway:
                await Sender(gateway, outcomes, at_once=1).all((call, viewer) for call in calls)

    outcomes.check()
