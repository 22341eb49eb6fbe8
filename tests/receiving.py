"""A server of a partner's that webhooks are sent to, and workers that send to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any

import orjson
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from resolvers.delivery import deliver
from runtime.process import Process
from tests.patience import PATIENCE


@dataclass
class Heard:
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return orjson.loads(self.text)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        return Webhook(secret).verify(self.text, dict(self.headers))


Answering = Callable[[Heard], Awaitable[web.StreamResponse]]


async def agreeing(_: Heard) -> web.StreamResponse:
    return web.Response(text="thanks")


@dataclass
class Receiver:
    url: str = ""
    answering: Answering = agreeing
    heard: list[Heard] = field(default_factory=list)
    taken: list[Heard] = field(default_factory=list)
    """What it answered with success."""

    def of(self, event: str) -> list[Heard]:
        return [each for each in self.taken if each.body["type"] == event]


@asynccontextmanager
async def a_receiver(answering: Answering = agreeing) -> AsyncIterator[Receiver]:
    receiver = Receiver(answering=answering)

    async def receive(request: web.Request) -> web.StreamResponse:
        heard = Heard({k.lower(): v for k, v in request.headers.items()}, await request.text())
        receiver.heard.append(heard)
        response = await receiver.answering(heard)
        if response.status < 300:
            receiver.taken.append(heard)
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receive)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    receiver.url = f"http://127.0.0.1:{port}/events"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@asynccontextmanager
async def sending(*processes: Process) -> AsyncIterator[None]:
    """As many workers send, as long as the block lasts."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(deliver(process, stop)) for process in processes]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def until(holds: Callable[[], object | Awaitable[object]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = holds()
            if await found if isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)
