"""What of an object needs nothing but its row: made for all rows of a group by one generated loop.

Columns and what is computed from them, rows that came along, and lists of such: nobody has to wait
for it, and where every value is as its type promises, there is nothing more to do. The loop looks
at each value on its way. One that is not as promised ends it, and the group is gone through field
by field instead, which finds out what is wrong and where.

For `worker { name rating { mean } skills { level } }`, say, with ratings that came along (`k0`) and
skills that have to be read, it is

    def made(rows, k0):
        made = []
        for v0 in rows:
            v1 = v0.name
            if type(v1) is not str:
                raise Unusual
            v3 = v0.rating_id
            v2 = None if v3 is None else k0[v3]
            if v2 is not None:
                if type(v2) not in c0:
                    prove(c0, v2, c1)
                v4 = v2.mean
                if type(v4) is not float or v4 - v4 != 0:
                    raise Unusual
                v2 = {"mean": v4}
            made.append({"name": v1, "rating": v2, "skills": None})
        return made
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLString,
    Undefined,
)

from engine.errors import Failure
from engine.output import INT_LIMIT, NOTHING, Column, Output, standard
from engine.sources import Attribute, Computed, Loaded
from runtime.field import ENTITY
from runtime.rows import entity_of

if TYPE_CHECKING:
    from engine.plan import PlannedField, Selection
    from engine.run import Run

Input = Callable[["Run"], Any]
"""What a loop is given of a run."""

LOOPS = 10
"""How deep they lie in each other at most; Python itself has a limit of twenty."""


class Unusual(Exception):
    """A value that has to be looked at on its own."""


@dataclass(frozen=True, eq=False)
class Part:
    """Objects that a loop makes, and which of their fields it leaves null: they are put in when
    they are there. The first are those of the rows; others lie within objects of an earlier part.
    """

    selection: "Selection"
    others: "Sequence[PlannedField]"
    above: int = 0
    field: "PlannedField | None" = None
    """The field of the objects above that leads to these."""


@dataclass(frozen=True, eq=False)
class Direct:
    """The loop of a selection. It takes the rows, what `inputs` give, and for each part but the
    first a list for its rows, one for its objects, and a dictionary."""

    loop: Callable[..., Column]
    inputs: Sequence[Input]
    parts: Sequence[Part]
    code: str


@dataclass(frozen=True)
class Reach:
    """How far a field can be made of a row."""

    loops: int
    """How many of them lie in each other."""
    is_whole: bool
    """Whether nothing of it has to be waited for."""


def reach_of(planned: "PlannedField") -> Reach | None:
    """None where the field's own value has to be waited for, or may be of several types."""
    source, output = planned.source, planned.output
    is_at_hand = (
        isinstance(source, Attribute)
        or (isinstance(source, Computed) and source.record.check is None)
        or (isinstance(source, Loaded) and planned.comes)
    )
    if not is_at_hand or planned.stream is not None:
        return None
    loops, is_whole = 0, True
    while output.item is not None:
        output, loops = output.item, loops + 1
    if output.leaf is None:
        if not isinstance(output.named, GraphQLObjectType):
            return None
        below = planned.below(output.named)
        if below.error or below.deferred or below.spreads:
            return None
        reaches = [field.reach for field in below.fields]
        loops += max((reach.loops for reach in reaches if reach), default=0)
        is_whole = all(reach is not None and reach.is_whole for reach in reaches)
    return Reach(loops, is_whole) if loops <= LOOPS else None


def direct_of(selection: "Selection") -> Direct | None:
    """None where no field of the selection can be had like that."""
    if not any(field.reach for field in selection.fields):
        return None
    writer = Writer()
    writer.parts.append(Part(selection, others_of(selection)))
    made = writer.object(selection, "v0", 2, 0)
    given = [f"k{number}" for number in range(len(writer.inputs))]
    for number in range(1, len(writer.parts)):
        given += [f"rows{number}", f"made{number}", f"known{number}"]
    code = "\n".join(
        [
            f"def made({', '.join(['rows', *given])}):",
            "    made = []",
            "    for v0 in rows:",
            *writer.lines,
            f"        made.append({made})",
            "    return made",
        ]
    )
    namespace: dict[str, Any] = {"Unusual": Unusual, "a_list": a_list, "prove": prove}
    namespace |= {f"c{number}": value for number, value in enumerate(writer.constants)}
    exec(code, namespace)
    return Direct(namespace["made"], writer.inputs, writer.parts, code)


