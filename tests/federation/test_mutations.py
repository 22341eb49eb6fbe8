"""Mutations happen in the order in which they are written, each as often as it is written."""

from tests.federation.world import Federation, same


async def test_in_order_across_subgraphs(office: Federation) -> None:
    order: list[str] = []
    for name, subgraph in office.subgraphs.items():
        subgraph.disturb = lambda asked, name=name: order.append(name)
    await same(
        office,
        'mutation { a: pay(id: "e1", amount: 1) { employee { account } }'
        ' hire(name: "x") { name } pay(id: "e1", amount: 2) { amount } }',
    )

    assert order == ["payroll", "staff", "payroll", "staff", "payroll"]


async def test_the_same_twice_happens_twice(office: Federation) -> None:
    await same(
        office,
        'mutation { a: pay(id: "e", amount: 1) { amount } b: pay(id: "e", amount: 1) { amount } }',
    )

    (asked,) = office.subgraphs["payroll"].asked
    assert asked["query"].count("pay(") == 2
