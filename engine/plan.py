"""What an operation is compiled to: for each type of object, the fields to resolve and how their
values become the answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphql import FieldNode, GraphQLField, GraphQLObjectType, OperationDefinitionNode
from graphql.execution.values import VariableValues

from engine.assemble import Assemble, assembling
from engine.collect import Defer
from engine.cost import Limits, Price
from engine.direct import Direct, Reach, direct_of, reach_of
from runtime.along import Along
from runtime.projection import Projection
from runtime.viewer import Viewer

if TYPE_CHECKING:
    from engine.output import Output
    from engine.sources import Source


@dataclass(eq=False)
class PlannedField:
    """One response key of a selection."""

    key: str
    parent: GraphQLObjectType
    name: str
    definition: GraphQLField
    nodes: Sequence[FieldNode]
    arguments: Callable[[VariableValues], dict[str, Any]]
    source: "Source"
    output: "Output"
    below: "Callable[[GraphQLObjectType], Selection]"
    """What is selected on an object of that type which the field leads to."""
    stream: "Stream | None" = None
    along: tuple[Along, ...] | None = None
    """What comes along with the rows it reads; None until they are read first."""
    kept: bool = False
    """Whether rows that it reads may be known from other requests: they are not read along."""
    comes: bool = False
    """Whether what it reads comes along with the rows that it is a field of."""
    kinds: dict[type, GraphQLObjectType | None] = field(default_factory=dict)
    """The types of the kinds of row that turned up; None for what has to be asked."""

    @cached_property
    def reach(self) -> Reach | None:
        """How far it can be made of a row alone. First asked for when the rows are there, by when
        it is known what comes along with them."""
        return reach_of(self)


@dataclass(frozen=True)
class Stream:
    """How a list is delivered: so many items at once, the rest later."""

    label: str | None
    initial_count: int | None
    """What the client says, which may make no sense."""


@dataclass(eq=False)
class Selection:
    """What is asked of an object of one type."""

    type: GraphQLObjectType
    fields: Sequence[PlannedField]
    keys: Sequence[str]
    """In the order of the answer."""
    names: frozenset[str]
    """Those of `keys` that stand for `__typename`."""
    deferred: "Sequence[tuple[Defer, Selection]]" = ()
    """What of it is delivered later, by the fragment that says so."""
    spreads: Sequence[Defer] = ()
    """The deferred fragments that are spread here; what they add may lie further down."""
    error: Exception | None = None
    """Why nothing can be selected: a directive was given null."""

    @cached_property
    def assemble(self) -> Assemble:
        """Puts objects together of the columns of `fields`."""
        return assembling(self.keys, self.names, self.type.name)

    @cached_property
    def direct(self) -> Direct | None:
        """How what needs nothing but a row is made of it."""
        return direct_of(self)


@dataclass(eq=False)
class Plan:
    """An operation, compiled for those who may see the same, and for the same conditions."""

    operation: OperationDefinitionNode
    steps: Sequence[Selection]
    """What is selected at the root: of a mutation, field by field."""
    price: Price
    viewer: Viewer | None
    """Stands for all who may see the same; None where nobody in particular asks."""
    projection: Projection | None
    """The columns that declared fields read; None where no viewer is known."""
    max_age: float | None
    """For how many seconds an answer may be kept; None where it may not be."""
    personal: bool = False
    """Whether running it has shown that an answer depends on who is asking, whatever its fields
    say: it is not kept then."""

    within: Limits | None = None
    """The limits that it is known to keep, as far as they are no matter of variables."""

    @property
    def lasting(self) -> float | None:
        """For how many seconds an answer may be kept for others, as far as is known."""
        return None if self.personal else self.max_age
