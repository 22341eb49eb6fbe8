"""The whole graph, or the slice of it that some domains own.

The gateway is the graph of every domain; a subgraph is the graph of some. A domain is a
module of this package, so a slice needs no second set of types.
"""

from collections.abc import Iterator
from types import ModuleType

from strawberry.extensions import SchemaExtension

from runtime.projection import Projection
from schema import account, booking, discovery, place, review, skill, worker

DOMAINS: tuple[ModuleType, ...] = (place, account, worker, skill, booking, review, discovery)
NODES_LIMIT = 100


class Projected(SchemaExtension):
    """Tells the request which columns its operation reads, before any loader is asked."""

    def on_execute(self) -> Iterator[None]:
        execution = self.execution_context
        document = execution.graphql_document
        assert document is not None
        fragments = {
            d.name.value: d for d in document.definitions if d.kind == "fragment_definition"
        }
        execution.context.projection = Projection(
            execution.schema._schema,
            execution.operation,
            fragments,
            execution.context.viewer,
        )
        yield
