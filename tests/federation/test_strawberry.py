"""Subgraphs that Strawberry serves, with its own `_entities`."""

import strawberry
from strawberry.asgi import GraphQL

from federation.client import BySubgraph
from federation.http import HttpClient
from federation.partner import Partner
from federation.router import Router
from federation.supergraph import Supergraph
from tests.federation.world import Hosts


@strawberry.federation.type(keys=["id"], name="Person")
class Named:
    id: strawberry.ID
    name: str

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> "Named":
        return Named(id=id, name=f"Name {id}")


@strawberry.type(name="Query")
class People:
    @strawberry.field
    def people(self) -> list[Named]:
        return [Named(id=strawberry.ID(id), name=f"Name {id}") for id in ("1", "2")]


@strawberry.federation.type(keys=["id"], name="Person")
class Insured:
    id: strawberry.ID
    name: str = strawberry.federation.field(external=True)

    @strawberry.federation.field(requires=["name"])  # type: ignore[untyped-decorator]
    def policy(self) -> str:
        return f"Policy of {self.name}"

    @classmethod
    def resolve_reference(cls, id: strawberry.ID, name: str = "?") -> "Insured":
        return Insured(id=id, name=name)


@strawberry.type(name="Query")
class Insurance:
    @strawberry.field
    def insured(self) -> list[Insured]:
        return [Insured(id=strawberry.ID("2"), name="?")]


SUPERGRAPH = """
schema @link(url: "https://specs.apollo.dev/link/v1.0")
  @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) { query: Query }
enum join__Graph {
  PEOPLE @join__graph(name: "people", url: "http://people/")
  INSURANCE @join__graph(name: "insurance", url: "http://insurance/")
}
type Query @join__type(graph: PEOPLE) @join__type(graph: INSURANCE) {
  people: [Person!]! @join__field(graph: PEOPLE)
  insured: [Person!]! @join__field(graph: INSURANCE)
}
type Person @join__type(graph: PEOPLE, key: "id") @join__type(graph: INSURANCE, key: "id") {
  id: ID!
  name: String! @join__field(graph: PEOPLE) @join__field(graph: INSURANCE, external: true)
  policy: String! @join__field(graph: INSURANCE, requires: "name")
}
"""


async def test_entities_of_strawberry_are_completed_by_one_another() -> None:
    apps = {
        "people": GraphQL[None, None](strawberry.federation.Schema(query=People)),
        "insurance": GraphQL[None, None](strawberry.federation.Schema(query=Insurance)),
    }
    clients = {
        name: HttpClient(name, Partner(url=f"http://{name}/", private_addresses=True), Hosts(apps))
        for name in apps
    }
    router = Router(Supergraph(SUPERGRAPH), BySubgraph(clients))
    answer = await router.execute("{ people { policy } insured { name policy } }")

    assert answer.formatted == {
        "data": {
            "people": [{"policy": "Policy of Name 1"}, {"policy": "Policy of Name 2"}],
            "insured": [{"name": "Name 2", "policy": "Policy of Name 2"}],
        }
    }
