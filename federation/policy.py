"""Who sees what partners have: those whom its area is shown, in the rows of ours that show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from graphql import FieldNode, GraphQLError, NameNode, SelectionSetNode

from runtime.faults import Forbidden, ReasonRequired
from runtime.rights import Area, Role
from runtime.viewer import Viewer

Coordinate: TypeAlias = tuple[str, str]
"""A type, and a field of it."""
SHOWN = "_shown_"
"""Begins the name of the field of ours that says whether a row shows a partner's."""
A_PARTNER = Viewer(Role.PARTNER)
"""Stands for all of them: what they may see at all is the same."""


@dataclass(frozen=True, eq=False)
class Policy:
    """What holds for one supergraph."""

    own: str
    """The id of our own subgraph."""
    partners: Mapping[str, str]
    """What all others are called by people, by id."""
    theirs: frozenset[Coordinate]
    """The fields that we do not serve."""
    areas: Mapping[Coordinate, Area | None]
    """Of theirs, those that anybody sees: everybody, where the area is None."""

    @property
    def guarded(self) -> dict[Coordinate, Area]:
        """The fields that some rows show."""
        return {place: area for place, area in self.areas.items() if area is not None}

    def refusal(self, type_: str, field: str, viewer: Viewer) -> GraphQLError | None:
        """Why viewers of that scope do not see the field in any row."""
        if (type_, field) not in self.theirs:
            return None
        told = f"{type_}.{field}"
        if (type_, field) not in self.areas:
            return Forbidden(told)
        area = self.areas[type_, field]
        if area is None:
            return None
        grant = viewer.grant(area)
        # A value of which we know nothing cannot be masked.
        if grant is None or grant.masked:
            return Forbidden(told)
        return None if viewer.may_read(area) else ReasonRequired(told)

    def guard(self, type_: str, field: str) -> str | None:
        """The field of ours that says whether a row shows that one."""
        return f"{SHOWN}{field}" if self.areas.get((type_, field)) is not None else None

    def depends(self, type_: str, field: str) -> bool:
        """Whether not everybody sees it everywhere."""
        return (type_, field) in self.theirs and self.areas.get((type_, field), True) is not None


@cache
def asking(field: str) -> SelectionSetNode:
    """For that field: one for each, for selections are known by their identity."""
    return SelectionSetNode(selections=(FieldNode(name=NameNode(value=field)),))
