"""From which subgraphs everything is had: of all ways the one with the fewest fetches.

A *position* is a place in the answer with a type; its *sources* are the fetches that lead there.
A field is had from a source, or by a *hop*: a fetch of the same entity from another subgraph,
for which a key, and what the field requires, have to be had first, by the same search.

Fetches of one level from one subgraph travel together, so what a solution costs is the number of
different pairs of level and subgraph in it.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import NamedTuple, TypeAlias

from graphql import SelectionSetNode

from federation.policy import asking
from federation.supergraph import (
    NOTHING,
    Provided,
    Served,
    Supergraph,
    both,
    provided_to,
)
from federation.wants import Reader, Selections, Want
from runtime.faults import LimitExceeded

Fetches: TypeAlias = frozenset[tuple[int, str]]
NONE: Fetches = frozenset()
Barred: TypeAlias = frozenset[tuple[str, str]]
"""What is being looked for already: hops to a type in a subgraph, fields there by what they
require. To have one by way of itself is no way."""

STEPS = 400
"""How many combinations are tried for the fields of one position before the best so far is good
enough."""


@dataclass(frozen=True)
class Budget:
    """What planning one operation may take."""

    candidates: int = 50_000
    seconds: float = 2.0
    """Of the processor: what else the machine has to do refuses nobody."""


@dataclass(frozen=True)
class Source:
    graph: str
    level: int
    provided: Provided = NOTHING
    peers: frozenset[str] = frozenset()
    """The subgraphs that might as well have led here."""
    seen_as: str | None = None
    """What the subgraph takes the objects for, where that is an interface's object."""
    reader: str | None = None
    """The partner for whom it is read, if not the viewer."""


@dataclass(frozen=True, eq=False)
class Hop:
    """`target` is the type in the subgraph; the root of an operation has no key."""

    graph: str
    target: str
    level: int
    key: "Solution | None" = None
    requires: "Solution | None" = None
    fetches: Fetches = NONE
    reader: str | None = None
    """The partner with whose access it is asked, if not the viewer's."""
    reading: "Hop | None" = None
    """What a partner is sent is had by this hop, and kept apart."""
    shown: "Solution | None" = None
    """What says whether the field is shown."""


Supplier: TypeAlias = int | Hop
"""A source of the position, by its number, or a hop from it."""


@dataclass(frozen=True, eq=False)
class Choice:
    """How a field is had: from several where each has a part of what is below."""

    want: Want
    suppliers: tuple[Supplier, ...]
    below: "Solution | None"


@dataclass(frozen=True, eq=False)
class Branch:
    """What is had of those objects that are of one type."""

    type: str
    sources: tuple[tuple[int, bool], ...]
    """By number, and whether it has to ask for the type."""
    solution: "Solution"


@dataclass(frozen=True, eq=False)
class Solution:
    type: str
    missing: int = 0
    """How many fields cannot be had."""
    fetches: Fetches = NONE
    ready: int = 0
    """The level on which all of it is there."""
    choices: tuple[Choice, ...] = ()
    branches: tuple[Branch, ...] = ()
    typename: int | None = None
    """The source that says which types the objects are of."""
    first: "tuple[Hop, Solution] | None" = None
    """A hop to learn that; and what is had then, the hop being the last of the sources."""


class Option(NamedTuple):
    missing: int
    fetches: Fetches
    ready: int
    suppliers: tuple[Supplier, ...]
    below: Solution | None

    def is_beaten_by(self, other: "Option") -> bool:
        return (
            other.missing <= self.missing
            and other.fetches <= self.fetches
            and other.ready <= self.ready
        )

    @property
    def hops(self) -> int:
        return sum(isinstance(supplier, Hop) for supplier in self.suppliers)


