"""What of an object needs nothing but its row: made for all rows of a group by one generated loop.

Columns and what is computed from them, the rows that came along, and lists of such: nobody has to
wait for it, and where every value is as its type promises, there is nothing more to do. The loop
looks at each value on its way. One that is not as promised ends it, and the group is gone through
field by field instead, which finds out what is wrong and where.

For `worker { name rating { mean } skills { level } }` below a list it reads

    def made(rows, k0):
        made = []
        for v0 in rows:
            v1 = v0.name
            if type(v1) is not str: raise Unusual
            v2 = v0.rating_id
            v3 = None if v2 is None else k0[v2]
            if v3 is not None:
                if type(v3) not in c0: prove(c0, v3, c1)
                v4 = v3.mean
                if type(v4) is not float or v4 - v4 != 0: raise Unusual
                v3 = {'mean': v4}
            made.append({'name': v1, 'rating': v3, 'skills': None})
        return made

with `k0` the ratings that came along, and the skills to be put in when they have been read.
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
class Direct:
    """The loop of a selection."""

    loop: Callable[..., Column]
    inputs: Sequence[Input]
    others: "Sequence[PlannedField]"
    """The fields it leaves null: they are put in when they are there."""
    code: str


def loops_of(planned: "PlannedField") -> int | None:
    """How many loops lie in each other to make the field's value of a row; None where something of
    it has to be waited for, or may be of several types."""
    source, output = planned.source, planned.output
    is_at_hand = (
        isinstance(source, Attribute)
        or (isinstance(source, Computed) and source.record.check is None)
        or (isinstance(source, Loaded) and planned.comes)
    )
    if not is_at_hand or planned.stream is not None:
        return None
    loops = 0
    while output.item is not None:
        output, loops = output.item, loops + 1
    if output.leaf is None:
        if not isinstance(output.named, GraphQLObjectType):
            return None
        below = planned.below(output.named)
        if below.error or below.deferred or below.spreads:
            return None
        inner = 0
        for field in below.fields:
            if field.loops is None:
                return None
            inner = max(inner, field.loops)
        loops += inner
    return loops if loops <= LOOPS else None


def direct_of(selection: "Selection") -> Direct | None:
    """None where no field of the selection can be had like that."""
    here = [field for field in selection.fields if field.loops is not None]
    if not here:
        return None
    writer = Writer()
    made = writer.object(selection, here, "v0", 2)
    given = "".join(f", k{number}" for number in range(len(writer.inputs)))
    code = "\n".join(
        [
            f"def made(rows{given}):",
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
    others = [field for field in selection.fields if field.loops is None]
    return Direct(namespace["made"], writer.inputs, others, code)


class Writer:
    """The lines of one loop, as far as they are written."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.inputs: list[Input] = []
        self.constants: list[Any] = []
        self._names = 0

    def object(
        self, selection: "Selection", fields: Sequence["PlannedField"], row: str, depth: int
    ) -> str:
        """What makes the object of the row, once the lines for `fields` have been run."""
        entries = dict.fromkeys(selection.keys, "None")
        entries |= dict.fromkeys(selection.names, repr(selection.type.name))
        for planned in fields:
            entries[planned.key] = self._field(planned, row, depth)
        return f"{{{', '.join(f'{key!r}: {value}' for key, value in entries.items())}}}"

    def _field(self, planned: "PlannedField", row: str, depth: int) -> str:
        value = self._name()
        self._write(f"{value} = {self._read(planned, row, depth)}", depth)
        self._complete(planned, planned.output, value, depth)
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

    def _complete(self, planned: "PlannedField", output: Output, value: str, depth: int) -> None:
        """Looks at a value, and makes of it what leaves."""
        if output.item is None and output.leaf is not None and self._leaf(output, value, depth):
            return
        if output.nullable:
            self._write(f"if {value} is not None:", depth)
            depth += 1
        if output.item is not None:
            self._list(planned, output.item, value, depth)
        elif output.leaf is not None:
            self._write(f"{value} = {self._constant(output.leaf.one)}({value})", depth)
        else:
            assert isinstance(output.named, GraphQLObjectType)
            kinds, type_ = self._constant(set()), self._constant(output.named)
            self._write(f"if type({value}) not in {kinds}: prove({kinds}, {value}, {type_})", depth)
            below = planned.below(output.named)
            self._write(f"{value} = {self.object(below, below.fields, value, depth)}", depth)

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
        unless = f"{value} is not None and " if output.nullable else ""
        self._write(f"if {unless}({ODD[scalar].format(value)}): raise Unusual", depth)
        return True

    def _list(self, planned: "PlannedField", item: Output, value: str, depth: int) -> None:
        self._write(f"if type({value}) is not list: {value} = a_list({value})", depth)
        if item.leaf is not None and standard(item.leaf.type) in TEXTS:
            kinds = self._constant({str, NOTHING} if item.nullable else {str})
            self._write(f"if not {kinds}.issuperset(map(type, {value})): raise Unusual", depth)
            return
        one, made = self._name(), self._name()
        self._write(f"{made} = []", depth)
        self._write(f"for {one} in {value}:", depth)
        self._complete(planned, item, one, depth + 1)
        self._write(f"{made}.append({one})", depth + 1)
        self._write(f"{value} = {made}", depth)

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
