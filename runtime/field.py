"""What a field declares about itself, once: how it is answered, and what that shows.

The record travels in the field's metadata and is lifted to `GraphQLField.extensions`, so
that whatever runs an operation needs to know neither Strawberry nor the domains.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import Any, TypeAlias

from graphql import GraphQLField

from runtime.batch import Batch
from runtime.page import Pages
from runtime.privacy import Privacy
from runtime.rights import Area, Role

FIELD = "field"
"""The key of the record in metadata and in extensions."""
ENTITY = "entity"
"""The key, in the extensions of an object type, of the table its rows come from."""
AS_PARENT = inf
"""A `max_age`: as long as the object it is a field of may be kept."""
SOURCE = "source"
"""The key, in metadata and in extensions, of where the events of a subscription come from."""
Source: TypeAlias = Callable[..., Awaitable[AsyncIterator[Any]]]
"""Takes the context of whoever subscribes, and the arguments."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """How a field is answered.

    With neither `load` nor `compute` it is an attribute of its parent's row.
    """

    needs: tuple[str, ...] = ()
    """The columns of the parent's row that it reads; with `load`, the one that is the key."""
    attribute: str | None = None
    """The attribute of the row that it is, where it is one; completed with the type."""
    by: str | None = None
    """The argument that is the key of `load`, where no parent's row gives it."""
    load: Batch | Pages | Callable[[Any], Batch | bool] | None = None
    """One read for all parents; a function of the parent where the read depends on it."""
    compute: Callable[..., Any] | None = None
    """A function of a row that holds at least `needs`, and of the arguments."""
    stands: Batch | None = None
    """Tells of the value of `by`, a place in a history, whether it is of this one."""
    roles: frozenset[Role] | None = None
    """Who may ask for it at all; None is everyone."""
    check: Callable[[Any, dict[str, Any]], None] | None = None
    """Refuses arguments, given the request's context, before anything is read."""
    speaks: bool = False
    """Whether `compute` takes a `language`: the one asked for, or else the request's."""
    shows: Privacy | None = None
    """Until the type is complete, None may stand for the highest class of `needs`."""
    area: Area | None = None
    """Who sees it, where not everyone does; completed with the type."""
    named: str | None = None
    """What it is called where it is refused or on record, if it stands for another field."""
    subject: str | None = None
    """The column that says whom a value above PUBLIC is about, for the audit."""
    cost: int = 0
    """What it costs for each parent, beside the objects it gives and its read."""
    size: int | str | None = None
    """How many items its list may hold, or the argument that says so; pages say so themselves."""
    max_age: float | None = None
    """For how many seconds what it shows may be kept. See `lifetime` for what is left out."""
    until: str | None = None
    """The last version of partners' contracts that has it; see runtime/contract.py."""
    domain: str = ""
    """The module that declared it."""
    convert: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    """Makes of the schema's argument values what the function or the loader takes; completed
    with the schema."""

    @property
    def is_declared(self) -> bool:
        """Whether this says how the field is answered, or else a resolver of its own does."""
        return (self.attribute, self.load, self.compute) != (None, None, None)

    @property
    def privacy(self) -> Privacy:
        if self.shows is None:
            raise LookupError("the field's type is not complete yet")
        return self.shows

    @property
    def lifetime(self) -> float:
        """For how many seconds an answer with it may be kept, 0 for never.

        What is made of its parent's row may be kept as long as that; what is read has to say for
        how long, or else may not be kept. Nothing above PUBLIC ever may.
        """
        if self.privacy is not Privacy.PUBLIC or self.area is not None:
            return 0
        if self.max_age is not None:
            return self.max_age
        return AS_PARENT if self.is_declared and self.load is None else 0

    @property
    def columns(self) -> tuple[str, ...]:
        """`needs`, and, above PUBLIC, whether a row shows the field and whom it is about."""
        if self.area is None:
            return self.needs
        subject = (self.subject,) if self.subject else ()
        return (*self.needs, *subject, self.area.flag)


def told(field: GraphQLField) -> Field | None:
    """The record of a field; None for the fields of introspection."""
    record = field.extensions.get(FIELD)
    return record if isinstance(record, Field) else None
