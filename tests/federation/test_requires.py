"""What a field requires is there before it is asked for."""

import pytest

from tests.federation.world import Federation, same


@pytest.mark.parametrize(
    "document",
    [
        "{ products { shippingCost } }",
        "{ products { price shippingCost } }",
        "{ products { price(currency: INR) mine: price(currency: USD) shippingCost } }",
    ],
)
async def test_nested_and_with_arguments(shop: Federation, document: str) -> None:
    data = await same(shop, document)

    told = '{"price": 1, "size": {"height": 2, "width": 1}}'
    assert data["products"][0]["shippingCost"] == f"shippingCost of {told}"


async def test_requirements_of_requirements(shop: Federation) -> None:
    data = await same(shop, "{ products { insurance } }")

    assert data["products"][0]["insurance"].startswith('insurance of {"shippingAdvice"')


async def test_chains_through_subgraphs_that_need_each_other(ring: Federation) -> None:
    await same(ring, "{ things { twice fromE mixed } }")


async def test_fragments_of_what_is_required(library: Federation) -> None:
    data = await same(library, "{ loans { of { ... on Film { label } } } }")

    assert data["loans"][1]["of"]["label"] == 'label of {"creator": {"name": "Nils"}}'


async def test_of_an_interface_object(library: Federation) -> None:
    await same(library, "{ shelf { note } best { note stars } }")


async def test_what_is_hidden_from_clients_may_be_required(office: Federation) -> None:
    data = await same(office, "{ payslips { employee { account } } }")

    assert data["payslips"][0]["employee"]["account"] == 'account of {"badge": "badge e1"}'


async def test_what_is_required_does_not_show_in_the_answer(shop: Federation) -> None:
    data = await same(shop, '{ product(upc: "u1") { shippingCost } }')

    assert list(data["product"]) == ["shippingCost"]


async def test_a_field_beside_is_not_lost_with_what_is_required(office: Federation) -> None:
    def down(asked: object) -> object:
        return {"errors": [{"message": "down"}]}

    office.subgraphs["staff"].disturb = down
    answer = await office.router.execute("{ offices { floor head { id desk } } }")

    assert answer.errors
    assert [office["floor"] for office in answer.data["offices"]] == [1, 2]  # type: ignore[index]
