"""Subgraphs that know an interface as one object."""

import pytest

from tests.federation.world import Federation, same


@pytest.mark.parametrize(
    "document",
    [
        "{ shelf { stars critics { name strictness } } }",
        "{ shelf { ... on Book { stars archived } } }",
        "{ best { stars title } }",
        "{ best { __typename } }",
        "{ best { ... on Film { minutes copies } note archived } }",
        "{ best { ... on Book { pages } creator { name } } }",
    ],
)
async def test_its_fields_are_those_of_every_object(library: Federation, document: str) -> None:
    await same(library, document)


async def test_nobody_is_asked_what_it_is_unless_that_matters(library: Federation) -> None:
    await same(library, "{ best { id stars archived } }")
    assert not library.subgraphs["media"].asked

    await same(library, "{ best { __typename } }")
    assert len(library.subgraphs["media"].asked) == 1
