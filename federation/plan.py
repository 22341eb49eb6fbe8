"""What an operation comes to: fetches, each with what it waits for and where its results go."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from federation.wants import Keys

On: TypeAlias = frozenset[str]
Path: TypeAlias = "tuple[str | On, ...]"
"""To objects in the data: through keys, lists on the way, and only objects of some types."""
Shape: TypeAlias = "Mapping[str, Shape | None]"
"""What objects may hold, by key, with the shape of the objects there; None for values."""


@dataclass(frozen=True)
class Input:
    """A field of a representation: what it is called there, and its key in the data."""

    name: str
    key: str
    below: "tuple[Input, ...]" = ()
    types: On | None = None
    """Only of objects of these types."""
    typed: bool = False
    """Whether the objects below say what they are."""
    guard: str | None = None
    """What has to say that it is shown to whoever it is read for."""


@dataclass(frozen=True)
class Rename:
    """What had to be called something else in a request: `alias` is `key` in the data, in objects
    along the path from where the result stands."""

    path: Path
    alias: str
    key: str


@dataclass(frozen=True, eq=False)
class Entities:
    """One list of entities in a request, and the objects they belong to."""

    alias: str
    type: str
    paths: tuple[Path, ...]
    key: tuple[Input, ...]
    """Without all of it there is nothing to ask for."""
    requires: tuple[Input, ...]
    needing: frozenset[str]
    """The fields that cannot be had where something required could not."""
    fields: "Mapping[On | None, tuple[str, ...]]"
    """The keys that the entities come with, by the types that have them."""
    renames: tuple[Rename, ...] = ()
    possible: On = frozenset()
    """What the entities may say they are."""
    apart: str | None = None
    """Where of the objects it is kept, for no one but the partner it is read for."""
    told: str | None = None
    """Where that is taken from which is sent, if not from what the viewer sees."""
    guards: "Mapping[str, str]" = field(default_factory=dict)
    """What says of a field whether it is shown, by their keys: it is not asked for in vain."""
    proof: tuple[Input, ...] = ()
    """What of their key they come with, to show that they are those that were asked for."""

    @cached_property
    def sole_key(self) -> Input | None:
        """All that a representation has, where that is one field with nothing below: most have."""
        if len(self.key) == 1 and not self.requires and self.told is None:
            (given,) = self.key
            if given.types is None and not given.below:
                return given
        return None

    @property
    def variable(self) -> str:
        return f"{self.alias}_representations"


@dataclass(frozen=True, eq=False)
class Fetch:
    """One request to one subgraph."""

    number: int
    subgraph: str
    kind: str
    document: str
    variables: tuple[str, ...]
    """Of the operation's, those it needs."""
    roots: "tuple[Root, ...]"
    entities: tuple[Entities, ...]
    after: frozenset[int]
    """The numbers of the fetches that have to come first."""
    shape: "Shape | None" = None
    """Of its answer, where that is looked into."""
    reader: str | None = None
    """The partner for whom it is read, with its access; by what people call it."""


@dataclass(frozen=True, eq=False)
class Root:
    """What a request asks of the root, for the objects there."""

    path: Path
    fields: tuple[str, ...]
    renames: tuple[Rename, ...] = ()


@dataclass(frozen=True, eq=False)
class FetchPlan:
    """The steps are taken one after another: of a mutation, field by field."""

    steps: Sequence[Sequence[Fetch]]
    keys: Keys
    """What fields with their arguments are called in the data."""
    names: Mapping[str, str]
    """What subgraphs are called by people, by their ids."""

    @property
    def fetches(self) -> Iterator[Fetch]:
        return (fetch for step in self.steps for fetch in step)

    def formatted(self) -> dict[str, list[str]]:
        return {"fetches": [described(fetch, self.names) for fetch in self.fetches]}

    def __str__(self) -> str:
        return "".join(f"{described(fetch, self.names)}\n" for fetch in self.fetches)


def described(fetch: Fetch, names: Mapping[str, str]) -> str:
    """For people: what is asked of whom, after what, and where it goes."""
    after = f" after {', '.join(map(str, sorted(fetch.after)))}" if fetch.after else ""
    reader = f" for {fetch.reader}" if fetch.reader else ""
    lines = [f"{fetch.number} {names[fetch.subgraph]}{reader}{after}"]
    for entities in fetch.entities:
        places = " and ".join(map(told, entities.paths))
        by = " ".join(told_input(i) for i in (*entities.key, *entities.requires))
        lines.append(f"    {entities.type} at {places} by {{{by}}}")
    lines += [f"    {line}" for line in fetch.document.splitlines()]
    return "\n".join(lines)


def told(path: Path) -> str:
    steps = (
        f"<{'|'.join(sorted(step))}>" if isinstance(step, frozenset) else step for step in path
    )
    return ".".join(steps) or "the root"


def told_input(given: Input) -> str:
    below = f" {{{' '.join(map(told_input, given.below))}}}" if given.below else ""
    return f"{given.name}{below}"
