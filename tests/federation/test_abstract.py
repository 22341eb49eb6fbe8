"""Interfaces and unions whose members differ from subgraph to subgraph."""

import asyncio
from typing import Any

import pytest

from tests.federation.world import Federation, same


@pytest.mark.parametrize(
    "document",
    [
        "{ shelf { __typename id title creator { name } } }",
        "{ shelf { ... on Book { pages fee } ... on Film { minutes copies } } }",
        "{ search { ... on Media { title } ... on Node { id } ... on Person { strictness } } }",
        "{ nodes { id __typename ... on Media { title copies: title } } }",
        "{ loans { of { __typename ... on Media { title stars } } } }",
        "{ shelf { creator { __typename ... on Person { strictness } ... on Studio { city } } } }",
    ],
)
async def test_each_object_is_asked_for_what_its_type_has(
    library: Federation, document: str
) -> None:
    await same(library, document)


async def test_fields_of_one_name_and_other_types_do_not_collide(library: Federation) -> None:
    data = await same(library, "{ shelf { ... on Book { a: format } ... on Film { b: format } } }")

    assert data["shelf"][:2] == [{"a": "A5"}, {"b": ["35mm"]}]


async def test_a_union_is_cut_to_what_all_who_serve_it_share(library: Federation) -> None:
    data = await same(library, "{ latest { ... on Person { name } ... on Book { title } } }")

    assert data == {"latest": {"name": "Nina"}}
    (asked,) = library.subgraphs["media"].asked
    assert "Book" not in asked["query"]


async def test_an_interface_is_asked_as_such_where_it_can_be(library: Federation) -> None:
    await same(library, "{ shelf { id title } }")

    (asked,) = library.subgraphs["media"].asked
    assert "... on" not in asked["query"]


async def test_what_hangs_below_a_type_waits_for_who_says_the_type(library: Federation) -> None:
    async def slow(asked: Any) -> None:
        await asyncio.sleep(0.02)

    library.subgraphs["media"].before = slow
    await same(library, "{ best { critics { name } ... on Book { title } ... on Film { title } } }")
