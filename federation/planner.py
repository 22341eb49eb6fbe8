"""From an operation to its fetches: what the search chose, written down as requests."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from graphql import (
    ArgumentNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    Visitor,
    print_ast,
    visit,
)

from federation.plan import Entities, Fetch, FetchPlan, Input, On, Path, Rename, Root, Shape
from federation.policy import SHOWN, Policy
from federation.search import Branch, Budget, Hop, Search, Solution
from federation.supergraph import Supergraph, shape_of
from federation.wants import Reader, Want
from runtime.faults import Coded
from runtime.viewer import ANYONE, Viewer

ENTITIES = "_entities"


@dataclass(eq=False)
class Selected:
    """A field of a request."""

    want: Want
    shape: str
    """Its type, or only the lists of it where there are fields below."""
    below: "Select | None"


@dataclass(eq=False)
class Select:
    """What a request asks of some object."""

    fields: dict[str, Selected] = field(default_factory=dict)
    fragments: "dict[str, Select]" = field(default_factory=dict)
    typename: bool = False

    def on(self, type_: str) -> "Select":
        return self.fragments.setdefault(type_, Select())


@dataclass(eq=False)
class Entry:
    """What is asked of a subgraph for the objects of one place; the root has no target."""

    level: int
    graph: str
    path: Path
    target: str | None
    select: Select = field(default_factory=Select)
    key: list[Input] = field(default_factory=list)
    requires: list[Input] = field(default_factory=list)
    needing: set[str] = field(default_factory=set)
    proof: list[Input] = field(default_factory=list)
    reader: str | None = None
    apart: str | None = None
    told: str | None = None
    guards: dict[str, str] = field(default_factory=dict)
    after: "set[Entry]" = field(default_factory=set)

    @property
    def fetch(self) -> tuple[int, str, str]:
        """Those that have this in common travel together."""
        return self.level, self.graph, self.reader or ""


@dataclass(frozen=True, eq=False)
class Spot:
    """Where a source of a position writes down what it is asked for."""

    select: Select
    entry: Entry


@dataclass(eq=False)
class Place:
    """A position in the data, and the hops from there."""

    path: Path = ()
    hops: dict[tuple[str, str, int, str | None, str | None], list[Entry]] = field(
        default_factory=dict
    )
    told_by: "set[Entry]" = field(default_factory=set)
    """Those that say which types the objects on the way are of: without them nothing is found."""


@dataclass(frozen=True)
class Planner:
    """Plans operations over one supergraph."""

    supergraph: Supergraph
    budget: Budget = field(default_factory=Budget)
    labels: frozenset[str] = frozenset()
    partners: frozenset[str] = frozenset()
    """The subgraphs whose answers are looked into: entities have to show that they are those that
    were asked for."""
    policy: Policy | None = None
    """Who sees what, where not everybody sees everything."""

    def plan(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        is_included: Callable[[Any], bool],
        viewer: Viewer = ANYONE,
    ) -> FetchPlan:
        """The fetches for the conditions that `is_included` knows, and for all who may see what
        the viewer may. Raises a coded error where there are too many ways to do it, or none."""
        reader = Reader(self.supergraph, fragments, is_included, self.policy, viewer)
        search = Search(self.supergraph, reader, self.budget, self.labels)
        root = self.supergraph.roots[operation.operation]
        selections = (operation.selection_set,)
        if operation.operation is OperationType.MUTATION:
            wants = reader.one_by_one(root, selections)
            solutions = list(joined(search, root, wants))
        else:
            wants = list(reader.wants(root, selections).fields.values())
            solutions = [search.of_root(root, wants)]
        if any(solution.missing for solution in solutions):
            # The composer has promised that there is a way.
            raise Coded("INTERNAL", "No subgraph serves all of this.")
        numbers = count(1)
        steps = [
            Writer(self.supergraph, search, operation, numbers, self.partners).fetches(solution)
            for solution in solutions
        ]
        return FetchPlan(steps, reader.keys, self.supergraph.names)


def joined(search: Search, root: str, wants: Sequence[Want]) -> Iterator[Solution]:
    """The fields of a mutation: those travel together that are one after another in one subgraph,
    where no fetch would have to come in between."""
    together: list[Want] = []
    solution: Solution | None = None
    for want in wants:
        longer = search.of_root(root, [*together, want])
        if solution is not None and len(longer.fetches) > 1:
            yield solution
            together = []
            longer = search.of_root(root, [want])
        together.append(want)
        solution = longer
    if solution is not None:
        yield solution


class Writer:
    """Writes down one solution."""

    def __init__(
        self,
        supergraph: Supergraph,
        search: Search,
        operation: OperationDefinitionNode,
        numbers: Iterator[int],
        partners: frozenset[str],
    ) -> None:
        self._partners = partners
        self._supergraph = supergraph
        self._search = search
        self._operation = operation
        self._numbers = numbers
        self._entries: list[Entry] = []
        self._places: dict[Path, Place] = {}

    def fetches(self, solution: Solution) -> list[Fetch]:
        self._write(solution, self._place(()), [])
        together: dict[tuple[int, str, str], list[Entry]] = {}
        for entry in self._entries:
            together.setdefault(entry.fetch, []).append(entry)
        number = {place: next(self._numbers) for place in sorted(together)}
        return [
            self._fetch(
                number[place],
                place[1],
                together[place],
                frozenset(number[e.fetch] for entry in together[place] for e in entry.after),
            )
            for place in sorted(together)
        ]

    def _place(self, path: Path, told_by: Iterable[Entry] = ()) -> Place:
        place = self._places.setdefault(path, Place(path))
        place.told_by.update(told_by)
        return place

    def _write(self, solution: Solution, place: Place, spots: list[Spot]) -> set[Entry]:
        """The entries that all of it is in, besides those that only lead there."""
        used: set[Entry] = set()
        told_by = set(place.told_by)
        if solution.typename is not None:
            spots[solution.typename].select.typename = True
            used.add(spots[solution.typename].entry)
            told_by.add(spots[solution.typename].entry)
        if solution.first is not None:
            hop, then = solution.first
            return used | self._write(then, place, [*spots, self._hop(hop, place, spots)])
        for choice in solution.choices:
            inner: list[Spot] = []
            for supplier in choice.suppliers:
                if isinstance(supplier, Hop):
                    spot = self._hop(supplier, place, spots)
                    if supplier.requires is not None:
                        spot.entry.needing.add(choice.want.key)
                    if supplier.shown is not None:
                        (shown,) = supplier.shown.choices
                        spot.entry.guards[choice.want.key] = shown.want.key
                else:
                    spot = spots[supplier]
                below = self._ask(spot, solution.type, choice.want)
                used.add(spot.entry)
                inner.append(Spot(below, spot.entry))
            if choice.below is not None:
                path = (*place.path, choice.want.key)
                used |= self._write(choice.below, self._place(path, place.told_by), inner)
        for branch in solution.branches:
            path = (*place.path, self._types(branch))
            there = self._place(path, told_by)
            used |= self._write(branch.solution, there, self._on(branch, spots))
        return used

    def _types(self, branch: Branch) -> On:
        return self._supergraph.possible(branch.type) | {branch.type}

    def _on(self, branch: Branch, spots: list[Spot]) -> list[Spot]:
        return [
            Spot(spots[number].select.on(branch.type), spots[number].entry)
            if asks_for_type
            else spots[number]
            for number, asks_for_type in branch.sources
        ]

    def _ask(self, spot: Spot, type_: str, want: Want) -> Select:
        types = self._supergraph.types
        served = self._search.serves(type_, want.name, spot.entry.graph)
        field = types[type_].fields[want.name]
        shape = shape_of(served.type if served else field.type)
        if field.named in types:
            shape = shape.replace(field.named, "")
        below = Select() if want.below else None
        known = spot.select.fields.setdefault(want.key, Selected(want, shape, below))
        return known.below or Select()

    def _hop(self, hop: Hop, place: Place, spots: list[Spot], kept: str | None = None) -> Spot:
        """`kept` is where what it brings is kept, apart from what the viewer sees."""
        after = {spots[0].entry, *place.told_by} if spots else set()
        key: tuple[Input, ...] = ()
        requires: tuple[Input, ...] = ()
        told = None
        if hop.shown is not None:
            after |= self._write(hop.shown, place, spots)
        at, having = place, spots
        if hop.reading is not None:
            told = apart(hop.graph)
            having = [self._hop(hop.reading, place, spots, told)]
            at = self._place((*place.path, told), {*place.told_by, having[0].entry})
        if hop.key is not None:
            after |= self._write(hop.key, at, having)
            key = self._inputs(hop.key)
        if hop.requires is not None:
            after |= self._write(hop.requires, at, having)
            requires = self._inputs(hop.requires)
        alike = (hop.graph, hop.target, hop.level, hop.reader, kept)
        entries = place.hops.setdefault(alike, [])
        for entry in entries:
            if agree((*key, *requires), (*entry.key, *entry.requires)):
                break
        else:
            target = None if hop.key is None else hop.target
            entry = Entry(hop.level, hop.graph, place.path, target)
            entry.reader, entry.apart, entry.told = hop.reader, kept, told
            entries.append(entry)
            self._entries.append(entry)
        if hop.key is not None and hop.graph in self._partners:
            self._prove(entry, hop.key)
        entry.after |= after
        entry.key += [given for given in key if given not in entry.key]
        entry.requires += [given for given in requires if given not in entry.requires]
        return Spot(entry.select, entry)

    def _prove(self, entry: Entry, key: Solution) -> None:
        """Asks for the key as well, as far as it does not depend on types."""
        key = key.first[1] if key.first is not None else key
        known = Solution(key.type, choices=key.choices)
        self._copy(known, Spot(entry.select, entry))
        entry.proof += [given for given in self._inputs(known) if given not in entry.proof]

    def _copy(self, solution: Solution, spot: Spot) -> None:
        for choice in solution.choices:
            below = self._ask(spot, solution.type, choice.want)
            if choice.below is not None:
                self._copy(choice.below, Spot(below, spot.entry))

    def _inputs(self, solution: Solution, types: On | None = None) -> tuple[Input, ...]:
        """What a representation holds of what has been had for it."""
        if solution.first is not None:
            return self._inputs(solution.first[1], types)
        given = tuple(
            Input(
                choice.want.name,
                choice.want.key,
                self._inputs(choice.below) if choice.below else (),
                types,
                choice.below is not None
                and (choice.below.typename is not None or choice.below.first is not None),
                self._search.guard(solution.type, choice.want.name),
            )
            for choice in solution.choices
            if not choice.want.name.startswith(SHOWN)
        )
        for branch in solution.branches:
            given += self._inputs(branch.solution, self._types(branch))
        return given

    def _fetch(self, number: int, graph: str, entries: list[Entry], after: frozenset[int]) -> Fetch:
        roots: list[Root] = []
        entities: list[Entities] = []
        parts: list[str] = []
        used: dict[str, None] = {}
        alike: dict[tuple[Any, ...], list[Entry]] = {}
        shape: dict[str, Shape | None] = {}
        for entry in entries:
            printed = Printed(entry.select)
            used.update(dict.fromkeys(printed.variables))
            if entry.target is None:
                shape.update(printed.shape)
                roots.append(Root(entry.path, tuple(entry.select.fields), printed.renames))
                parts.append(printed.text.removeprefix("{ ").removesuffix(" }"))
                continue
            sign = (
                entry.target,
                printed.text,
                tuple(entry.key),
                tuple(entry.requires),
                frozenset(entry.needing),
                tuple(entry.proof),
                entry.apart,
                entry.told,
                tuple(sorted(entry.guards.items())),
            )
            alike.setdefault(sign, []).append(entry)
        for sign, same in alike.items():
            target, text, key, requires, needing, proof, kept, told, guards = sign
            alias = ENTITIES if len(alike) == 1 else f"{ENTITIES}_{len(entities)}"
            printed = Printed(same[0].select)
            shape[alias] = printed.shape
            made = Entities(
                alias=alias,
                type=target,
                paths=tuple(dict.fromkeys(entry.path for entry in same)),
                key=key,
                requires=requires,
                needing=needing,
                fields=keys_of(same[0].select, self._supergraph),
                renames=printed.renames,
                possible=self._supergraph.possible(target) | {target},
                apart=kept,
                told=told,
                guards=dict(guards),
                proof=proof,
            )
            called = alias if alias == ENTITIES else f"{alias}: {ENTITIES}"
            parts.append(
                f"{called}(representations: ${made.variable}) {{ ... on {target} {text} }}"
            )
            entities.append(made)
        is_first = not entities and all(not root.path for root in roots)
        kind = self._operation.operation.value if is_first else OperationType.QUERY.value
        declared = [f"${made.variable}: [_Any!]!" for made in entities]
        declared += [
            print_ast(definition)
            for definition in self._operation.variable_definitions or ()
            if definition.variable.name.value in used
        ]
        variables = f"({', '.join(declared)})" if declared else ""
        return Fetch(
            number=number,
            subgraph=graph,
            kind=kind,
            document=f"{kind}{variables} {{ {' '.join(parts)} }}",
            variables=tuple(used),
            roots=tuple(roots),
            entities=tuple(entities),
            after=after - {number},
            shape=shape if graph in self._partners else None,
            reader=self._supergraph.names[reader] if (reader := entries[0].reader) else None,
        )


def apart(graph: str) -> str:
    """Where in an object that is kept which is read for the partner: no field is called so."""
    return f"@{graph}"


def agree(some: Sequence[Input], others: Sequence[Input]) -> bool:
    """Whether one representation can hold both."""
    for one in some:
        for other in others:
            is_same = one.key == other.key and agree(one.below, other.below)
            if one.name == other.name and one.types == other.types and not is_same:
                return False
    return True


def keys_of(select: Select, supergraph: Supergraph) -> dict[On | None, tuple[str, ...]]:
    found: dict[On | None, tuple[str, ...]] = {None: tuple(select.fields)}
    for type_, fragment in select.fragments.items():
        found[supergraph.possible(type_)] = tuple(fragment.fields)
    return found


class Printed:
    """A selection as text. What would collide with another type's field of the same key is called
    something else. `shape` is that of what is answered."""

    def __init__(self, select: Select) -> None:
        self.variables: dict[str, None] = {}
        self.shape: dict[str, Any] = {}
        self._renames: list[Rename] = []
        self._numbers = count()
        self.text = self._selection(select, (), self.shape)

    @property
    def renames(self) -> tuple[Rename, ...]:
        return tuple(self._renames)

    def _selection(self, select: Select, path: Path, shape: dict[str, Any]) -> str:
        parts = ["__typename"] if select.typename else []
        parts += [
            self._field(key, key, chosen, path, shape) for key, chosen in select.fields.items()
        ]
        taken = {key: [chosen] for key, chosen in select.fields.items()}
        for type_, fragment in select.fragments.items():
            inner = (*path, frozenset((type_,)))
            inside = []
            for key, chosen in fragment.fields.items():
                alias = key
                if all(fits(chosen, other) for other in taken.get(key, ())):
                    taken.setdefault(key, []).append(chosen)
                else:
                    alias = f"{key}_of_{type_}"
                    self._renames.append(Rename(inner, alias, key))
                inside.append(self._field(alias, key, chosen, inner, shape))
            if inside:
                parts.append(f"... on {type_} {{ {' '.join(inside)} }}")
        if select.typename or not parts:
            shape["__typename"] = None
        return f"{{ {' '.join(parts or ['__typename'])} }}"

    def _field(
        self, alias: str, key: str, chosen: Selected, path: Path, shape: dict[str, Any]
    ) -> str:
        want = chosen.want
        text = want.name if alias == want.name else f"{alias}: {want.name}"
        if want.arguments:
            text += f"({', '.join(map(print_ast, want.arguments))})"
            self.variables.update(dict.fromkeys(variables_in(want.arguments)))
        if chosen.below is None:
            shape[alias] = None
            return text
        return f"{text} {self._selection(chosen.below, (*path, key), shape.setdefault(alias, {}))}"


def fits(one: Selected, other: Selected) -> bool:
    """Whether both may have the same key in the result."""
    if one.shape != other.shape or (one.below is None) != (other.below is None):
        return False
    if one.want.name != other.want.name:
        return False
    if one.below is None or other.below is None:
        return True
    return all(
        fits(mine, theirs)
        for key, mine in every_field(one.below)
        for their_key, theirs in every_field(other.below)
        if key == their_key
    )


def every_field(select: Select) -> Iterator[tuple[str, Selected]]:
    yield from select.fields.items()
    for fragment in select.fragments.values():
        yield from fragment.fields.items()


def variables_in(arguments: Sequence[ArgumentNode]) -> list[str]:
    found: list[str] = []

    class Finder(Visitor):
        def enter_variable(self, node: VariableNode, *_: Any) -> None:
            found.append(node.name.value)

    for argument in arguments:
        visit(argument, Finder())
    return found
