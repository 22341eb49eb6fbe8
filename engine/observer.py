"""The one way out of the engine for whoever measures, traces or keeps count."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, OperationDefinitionNode

from runtime.batch import UNOBSERVED, Reading

if TYPE_CHECKING:
    from engine.engine import Operation
    from engine.group import Group


class Observer:
    """Is told what happens, as it happens. This one takes no notice."""

    def operation(self, operation: "Operation", context: Any) -> AbstractContextManager[None]:
        """Around all that running it takes."""
        return UNOBSERVED

    def level(self, depth: int, groups: "Sequence[Group]") -> AbstractContextManager[None]:
        """Around resolving the fields of all these objects; the root is the first level, 1. Groups
        of objects that are made with their parents' join the list on the way."""
        return UNOBSERVED

    def read(self, reading: Reading) -> AbstractContextManager[None]:
        """Around one batched read; several may be under way at once."""
        return UNOBSERVED

    def spared(self, node: OperationDefinitionNode, refusal: GraphQLError) -> None:
        """The operation would have been refused, if limits were enforced."""

    def failed(self, operation: "Operation", errors: Sequence[GraphQLError]) -> None:
        """The errors of an answer, refusals of the engine among them, before anything is masked."""
