"""Who is told what: what partners are sent of ours, and who sees what they have for it.

The gateway may see everything, and asks on behalf of people who may not. What a partner is sent is
told to the partner: it is read for it, with its own access, and kept apart from what the viewer
sees. What a partner answers is shown to whom its area is shown, in rows that show it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from graphql import FieldNode, InlineFragmentNode, SelectionSetNode, parse_type

from federation.local import Ours
from federation.partner import Partner
from federation.policy import A_PARTNER, Coordinate, Policy
from federation.supergraph import BadSupergraph, Field, Served, Supergraph
from runtime.privacy import Privacy
from runtime.rights import Area

PUBLIC = "public"
BOOLEAN = parse_type("Boolean", no_location=True)


class BadDisclosure(BadSupergraph):
    """A supergraph that would tell somebody more than was agreed."""


@dataclass(frozen=True)
class Privacies:
    """What our own schema knows of classes."""

    of_field: Callable[[str, str], Privacy]
    of_area: Callable[[str, Area], Privacy | None]
    """The least of what an area holds of a type; None where its rows do not know the area."""


def policy_of(
    supergraph: Supergraph,
    ours: Ours,
    agreed: Mapping[str, Partner],
    privacies: Privacies,
) -> Policy:
    """What was agreed with partners, by their names, applied to the supergraph: which is refused
    with BadDisclosure where it takes more. It is given the fields that say what is shown."""
    theirs = frozenset(
        (type_.name, name)
        for type_ in supergraph.types.values()
        if not type_.is_abstract
        for name in type_.fields
        if not ours.serves(type_.name, name)
    )
    names = {graph.id: graph.name for graph in ours.others}
    areas: dict[Coordinate, Area | None] = {}
    for id, name in names.items():
        for coordinate, told in agreed[name].fields.items():
            for place in places(supergraph, id, name, coordinate):
                areas[place] = area_of(name, coordinate, told, place, privacies)
    policy = Policy(ours.graph, names, theirs, areas)
    for id, name in names.items():
        Check(supergraph, ours, policy, privacies, id, agreed[name]).all()
    for type_, name in areas:
        if guard := policy.guard(type_, name):
            supergraph.types[type_].fields[guard] = Field(BOOLEAN, {ours.graph: Served(BOOLEAN)})
    return policy


def places(supergraph: Supergraph, id: str, name: str, coordinate: str) -> Iterator[Coordinate]:
    """Where the field is that the partner's file names: of an interface, in all its types."""
    type_, _, field = coordinate.partition(".")
    if type_ not in supergraph.types or not supergraph.served(type_, field, id):
        raise BadDisclosure(f"PARTNERS, [{name}.fields]: {name} serves no {coordinate}.")
    for possible in supergraph.possible(type_):
        yield possible, field


def area_of(
    name: str, coordinate: str, told: str, place: Coordinate, privacies: Privacies
) -> Area | None:
    if told == PUBLIC:
        return None
    if told not in set(Area):
        raise BadDisclosure(
            f"PARTNERS, [{name}.fields]: {coordinate} is {told}, which is neither {PUBLIC} nor an"
            " area of ours."
        )
    if privacies.of_area(place[0], Area(told)) is None:
        raise BadDisclosure(
            f"PARTNERS, [{name}.fields]: {coordinate} is {told}, of which no {place[0]} of ours"
            " can say to whom it is shown."
        )
    return Area(told)


