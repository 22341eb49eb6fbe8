"""What is decided about a document by what it says, rather than by words that are in it."""

from typing import Any

import httpx
import pytest
from graphql import GraphQLError, build_schema

from edge.negotiation import MULTIPART
from engine.cost import Limits
from engine.engine import Engine
from runtime.faults import Invalid
from tests.conftest import Ask
from tests.delivery import offering

SDL = "type Query { a(words: String): Int  q: Query }"
LIMIT = 10
ENGINE = Engine(offering(build_schema(SDL)), limits=Limits(tokens=LIMIT))


def refusal(document: str) -> GraphQLError:
    with pytest.raises(Invalid) as refused:
        ENGINE.prepare(document)
    return refused.value.errors[0]


TOO_LONG = {
    "fields": "{" + " a" * LIMIT + " }",
    "a syntax error behind": "{" + " a" * LIMIT + " : }",
    "comments": "#\n" * LIMIT + "{ a }",
    "comments behind": "{ a }" + "#\n" * LIMIT,
    "comments alone": "#\n" * (LIMIT + 1),
    "strings": "{" + ' a(words: "}")' * 3 + " }",
}


@pytest.mark.parametrize("document", TOO_LONG.values(), ids=TOO_LONG)
def test_a_document_of_too_many_tokens_is_told_so(document: str) -> None:
    told = refusal(document)

    assert told.message == f"The document has more than {LIMIT} tokens. Ask for less at once."
    assert (told.extensions or {})["which"] == "tokens"


WRONG = {
    "their name and number": "token10",
    "the very sentence": '{ a } "Document contains more than 10 tokens."',
    "an operation that does not end": "{" + " a" * (LIMIT - 1),
    "one that is wrong at its last token": "{ a " + "a " * (LIMIT - 4) + "} }",
    "a string that does not end": '{ a(words: "10 tokens',
    "a character that is none": "{ a ? token10 }",
    "comments about them": "# 10 tokens\n{ a ",
}


@pytest.mark.parametrize("document", WRONG.values(), ids=WRONG)
def test_a_syntax_error_is_one_whatever_it_is_about(document: str) -> None:
    told = refusal(document)

    assert told.message.startswith("Syntax Error: ")
    assert not (told.extensions or {}).get("which")


IN_ONE = (
    "{ a } # @defer",
    "# @stream and @defer\n{ a }",
    '{ a(words: "@defer") }',
    '{ a(words: """... @defer { a }""") }',
)
IN_PARTS = (
    "{ ... @defer { a } }",
    "{ q { q { ... @ defer { a } } } }",
    "{ ...More } fragment More on Query { q { ...Rest @defer } } fragment Rest on Query { a }",
)
TWO = "query One { ...More } query Two { a ... @defer { a } } fragment More on Query { a }"


@pytest.mark.parametrize("document", [*IN_ONE, *IN_PARTS])
def test_an_answer_may_come_in_parts_by_what_the_operation_says(document: str) -> None:
    engine = Engine(ENGINE.schema)

    assert engine.prepare(document).in_parts == (document in IN_PARTS)
    assert [engine.prepare(TWO, name).in_parts for name in ("One", "Two")] == [False, True]


async def test_a_comment_does_not_make_an_answer_multipart(client: httpx.AsyncClient) -> None:
    for query, kind in (
        ("{ __typename } # @defer", "json"),
        ("{ ... @defer { a: __typename } }", ""),
    ):
        accept = f"{MULTIPART}, application/json;q=0.9"
        answer = await client.post("/graphql", json={"query": query}, headers={"accept": accept})
        assert (kind or MULTIPART) in answer.headers["content-type"]


SEVERAL = "query A { a: __typename } query B { b: __typename }"


@pytest.mark.parametrize(
    ("document", "name", "expected"),
    [
        ("{ a: __typename }", "", {"a": "Query"}),
        ("query A { a: __typename }", "", {"a": "Query"}),
        ("query A { a: __typename }", None, {"a": "Query"}),
        (SEVERAL, "B", {"b": "Query"}),
        (SEVERAL, "", "The document has several operations; say with `operationName` which: A, B."),
        (
            SEVERAL,
            None,
            "The document has several operations; say with `operationName` which: A, B.",
        ),
        (SEVERAL, "C", "The document has no operation C; choose with `operationName`: A, B."),
        ("{ a: __typename }", "C", "The document has no operation C; choose with `operationName`."),
    ],
)
async def test_an_empty_name_names_no_operation(
    client: httpx.AsyncClient, document: str, name: str | None, expected: Any
) -> None:
    asked = {"query": document, "operationName": name}
    for _ in range(2):
        answer = (await client.post("/graphql", json=asked)).json()
        if isinstance(expected, dict):
            assert answer == {"data": expected}
            continue
        (error,) = answer["errors"]
        assert error["message"] == expected
        assert error["extensions"] == {"code": "BAD_INPUT", "argument": "operationName"}


async def test_no_more_operations_are_listed_than_anybody_reads(ask_raw: Ask) -> None:
    many = " ".join(f"query Q{number} {{ __typename }}" for number in range(100))

    (error,) = (await ask_raw(many))["errors"]

    assert error["message"].endswith("Q18, Q19, ….")