def others_of(selection: "Selection") -> "Sequence[PlannedField]":
    return [field for field in selection.fields if field.reach is None]


class Writer:
    """The lines of one loop, as far as they are written."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.inputs: list[Input] = []
        self.constants: list[Any] = []
        self.parts: list[Part] = []
        self._names = 0

    def object(self, selection: "Selection", row: str, depth: int, part: int) -> str:
        """What makes the object of the row, once the lines for its fields have been run."""
        entries = dict.fromkeys(selection.keys, "None")
        entries |= dict.fromkeys(selection.names, f'"{selection.type.name}"')
        for planned in selection.fields:
            if planned.reach is not None:
                entries[planned.key] = self._field(planned, row, depth, part)
        inside = ", ".join(f'"{key}": {value}' for key, value in entries.items())
        return f"{{{inside}}}"

    def _field(self, planned: "PlannedField", row: str, depth: int, part: int) -> str:
        value = self._name()
        self._write(f"{value} = {self._read(planned, row, depth)}", depth)
        if planned.reach is not None and not planned.reach.is_whole:
            named = planned.output.named
            assert isinstance(named, GraphQLObjectType)
            below = planned.below(named)
            self.parts.append(Part(below, others_of(below), part, planned))
            part = len(self.parts) - 1
        self._complete(planned, planned.output, value, depth, part)
        return value

    def _read(self, planned: "PlannedField", row: str, depth: int) -> str:
        source = planned.source
        if isinstance(source, Attribute):
            return f"{row}.{source.name}"
        if isinstance(source, Computed):
            compute = self._constant(source.compute)
            if source.record.speaks and len(planned.definition.args) == 1:
                return f"{compute}({row}, language={self._input(partial(spoken, planned, source))})"
            if source.record.speaks or planned.definition.args:
                return f"{self._input(partial(bound, planned, source))}({row})"
            return f"{compute}({row})"
        assert isinstance(source, Loaded)
        key = self._name()
        self._write(f"{key} = {row}.{source.record.needs[0]}", depth)
        return f"None if {key} is None else {self._input(partial(known_rows, source))}[{key}]"

    def _complete(
        self, planned: "PlannedField", output: Output, value: str, depth: int, part: int
    ) -> None:
        """Looks at a value, and makes of it what leaves."""
        if output.item is None and output.leaf is not None and self._leaf(output, value, depth):
            return
        if output.nullable:
            self._write(f"if {value} is not None:", depth)
            depth += 1
        if output.item is not None:
            self._list(planned, output.item, value, depth, part)
        elif output.leaf is not None:
            self._write(f"{value} = {self._constant(output.leaf.one)}({value})", depth)
        elif planned.reach is not None and planned.reach.is_whole:
            self._object(planned, output, value, value, depth, part)
        else:
            # What many refer to is one row, and one object of the answer.
            made = self._name()
            self._write(f"{made} = known{part}.get(id({value}))", depth)
            self._write(f"if {made} is None:", depth)
            self._object(planned, output, value, made, depth + 1, part)
            self._write(f"known{part}[id({value})] = {made}", depth + 1)
            self._write(f"rows{part}.append({value})", depth + 1)
            self._write(f"made{part}.append({made})", depth + 1)
            self._write(f"{value} = {made}", depth)

    def _object(
        self, planned: "PlannedField", output: Output, row: str, made: str, depth: int, part: int
    ) -> None:
        assert isinstance(output.named, GraphQLObjectType)
        kinds, type_ = self._constant(set()), self._constant(output.named)
        self._where(f"type({row}) not in {kinds}", f"prove({kinds}, {row}, {type_})", depth)
        below = planned.below(output.named)
        self._write(f"{made} = {self.object(below, row, depth, part)}", depth)

    def _leaf(self, output: Output, value: str, depth: int) -> bool:
        """For a leaf that mostly leaves as it is, or by a look into a table; whether it is one."""
        leaf = output.leaf
        assert leaf is not None
        if isinstance(leaf.type, GraphQLEnumType):
            table = self._constant(leaf.members_or_null if output.nullable else leaf.members)
            self._write(f"{value} = {table}[{value}]", depth)
            return True
        scalar = standard(leaf.type)
        if scalar is None:
            return False
        odd = ODD[scalar].format(value)
        condition = f"{value} is not None and ({odd})" if output.nullable else odd
        self._where(condition, "raise Unusual", depth)
        return True

    def _list(
        self, planned: "PlannedField", item: Output, value: str, depth: int, part: int
    ) -> None:
        self._where(f"type({value}) is not list", f"{value} = a_list({value})", depth)
        if item.leaf is not None and standard(item.leaf.type) in TEXTS:
            kinds = self._constant({str, NOTHING} if item.nullable else {str})
            self._where(f"not {kinds}.issuperset(map(type, {value}))", "raise Unusual", depth)
            return
        one, made = self._name(), self._name()
        self._write(f"{made} = []", depth)
        self._write(f"for {one} in {value}:", depth)
        self._complete(planned, item, one, depth + 1, part)
        self._write(f"{made}.append({one})", depth + 1)
        self._write(f"{value} = {made}", depth)

    def _where(self, condition: str, line: str, depth: int) -> None:
        self._write(f"if {condition}:", depth)
        self._write(line, depth + 1)

    def _write(self, line: str, depth: int) -> None:
        self.lines.append("    " * depth + line)

    def _name(self) -> str:
        self._names += 1
        return f"v{self._names}"

    def _constant(self, value: Any) -> str:
        self.constants.append(value)
        return f"c{len(self.constants) - 1}"

    def _input(self, given: Input) -> str:
        self.inputs.append(given)
        return f"k{len(self.inputs) - 1}"


ODD = {
    GraphQLString: "type({0}) is not str",
    GraphQLID: "type({0}) is not str",
    GraphQLBoolean: "type({0}) is not bool",
    GraphQLInt: f"type({{0}}) is not int or not {-INT_LIMIT} <= {{0}} < {INT_LIMIT}",
    GraphQLFloat: "type({0}) is not float or {0} - {0} != 0",
}
"""For each scalar of the specification, how to tell a value that does not leave as it is."""


def bound(planned: "PlannedField", source: Computed, run: "Run") -> Callable[[Any], Any]:
    """The field's function with its arguments. Raises GraphQLError for one that is refused."""
    return source.bound(planned.arguments(run.variables), run.context)


def spoken(planned: "PlannedField", source: Computed, run: "Run") -> Any:
    """The language that the field is asked for in, where it has no other argument."""
    return source.arguments(planned.arguments(run.variables), run.context)["language"]


def known_rows(source: Loaded, run: "Run") -> Any:
    """What has been read so far, by key."""
    return run.context.batches.rows(source.batch, run.context.projection.of(source.batch.entity))


TEXTS = (GraphQLString, GraphQLID)


def a_list(value: Any) -> list[Any]:
    if type(value) is not tuple:
        raise Unusual
    return list(value)


def prove(kinds: set[type], value: Any, type_: GraphQLObjectType) -> None:
    """Notes the kind of value as one that is of the type; raises where it may not be."""
    kind = type(value)
    entity = entity_of(kind)
    if value is None or issubclass(kind, Exception | Failure | type(Undefined)):
        raise Unusual
    if type_.is_type_of is not None and (
        entity is None or type_.extensions.get(ENTITY) is not entity
    ):
        raise Unusual
    kinds.add(kind)
