"""Random operations answer the same over split subgraphs as on one server that has everything."""

import pytest

from tests.federation.operations import Operations
from tests.federation.world import Federation, same
from tests.federation.worlds import WORLDS


@pytest.mark.parametrize("name", WORLDS)
async def test_random_operations_answer_the_same(name: str) -> None:
    federation = Federation(name, WORLDS[name])
    operations = Operations(federation.supergraph.schema, seed=7)
    for _ in range(40):
        await same(federation, operations.query())
