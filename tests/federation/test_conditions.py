"""Variables, and what they decide."""

from tests.federation.world import Federation, same

DOCUMENT = """
query ($stock: Boolean!, $first: Int, $shout: Boolean) {
  products(first: $first) {
    upc
    inStock @include(if: $stock)
    brand { owner { nick(shout: $shout) } }
  }
}
"""


async def test_what_is_left_out_is_not_fetched(shop: Federation) -> None:
    await same(shop, DOCUMENT, {"stock": False})
    assert not shop.subgraphs["stock"].asked

    await same(shop, DOCUMENT, {"stock": True})
    assert len(shop.subgraphs["stock"].asked) == 1


async def test_each_subgraph_gets_the_variables_it_uses(shop: Federation) -> None:
    await same(shop, DOCUMENT, {"stock": True, "first": 1, "shout": True})

    (catalog,) = shop.subgraphs["catalog"].asked
    (people,) = shop.subgraphs["people"].asked
    assert catalog["variables"] == {"first": 1}
    assert people["variables"].keys() == {"shout", "_entities_representations"}


async def test_a_plan_is_made_once_for_all_values_that_decide_nothing(shop: Federation) -> None:
    first = shop.router.plan(DOCUMENT, {"stock": True, "first": 1})

    assert shop.router.plan(DOCUMENT, {"stock": True, "first": 2}) is first
    assert shop.router.plan(DOCUMENT, {"stock": False, "first": 1}) is not first


async def test_one_field_under_two_names_is_asked_for_once(shop: Federation) -> None:
    await same(shop, "{ a: products { x: upc } b: products { y: upc z: name } }")

    (asked,) = shop.subgraphs["catalog"].asked
    assert asked["query"].count("products") == 1
