"""What several subgraphs can give is had from whichever takes the fewest fetches."""

from tests.federation.world import Federation, same


async def test_the_root_that_has_the_rest_as_well_is_asked(shop: Federation) -> None:
    await same(shop, "{ featured { inStock } }")
    assert not shop.subgraphs["catalog"].asked

    await same(shop, "{ featured { name } }")
    assert len(shop.subgraphs["stock"].asked) == 1


async def test_a_value_without_a_key_is_put_together_of_its_parts(shop: Federation) -> None:
    data = await same(shop, "{ warehouses { city { name pin state } } }")

    assert data["warehouses"][0]["city"] == {"name": "Agra", "pin": "pin of Agra", "state": "UP"}
