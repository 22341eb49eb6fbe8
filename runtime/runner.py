"""What runs the operations of a partner's client where no request of its own is waiting: exports,
and what it is sent. Whoever starts a process says what that is; domains do not know engines."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from graphql import ExecutionResult, GraphQLSchema

from runtime.viewer import Viewer


class ClientRunner(Protocol):
    """Over one schema: all that the client can name."""

    schema: GraphQLSchema

    def prepare(self, document: str, operation_name: str | None = None) -> Any:
        """The operation of that name. Raises Invalid."""

    def planned(
        self, operation: Any, variables: Mapping[str, Any] | None, viewer: Viewer | None
    ) -> Any:
        """What running it would do. Raises Invalid where it would be too much."""

    async def run(
        self, operation: Any, variables: Mapping[str, Any] | None = None, context: Any = None
    ) -> ExecutionResult:
        """`context` is a Context of the client's own. Raises Invalid where nothing is run."""


RunnerFor: TypeAlias = Callable[[Viewer], ClientRunner]
