"""A plan in words: what is resolved on each level, how, by which statements, and what it costs."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from textwrap import indent
from typing import Any

from graphql import GraphQLError, GraphQLObjectType, GraphQLSchema
from graphql.execution.values import VariableValues
from graphql.type import is_abstract_type, is_leaf_type

from engine.along import along_with, comes_along
from engine.group import Group
from engine.observer import Observer
from engine.plan import Plan, PlannedField, Selection
from engine.sources import Attribute, Computed, Dependent, Guarded, Loaded, Paged, Refused, Source
from runtime.along import Along
from runtime.batch import UNOBSERVED, Batch, Reading
from runtime.faults import ReasonRequired
from runtime.field import Field, told


@dataclass(frozen=True)
class Read:
    """A statement; if it has been sent, for how many keys, and what came of it."""

    loader: str
    sql: str
    keys: int | None = None
    rows: int | None = None
    ms: float | None = None

    def __str__(self) -> str:
        return "\n    ".join([self.loader, *map(str.strip, self.sql.splitlines())])


@dataclass(frozen=True)
class Place:
    """A field, where it stands in the answer."""

    how: str
    points: int | None
    """What it costs with all that is below it; None where that is nothing."""

    def __str__(self) -> str:
        return self.how if self.points is None else f"{self.how} · {self.points:,} points"


@dataclass
class Level:
    """What happens before anything below it can, for all objects at once."""

    fields: dict[str, Place] = field(default_factory=dict)
    reads: Sequence[Read] = ()

    def __str__(self) -> str:
        width = max(map(len, self.fields), default=0)
        fields = [f"{place:<{width}}  {what}" for place, what in self.fields.items()]
        return indent("\n".join([*fields, *(f"\n{read}" for read in self.reads)]), "  ")


@dataclass(frozen=True)
class Description:
    points: int
    levels: Sequence[Level]

    def formatted(self) -> dict[str, Any]:
        return asdict(self, dict_factory=given)

    def __str__(self) -> str:
        reads = sum(len(level.reads) for level in self.levels)
        head = f"{self.points:,} points · {len(self.levels)} levels · {reads} reads\n"
        levels = (f"level {number}\n{level}\n" for number, level in enumerate(self.levels, 1))
        return "\n".join([head, *levels])


def given(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in items if value is not None}


class Sent(Observer):
    """Notes what one run sends, by level."""

    def __init__(self) -> None:
        self.reads = defaultdict[tuple[int, int], list[Read]](list)
        """By root selection and depth, both counted from 1."""
        self._step = self._depth = 0

    def level(self, depth: int, groups: Sequence[Group]) -> AbstractContextManager[None]:
        self._step += depth == 1
        self._depth = depth
        return UNOBSERVED

    @contextmanager
    def read(self, reading: Reading) -> Iterator[None]:
        here = self.reads[self._step, self._depth]
        place, read = len(here), Read(reading.batch.name, reading.query.sql, len(reading.keys))
        here.append(read)
        started = time.perf_counter()
        try:
            yield
        finally:
            ms = round((time.perf_counter() - started) * 1000, 2)
            here[place] = replace(read, rows=reading.rows, ms=ms)


def described(
    schema: GraphQLSchema,
    plan: Plan,
    variables: VariableValues,
    page_limit: int,
    sent: Sent | None = None,
) -> Description:
    """The levels as they come when every object that may turn up does, with the reads that are
    certain; or with those that were sent."""
    points = plan.price.cost(variables.coerced)
    shares = plan.price.shares(variables.coerced, least=max(points, 1))
    costs = {share.path: share.cost for share in shares}
    walk = Walk(schema, plan, variables, page_limit, costs)
    levels: list[Level] = []
    for step, root in enumerate(plan.steps, 1):
        here = [At("", (), root)]
        depth = 0
        while here := [at for at in here if at.selection.fields]:
            depth += 1
            level, reads, here = walk.level(here)
            level.reads = sent.reads[step, depth] if sent else reads
            levels.append(level)
    return Description(points, levels)


@dataclass(frozen=True)
class At:
    """A selection, where it stands in the answer."""

    place: str
    keys: tuple[str, ...]
    selection: Selection


@dataclass
class Walk:
    """Goes through a plan as running it does."""

    schema: GraphQLSchema
    plan: Plan
    variables: VariableValues
    page_limit: int
    costs: Mapping[tuple[str, ...], int]
    coming: set[Batch] = field(default_factory=set)
    """What has been seen to come along."""

    def level(self, here: Sequence[At]) -> tuple[Level, list[Read], list[At]]:
        """What is resolved here, what is certain to be read, and what is left for the next."""
        level, below = Level(), list[At]()
        batches: dict[Batch, tuple[Along, ...]] = {}
        for at in here:
            self._fields(at, level, batches, below)
        return level, [read_of(batch, self.plan, along) for batch, along in batches.items()], below

    def _fields(
        self, at: At, level: Level, batches: dict[Batch, tuple[Along, ...]], below: list[At]
    ) -> None:
        for planned in at.selection.fields:
            place, keys = f"{at.place}{planned.key}", (*at.keys, planned.key)
            how = in_words(planned.source, told(planned.definition))
            reads = reads_of(planned, self.variables, self.page_limit)
            if comes_along(planned) and self.coming.issuperset(reads):
                how = f"{how}, along with its parent"
            else:
                assert self.plan.projection is not None
                along = along_with(planned, self.plan.projection)
                self.coming.update(batches_of(along))
                for batch in reads:
                    batches[batch] = batches.get(batch, ()) + along
            level.fields[place] = Place(how, self.costs.get(keys))
            for member, selection in led_to(self.schema, planned):
                objects = At(f"{place}{member}.", keys, selection)
                if planned.reach is None:
                    below.append(objects)
                else:
                    self._fields(objects, level, batches, below)


def batches_of(along: Sequence[Along]) -> Iterator[Batch]:
    for one in along:
        yield one.batch
        yield from batches_of(one.along)


def read_of(batch: Batch, plan: Plan, along: tuple[Along, ...]) -> Read:
    assert plan.projection is not None
    assert plan.viewer is not None
    query, _ = batch.query(plan.projection.of(batch.entity), plan.viewer, along)
    return Read(batch.name, query.sql)


def led_to(schema: GraphQLSchema, planned: PlannedField) -> Iterator[tuple[str, Selection]]:
    """The selections on what the field leads to: of an interface once for all types of which the
    same is asked."""
    named = planned.output.named
    if is_leaf_type(named):
        return
    if isinstance(named, GraphQLObjectType):
        yield "", planned.below(named)
        return
    assert is_abstract_type(named)
    alike = defaultdict[tuple[str, ...], list[Selection]](list)
    for type_ in schema.get_possible_types(named):
        selection = planned.below(type_)
        alike[tuple(inner.key for inner in selection.fields)].append(selection)
    for first, *others in alike.values():
        more = f" and {len(others)} more" if others else ""
        yield f"({first.type}{more})", first


def in_words(source: Source, record: Field | None) -> str:
    match source:
        case Refused(error=ReasonRequired()):
            return "hidden, unless a reason is given"
        case Refused():
            return "hidden"
        case Guarded(source=inner):
            return f"{in_words(inner, record)}; hidden in rows that do not show it"
    if record is None:
        return "its own resolver, for one object at a time"
    match source:
        case Attribute():
            return f"column {record.attribute}"
        case Computed():
            return f"computed from {', '.join(record.needs)}" if record.needs else "computed"
        case Loaded(batch=batch):
            return f"read by {batch.name}{key_of(record)}"
        case Paged(pages=pages):
            return f"a page, read by {pages.run.name}{key_of(record)}"
        case Dependent():
            return "known from its parent, or else read"
    return "its own resolver, for one object at a time"


def key_of(record: Field) -> str:
    if record.by is not None:
        return f", for its argument {record.by}"
    return f", for each {record.needs[0]}" if record.needs else ""


def reads_of(planned: PlannedField, variables: VariableValues, page_limit: int) -> list[Batch]:
    source = planned.source
    if isinstance(source, Guarded):
        source = source.source
    if not isinstance(source, Loaded | Paged):
        return []
    try:
        arguments = dict(planned.arguments(variables))
        arguments.pop(source.record.by or "", None)
        if isinstance(source, Loaded):
            return [source.batch(**arguments)]
        return [source.pages.asked(arguments, page_limit).run]
    except GraphQLError:
        return []  # refused when it runs, and not read
