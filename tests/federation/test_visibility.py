"""What clients see, and who has taken over what."""

from graphql import print_schema

from tests.federation.world import Federation, same


def test_the_schema_of_clients_has_no_machinery_and_nothing_inaccessible(
    office: Federation,
) -> None:
    text = print_schema(office.supergraph.schema)

    for hidden in ("join__", "link", "badge", "SECRET", "_entities"):
        assert hidden not in text
    assert "input Filter {\n  name: String\n}" in text


async def test_an_inaccessible_field_cannot_be_asked_for(office: Federation) -> None:
    answer = await office.router.execute("{ staff { badge } }")

    assert answer.errors
    assert "badge" in answer.errors[0].message
    assert not office.subgraphs["staff"].asked


async def test_an_inaccessible_value_is_null(office: Federation) -> None:
    def secret(asked: object) -> object:
        return {"data": {"staff": [{"rank": "SECRET"}, {"rank": "CLERK"}]}}

    office.subgraphs["staff"].disturb = secret
    answer = await office.router.execute("{ staff { rank } }")

    assert answer.formatted == {"data": {"staff": [{"rank": None}, {"rank": "CLERK"}]}}


async def test_an_overridden_field_is_had_from_who_took_it_over(office: Federation) -> None:
    await same(office, "{ payslips { employee { salary } } }")

    assert len(office.subgraphs["staff"].asked) == 1
    assert "salary" not in office.subgraphs["payroll"].asked[0]["query"]


async def test_roots_of_other_names_and_extended_types_are_like_any_other(
    office: Federation,
) -> None:
    await same(
        office, "{ __typename staff { desk(side: LEFT) } offices { head { name } } version }"
    )
