"""Subgraphs that @apollo/subgraph serves, in a process of their own."""

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from deploy.packages import is_installed
from federation.client import BySubgraph
from federation.http import Clients
from federation.partner import Partner
from federation.router import Router
from federation.supergraph import Supergraph
from ide.build import programs
from tests.federation.packages import FOLDER
from tests.federation.world import SUPERGRAPHS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not is_installed(FOLDER),
        reason="`python -m tests.federation.packages` installs @apollo/subgraph",
    ),
]
COMPOSED = ["supergraph.graphql", "supergraph.apollo.graphql"]


@pytest.fixture(scope="module")
def ports() -> Iterator[dict[str, int]]:
    """Of the subgraphs, by name. What a test changes there it changes back."""
    node, _ = programs()
    with subprocess.Popen(
        [*node, "apollo.mjs"],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as serving:
        assert serving.stdin is not None
        assert serving.stdout is not None
        try:
            yield json.loads(serving.stdout.readline())
        finally:
            serving.stdin.close()


@pytest_asyncio.fixture(params=COMPOSED)
async def router(ports: dict[str, int], request: pytest.FixtureRequest) -> AsyncIterator[Router]:
    clients = Clients()
    asked = {
        name: clients.of(
            name,
            Partner(url=f"http://127.0.0.1:{port}/graphql", seconds=10, private_addresses=True),
        )
        for name, port in ports.items()
    }
    text = (SUPERGRAPHS / "apollo" / request.param).read_text()
    try:
        yield Router(Supergraph(text), BySubgraph(asked))
    finally:
        await clients.close()


async def data(router: Router, document: str, **variables: Any) -> Any:
    answer = await router.execute(document, variables)
    assert answer.errors is None, answer.formatted
    return answer.data


def fetched(router: Router, document: str) -> list[str]:
    return sorted(fetch.subgraph.lower() for fetch in router.plan(document).fetches)


async def test_an_entity_is_completed_by_its_key(router: Router) -> None:
    found = await data(router, "{ loans { number book { id pages author { name } stars } } }")

    assert found["loans"] == [
        {"number": 1, "book": {"id": "b1", "pages": 100, "author": {"name": "Nina"}, "stars": 5}},
        {"number": 2, "book": {"id": "b2", "pages": 7, "author": {"name": "Nils"}, "stars": None}},
    ]


async def test_an_entity_is_completed_by_a_key_of_several_fields(router: Router) -> None:
    found = await data(router, "{ loans { book { author { prizes } } } }")

    assert [loan["book"]["author"] for loan in found["loans"]] == [
        {"prizes": ["Jnanpith"]},
        {"prizes": []},
    ]


async def test_what_a_field_requires_is_fetched_before_it(router: Router) -> None:
    document = """query ($each: Int!) {
      media { ... on Book { postage mine: postage(perPage: $each) } }
    }"""
    found = await data(router, document, each=1)

    assert found["media"] == [{"postage": 214, "mine": 114}, {}, {"postage": 24, "mine": 17}, {}]


async def test_what_a_field_provides_is_not_fetched_again(router: Router) -> None:
    document = "{ loans { book { id title } } }"

    assert (await data(router, document))["loans"][0]["book"] == {"id": "b1", "title": "Rivers"}
    assert fetched(router, document) == ["lending"]
    assert fetched(router, "{ loans { book { pages } } }") == ["catalogue", "lending"]


async def test_what_is_shared_is_asked_of_one_and_what_is_not_of_whoever_has_it(
    router: Router,
) -> None:
    document = "{ version loans { days } }"

    assert (await data(router, document))["version"] == "7"
    assert fetched(router, document) == ["lending"]
    found = await data(
        router, '{ search(text: "Roads") { ... on Book { size { width height } } } }'
    )
    assert found["search"] == [{"size": {"width": 10, "height": 15}}, {}]


async def test_members_of_an_interface_are_completed_by_their_own_types(router: Router) -> None:
    document = "{ media { __typename title ... on Film { minutes fans } ... on Book { stars } } }"

    assert (await data(router, document))["media"] == [
        {"__typename": "Book", "title": "Rivers", "stars": 5},
        {"__typename": "Film", "title": "Monsoon", "minutes": 90, "fans": 3},
        {"__typename": "Book", "title": "Roads", "stars": None},
        {"__typename": "Film", "title": "Silence", "minutes": None, "fans": 0},
    ]


async def test_what_may_not_be_null_and_is_costs_what_it_stands_in(router: Router) -> None:
    answer = await router.execute("{ media { title ... on Film { stars } } }")

    assert answer.data is None
    assert answer.errors is not None
    assert "non-nullable field Film.stars" in answer.errors[0].message


async def test_members_of_a_union_are_completed_by_their_own_types(router: Router) -> None:
    found = await data(
        router,
        """query ($text: String!) { search(text: $text) {
          ... on Medium { title } ... on Book { stars } ... on Author { name prizes }
        } best { __typename ... on Film { title stars } } }""",
        text="R",
    )

    assert found == {
        "search": [
            {"title": "Rivers", "stars": 5},
            {"title": "Roads", "stars": None},
            {"name": "Nils", "prizes": []},
        ],
        "best": {"__typename": "Film", "title": "Monsoon", "stars": 3},
    }


async def test_an_error_costs_its_field_and_says_where(router: Router) -> None:
    answer = await router.execute("{ loans { book { title verdict } } }")

    assert answer.data == {
        "loans": [
            {"book": {"title": "Rivers", "verdict": "Read it."}},
            {"book": {"title": "Roads", "verdict": None}},
        ]
    }
    assert answer.errors is not None
    (error,) = answer.errors
    assert error.message == "Nobody has read it."
    assert error.path == ["loans", 1, "book", "verdict"]


async def test_mutations_are_sent_one_after_the_other(router: Router) -> None:
    found = await data(
        router,
        """mutation {
          first: rename(id: "b1", title: "A") { title }
          lend(id: "b1", days: 3) { book { title stars } }
          second: rename(id: "b1", title: "Rivers") { title ... on Book { stars } }
          nothing: rename(id: "b9", title: "C") { title }
        }""",
    )

    assert found == {
        "first": {"title": "A"},
        "lend": {"book": {"title": "A", "stars": 5}},
        "second": {"title": "Rivers", "stars": 5},
        "nothing": None,
    }


async def test_a_refused_mutation_keeps_its_code_and_the_others(router: Router) -> None:
    answer = await router.execute(
        """mutation {
          lend(id: "b1", days: 31) { days }
          rename(id: "b1", title: "Rivers") { title }
        }"""
    )

    assert answer.data == {"lend": None, "rename": {"title": "Rivers"}}
    assert answer.errors is not None
    (error,) = answer.errors
    assert error.message == "Too long."
    assert error.path == ["lend"]
    assert error.extensions == {"code": "TOO_LONG", "partner": "lending"}