@dataclass(frozen=True, eq=False)
class Check:
    """Whether a supergraph keeps to what was agreed with one partner."""

    supergraph: Supergraph
    ours: Ours
    policy: Policy
    privacies: Privacies
    graph: str
    partner: Partner

    @property
    def name(self) -> str:
        return self.policy.partners[self.graph]

    def all(self) -> None:
        """Raises BadDisclosure."""
        for type_ in self.supergraph.types.values():
            keys = [key.fields for key in type_.keys.get(self.graph, ()) if key.resolvable]
            for key in keys:
                self.sent(type_.name, key, f"as a key of {type_.name}")
            for field, known in type_.fields.items():
                served = known.served.get(self.graph)
                if served is None or served.external:
                    continue
                if served.requires is not None:
                    self.sent(type_.name, served.requires, f"for {type_.name}.{field}")
                    self.classed(type_.name, field, served.requires)
                if keys:
                    # By whichever of them tells least.
                    least = min(keys, key=lambda key: self.highest(type_.name, key))
                    self.classed(type_.name, field, least)

    def sent(self, type_: str, selections: SelectionSetNode, why: str) -> None:
        """All of it is to be listed, and to be had with the partner's own access."""
        for owner, field in coordinates(self.supergraph, type_, selections):
            if not self.is_of_others(owner, field):
                continue
            told = f"{owner}.{field}"
            if told not in self.partner.discloses:
                raise BadDisclosure(
                    f"{self.name} is sent {told} {why}, which its `discloses` in PARTNERS does not"
                    " list."
                )
            for place in self.supergraph.possible(owner):
                if self.policy.refusal(place, field, A_PARTNER):
                    raise BadDisclosure(
                        f"{self.name} is sent {told} {why}, which no partner may see."
                    )
            if not self.is_read_for(type_) and self.class_of(owner, field) is not Privacy.PUBLIC:
                raise BadDisclosure(
                    f"{self.name} is sent {told} {why}, which is not public, and {type_} is not"
                    " ours to ask who may see it."
                )
            if self.class_of(owner, field) is not Privacy.PUBLIC and self.partner.client is None:
                raise BadDisclosure(
                    f"{self.name} is sent {told} {why}, but PARTNERS names no `client` of ours"
                    " with whose access it is read."
                )

    def classed(self, type_: str, field: str, requires: SelectionSetNode) -> None:
        """What is made of something is of its class at least."""
        for possible in self.supergraph.possible(type_):
            if (possible, field) not in self.policy.areas:
                continue  # nobody sees it
            mine = self.class_of(possible, field)
            for owner, required in coordinates(self.supergraph, type_, requires):
                if self.class_of(owner, required) > mine:
                    raise BadDisclosure(
                        f"{type_}.{field} of {self.name} is of the class {mine.name}, but made of"
                        f" {owner}.{required}, which is {self.class_of(owner, required).name}."
                    )

    def highest(self, type_: str, selections: SelectionSetNode) -> Privacy:
        found = coordinates(self.supergraph, type_, selections)
        return max((self.class_of(*coordinate) for coordinate in found), default=Privacy.PUBLIC)

    def is_of_others(self, type_: str, field: str) -> bool:
        served = self.supergraph.types[type_].fields[field].served
        return any(graph != self.graph and not s.external for graph, s in served.items())

    def is_read_for(self, type_: str) -> bool:
        return all(
            any(key.resolvable for key in self.supergraph.types[t].keys.get(self.policy.own, ()))
            for t in self.supergraph.possible(type_)
        )

    def class_of(self, type_: str, field: str) -> Privacy:
        """The highest, where it differs by type."""
        return max(self._class_of(t, field) for t in self.supergraph.possible(type_))

    def _class_of(self, type_: str, field: str) -> Privacy:
        if (type_, field) not in self.policy.theirs:
            return self.privacies.of_field(type_, field)
        if (type_, field) not in self.policy.areas:
            return Privacy.NEVER
        area = self.policy.areas[type_, field]
        return (
            Privacy.PUBLIC
            if area is None
            else (self.privacies.of_area(type_, area) or Privacy.NEVER)
        )


def coordinates(
    supergraph: Supergraph, type_: str, selections: SelectionSetNode
) -> Iterator[Coordinate]:
    for node in selections.selections:
        if isinstance(node, FieldNode):
            name = node.name.value
            if name == "__typename":
                continue
            yield type_, name
            if node.selection_set is not None:
                named = supergraph.types[type_].fields[name].named
                yield from coordinates(supergraph, named, node.selection_set)
        elif isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            narrowed = condition.name.value if condition else type_
            yield from coordinates(supergraph, narrowed, node.selection_set)
