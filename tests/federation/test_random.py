"""Random operations answer the same over split subgraphs as on one server that has everything."""

import pytest

from tests.federation.operations import Operations
from tests.federation.world import Federation, same
from tests.federation.worlds import WORLDS


@pytest.mark.slow
@pytest.mark.parametrize("composer", ["supergraph.graphql", "supergraph.apollo.graphql"])
@pytest.mark.parametrize("name", WORLDS)
async def test_random_operations_answer_the_same(name: str, composer: str) -> None:
    federation = Federation(name, WORLDS[name], composer)
    operations = Operations(federation.supergraph.schema, seed=len(composer))
    for _ in range(40):
        await same(federation, operations.query())
