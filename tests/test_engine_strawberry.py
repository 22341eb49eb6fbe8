"""What Strawberry adds to fields keeps its meaning where the engine runs them."""

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import parse
from strawberry.extensions import FieldExtension
from strawberry.field_extensions import InputMutationExtension
from strawberry.permission import BasePermission

from engine.engine import Engine
from tests.differential.comparison import executed

Info = strawberry.Info[Any, Any]


class Louder(FieldExtension):
    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **arguments: Any) -> Any:
        return f"{next_(source, info, **arguments)}!"


class Slower(FieldExtension):
    async def resolve_async(
        self, next_: Callable[..., Any], source: Any, info: Info, **arguments: Any
    ) -> Any:
        await asyncio.sleep(0)
        return f"slowly {await next_(source, info, **arguments)}"


class IsFriend(BasePermission):
    message = "for friends"
    error_extensions = {"code": "FORBIDDEN"}  # noqa: RUF012

    def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:
        return bool(info.context["friend"])


class IsFriendLater(IsFriend):
    async def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:  # type: ignore[override]
        await asyncio.sleep(0)
        return bool(info.context["friend"])


@strawberry.enum
class Tone(Enum):
    KIND = "kind"
    HARSH = "harsh"


@strawberry.input
class Wish:
    word: str
    tone: Tone = Tone.KIND
    times: int | None = strawberry.UNSET


@strawberry.type
class Greeting:
    word: str
    secret: strawberry.Private[str] = "hidden"
    spoken: str = strawberry.field(name="saidAloud", default="aloud")

    @strawberry.field(extensions=[Louder()])  # type: ignore[untyped-decorator]
    def loud(self) -> str:
        return f"{self.word} {self.secret}"

    @strawberry.field(extensions=[Slower()])  # type: ignore[untyped-decorator]
    async def slow(self) -> str:
        return self.word

    @strawberry.field(permission_classes=[IsFriend])  # type: ignore[untyped-decorator]
    def private(self) -> str | None:
        return "private"

    @strawberry.field(permission_classes=[IsFriendLater])  # type: ignore[untyped-decorator]
    async def intimate(self) -> str:
        return "intimate"


class Rude(Exception):
    pass


@strawberry.type
class TooRude:
    message: str


class SaysTooRude(strawberry.ExceptionHandler[Rude, TooRude]):
    def handle(self, exception: Rude, *, field: Any, info: Info) -> TooRude | None:
        """One of them it does not know what to do with."""
        return None if str(exception) == "unheard of" else TooRude(message=str(exception))


@strawberry.type
class Query:
    @strawberry.field
    async def greetings(self, count: int = 2) -> list[Greeting]:
        return [Greeting(word=f"hello {number}") for number in range(count)]

    @strawberry.field
    def wished(self, wish: Wish) -> str:
        return f"{wish.word} {wish.tone!r} {wish.times!r}"


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def say(self, word: str) -> Greeting | TooRude:
        if word != "hello":
            raise Rude(word)
        return Greeting(word=word)

    @strawberry.mutation(extensions=[InputMutationExtension()])  # type: ignore[untyped-decorator]
    async def greet(self, info: Info, word: str, tone: Tone) -> Greeting:
        return Greeting(word=f"{word} {tone.value}")


SCHEMA = strawberry.Schema(Query, Mutation, exception_handlers=[SaysTooRude()])._schema


async def ask(document: str, *, friend: bool = True) -> tuple[Any, list[Any]]:
    """By the engine; graphql-core, which Strawberry is made for, answers the same."""
    context = {"friend": friend}
    answers = (
        await Engine(SCHEMA).execute(document, context=context),
        await executed(SCHEMA, parse(document), context_value=context),
    )
    ours, theirs = (
        (
            answer.data,
            [(error.message, error.path, error.extensions) for error in answer.errors or ()],
        )
        for answer in answers
    )
    assert ours == theirs
    return ours


async def test_field_extensions_wrap_what_they_extend() -> None:
    assert await ask("{ greetings { loud slow } }") == (
        {
            "greetings": [
                {"loud": "hello 0 hidden!", "slow": "slowly hello 0"},
                {"loud": "hello 1 hidden!", "slow": "slowly hello 1"},
            ]
        },
        [],
    )


async def test_permission_classes_let_in_whom_they_know() -> None:
    data, errors = await ask("{ greetings(count: 1) { private intimate } }")

    assert data == {"greetings": [{"private": "private", "intimate": "intimate"}]}
    assert errors == []


async def test_permission_classes_refuse_each_field_where_it_stands() -> None:
    data, errors = await ask("{ greetings { word private } }", friend=False)

    assert data == {
        "greetings": [{"word": "hello 0", "private": None}, {"word": "hello 1", "private": None}]
    }
    assert errors == [
        ("for friends", ["greetings", number, "private"], {"code": "FORBIDDEN"})
        for number in range(2)
    ]


async def test_what_an_awaited_permission_refuses_takes_what_may_not_be_without_it() -> None:
    data, errors = await ask("{ greetings(count: 1) { intimate } }", friend=False)

    assert data is None
    assert [error[1] for error in errors] == [["greetings", 0, "intimate"]]


@pytest.mark.parametrize(
    ("word", "said"),
    [("hello", {"word": "hello"}), ("idiot", {"message": "idiot"})],
)
async def test_exception_handlers_make_members_of_the_union(word: str, said: Any) -> None:
    selection = "... on Greeting { word } ... on TooRude { message }"

    assert await ask(f'mutation {{ say(word: "{word}") {{ {selection} }} }}') == ({"say": said}, [])


async def test_an_exception_that_no_handler_wants_is_an_error() -> None:
    data, errors = await ask('mutation { say(word: "unheard of") { __typename } }')

    assert data is None
    assert errors == [("unheard of", ["say"], {})]


async def test_private_fields_are_for_resolvers_only() -> None:
    answer = await Engine(SCHEMA).execute("{ greetings { secret } }")

    assert answer.data is None
    assert answer.errors is not None
    assert "Cannot query field 'secret'" in answer.errors[0].message


async def test_names_and_defaults_are_those_of_the_schema() -> None:
    assert await ask("{ greetings(count: 1) { saidAloud } }") == (
        {"greetings": [{"saidAloud": "aloud"}]},
        [],
    )


async def test_the_input_of_a_mutation_is_its_arguments() -> None:
    document = 'mutation { greet(input: {word: "hello", tone: HARSH}) { word } }'

    assert await ask(document) == ({"greet": {"word": "hello harsh"}}, [])


async def test_inputs_arrive_as_the_classes_they_are_declared_by() -> None:
    document = """{
        few: wished(wish: {word: "a"})
        all: wished(wish: {word: "b", tone: HARSH, times: null})
    }"""

    assert await ask(document) == (
        {"few": "a <Tone.KIND: 'kind'> UNSET", "all": "b <Tone.HARSH: 'harsh'> None"},
        [],
    )
