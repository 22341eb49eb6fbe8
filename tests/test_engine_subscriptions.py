"""Subscriptions: an answer for each event, each in a context of its own."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from itertools import count
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, GraphQLObjectType, build_schema

from engine.cost import Limits
from engine.engine import Engine

SDL = """
type Query { unused: Int }
type Subscription { moved(worker: ID!, at: Int): Move  counted: Int! }
type Move { worker: ID!  to: String!  context: Int }
"""
MOVES = "subscription ($worker: ID!) { moved(worker: $worker) { worker to context } }"


class Source:
    """Events that end by themselves or are broken off, and whether they have been closed."""

    def __init__(self, *events: Any) -> None:
        self._events = iter(events)
        self.closed = False

    def __aiter__(self) -> "Source":
        return self

    async def __anext__(self) -> Any:
        await asyncio.sleep(0)
        try:
            event = next(self._events)
        except StopIteration:
            raise StopAsyncIteration from None
        if isinstance(event, Exception):
            raise event
        return event

    async def aclose(self) -> None:
        self.closed = True


def engine_of(subscribe: Callable[..., Any], resolve: Any = None, **more: Any) -> Engine:
    """Over a schema whose `moved` has these events."""
    schema = build_schema(SDL)
    assert isinstance(schema.subscription_type, GraphQLObjectType)
    for field in schema.subscription_type.fields.values():
        field.subscribe = subscribe
        field.resolve = resolve or (lambda event, *_, **__: event)
    move = schema.get_type("Move")
    assert isinstance(move, GraphQLObjectType)
    move.fields["context"].resolve = lambda _, info: info.context
    return Engine(schema, **more)


async def subscribed(engine: Engine, document: str = MOVES, **variables: Any) -> Any:
    numbers = count()
    operation = engine.prepare(document)
    return await engine.subscribe(
        operation, lambda: next(numbers), {"worker": "wk_1"} | variables, "root"
    )


def move(to: str) -> dict[str, Any]:
    return {"worker": "wk_1", "to": to}


async def all_of(answers: AsyncIterator[ExecutionResult]) -> list[Any]:
    return [answer.data and answer.data["moved"] async for answer in answers]


async def test_each_event_is_answered_in_a_context_of_its_own() -> None:
    answers = await subscribed(engine_of(lambda *_, **__: Source(move("here"), move("there"))))

    assert await all_of(answers) == [
        {"worker": "wk_1", "to": "here", "context": 1},
        {"worker": "wk_1", "to": "there", "context": 2},
    ]


async def test_the_source_is_asked_for_with_the_arguments_and_the_root() -> None:
    asked: list[Any] = []

    async def subscribe(root: Any, info: Any, **arguments: Any) -> Source:
        asked.append((root, info.context, arguments))
        return Source()

    document = "subscription ($worker: ID!) { moved(worker: $worker, at: 7) { to } }"
    await all_of(await subscribed(engine_of(subscribe), document))

    assert asked == [("root", 0, {"worker": "wk_1", "at": 7})]


async def test_an_async_generator_is_a_source() -> None:
    async def subscribe(*_: Any, worker: str) -> AsyncGenerator[Any, None]:
        yield {"worker": worker, "to": "here"}

    answers = await subscribed(engine_of(subscribe), worker="wk_9")

    assert [answer["worker"] for answer in await all_of(answers)] == ["wk_9"]


async def test_an_error_in_one_event_does_not_end_the_rest() -> None:
    events = (move("here"), {"worker": "wk_1", "to": None}, move("there"))

    answers = [a async for a in await subscribed(engine_of(lambda *_, **__: Source(*events)))]

    assert [a.data["moved"] and a.data["moved"]["to"] for a in answers] == ["here", None, "there"]
    assert [[error.path for error in a.errors or ()] for a in answers] == [
        [],
        [["moved", "to"]],
        [],
    ]


async def test_an_event_that_takes_too_long_is_given_up_and_the_next_is_answered() -> None:
    async def resolve(event: Any, *_: Any, **__: Any) -> Any:
        await asyncio.sleep(0 if event["to"] == "there" else 3600)
        return event

    engine = engine_of(lambda *_, **__: Source(move("here"), move("there")), resolve, seconds=0.05)
    slow, quick = [answer async for answer in await subscribed(engine)]

    assert slow.data is None
    assert slow.errors[0].extensions["code"] == "LIMIT_EXCEEDED"
    assert quick.data["moved"]["to"] == "there"


async def test_refused_variables_are_told_and_no_source_is_asked_for() -> None:
    asked: list[Any] = []

    refused = await subscribed(engine_of(lambda *_, **__: asked.append(1)), worker=None)

    assert isinstance(refused, ExecutionResult)
    assert refused.data is None
    assert refused.errors is not None
    (error,) = refused.errors
    assert error.message.startswith("Variable '$worker' has invalid value")
    assert asked == []


async def test_what_costs_too_much_is_refused_before_a_source_is_asked_for() -> None:
    asked: list[Any] = []
    engine = engine_of(lambda *_, **__: asked.append(1), limits=Limits(depth=1))

    refused = await subscribed(engine)

    assert [e.extensions and e.extensions["code"] for e in refused.errors] == ["LIMIT_EXCEEDED"]
    assert asked == []


@pytest.mark.parametrize(
    ("subscribe", "message"),
    [
        (lambda *_, **__: 1 / 0, "division by zero"),
        (lambda *_, **__: "no events", "Subscription field must return AsyncIterable."),
    ],
)
async def test_a_source_that_cannot_be_had_is_told(subscribe: Any, message: str) -> None:
    refused = await subscribed(engine_of(subscribe))

    (error,) = refused.errors
    assert error.message.startswith(message)
    assert error.path == ["moved"]


async def test_a_source_that_breaks_ends_the_answers_with_its_error() -> None:
    answers = await subscribed(engine_of(lambda *_, **__: Source(move("here"), OSError("lost"))))

    assert (await anext(answers)).data["moved"]["to"] == "here"
    with pytest.raises(OSError, match="lost"):
        await anext(answers)


@pytest.mark.parametrize("taken", [0, 1])
async def test_closing_the_answers_closes_the_source(taken: int) -> None:
    source = Source(move("here"), move("there"))
    answers = await subscribed(engine_of(lambda *_, **__: source))
    for _ in range(taken):
        await anext(answers)

    await answers.aclose()

    assert source.closed


async def test_closing_the_answers_lets_a_generator_clean_up() -> None:
    left: list[str] = []

    async def subscribe(*_: Any, **__: Any) -> AsyncGenerator[Any, None]:
        try:
            while True:
                yield move("here")
        finally:
            left.append("left")

    answers = await subscribed(engine_of(subscribe))
    await anext(answers)
    await answers.aclose()

    assert left == ["left"]


async def test_cancelling_who_waits_for_an_event_reaches_the_source() -> None:
    left: list[str] = []

    async def subscribe(*_: Any, **__: Any) -> AsyncGenerator[Any, None]:
        try:
            await asyncio.Event().wait()
            yield
        finally:
            left.append("left")

    waiting = asyncio.create_task(anext(await subscribed(engine_of(subscribe))))
    await asyncio.sleep(0)
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert left == ["left"]


async def test_a_strawberry_subscription_is_answered() -> None:
    @strawberry.type
    class Query:
        unused: int = 0

    @strawberry.type
    class Move:
        to: str

        @strawberry.field
        async def shouted(self, info: strawberry.Info[int, None]) -> str:
            return f"{self.to.upper()} {info.context}"

    @strawberry.type
    class Subscription:
        @strawberry.subscription
        async def moved(
            self, info: strawberry.Info[int, None], times: int
        ) -> AsyncGenerator[Move, None]:
            for number in range(times):
                yield Move(to=f"{info.context}.{number}")

    engine = Engine(strawberry.Schema(Query, subscription=Subscription)._schema)
    numbers = count()
    answers = await engine.subscribe(
        engine.prepare("subscription ($n: Int!) { moved(times: $n) { to shouted } }"),
        lambda: next(numbers),
        {"n": 2},
    )

    assert not isinstance(answers, ExecutionResult)
    assert await all_of(answers) == [
        {"to": "0.0", "shouted": "0.0 1"},
        {"to": "0.1", "shouted": "0.1 2"},
    ]
