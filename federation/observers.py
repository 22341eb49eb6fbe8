"""Several observers in the place of one."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from graphql import GraphQLError, OperationDefinitionNode

from engine.engine import Operation
from engine.group import Group
from federation.observer import Call, Event, Observer
from runtime.batch import Reading


class Observers(Observer):
    """Tells all of them, in their order."""

    def __init__(self, *observers: Observer) -> None:
        self._all = observers

    def operation(self, operation: Operation, context: Any) -> AbstractContextManager[Any]:
        return within(each.operation(operation, context) for each in self._all)

    def level(self, depth: int, groups: Sequence[Group]) -> AbstractContextManager[Any]:
        return within(each.level(depth, groups) for each in self._all)

    def read(self, reading: Reading) -> AbstractContextManager[Any]:
        return within(each.read(reading) for each in self._all)

    def spared(self, node: OperationDefinitionNode, refusal: GraphQLError) -> None:
        for each in self._all:
            each.spared(node, refusal)

    def failed(self, operation: Operation, errors: Sequence[GraphQLError]) -> None:
        for each in self._all:
            each.failed(operation, errors)

    def call(self, call: Call) -> AbstractContextManager[Any]:
        return within(each.call(call) for each in self._all)

    def carried(self) -> Mapping[str, str]:
        return {name: value for each in self._all for name, value in each.carried().items()}

    def counted(self, partner: str, event: Event, count: int = 1) -> None:
        for each in self._all:
            each.counted(partner, event, count)


def within(all_of_them: Any) -> AbstractContextManager[Any]:
    stack = ExitStack()
    for each in all_of_them:
        stack.enter_context(each)
    return stack
