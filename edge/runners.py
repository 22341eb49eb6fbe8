"""Who runs whose operations."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import ExecutionResult

from edge.answering import Preparing
from engine.contracts import Contracts
from engine.describe import Sent
from engine.engine import Planned, Subscription
from engine.incremental import Payload
from runtime.context import Context
from runtime.rights import Role
from runtime.viewer import Viewer


class Runner(Preparing, Protocol):
    """An engine, or whoever takes its place."""

    def warm(self, document: str) -> None:
        """Prepares a document that is known to be sent. Raises Invalid."""

    def run(
        self,
        operation: Any,
        variables: dict[str, Any] | None,
        context: Context,
        *,
        observer: Sent | None,
        planned: Planned | None = None,
    ) -> Awaitable[ExecutionResult]:
        """Raises Invalid where nothing is run."""

    def planned(
        self, operation: Any, variables: dict[str, Any] | None, viewer: Viewer
    ) -> Planned | None:
        """What there is to do, if that is known before it is run. Raises Invalid."""

    def subscribe(
        self,
        operation: Any,
        context_of: Callable[[], Context],
        variables: dict[str, Any] | None,
    ) -> Awaitable[Subscription | ExecutionResult]:
        """Answers that can be closed while the next is waited for; or why there are none."""

    def deliver(
        self, operation: Any, variables: dict[str, Any] | None, context: Context
    ) -> AsyncGenerator[Payload, None]:
        """The answer in parts. Raises Invalid where nothing is run."""

    def plan(
        self,
        operation: Any,
        variables: dict[str, Any] | None,
        viewer: Viewer,
        page_limit: int,
        sent: Sent | None = None,
    ) -> Any:
        """What was done, `formatted`. Raises Invalid."""


@dataclass(frozen=True)
class Runners:
    whole: Runner
    contracts: Contracts | None = None
    """What the systems of partners are shown instead, where they are told apart."""

    def of(self, viewer: Viewer) -> Runner:
        if self.contracts is None or viewer.role is not Role.PARTNER:
            return self.whole
        return self.contracts.engine_for(viewer)