class Search:
    """One search through a supergraph; `labels` are the progressive overrides that are active."""

    def __init__(
        self,
        supergraph: Supergraph,
        reader: Reader,
        budget: Budget,
        labels: frozenset[str] = frozenset(),
    ) -> None:
        self._supergraph = supergraph
        self._reader = reader
        self._labels = labels
        self._budget = budget
        self._spent = 0
        self._ends = time.thread_time() + budget.seconds
        self._solutions: dict[object, Solution] = {}
        self._hops: dict[object, Hop | None] = {}

    def of_root(self, type_: str, wants: Sequence[Want]) -> Solution:
        return self._choose(type_, wants, (), frozenset())

    def solve(
        self, type_: str, selections: Selections, sources: tuple[Source, ...], barred: Barred
    ) -> Solution:
        place = (type_, tuple(map(id, selections)), sources, barred)
        found = self._solutions.get(place)
        if found is None:
            if not self._supergraph.types[type_].is_abstract:
                reader = reader_of(sources)
                wants = self._reader.wants(type_, selections, reader).fields.values()
                found = self._choose(type_, list(wants), sources, barred)
            elif any(self._is_object(type_, source) for source in sources):
                found = self._of_interface_object(type_, selections, sources, barred)
            else:
                found = self._of_abstract(type_, selections, sources, barred)
            self._solutions[place] = found
        return found

    # Objects

    def _choose(
        self, type_: str, wants: Sequence[Want], sources: tuple[Source, ...], barred: Barred
    ) -> Solution:
        """The combination of one option for each that takes the fewest fetches."""
        options = {want.key: self._options(type_, want, sources, barred) for want in wants}
        self._join_later_hops(type_, wants, options, sources, barred)
        lost = sum(not found for found in options.values())
        alike: dict[object, list[Want]] = {}
        for want in wants:
            if found := best_of(options[want.key]):
                options[want.key] = found
                signs = tuple((o.missing, o.fetches, o.suppliers) for o in found)
                alike.setdefault(signs, []).append(want)
        groups = sorted(alike.values(), key=lambda group: len(options[group[0].key]))
        picked = Picking([options[group[0].key] for group in groups]).best()
        chosen = {
            want.key: next(o for o in options[want.key] if o.suppliers == option.suppliers)
            for group, option in zip(groups, picked, strict=True)
            for want in group
        }
        return Solution(
            type=type_,
            missing=lost + sum(option.missing for option in chosen.values()),
            fetches=NONE.union(*(option.fetches for option in chosen.values())),
            ready=max((option.ready for option in chosen.values()), default=level_of(sources)),
            choices=tuple(
                Choice(want, chosen[want.key].suppliers, chosen[want.key].below)
                for want in wants
                if want.key in chosen
            ),
        )

    def _options(
        self, type_: str, want: Want, sources: tuple[Source, ...], barred: Barred
    ) -> list[Option]:
        self._spend()
        suppliers: list[Supplier] = [
            number
            for number, source in enumerate(sources)
            if self._is_local(type_, want.name, source)
        ]
        suppliers += self._hops_to(type_, want.name, sources, barred)
        options = [self._option(type_, want, (s,), sources, barred) for s in suppliers]
        if len(options) > 1 and min(option.missing for option in options):
            options.append(self._shared_option(type_, want, options, sources, barred))
        return options

    def _option(
        self,
        type_: str,
        want: Want,
        suppliers: tuple[Supplier, ...],
        sources: tuple[Source, ...],
        barred: Barred,
    ) -> Option:
        hops = [supplier for supplier in suppliers if isinstance(supplier, Hop)]
        fetches = NONE.union(*(hop.fetches for hop in hops))
        ready = max(hop.level if isinstance(hop, Hop) else sources[hop].level for hop in suppliers)
        if not want.below:
            return Option(0, fetches, ready, suppliers, None)
        leading = tuple(self._leading(type_, want.name, s, sources) for s in suppliers)
        named = self._supergraph.types[type_].fields[want.name].named
        below = self.solve(named, want.below, leading, barred)
        return Option(
            below.missing, fetches | below.fetches, max(ready, below.ready), suppliers, below
        )

    def _shared_option(
        self,
        type_: str,
        want: Want,
        options: list[Option],
        sources: tuple[Source, ...],
        barred: Barred,
    ) -> Option:
        """From several together, where none has everything."""
        best = min(options, key=rank)
        left = [option.suppliers[0] for option in options if option is not best]
        while best.missing and left:
            wider = [
                self._option(type_, want, (*best.suppliers, supplier), sources, barred)
                for supplier in left
            ]
            found = min(wider, key=rank)
            if found.missing >= best.missing:
                break
            best = found
            left.remove(best.suppliers[-1])
        return best

    def _join_later_hops(
        self,
        type_: str,
        wants: Sequence[Want],
        options: dict[str, list[Option]],
        sources: tuple[Source, ...],
        barred: Barred,
    ) -> None:
        """What is had by a hop may wait for a later one to the same subgraph, if there is one."""
        fetches = NONE.union(*(o.fetches for known in options.values() for o in known))
        for want in wants:
            for option in list(options[want.key]):
                (hop, *others) = option.suppliers
                if others or not isinstance(hop, Hop) or hop.key is None:
                    continue
                for level, graph in fetches:
                    if graph == called(hop.graph, hop.reader) and level > hop.level:
                        own = hop.fetches - {(hop.level, graph)} | {(level, graph)}
                        later = replace(hop, level=level, fetches=own)
                        options[want.key].append(
                            self._option(type_, want, (later,), sources, barred)
                        )

    # Where fields come from

    def serves(self, type_: str, name: str, graph: str) -> Served | None:
        served = self._supergraph.served(type_, name, graph)
        if served is None or served.label is None:
            return served
        return served if (served.label in self._labels) != served.yields else None

    def guard(self, type_: str, name: str) -> str | None:
        """The field of ours that says whether that one is shown."""
        return self._reader.policy.guard(type_, name) if self._reader.policy else None

    def _is_object(self, type_: str, source: Source) -> bool:
        return source.graph in self._supergraph.types[type_].objects_in

    def _is_local(self, type_: str, name: str, source: Source) -> bool:
        served = self.serves(source.seen_as or type_, name, source.graph)
        if served is None:
            return False
        if any(name == mine for mine, _ in provided_to(type_, source.provided)):
            return True
        return not served.external and served.requires is None

    def _hops_to(
        self, type_: str, name: str, sources: tuple[Source, ...], barred: Barred
    ) -> Iterator[Hop]:
        for graph, target, served in self._targets(type_, name):
            if served.requires is None and any(
                source.graph == graph and (source.seen_as or type_) == target for source in sources
            ):
                continue
            if hop := self.hop(type_, graph, target, sources, barred, name, served):
                yield hop

    def _targets(self, type_: str, name: str) -> Iterator[tuple[str, str, Served]]:
        """The subgraphs that resolve the field, and the type they know it of."""
        types = self._supergraph.types
        for target in (type_, *sorted(types[type_].interfaces)):
            for graph in types[target].keys:
                if target != type_ and graph not in types[target].objects_in:
                    continue
                served = self.serves(target, name, graph)
                if served is not None and not served.external:
                    yield graph, target, served

    def hop(
        self,
        type_: str,
        graph: str,
        target: str,
        sources: tuple[Source, ...],
        barred: Barred,
        name: str = "",
        served: Served | None = None,
    ) -> Hop | None:
        """The cheapest way to the subgraph, with what a field of that name requires."""
        if self._supergraph.is_root(type_):
            level = level_of(sources) + 1 if sources else 0
            return self._known_hop(Hop(graph, target, level, fetches=frozenset({(level, graph)})))
        required = served.requires if served else None
        if (type_, graph) in barred or (required and (f"{type_}.{name}", graph) in barred):
            return None
        guard = self.guard(type_, name)
        place = (type_, graph, target, sources, barred, name if required or guard else "")
        if place not in self._hops:
            self._spend()
            make = self._disclosing if self._is_told(type_, graph) else self._hop
            hop = make(type_, graph, target, sources, barred, name, required)
            if hop is not None and guard is not None:
                hop = self._guarded(hop, type_, guard, sources, barred)
            self._hops[place] = hop
        return self._hops[place]

    def _is_told(self, type_: str, graph: str) -> bool:
        """Whether it is a partner, and of things that we have."""
        policy = self._reader.policy
        return (
            policy is not None
            and graph in policy.partners
            and any(
                key.resolvable for key in self._supergraph.types[type_].keys.get(policy.own, ())
            )
        )

    def _disclosing(
        self,
        type_: str,
        graph: str,
        target: str,
        sources: tuple[Source, ...],
        barred: Barred,
        name: str,
        required: SelectionSetNode | None,
    ) -> Hop | None:
        """To a partner, by way of what it may be told: by a fetch of ours with its access."""
        policy = self._reader.policy
        assert policy is not None
        if (type_, policy.own) in barred:
            return None
        reading = self._hop(type_, policy.own, type_, sources, barred, "", None, graph)
        if reading is None:
            return None
        told = (Source(policy.own, reading.level, reader=graph),)
        hop = self._hop(type_, graph, target, told, barred, name, required)
        if hop is None:
            return None
        return replace(hop, fetches=hop.fetches | reading.fetches, reading=reading)

    def _guarded(
        self, hop: Hop, type_: str, guard: str, sources: tuple[Source, ...], barred: Barred
    ) -> Hop | None:
        """Nobody is asked for what is not shown."""
        shown = self.solve(type_, (asking(guard),), sources, barred)
        if shown.missing:
            return None
        graph = called(hop.graph, hop.reader)
        level = max(hop.level, shown.ready + 1)
        fetches = hop.fetches - {(hop.level, graph)} | {(level, graph)} | shown.fetches
        return replace(hop, level=level, fetches=fetches, shown=shown)

    def _known_hop(self, hop: Hop) -> Hop | None:
        return self._hops.setdefault((hop.graph, hop.target, hop.level), hop)

    def _hop(
        self,
        type_: str,
        graph: str,
        target: str,
        sources: tuple[Source, ...],
        barred: Barred,
        name: str,
        required: SelectionSetNode | None,
        reader: str | None = None,
    ) -> Hop | None:
        if self._reader.policy is not None and graph == self._reader.policy.own:
            reader = reader or reader_of(sources)
        requires = None
        if required is not None:
            beyond = barred | {(f"{type_}.{name}", graph)}
            requires = self.solve(type_, (required,), sources, beyond)
            if requires.missing:
                return None
        best: Hop | None = None
        for key in self._supergraph.types[target].keys.get(graph, ()):
            if not key.resolvable:
                continue
            solution = self.solve(type_, (key.fields,), sources, barred | {(type_, graph)})
            if solution.missing:
                continue
            level = 1 + max(solution.ready, requires.ready if requires else 0)
            fetches = solution.fetches | (requires.fetches if requires else NONE)
            fetches |= {(level, called(graph, reader))}
            hop = Hop(graph, target, level, solution, requires, fetches, reader)
            if best is None or (len(hop.fetches), level) < (len(best.fetches), best.level):
                best = hop
        return best

    def _leading(
        self, type_: str, name: str, supplier: Supplier, sources: tuple[Source, ...]
    ) -> Source:
        """The source that the field is, for what it leads to."""
        if isinstance(supplier, Hop):
            source = Source(supplier.graph, supplier.level, reader=reader_of(sources))
            known_as = supplier.target
        else:
            source = sources[supplier]
            known_as = source.seen_as or type_
        served = self.serves(known_as, name, source.graph)
        mine = dict(provided_to(type_, source.provided)).get(name, NOTHING)
        return Source(
            source.graph,
            source.level,
            both(mine, served.provides if served else NOTHING),
            self._peers(type_, name, source),
            reader=source.reader,
        )

    def _peers(self, type_: str, name: str, source: Source) -> frozenset[str]:
        graphs = {graph for graph, _, served in self._targets(type_, name) if not served.requires}
        keys = self._supergraph.types[type_].keys.values()
        if not self._supergraph.is_root(type_) and not any(k.resolvable for ks in keys for k in ks):
            graphs &= source.peers
        return frozenset(graphs | {source.graph})

    # Interfaces and unions

    def _of_abstract(
        self, type_: str, selections: Selections, sources: tuple[Source, ...], barred: Barred
    ) -> Solution:
        wants = self._reader.wants(type_, selections, reader_of(sources))
        members = {n: self._members(type_, source) for n, source in enumerate(sources)}
        if not wants.narrows:
            solution = self._of_all(type_, list(wants.fields.values()), sources, members, barred)
            if solution is not None:
                return solution
        branches = []
        for member in sorted({member for known in members.values() for member in known}):
            numbers = [n for n, known in members.items() if member in known]
            leading = tuple(sources[n] for n in numbers)
            solution = self.solve(member, selections, leading, barred)
            if solution.choices or solution.missing or solution.branches or solution.first:
                branches.append(Branch(member, tuple((n, True) for n in numbers), solution))
        return self._branched(type_, sources, branches, 0)

    def _branched(
        self, type_: str, sources: tuple[Source, ...], branches: list[Branch], typename: int
    ) -> Solution:
        return Solution(
            type=type_,
            missing=sum(branch.solution.missing for branch in branches),
            fetches=NONE.union(*(branch.solution.fetches for branch in branches)),
            ready=max((b.solution.ready for b in branches), default=level_of(sources)),
            branches=tuple(branches),
            typename=typename,
        )

    def _of_all(
        self,
        type_: str,
        wants: Sequence[Want],
        sources: tuple[Source, ...],
        members: dict[int, list[str]],
        barred: Barred,
    ) -> Solution | None:
        """Everything asked of the interface itself, if a source can be asked just that."""
        for number, source in enumerate(sources):
            if all(
                self._is_local(known_as, want.name, source)
                for want in wants
                for known_as in (type_, *members[number])
            ):
                options = [self._option(type_, w, (number,), sources, barred) for w in wants]
                if any(option.missing for option in options):
                    continue
                return Solution(
                    type=type_,
                    fetches=NONE.union(*(option.fetches for option in options)),
                    ready=max((o.ready for o in options), default=source.level),
                    choices=tuple(
                        Choice(want, option.suppliers, option.below)
                        for want, option in zip(wants, options, strict=True)
                    ),
                    typename=number,
                )
        return None

    def _members(self, type_: str, source: Source) -> list[str]:
        """Of a union only what everybody who might have been asked has in it: which of them is
        asked must not show."""
        members = self._supergraph.members(type_, source.graph)
        known = self._supergraph.types[type_]
        if not known.unites:
            return members
        unions = [known.unites.get(graph, set()) for graph in source.peers if graph in known.keys]
        return [member for member in members if all(member in union for union in unions)]

    def _of_interface_object(
        self, type_: str, selections: Selections, sources: tuple[Source, ...], barred: Barred
    ) -> Solution:
        """Where some source does not know what the objects are."""
        wants = self._reader.wants(type_, selections, reader_of(sources))
        solutions = []
        if not wants.narrows and not wants.typename:
            solution = self._choose(type_, list(wants.fields.values()), sources, barred)
            if not solution.missing:
                return solution
            solutions.append(solution)
        telling = [n for n, source in enumerate(sources) if not self._is_object(type_, source)]
        if telling:
            solutions.append(self._known_objects(type_, selections, sources, telling, barred))
        else:
            for graph in self._supergraph.types[type_].keys:
                if graph in self._supergraph.types[type_].objects_in:
                    continue
                if hop := self.hop(type_, graph, type_, sources, barred):
                    known = Source(
                        graph, hop.level, peers=frozenset((graph,)), reader=reader_of(sources)
                    )
                    wider = (*sources, known)
                    then = self._known_objects(type_, selections, wider, [len(sources)], barred)
                    solutions.append(
                        Solution(
                            type=type_,
                            missing=then.missing,
                            fetches=hop.fetches | then.fetches,
                            ready=max(hop.level, then.ready),
                            first=(hop, then),
                        )
                    )
        return min(solutions, key=cost, default=Solution(type_, missing=1))

    def _known_objects(
        self,
        type_: str,
        selections: Selections,
        sources: tuple[Source, ...],
        telling: list[int],
        barred: Barred,
    ) -> Solution:
        branches = []
        told_by = sources[telling[0]]
        numbers = telling[:1] + [n for n in range(len(sources)) if n not in telling]
        # Before that is told, nothing can be done for one of the types.
        leading = tuple(
            told_by
            if n in telling
            else replace(sources[n], seen_as=type_, level=max(sources[n].level, told_by.level))
            for n in numbers
        )
        for member in self._supergraph.members(type_, told_by.graph):
            solution = self.solve(member, selections, leading, barred)
            if solution.choices or solution.missing or solution.branches or solution.first:
                asked = tuple((n, n in telling) for n in numbers)
                branches.append(Branch(member, asked, solution))
        return self._branched(type_, sources, branches, telling[0])

    def _spend(self) -> None:
        self._spent += 1
        if self._spent > self._budget.candidates:
            raise LimitExceeded(
                "There are too many ways to answer this. Ask for less at once.",
                limit=self._budget.candidates,
            )
        if self._spent % 64 == 0 and time.thread_time() > self._ends:
            raise LimitExceeded(
                "Planning this takes too long. Ask for less at once.", limit=self._budget.seconds
            )


