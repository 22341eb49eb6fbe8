"""Documents that are made to be more work than they look."""

from collections.abc import AsyncIterator, Iterable

import httpx
import pytest
import pytest_asyncio

from runtime.settings import Settings
from server import create_app
from tests.conftest import client_of


def times(count: int, text: str) -> str:
    """`text`, with `@` for its number."""
    return " ".join(text.replace("@", str(n)) for n in range(count))


def doubled(levels: int) -> Iterable[str]:
    """Each fragment spreads the next one twice."""
    yield "{ workers { nodes { ...F0 } } }"
    for n in range(levels):
        team = f"provider {{ team {{ nodes {{ ...F{n + 1} }} }} }}"
        yield f"fragment F{n} on Worker {{ a: {team} b: {team} }}"
    yield f"fragment F{levels} on Worker {{ id }}"


def halved(levels: int) -> str:
    """Each level asks twice for the next, in one place."""
    return f"provider {{ team {{ nodes {{ {halved(levels - 1)} }} }} }} " * 2 if levels else "id"


TEAM = "provider { team { nodes { id displayName } } }"
BOMBS = {
    "a field over and over": f"{{ workers {{ nodes {{ {'id ' * 4_800} }} }} }}",
    "a list over and over": "{ " + times(350, "w: workers(first: 2) { nodes { id } }") + " }",
    "inline fragments": f"{{ workers {{ nodes {{ {times(400, '... on Worker { id }')} }} }} }}",
    "aliases": "{ " + times(400, "a@: workers { nodes { id } }") + " }",
    "the same below the same": f"{{ workers {{ nodes {{ {halved(7)} }} }} }}",
    "fragments that double": " ".join(doubled(60)),
    "fragments in one place": f"{{ workers {{ nodes {{ {times(100, '...F@')} }} }} }} "
    + times(100, f"fragment F@ on Worker {{ {TEAM} }}"),
    "fragments in a ring": "{ workers { nodes { ...F0 } } } "
    + "fragment F0 on Worker { ...F1 } fragment F1 on Worker { ...F0 }",
    "deeper than anybody counts": "{ workers { nodes "
    + "{ provider { team { nodes " * 150
    + "{ id }"
    + " } } }" * 150
    + " } }",
    "braces": "{" * 4_000,
    "lists in lists": f"{{ workers(first: {'[' * 2_000}{']' * 2_000}) {{ totalCount }} }}",
    "directives": "{ __typename " + "@include(if: true) " * 600 + "}",
    "errors": "{ " + times(4_000, "unknown@") + " }",
    "variables": f"query ({times(1_000, '$v@: Int')}) {{ __typename }}",
    "introspection": "{ __schema { types { fields { type { fields { type { fields { type"
    " { fields { name } } } } } } } } } }",
    "pages of pages": "{ workers(first: 100) { nodes { reviews(first: 100) { nodes"
    " { worker { reviews(first: 100) { totalCount } } } } } } }",
    "names": f"{{ {'x' * 90_000} }}",
    "comments": "#" * 90_000,
}


@pytest_asyncio.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(settings)) as client:
        yield client


@pytest.mark.parametrize("document", BOMBS.values(), ids=BOMBS)
async def test_it_is_refused_with_what_to_change(client: httpx.AsyncClient, document: str) -> None:
    answer = await client.post("/graphql", json={"query": document})
    errors = answer.json()["errors"]

    assert answer.status_code == 200
    assert "data" not in answer.json()
    assert {error["extensions"]["code"] for error in errors} <= {"LIMIT_EXCEEDED", "BAD_INPUT"}
    assert 1 <= len(errors) <= 21
    assert len(answer.content) < len(document) + 20_000
