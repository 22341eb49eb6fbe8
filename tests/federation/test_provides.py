"""What a path brings along is not fetched again."""

from tests.federation.world import Federation, same


async def test_a_provided_field_is_had_where_it_is_provided(shop: Federation) -> None:
    await same(shop, "{ reviews { product { name } author { email } } }")

    assert not shop.subgraphs["catalog"].asked
    assert not shop.subgraphs["people"].asked


async def test_elsewhere_it_is_fetched(shop: Federation) -> None:
    await same(shop, "{ reviews { anonymous { email } } }")

    assert len(shop.subgraphs["people"].asked) == 1