@dataclass
class Picking:
    """One option for each, so that together they take the fewest fetches."""

    options: Sequence[Sequence[Option]]
    _found: tuple[tuple[int, int, int, int], list[Option]] | None = None
    _steps: Iterator[int] = field(default_factory=count)

    def best(self) -> list[Option]:
        self._try([], NONE)
        assert self._found is not None
        return self._found[1]

    def _try(self, picked: list[Option], fetches: Fetches) -> None:
        missing = sum(option.missing for option in picked)
        # A request saved is not worth a longer way.
        depth = max((option.ready for option in picked), default=0)
        score = (missing, len(fetches) + depth, depth, sum(option.hops for option in picked))
        if self._found is not None and (score > self._found[0] or next(self._steps) > STEPS):
            return
        if len(picked) == len(self.options):
            if self._found is None or score < self._found[0]:
                self._found = (score, list(picked))
            return
        for option in sorted(
            self.options[len(picked)],
            key=lambda o: (o.missing, len(fetches | o.fetches), o.ready, o.hops),
        ):
            self._try([*picked, option], fetches | option.fetches)


def best_of(options: list[Option]) -> list[Option]:
    """Without those that another is better than in every respect, or as good as."""
    kept: list[Option] = []
    for option in sorted(options, key=rank):
        if not any(option.is_beaten_by(other) for other in kept):
            kept.append(option)
    return kept


def rank(option: Option) -> tuple[int, int, int, int]:
    return option.missing, len(option.fetches), option.ready, option.hops


def cost(solution: Solution) -> tuple[int, int, int]:
    return solution.missing, len(solution.fetches), solution.ready


def level_of(sources: Sequence[Source]) -> int:
    return max((source.level for source in sources), default=0)


def reader_of(sources: Sequence[Source]) -> str | None:
    """For whom a position is read: all its sources are read for the same."""
    return sources[0].reader if sources else None


def called(graph: str, reader: str | None) -> str:
    """A subgraph, as it is asked with the access of the reader."""
    return graph if reader is None else f"{graph} {reader}"
