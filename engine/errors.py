"""Errors on their way: from where something failed, up to the nearest place that may be null.

While a level is worked on, an error is a `Failure` in place of a value, and nothing is known of
its path. Only when an answer has errors are paths worked out, from the top.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from graphql import FieldNode, GraphQLError, located_error

if TYPE_CHECKING:
    from engine.group import Group

Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class Position:
    """A place in the answer: below one object of a group, which may stand in many places."""

    group: "Group"
    index: int
    keys: Keys
    """The response key, and the indexes in lists below it."""
    nodes: Sequence[FieldNode]

    def inside(self, index: int) -> "Position":
        return Position(self.group, self.index, (*self.keys, index), self.nodes)

    @property
    def depth(self) -> int:
        return self.group.depth + len(self.keys)

    def paths(self) -> Iterator[Keys]:
        return (path + self.keys for path in self.group.paths(self.index))


Where = Callable[[int], Position]
"""The position of each value of a column."""


class Failure:
    """In place of a value: what went wrong, and where."""

    __slots__ = ("error", "position")

    def __init__(self, error: Exception, position: Position) -> None:
        self.error = error
        self.position = position


@dataclass(frozen=True)
class Absorbed:
    """A failure that a null stands for: `depth` steps from the top of the answer."""

    failure: Failure
    depth: int
    once: bool = False
    """Whether it is told once for its field, however many objects it has failed in."""
    others: Sequence[int] = ()
    """The rest of those, in the same group."""

    def each(self) -> "Iterator[Absorbed]":
        yield self
        error, position = self.failure.error, self.failure.position
        for index in self.others:
            yield Absorbed(Failure(error, replace(position, index=index)), self.depth, self.once)


def told(absorbed: Sequence[Absorbed], limit: int, *, each: bool = False) -> list[GraphQLError]:
    """The errors as the answer carries them, at most `limit`: one for each path; and where a null
    stands for a whole region, only the one that made it so. With `each`, what would be told once
    for a field is told of each object."""
    if not absorbed:
        return []
    if not each and all(found.depth == found.failure.position.depth for found in absorbed):
        absorbed = first_of_each(absorbed)
    else:
        absorbed = [one for found in absorbed for one in found.each()]
    placed = [
        (path, path[: found.depth], found)
        for found in absorbed
        for path in islice(found.failure.position.paths(), limit)
    ]
    regions = {target for path, target, _ in placed if len(target) < len(path)}
    errors: list[GraphQLError] = []
    settled: set[Keys] = set()
    seen: set[int] = set()
    for path, target, found in placed:
        region = next((path[:n] for n in range(len(path)) if path[:n] in regions), None)
        if region is not None:
            if target != region or region in settled:
                continue
            settled.add(region)
        if found.once and not each:
            # Rather in a place that is still there; any will do.
            if id(found.failure.error) in seen:
                continue
            seen.add(id(found.failure.error))
        errors.append(located(found.failure, path))
        if len(errors) == limit:
            break
    return errors


def first_of_each(absorbed: Sequence[Absorbed]) -> list[Absorbed]:
    """Without what would be told again. Where every place is still there, any will do; and where
    they are is work for each."""
    seen: set[int] = set()
    kept: list[Absorbed] = []
    for found in absorbed:
        if not found.once or id(found.failure.error) not in seen:
            seen.add(id(found.failure.error))
            kept.append(found)
    return kept


def located(failure: Failure, path: Keys) -> GraphQLError:
    return located_error(failure.error, failure.position.nodes, list(path))
