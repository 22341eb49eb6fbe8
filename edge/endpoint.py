"""GraphQL over HTTP for our own schema, with what partners add to it: who asks, and what for."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from graphql import ExecutionResult, GraphQLError
from starlette.responses import Response

from edge.answering import Answering, Preparing, of, prepared
from edge.answers import IDLE, Answers, Ran, key_of, public
from edge.negotiation import NEVER, Answer, Manner, manner_for
from edge.request import Incoming, Parameters, posted, reason_of
from edge.watching import NOBODY, Watching
from engine.describe import Sent
from engine.engine import Answers, Invalid, Planned
from runtime import signature
from runtime.context import Context
from runtime.faults import (
    RETRY_AFTER_SECONDS,
    BadInput,
    Unauthenticated,
    formatted,
    is_outage,
    meant_for_client,
)
from runtime.http import Refused, as_bytes
from runtime.identity import viewer_of
from runtime.process import Process
from runtime.settings import Settings
from runtime.signature import Call, Gateways
from runtime.viewer import Viewer


class Runner(Preparing, Protocol):
    """An engine, or whoever takes its place."""

    def warm(self, document: str) -> None:
        """Prepares a document that is known to be sent. Raises Invalid."""

    def run(
        self,
        operation: Any,
        variables: dict[str, Any] | None,
        context: Context,
        *,
        observer: Sent | None,
        planned: Planned | None = None,
    ) -> Awaitable[ExecutionResult]:
        """Raises Invalid where nothing is run."""

    def planned(
        self, operation: Any, variables: dict[str, Any] | None, viewer: Viewer
    ) -> Planned | None:
        """What there is to do, if that is known before it is run. Raises Invalid."""

    def subscribe(
        self,
        operation: Any,
        context_of: Callable[[], Context],
        variables: dict[str, Any] | None,
    ) -> Awaitable[Answers | ExecutionResult]:
        """Answers that can be closed while the next is waited for; or why there are none."""

    def plan(
        self,
        operation: Any,
        variables: dict[str, Any] | None,
        viewer: Viewer,
        page_limit: int,
        sent: Sent | None = None,
    ) -> Any:
        """What was done, `formatted`. Raises Invalid."""


class Endpoint(Answering):
    """Answers operations over one schema, and browsers with `page`. With `gateways`, only what
    they have signed; the schema is then a subgraph's."""

    def __init__(
        self,
        engine: Runner,
        settings: Settings,
        page: Callable[[], Response] | None = None,
        gateways: Gateways | None = None,
        watching: Watching = NOBODY,
    ) -> None:
        super().__init__(settings, watching)
        self.engine = engine
        self.page = page
        self.gateways = gateways

    async def answer(self, incoming: Incoming) -> Answer:
        if self.page and is_browser(incoming):
            return of(self.page())
        if self.gateways is None:
            asked = await self.parameters(incoming)
        else:
            asked = posted(await self.signed(incoming, self.gateways), batch_limit=0)
        manner = manner_for(incoming.headers)
        process: Process = incoming.scope["state"]["process"]
        viewer = await who(incoming, process)
        one = partial(self.one, incoming=incoming, viewer=viewer, process=process, manner=manner)
        return await self.all_of(asked, one, incoming, manner)

    async def signed(self, incoming: Incoming, gateways: Gateways) -> bytes:
        """What a gateway posted. Raises Refused for anybody else."""
        if incoming.method != "POST":
            raise Refused(405, BadInput("Send operations with POST."), Allow="POST")
        body = await incoming.body(self.settings.body_limit)
        given, scope = incoming.headers, incoming.scope
        call = Call(incoming.method, scope["path"], given.get(b"authorization", b""), body)
        try:
            gateways.verify(call, given.get(signature.HEADER, b""))
        except signature.Unknown as error:
            raise Refused(401, error) from None
        return body

    async def one(
        self,
        asked: Parameters,
        *,
        incoming: Incoming,
        viewer: Viewer,
        process: Process,
        manner: Manner,
    ) -> Answer:
        """The answer to one operation. Raises Refused or Invalid."""
        extensions = asked.get("extensions") or {}
        if (reason := reason_of(extensions)) is not None:
            viewer = replace(viewer, reason=reason)
        operation = prepared(self.engine, asked, incoming)
        variables, planned = asked.get("variables"), None
        with suppress(Invalid):  # running it says so
            planned = self.engine.planned(operation, variables, viewer)
        run = partial(self.run, operation, asked, planned, incoming, viewer, process, manner)
        answers: Answers | None = incoming.scope["state"].get("answers")
        if (
            answers is None
            or planned is None
            or planned.plan.lasting is None
            or viewer.reason is not None
            or not extensions.keys() <= IDLE
        ):
            return (await run()).answer
        return await answers.answer(
            key_of(operation, planned, viewer, manner.language), manner, run
        )

    async def run(
        self,
        operation: Any,
        asked: Parameters,
        planned: Planned | None,
        incoming: Incoming,
        viewer: Viewer,
        process: Process,
        manner: Manner,
    ) -> Ran:
        """Raises Invalid."""
        client = incoming.scope["client"]
        address = client[0] if client else ""
        context = Context(
            viewer,
            manner.language,
            process,
            incoming.id,
            address,
            incoming.headers,
            incoming.scope["state"].get("rows"),
        )
        variables, sent = asked.get("variables"), None
        if self.settings.development and (asked.get("extensions") or {}).get("plan") is True:
            sent = Sent()
        result = await self.engine.run(
            operation, variables, context, observer=sent, planned=planned
        )
        # A router has to know which of the entities it asked for an error is about.
        exact = self.gateways is not None
        errors = formatted(result.errors, incoming.id, exact=exact) if result.errors else []
        # First, as the specification advises, so that nobody overlooks them.
        body = {"errors": errors, "data": result.data} if errors else {"data": result.data}
        if sent is not None:
            with suppress(Invalid):  # the errors say it
                limit = self.settings.page_limit
                plan = self.engine.plan(operation, variables, viewer, limit, sent)
                body["extensions"] = {"plan": plan.formatted()}
        seconds = 0.0
        if planned is not None and not errors and viewer.reason is None:
            seconds = planned.plan.lasting or 0
        answer = manner.answer(body, caching=public(seconds) if seconds else NEVER)
        if errors and any(error["extensions"].get("code") == "UNAVAILABLE" for error in errors):
            answer.headers.append((b"retry-after", b"%d" % RETRY_AFTER_SECONDS))
        answer.headers.extend(as_bytes(context.answer_headers))
        if self.settings.development:
            tally = context.batches.tally
            timing = f'sql;desc="{tally.statements} statements";dur={tally.seconds * 1000:.1f}'
            answer.headers.append((b"server-timing", timing.encode()))
        keeps = seconds and "answers" in incoming.scope["state"]
        return Ran(answer, seconds, frozenset(context.batches.named()) if keeps else frozenset())


def is_browser(incoming: Incoming) -> bool:
    """Whether somebody looks at the address, rather than a program."""
    return (
        incoming.method == "GET"
        and b"text/html" in incoming.headers.get(b"accept", b"")
        and b"query=" not in incoming.scope["query_string"]
    )


async def who(incoming: Incoming, process: Process) -> Viewer:
    """Raises Refused for a token that is not good, or cannot be looked into."""
    authorization = incoming.headers.get(b"authorization")
    try:
        return await viewer_of(
            authorization.decode("latin-1") if authorization is not None else None, process
        )
    except Unauthenticated as error:
        raise Refused(401, error, **{"WWW-Authenticate": "Bearer"}) from None
    except Exception as error:
        if not is_outage(error):
            raise
        masked = meant_for_client(GraphQLError("", original_error=error), incoming.id)
        raise Refused(503, masked, **{"Retry-After": str(RETRY_AFTER_SECONDS)}) from None
