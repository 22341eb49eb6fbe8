"""Entities are found again in other subgraphs, by whichever key both know."""

import pytest

from tests.federation.world import Federation, same


@pytest.mark.parametrize(
    "document",
    [
        "{ users { name reviews { stars } } }",
        "{ products { inStock } }",
        "{ warehouses { products { name reviews { stars } } } }",
        "{ reviews { product { inStock brand { owner { nick } } } } }",
    ],
    ids=["single", "compound with a nested one", "in a list of lists", "one after another"],
)
async def test_an_entity_is_completed_elsewhere(shop: Federation, document: str) -> None:
    await same(shop, document)


async def test_keys_are_reached_through_other_subgraphs(ring: Federation) -> None:
    data = await same(ring, "{ things { fromA fromD } }")

    assert data["things"][0] == {"fromA": "fromA 1", "fromD": "fromD 1"}
    assert [len(ring.subgraphs[name].asked) for name in ("a", "ab", "bc", "d")] == [1, 1, 1, 1]


async def test_a_key_that_cannot_be_resolved_by_is_never_sent(ring: Federation) -> None:
    await same(ring, "{ things { next { fromD } fromE: mixed } crates { part { fromD } } }")

    for asked in ring.subgraphs["d"].asked:
        for name, representations in asked["variables"].items():
            for each in representations if "representations" in name else ():
                assert each["__typename"] == "Crate" or {"c", "d"} <= each.keys()


async def test_a_key_may_hold_an_entity_whose_key_is_not_at_hand(ring: Federation) -> None:
    await same(ring, "{ crates { fromD } }")


async def test_equal_representations_are_sent_once(shop: Federation) -> None:
    await same(shop, "{ reviews { product { brand { name } } } }")

    (asked,) = shop.subgraphs["catalog"].asked
    (representations,) = asked["variables"].values()
    assert representations == [
        {"__typename": "Product", "upc": "u1"},
        {"__typename": "Product", "upc": "u2"},
    ]


async def test_an_entity_without_its_key_is_not_asked_for(shop: Federation) -> None:
    def without_keys(asked: object) -> object:
        product = {"upc": None, "name": "Nameless", "sku": "s", "brand": {"id": "x"}}
        return {"data": {"products": [product]}}

    shop.subgraphs["catalog"].disturb = without_keys
    answer = await shop.router.execute("{ products { name reviews { stars } } }")

    assert not shop.subgraphs["reviews"].asked
    assert answer.errors
    assert answer.errors[0].path == ["products", 0, "reviews"]
