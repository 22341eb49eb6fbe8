"""Which to-one reads come along with the rows they hang below: what a plan knows beforehand."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from graphql import GraphQLObjectType

from engine.sources import Computed, Loaded, Paged
from runtime.along import Along
from runtime.field import ENTITY
from runtime.projection import Projection

if TYPE_CHECKING:
    from engine.plan import PlannedField, Selection

MOST = 8
"""How many join one statement. PostgreSQL plans as many in any order it likes; beyond, it keeps to
the one that is written."""


def along_with(planned: "PlannedField", projection: Projection) -> tuple[Along, ...]:
    """What is read by a column of the rows that the field reads, of each at most one row."""
    return tuple(coming(planned, projection, [MOST]))


def coming(planned: "PlannedField", projection: Projection, room: list[int]) -> Iterator[Along]:
    source = planned.source
    if not isinstance(source, Loaded | Paged):
        return
    entity = source.batch.entity if isinstance(source, Loaded) else source.pages.run.entity
    if entity is None:
        return
    found: dict[Along, None] = {}
    for selection in rows_below(planned, entity):
        for inner in selection.fields:
            if room[0] > 0 and comes_along(inner):
                assert isinstance(inner.source, Loaded)
                room[0] -= 1
                inner.comes = True
                batch = inner.source.batch
                further = tuple(coming(inner, projection, room))
                columns = projection.of(batch.entity)
                found[Along(batch, inner.source.record.needs[0], columns, further)] = None
    yield from found


def comes_along(planned: "PlannedField") -> bool:
    source = planned.source
    return (
        isinstance(source, Loaded)
        and not planned.kept
        and source.batch.entity is not None
        and not source.batch.many
        and source.record.by is None
        and source.record.check is None
        and bool(source.record.needs)
        and not planned.definition.args
    )


def rows_below(planned: "PlannedField", entity: type) -> Iterator["Selection"]:
    """What is selected on the rows themselves: at once, or within pages and edges that are made
    of them."""
    named = planned.output.named
    if not isinstance(named, GraphQLObjectType):
        return
    selection = planned.below(named)
    if named.extensions.get(ENTITY) is entity:
        yield selection
        return
    for inner in selection.fields:
        if isinstance(inner.source, Computed) and inner.output.leaf is None:
            yield from rows_below(inner, entity)
