"""GraphQL over WebSocket, as graphql-transport-ws has it: subscriptions, and everything else."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog
from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.types import Message, Receive, Scope, Send

from edge.answering import operation_in
from edge.documents import Documents, prepared_by
from edge.endpoint import UNKNOWN
from edge.lasting import CROWDED, TOO_SLOW, Connection, Ending, Lasting
from edge.limits import RateLimits, client_of, points_for
from edge.request import (
    NESTING_LIMIT,
    Incoming,
    Parameters,
    checked,
    deeper_than,
    reason_of,
    refuse_depth,
)
from edge.runners import Runner, Runners
from edge.stream import SEND_SECONDS, errors_of, whole
from engine.engine import Subscription
from runtime.context import Context
from runtime.faults import (
    BadInput,
    Coded,
    Invalid,
    LimitExceeded,
    Unauthenticated,
    formatted,
    is_outage,
)
from runtime.http import Refused, request_id
from runtime.language import preferred
from runtime.log import current_request
from runtime.points import Spent
from runtime.reason import Reason
from runtime.settings import Settings

log = structlog.get_logger()

PROTOCOL = "graphql-transport-ws"
BEGIN_SECONDS = 10.0
"""How long a client may take to say who it is."""
ID_LIMIT = 100
DEPTH = NESTING_LIMIT + 2
"""Levels of a message: variables are in its payload."""
REASON_BYTES = 123
"""As much as there is room for in a frame that closes."""


class Broken(Exception):
    """The client does not keep to the protocol; or not to what is agreed beside it."""

    def __init__(self, code: int, error: GraphQLError) -> None:
        self.ending = Ending(code, error)


class Once(AsyncIterator[ExecutionResult]):
    """The one answer to a query or a command."""

    def __init__(self, answer: Callable[[], Awaitable[ExecutionResult]]) -> None:
        self._answers = iter([answer])

    async def __anext__(self) -> ExecutionResult:
        for answer in self._answers:
            return await answer()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """There is no source to close."""


@dataclass(eq=False)
class Running:
    """An operation; `over` once nobody wants to hear of it any more."""

    answers: Subscription | Once
    is_command: bool
    task: "asyncio.Task[None] | None" = None
    over: bool = False

    async def stop(self) -> None:
        """Commands are carried out to their end all the same."""
        self.over = True
        await self.answers.aclose()
        if self.task is not None and not self.is_command:
            self.task.cancel()


class Sockets:
    """Those of one address, over one schema."""

    def __init__(self, runners: Runners, settings: Settings, lasting: Lasting) -> None:
        self.runners = runners
        self.settings = settings
        self.lasting = lasting

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "websocket.connect"
        headers = dict(scope["headers"])
        id = request_id(headers.get(b"x-request-id", b"").decode("latin-1"))
        current = current_request.set(id)
        try:
            await self._serve(Incoming(scope, headers, receive, id), send)
        except OSError:
            pass  # The client is gone.
        finally:
            current_request.reset(current)

    async def _serve(self, incoming: Incoming, send: Send) -> None:
        scope, headers = incoming.scope, incoming.headers
        if not self._is_welcome(headers):
            log.info("socket", refused="origin")
            await send({"type": "websocket.close"})
            return
        if PROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            await send(closing(Ending(4406, BadInput(f"Speak {PROTOCOL}."))))
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        language = preferred(headers.get(b"accept-language", b"").decode("latin-1"))
        process, address = scope["state"]["process"], incoming.address
        try:
            connection = self.lasting.enter(process, address, incoming.id, language)
        except Coded as error:
            await send(closing(Ending(CROWDED, error)))
            return
        try:
            await Socket(self.runners, self.settings, connection, incoming, send).run()
        finally:
            connection.leave()

    def _is_welcome(self, headers: Mapping[bytes, bytes]) -> bool:
        """A browser says which page it is that connects: not every page may."""
        origin = headers.get(b"origin", b"").decode("latin-1")
        here = headers.get(b"host", b"").decode("latin-1")
        return not origin or host_in(origin) == here or self.settings.admits(origin)


class Socket:
    def __init__(
        self,
        runners: Runners,
        settings: Settings,
        connection: Connection,
        incoming: Incoming,
        send: Send,
    ) -> None:
        self._runners = runners
        self._at_once = settings.operations_per_socket
        self._connection = connection
        self._incoming = incoming
        self._limits: RateLimits | None = incoming.scope["state"].get("limits")
        self._receive, self._send = incoming.receive, send
        self._turn = asyncio.Lock()
        self._begun = self._known = False
        self._running: dict[str, Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until either side closes it."""
        started, loop = time.perf_counter(), asyncio.get_running_loop()
        ended: asyncio.Future[Any] = self._connection.ended
        late = Ending(4408, BadInput(f"Begin with connection_init within {BEGIN_SECONDS:.0f} s."))
        self._patience = loop.call_later(BEGIN_SECONDS, self._connection.end, late)
        reading: asyncio.Future[Any] = asyncio.create_task(self._read())
        try:
            await asyncio.wait({reading, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                await self._say(closing(ended.result()))
        finally:
            self._patience.cancel()
            reading.cancel()
            for running in list(self._running.values()):
                await running.stop()
            await asyncio.gather(reading, *self._tasks, return_exceptions=True)
            code = ended.result().code if ended.done() else None
            log.info("socket", code=code, seconds=round(time.perf_counter() - started))

    async def _read(self) -> None:
        """Until the client leaves, or breaks the rules."""
        try:
            while (message := await self._receive())["type"] != "websocket.disconnect":
                await self._take(understood(message))
        except Broken as broken:
            self._connection.end(broken.ending)
        except OSError:
            pass  # The client is gone.
        except Exception as error:
            log.error("fault", request_id=self._connection.id, exc_info=error)
            self._connection.end(Ending(4500, Coded("INTERNAL", "Something went wrong here.")))

    async def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "connection_init":
                await self._begin(message.get("payload"))
            case "ping":
                payload = message.get("payload")
                await self._tell({"type": "pong"} | ({"payload": payload} if payload else {}))
            case "pong":
                pass
            case "subscribe":
                await self._start(message.get("id"), message.get("payload"))
            case "complete":
                running = self._running.pop(str(message.get("id")), None)
                if running is not None:
                    await running.stop()
            case _:
                raise Broken(4400, BadInput("There is no such type of message."))

    async def _begin(self, payload: Any) -> None:
        if self._begun:
            raise Broken(4429, BadInput("Begin once."))
        self._begun = True
        if not isinstance(payload, dict | None):
            raise Broken(4400, BadInput("`payload` of connection_init must be an object."))
        told = {str(name).lower(): value for name, value in (payload or {}).items()}
        authorization = told.get("authorization")
        if not isinstance(authorization, str | None):
            raise Broken(4400, BadInput("`authorization` must be a string."))
        if isinstance(language := told.get("accept-language"), str):
            self._connection.language = preferred(language) or self._connection.language
        try:
            await self._connection.sign_in(authorization)
        except Unauthenticated as error:
            raise Broken(4403, error) from None
        except LimitExceeded as error:
            raise Broken(CROWDED, error) from None
        except Exception as error:
            if not is_outage(error):
                raise
            raise Broken(CROWDED, Coded("UNAVAILABLE", "Try again in a moment.")) from None
        self._patience.cancel()
        self._known = True
        await self._tell({"type": "connection_ack"})

    async def _start(self, id: Any, payload: Any) -> None:
        if not self._known:
            raise Broken(4401, Unauthenticated("Begin with connection_init."))
        if not isinstance(id, str) or not 0 < len(id) <= ID_LIMIT:
            raise Broken(4400, BadInput(f"`id` must be a string of 1 to {ID_LIMIT} characters."))
        if id in self._running:
            raise Broken(4409, BadInput(f"Subscriber for {id} already exists"))
        try:
            asked = checked(payload)
            refuse_depth(asked)
        except Refused as refused:
            raise Broken(4400, refused.error) from None
        if len(self._running) >= self._at_once:
            told = f"There may be {self._at_once} operations at once on a socket."
            await self._fail(id, [LimitExceeded(told, limit=self._at_once)])
            return
        try:
            running = await self._begun_with(asked)
        except Exception as error:
            await self._charge(error)
            await self._fail(id, errors_of(error))
            return
        self._running[id] = running
        task = running.task = asyncio.create_task(self._operate(id, running))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _begun_with(self, asked: Parameters) -> Running:
        """A subscription has begun when the next message is read: what a client asks after it, on
        the same socket, cannot be older. Raises Invalid or Refused, or what its source does."""
        if self._limits is not None:
            self._limits.refuse_spent(client_of(self._connection.viewer, self._incoming))
        reason = reason_of(asked.get("extensions"))
        documents: Documents | None = self._incoming.scope["state"].get("documents")
        viewer = self._connection.viewer
        runner = self._runners.of(viewer)
        operation = await prepared_by(documents, partial(operation_in, runner), asked, viewer.role)
        told = self._incoming.told
        log.info("operation", **told, operation=operation.name, hash=operation.hash)
        variables = asked.get("variables")
        spent = await self._spent(runner, operation, variables)
        context = partial(self._context, reason, spent)
        if operation.kind is not OperationType.SUBSCRIPTION:
            once = Once(lambda: runner.run(operation, variables, context(), observer=None))
            return Running(once, operation.kind is OperationType.MUTATION)
        answers = await runner.subscribe(operation, context, variables)
        if isinstance(answers, ExecutionResult):
            raise Invalid(*answers.errors or ())
        return Running(answers, is_command=False)

    async def _charge(self, error: Exception) -> None:
        """Mistakes cost the same as over HTTP."""
        if self._limits is None:
            return
        client = client_of(self._connection.viewer, self._incoming)
        if isinstance(error, Invalid):
            await self._limits.mistaken(client, points_for(error))
        elif isinstance(error, Refused) and error.status != 429:
            await self._limits.mistaken(client)

    async def _spent(
        self, runner: Runner, operation: Any, variables: dict[str, Any] | None
    ) -> Spent | None:
        """What it takes of the client's points: of a subscription once. Raises Refused."""
        if self._limits is None:
            return None
        viewer = self._connection.viewer
        planned = runner.planned(operation, variables, viewer)
        points = UNKNOWN if planned is None else planned.cost
        return await self._limits.take(client_of(viewer, self._incoming), points)

    def _context(self, reason: Reason | None, spent: Spent | None) -> Context:
        context = self._connection.context(self._incoming.headers, reason)
        context.spent = spent
        return context

    async def _operate(self, id: str, running: Running) -> None:
        errors: Sequence[GraphQLError] = ()
        try:
            async for result in running.answers:
                if running.over:
                    break
                await self._next(id, result)
        except Exception as error:
            errors = errors_of(error)
        await running.answers.aclose()
        if running.over:
            return
        del self._running[id]
        if errors:
            await self._fail(id, errors)
        else:
            await self._tell({"id": id, "type": "complete"})

    async def _next(self, id: str, result: ExecutionResult) -> None:
        payload = whole(result, self._connection.id)
        await self._tell({"id": id, "type": "next", "payload": payload})

    async def _fail(self, id: str, errors: Sequence[GraphQLError]) -> None:
        told = formatted(errors, self._connection.id)
        await self._tell({"id": id, "type": "error", "payload": told})

    async def _tell(self, message: dict[str, Any]) -> None:
        """Nothing is kept for who does not read: they are let go, and told again from the log when
        they come back."""
        # One after another: as soon as there is room, all who wait for it would write at once.
        async with self._turn:
            if self._connection.ended.done():
                return
            if not await self._say(
                {"type": "websocket.send", "text": orjson.dumps(message).decode()}
            ):
                self._connection.end(TOO_SLOW)

    async def _say(self, message: Message) -> bool:
        """Whether there was room for it in time."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send(message)
        except TimeoutError:
            return False
        except OSError:
            pass  # The client is gone; who reads from it notices.
        return True


def host_in(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def understood(message: Message) -> dict[str, Any]:
    """Raises Broken."""
    text = message.get("text") or ""
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Broken(4400, BadInput("Messages are JSON, as text.")) from None
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise Broken(4400, BadInput("Messages are objects with a `type`."))
    # As of bodies: few have enough brackets to be looked into.
    if text.count("{") + text.count("[") > DEPTH and deeper_than(said, DEPTH):
        raise Broken(4400, BadInput(f"Messages may nest at most {DEPTH} levels."))
    return said


def closing(ending: Ending) -> Message:
    reason = ending.error.message.encode()[:REASON_BYTES].decode(errors="ignore")
    return {"type": "websocket.close", "code": ending.code, "reason": reason}
