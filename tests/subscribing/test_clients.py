"""The clients that browsers use are told everything, over a restart too."""

import asyncio
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.packages import is_installed
from ide.build import programs
from models.booking import BookingState
from runtime.rights import Role
from runtime.settings import Settings
from runtime.tokens import rotate
from server import create_app
from tests.asking import Inbox
from tests.live import served
from tests.patience import PATIENCE
from tests.subscribing.packages import FOLDER
from tests.visiting import a_visit

pytestmark = pytest.mark.skipif(
    not is_installed(FOLDER), reason="installed by `python -m tests.subscribing.packages`"
)
BOTH = {"ws", "sse"}


class Told:
    """What the clients print, by client."""

    def __init__(self, out: asyncio.StreamReader) -> None:
        self._out = out
        self.by: dict[str, list[list[Any]]] = defaultdict(list)

    async def until(self, *told: Any, by: set[str]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not all([*told] in self.by[name] for name in by):
                line = await self._out.readline()
                assert line, "the clients have stopped"
                name, *rest = json.loads(line)
                self.by[name].append(rest)


async def test_browsers_clients_are_told_in_order_and_miss_nothing_over_a_restart(
    settings: Settings, inbox: Inbox, tmp_path: Path
) -> None:
    rotate(tmp_path / "keys.json")
    settings = replace(settings, signing_keys=str(tmp_path / "keys.json"))
    async with served(create_app(settings, inbox)) as gateway:
        visit = await a_visit(gateway.process, inbox, BookingState.ACCEPTED)
        token = gateway.token(visit.by(Role.CITIZEN))
        node, _ = programs()
        clients = await asyncio.create_subprocess_exec(
            *[*node, "clients.mjs", str(gateway.port), token, visit.booking.id],
            cwd=FOLDER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert clients.stdin is not None
        assert clients.stdout is not None
        told = Told(clients.stdout)
        await told.until("ready", by=BOTH)
        assert await visit.send(Role.WORKER, "startTravel")
        await gateway.sequence()
        await told.until("WorkerEnRoute", "EN_ROUTE", by=BOTH)

        where = {"latitude": 26.8496, "longitude": 81.0072}
        await visit.send(Role.WORKER, "markArrived", **where)  # type: ignore[arg-type]
        port = gateway.port
        await gateway.drained()
    async with served(create_app(settings, inbox), port) as gateway:
        await gateway.sequence()
        await told.until("WorkerArrived", "ARRIVED", by=BOTH)
        clients.stdin.close()
        await clients.wait()

    for handler in ("GraphQL17Alpha9Handler", "Defer20220824Handler"):
        assert told.by[handler] == [[[["streaming", None], ["complete", "लखनऊ"]]]]
    for name in BOTH:
        events = [what for what, *_ in told.by[name] if what.startswith("Worker")]
        assert events == ["WorkerEnRoute", "WorkerArrived"]
    assert ["closed", 1012] in told.by["ws"]
