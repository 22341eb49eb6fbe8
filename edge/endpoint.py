"""GraphQL over HTTP for our own schema, with what partners add to it: who asks, and what for."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from graphql import ExecutionResult, GraphQLError, OperationType
from starlette.responses import Response

from edge.answering import Answering, of, prepared
from edge.answers import IDLE, Answers, Ran, key_of, public
from edge.documents import Documents, prepared_by
from edge.lasting import Lasting
from edge.leaving import while_there
from edge.limits import MISTAKE, RateLimits, address_of, client_of, headers_of, points_for
from edge.negotiation import EVENTS, MEMORY, NEVER, Answer, Manner, manner_for
from edge.request import Incoming, Parameters, posted, reason_of
from edge.runners import Runner, Runners
from edge.stream import Stream, form_of, of_events, of_one, of_parts, whole
from edge.watching import NOBODY, Watching
from engine.cost import READ
from engine.describe import Sent
from engine.engine import Planned
from runtime import signature
from runtime.context import Context
from runtime.faults import (
    RETRY_AFTER_SECONDS,
    BadInput,
    Coded,
    Invalid,
    LimitExceeded,
    Unauthenticated,
    formatted,
    is_outage,
    meant_for_client,
)
from runtime.http import Refused, as_bytes, as_text
from runtime.identity import viewer_of
from runtime.points import Spent
from runtime.process import Process
from runtime.reason import Reason
from runtime.settings import Settings
from runtime.signature import Call, Gateways
from runtime.viewer import Viewer

DEPRECATED = b"deprecated-fields"
"""The header that names what of an operation is to go, and when."""
DEPRECATED_LIMIT = 2_000
"""Bytes of it: proxies take so much of all headers together, and then none."""
UNKNOWN = 1_000
"""Points for what others have a part in: how much that is, is known to whoever plans it."""


class Endpoint(Answering):
    """Answers operations over one schema, and browsers with `page`. With `gateways`, only what
    they have signed; the schema is then a subgraph's."""

    def __init__(
        self,
        runners: Runners,
        settings: Settings,
        page: Callable[[], Response] | None = None,
        gateways: Gateways | None = None,
        lasting: Lasting | None = None,
        watching: Watching = NOBODY,
    ) -> None:
        super().__init__(settings, watching)
        self.lasting = lasting
        self.runners = runners
        self.page = page
        self.gateways = gateways

    async def answer(self, incoming: Incoming) -> Answer | Stream:
        if self.page and is_browser(incoming):
            return of(self.page())
        if self.gateways is None:
            asked = await self.parameters(incoming)
        else:
            asked = posted(await self.signed(incoming, self.gateways), batch_limit=0)
        manner = manner_for(incoming.headers)
        if self.lasting is None:
            manner = manner.whole
        process: Process = incoming.scope["state"]["process"]
        viewer = await who(incoming, process)
        manner = manner.read_by(viewer)
        limits: RateLimits | None = incoming.scope["state"].get("limits")
        if limits is not None:
            incoming.client = client_of(viewer, incoming)
            limits.refuse_spent(incoming.client)
        if not isinstance(asked, list):
            return await self.one(asked, manner, incoming, viewer, process)
        one = partial(self.one, incoming=incoming, viewer=viewer, process=process)
        return await self.all_of(asked, one, incoming, manner)

    async def mistaken(
        self, incoming: Incoming, status: int, invalid: Invalid | None = None
    ) -> None:
        limits: RateLimits | None = incoming.scope["state"].get("limits")
        if limits is not None and 400 <= status < 500 and status != 429:
            points = MISTAKE if invalid is None else points_for(invalid)
            await limits.mistaken(incoming.client or address_of(incoming), points)

    async def signed(self, incoming: Incoming, gateways: Gateways) -> bytes:
        """What a gateway posted. Raises Refused for anybody else."""
        if incoming.method != "POST":
            raise Refused(405, BadInput("Send operations with POST."), Allow="POST")
        body = await incoming.body(self.settings.body_limit)
        given, scope = incoming.headers, incoming.scope
        call = Call(incoming.method, scope["path"], as_text(given.items()), body)
        try:
            incoming.signed = gateways.verify(call, given.get(signature.HEADER, b""))
        except signature.Unknown as error:
            raise Refused(401, error) from None
        return body

    async def one(
        self,
        asked: Parameters,
        manner: Manner,
        incoming: Incoming,
        viewer: Viewer,
        process: Process,
    ) -> Answer | Stream:
        """The answer to one operation. Raises Refused or Invalid."""
        extensions = asked.get("extensions") or {}
        if (reason := reason_of(extensions)) is not None:
            viewer = replace(viewer, reason=reason)
        documents: Documents | None = incoming.scope["state"].get("documents")
        runner = self.runners.of(viewer)
        prepare = partial(prepared, runner, incoming=incoming)
        operation = await prepared_by(documents, prepare, asked, viewer.role)
        incoming.tell(operation)
        if incoming.signed is not None and operation.kind is OperationType.MUTATION:
            try:
                await incoming.signed.spend(process.database)
            except signature.Unknown as error:
                raise Refused(401, error) from None
        form = manner.form_of(operation)
        variables, planned = asked.get("variables"), None
        with suppress(Invalid):  # running it says so
            planned = runner.planned(operation, variables, viewer)
        limits: RateLimits | None = incoming.scope["state"].get("limits")
        spent: Spent | None = None
        points = UNKNOWN if planned is None else planned.cost
        incoming.told["cost"] = incoming.told.get("cost", 0) + points
        if limits is not None:
            spent = await limits.take(incoming.client, points)
        if form != manner.media_type:
            if operation.kind is OperationType.SUBSCRIPTION:
                stream = await self.told(
                    runner, operation, asked, reason, incoming, process, manner
                )
            else:
                context = self.context(incoming, viewer, process, manner)
                context.spent = spent
                with while_there(operation.kind, incoming.receive):
                    stream = await self.in_pieces(runner, form, operation, asked, context, manner)
            if spent is not None:
                stream.headers.extend(headers_of(incoming.client, spent))
            return stream
        run = partial(
            self.run, runner, operation, asked, planned, incoming, viewer, process, manner, spent
        )
        answers: Answers | None = incoming.scope["state"].get("answers")
        if (
            answers is None
            or planned is None
            or planned.plan.lasting is None
            or viewer.reason is not None
            or not extensions.keys() <= IDLE
        ):
            answer = (await run()).answer
        else:
            key = key_of(operation, planned, viewer, manner.language)
            answer = await answers.answer(key, manner, run)
        if operation.deprecated:
            answer.headers.append((DEPRECATED, in_header(operation.deprecated)))
        if spent is not None:
            answer.headers.extend(headers_of(incoming.client, spent))
        return answer

    async def run(
        self,
        runner: Runner,
        operation: Any,
        asked: Parameters,
        planned: Planned | None,
        incoming: Incoming,
        viewer: Viewer,
        process: Process,
        manner: Manner,
        spent: Spent | None,
    ) -> Ran:
        """Raises Invalid."""
        context = self.context(incoming, viewer, process, manner)
        context.spent = spent
        variables, sent = asked.get("variables"), None
        if self.settings.development and (asked.get("extensions") or {}).get("plan") is True:
            sent = Sent()
        with while_there(operation.kind, incoming.receive):
            result = await runner.run(operation, variables, context, observer=sent, planned=planned)
        # A router has to know which of the entities it asked for an error is about.
        exact = self.gateways is not None
        errors = formatted(result.errors, incoming.id, exact=exact) if result.errors else []
        body = {"errors": errors, "data": result.data} if errors else {"data": result.data}
        more: dict[str, Any] = {}
        if sent is not None:
            with suppress(Invalid):  # the errors say it
                limit = self.settings.page_limit
                plan = runner.plan(operation, variables, viewer, limit, sent)
                more["plan"] = plan.formatted()
        if planned is not None and (asked.get("extensions") or {}).get("cost") is True:
            actual = objects_in(result.data) + READ * context.batches.tally.statements
            more["cost"] = {"requested": planned.cost, "actual": actual}
        if more:
            body["extensions"] = more
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

    def context(
        self, incoming: Incoming, viewer: Viewer, process: Process, manner: Manner
    ) -> Context:
        rows = incoming.scope["state"].get("rows")
        address, id = incoming.address, incoming.id
        return Context(viewer, manner.language, process, id, address, incoming.headers, rows)

    async def in_pieces(
        self,
        runner: Runner,
        form: str,
        operation: Any,
        asked: Parameters,
        context: Context,
        manner: Manner,
    ) -> Stream:
        """The answer to a query or command. Raises Invalid."""
        id, variables = context.request_id, asked.get("variables")
        if operation.in_parts and form == manner.in_parts:
            payloads = runner.deliver(operation, variables, context)
            pieces = of_parts(await anext(payloads), payloads, id)
        else:
            result = await runner.run(operation, variables, context, observer=None)
            pieces = of_one(whole(result, id))
        return Stream(form_of(form), manner, id, pieces)

    async def told(
        self,
        runner: Runner,
        operation: Any,
        asked: Parameters,
        reason: Reason | None,
        incoming: Incoming,
        process: Process,
        manner: Manner,
    ) -> Stream:
        """The answers to a subscription. Raises Refused or Invalid."""
        assert self.lasting is not None
        given, address = incoming.headers, incoming.address
        authorization = given.get(b"authorization")
        later = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        try:
            connection = self.lasting.enter(process, address, incoming.id, manner.named)
        except LimitExceeded as error:
            raise Refused(429, error, **later) from None
        except Coded as error:
            raise Refused(503, error, **later) from None
        try:
            await connection.sign_in(authorization.decode("latin-1") if authorization else None)
            context_of = partial(connection.context, given, reason)
            answers = await runner.subscribe(operation, context_of, asked.get("variables"))
            if isinstance(answers, ExecutionResult):
                raise Invalid(*answers.errors or ())
        except BaseException as error:
            connection.leave()
            if isinstance(error, Unauthenticated):
                raise Refused(401, error, **{"WWW-Authenticate": "Bearer"}) from None
            if isinstance(error, LimitExceeded):
                raise Refused(429, error, **later) from None
            raise
        pieces = of_events(answers, incoming.id)
        return Stream(form_of(EVENTS), manner, incoming.id, pieces, answers, connection)


def objects_in(data: Any) -> int:
    """How many there are: what each of them is one point for."""
    if isinstance(data, dict):
        return 1 + sum(objects_in(value) for value in data.values())
    return sum(map(objects_in, data)) if isinstance(data, list) else 0


@lru_cache(maxsize=MEMORY)
def in_header(deprecated: tuple[str, ...]) -> bytes:
    """Reasons are texts, partners' too, and may have lines and whatever else ends a header."""
    words = (" ".join(each.split()) for each in deprecated)
    told = ["".join(filter(str.isprintable, each)).encode() for each in words]
    room = [n for n in range(len(told)) if len(b"; ".join(told[: n + 1])) <= DEPRECATED_LIMIT]
    left = len(told) - len(room)
    return b"; ".join(told[: len(room)] + ([b"and %d more" % left] if left else []))


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
