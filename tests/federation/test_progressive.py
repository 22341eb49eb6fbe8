"""Progressive overrides: a label decides which of two serves a field."""

import pytest
from graphql import OperationDefinitionNode, parse

from federation.planner import Planner
from federation.supergraph import Supergraph

SUPERGRAPH = """
enum join__Graph {
  OLD @join__graph(name: "old", url: "http://old/")
  NEW @join__graph(name: "new", url: "http://new/")
}
type Query @join__type(graph: OLD) @join__type(graph: NEW) {
  things: [Thing!]! @join__field(graph: OLD)
}
type Thing @join__type(graph: OLD, key: "id") @join__type(graph: NEW, key: "id") {
  id: ID!
  size: Int! @join__field(graph: OLD, overrideLabel: "half")
    @join__field(graph: NEW, override: "old", overrideLabel: "half")
}
"""


@pytest.mark.parametrize(
    ("labels", "served"), [(frozenset(), ["OLD"]), (frozenset({"half"}), ["OLD", "NEW"])]
)
def test_a_label_decides_who_serves_a_field(labels: frozenset[str], served: list[str]) -> None:
    (operation,) = parse("{ things { size } }").definitions
    assert isinstance(operation, OperationDefinitionNode)
    planner = Planner(Supergraph(SUPERGRAPH), labels=labels)
    plan = planner.plan(operation, {}, lambda node: True)

    assert [fetch.subgraph for fetch in plan.fetches] == served
