"""Values of variables and arguments: coerced as the specification says, quickly where that is
plain to see.

graphql-core does the coercing. Around it stands what can be known once per operation: which
arguments are constant, and which variables are of a scalar whose values need no change.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from operator import itemgetter
from typing import Any

from graphql import (
    FieldNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_argument_values,
    get_named_type,
    get_variable_values,
)
from graphql.execution.get_variable_signature import (
    GraphQLVariableSignature,
    get_variable_signature,
)
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.language import ListValueNode, ObjectValueNode

ERROR_LIMIT = 50
INT_LIMIT = 2**31
NO_VARIABLES = VariableValues({}, {})

PATTERNS = 32
"""How many ways of giving the variables of one field are kept."""

Arguments = dict[str, Any]
Builder = Callable[[Mapping[str, Any]], Any]


def is_int(value: Any) -> bool:
    return type(value) is int and -INT_LIMIT <= value < INT_LIMIT


UNCHANGED: dict[str, Callable[[Any], bool]] = {
    GraphQLString.name: lambda value: type(value) is str,
    GraphQLID.name: lambda value: type(value) is str,
    GraphQLBoolean.name: lambda value: type(value) is bool,
    GraphQLInt.name: is_int,
    GraphQLFloat.name: lambda value: type(value) is float and value - value == 0,
}
"""For each scalar of the specification, whether a value stays as it is."""
BUILT_IN = (GraphQLString, GraphQLID, GraphQLBoolean, GraphQLInt, GraphQLFloat)


class Variables:
    """The variables of an operation."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        self._plain: list[tuple[str, GraphQLVariableSignature, Callable[[Any], bool]]] | None = []
        for definition in self._definitions:
            signature = get_variable_signature(schema, definition)
            if isinstance(signature, GraphQLError):
                self._plain = None
                return
            kind = signature.type
            named = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
            if any(named is scalar for scalar in BUILT_IN):
                self._plain.append((signature.name, signature, UNCHANGED[str(named)]))
            else:
                self._plain = None
                return

    def coerced(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        if self._plain is not None:
            sources: dict[str, VariableValueSource] = {}
            values: dict[str, Any] = {}
            for name, signature, is_unchanged in self._plain:
                value = given.get(name, Undefined)
                if not is_unchanged(value):
                    break
                sources[name] = VariableValueSource(signature, value)
                values[name] = value
            else:
                return VariableValues(sources, values)
        return get_variable_values(self._schema, self._definitions, dict(given), ERROR_LIMIT)


def arguments_of(
    definition: GraphQLField, node: FieldNode, convert: Callable[[Arguments], Arguments] | None
) -> Callable[[VariableValues], Arguments]:
    """How the field's arguments come of the variables.

    What is returned must not be changed. `convert` makes of the schema's values what the field's
    function takes. The function raises GraphQLError for a value that its argument refuses.
    """
    if not definition.args and not node.arguments:
        return lambda _: {}
    names = sorted(set(variables_in(argument.value for argument in node.arguments or ())))
    templates = Templates(definition, node, names, convert or same)
    if not names:
        try:
            constant = templates.worked_out(NO_VARIABLES)
        except Exception:
            # An error kept would keep all that its traceback leads to.
            return templates.worked_out
        return lambda _: constant
    return templates


class Templates:
    """The arguments of a field, worked out once for each way in which its variables are given,
    null or left out: with stand-ins for their values, whose places the values then take.

    That is sound because a variable's value is coerced already: nothing looks at it again on its
    way into an argument, however deep in lists and input objects it stands. An input object with
    an `out_type` of its own may do so: there the arguments are worked out anew each time.
    """

    def __init__(
        self,
        definition: GraphQLField,
        node: FieldNode,
        names: Sequence[str],
        convert: Callable[[Arguments], Arguments],
    ) -> None:
        self._definition = definition
        self._node = node
        self._names = names
        self._convert = convert
        self._known: dict[tuple[bool | None, ...], Builder | None] = {}

    def __call__(self, variables: VariableValues) -> Arguments:
        values = variables.coerced
        pattern = tuple([values[n] is None if n in values else None for n in self._names])
        if pattern not in self._known and len(self._known) < PATTERNS:
            self._known[pattern] = self._template(variables, pattern)
        build = self._known.get(pattern)
        if build is None:
            return self.worked_out(variables)
        found: Arguments = build(values)
        return found

    def worked_out(self, variables: VariableValues) -> Arguments:
        return self._convert(get_argument_values(self._definition, self._node, variables))

    def _template(
        self, variables: VariableValues, pattern: Sequence[bool | None]
    ) -> "Builder | None":
        """None where there can be none."""
        if any(is_transformed(argument.type, set()) for argument in self._definition.args.values()):
            return None
        given = [n for n, is_null in zip(self._names, pattern, strict=True) if is_null is False]
        standing = variables.coerced | {name: StandIn(name) for name in given}
        try:
            template = self.worked_out(VariableValues(variables.sources, standing))
        except Exception:
            return None
        found: set[str] = set()
        build = builder(template, found)
        return build if found == set(given) else None


def is_transformed(type_: GraphQLInputType, seen: set[GraphQLInputType]) -> bool:
    """Whether something other than graphql-core looks at the values in input objects."""
    named = get_named_type(type_)
    if not isinstance(named, GraphQLInputObjectType) or named in seen:
        return False
    seen.add(named)
    return named.out_type is not GraphQLInputObjectType.out_type or any(
        is_transformed(made.type, seen) for made in named.fields.values()
    )


@dataclass(frozen=True)
class StandIn:
    """For the value of a variable."""

    name: str


def builder(part: Any, found: set[str]) -> Builder:
    """Makes the part again, with values in the place of stand-ins; notes those it `found`."""
    if isinstance(part, StandIn):
        found.add(part.name)
        return itemgetter(part.name)
    if type(part) is dict:
        if inner := varying(part.items(), found):
            return lambda values: {**part, **{name: make(values) for name, make in inner}}
    elif type(part) is list:
        if inner := varying(enumerate(part), found):
            makers = dict(inner)
            return lambda values: [
                makers[i](values) if i in makers else item for i, item in enumerate(part)
            ]
    elif is_dataclass(part) and not isinstance(part, type):
        named = {f.name: getattr(part, f.name) for f in fields(part)}
        if inner := varying(named.items(), found):
            kind = type(part)
            return lambda values: kind(**{**named, **{n: make(values) for n, make in inner}})
    return lambda _: part


def varying(parts: Iterable[tuple[Any, Any]], found: set[str]) -> list[tuple[Any, Builder]]:
    """How to make those of the parts that hold a stand-in."""
    makers: list[tuple[Any, Builder]] = []
    for name, part in parts:
        mine: set[str] = set()
        make = builder(part, mine)
        if mine:
            found |= mine
            makers.append((name, make))
    return makers


def same(arguments: Arguments) -> Arguments:
    return arguments


def variables_in(values: Iterable[ValueNode]) -> Iterator[str]:
    for value in values:
        if isinstance(value, VariableNode):
            yield value.name.value
        elif isinstance(value, ListValueNode):
            yield from variables_in(value.values)
        elif isinstance(value, ObjectValueNode):
            yield from variables_in(field.value for field in value.fields)
