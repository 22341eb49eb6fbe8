"""Giving up what nobody waits for any more: the client has gone, and with it who would read it."""

import asyncio
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

from graphql import OperationType
from starlette.requests import ClientDisconnect
from starlette.types import Receive

LOOK_AFTER_SECONDS = 0.1
"""Most is answered sooner, and to listen for the end of each connection would cost more than that
could save."""


def while_there(kind: OperationType, receive: Receive) -> AbstractContextManager[None]:
    """Around an operation of that kind. A command is carried out to its end whoever has gone: its
    idempotency key says later what came of it."""
    return nullcontext() if kind is OperationType.MUTATION else Leaving(receive)


class Leaving(AbstractContextManager[None]):
    """Ends what runs inside the block, with ClientDisconnect, once the client has gone."""

    __slots__ = ("_cancelled_before", "_has_left", "_listening", "_receive", "_task", "_timer")

    def __init__(self, receive: Receive) -> None:
        """`receive` has given the whole of the request."""
        self._receive = receive
        self._has_left = False
        self._listening: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelled_before = task, task.cancelling()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(LOOK_AFTER_SECONDS, self._listen)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if self._listening is not None:
            self._listening.cancel()
        if self._has_left and self._task.uncancel() <= self._cancelled_before:
            raise ClientDisconnect from None

    def _listen(self) -> None:
        self._listening = asyncio.create_task(gone(self._receive))
        self._listening.add_done_callback(self._leave)

    def _leave(self, listening: "asyncio.Task[None]") -> None:
        if not listening.cancelled() and listening.exception() is None:
            self._has_left = True
            self._task.cancel()


async def gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
