"""What runs the operations of a partner's client where no request of its own is waiting: exports,
and what it is sent. Whoever starts a process says what that is; domains do not know engines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from graphql import ExecutionResult, GraphQLError, GraphQLSchema

from runtime.viewer import Viewer

Record: TypeAlias = dict[str, Any]
"""An item of a list, as the answer has it."""


class Kind(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    INSTANT = "instant"
    RECORD = "record"


@dataclass(frozen=True)
class Column:
    """What each row of a list has under a name; any of it may be null."""

    name: str
    kind: Kind
    columns: tuple["Column", ...] = ()
    """Of a record."""
    lists: int = 0
    """How many lists there are around it."""


class NotOneList(Exception):
    """The operation is something else than a query of one connection."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found
        """What is in the way, in English."""


@dataclass(frozen=True)
class Piece:
    """A run of rows of a list."""

    rows: list[Record] | None
    """None where nothing came, for what the errors say."""
    cursor: str | None
    goes_on: bool
    errors: Sequence[GraphQLError]


class WholeList(Protocol):
    """A connection, to be read from one end to the other."""

    @property
    def columns(self) -> Sequence[Column]: ...
    @property
    def begins_after(self) -> str | None:
        """The `after` that the client gave."""

    def size(self, viewer: Viewer, most: int) -> int:
        """How many rows the largest piece may have. Raises Invalid where one costs too much."""

    async def piece(self, context: Any, after: str | None, size: int) -> Piece: ...

    async def total(self, context: Any) -> int | None:
        """How many rows there are from beginning to end; None where nobody can tell."""


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

    def whole_list(
        self,
        document: str,
        operation_name: str | None,
        variables: Mapping[str, Any],
        page_limit: int,
    ) -> WholeList:
        """The list that an operation asks for a page of; lists in its rows keep to the
        `page_limit`. Raises Invalid and NotOneList."""


RunnerFor: TypeAlias = Callable[[Viewer], ClientRunner]
