"""Values of variables and arguments: coerced as the specification says, quickly where that is
plain to see.

graphql-core does the coercing. Around it stands what can be known once per operation: which
arguments are constant, and which variables are of a scalar whose values need no change.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_argument_values,
    get_variable_values,
    type_from_ast,
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

Arguments = dict[str, Any]


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
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    definition: GraphQLField,
    node: FieldNode,
    convert: Callable[[Arguments], Arguments] | None,
) -> Callable[[VariableValues], Arguments]:
    """How the field's arguments come of the variables; constant ones are worked out here.

    What is returned must not be changed. `convert` makes of the schema's values what the field's
    function takes. The function raises GraphQLError for a value that its argument refuses.
    """
    finish = convert or same
    if not definition.args and not node.arguments:
        return lambda _: {}
    asked = {argument.name.value: argument.value for argument in node.arguments or ()}
    from_variables = {name: value for name, value in asked.items() if holds_variable(value)}
    if not from_variables:
        try:
            constant = finish(get_argument_values(definition, node, NO_VARIABLES))
        except Exception as error:
            return raising(error)
        return lambda _: constant
    direct = direct_variables(schema, operation, definition, from_variables)
    if direct is None:
        return lambda variables: finish(get_argument_values(definition, node, variables))
    given = {name: value for name, value in asked.items() if name not in from_variables}
    constants = get_argument_values(
        GraphQLField(
            definition.type,
            args={name: a for name, a in definition.args.items() if name not in direct},
        ),
        FieldNode(
            name=node.name,
            arguments=tuple(a for a in node.arguments or () if a.name.value in given),
        ),
        NO_VARIABLES,
    )

    names = {name: argument.out_name or name for name, argument in definition.args.items()}
    order = [
        (out, direct[name][1] if name in direct else None)
        for name, out in names.items()
        if name in direct or out in constants
    ]

    def arguments(variables: VariableValues) -> Arguments:
        values = variables.coerced
        try:
            found = {
                name: constants[name] if variable is None else values[variable]
                for name, variable in order
            }
        except KeyError:
            # A default, or an error: told apart by who knows both well.
            return finish(get_argument_values(definition, node, variables))
        return finish(found)

    return arguments


def same(arguments: Arguments) -> Arguments:
    return arguments


def raising(error: Exception) -> Callable[[VariableValues], Arguments]:
    def arguments(_: VariableValues) -> Arguments:
        raise error

    return arguments


def holds_variable(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(map(holds_variable, value.values))
    if isinstance(value, ObjectValueNode):
        return any(holds_variable(field.value) for field in value.fields)
    return isinstance(value, VariableNode)


def direct_variables(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    definition: GraphQLField,
    asked: Mapping[str, ValueNode],
) -> dict[str, tuple[str, str]] | None:
    """For each argument its name for the function and its variable, if all of them are
    variables that are of the argument's own type: then a coerced value fits as it is."""
    types = {
        variable.variable.name.value: type_from_ast(schema, variable.type)
        for variable in operation.variable_definitions or ()
    }
    found: dict[str, tuple[str, str]] = {}
    for name, value in asked.items():
        argument = definition.args.get(name)
        if argument is None or not isinstance(value, VariableNode):
            return None
        kind, wanted = types.get(value.name.value), argument.type
        if isinstance(kind, GraphQLNonNull) and not isinstance(wanted, GraphQLNonNull):
            kind = kind.of_type
        if str(kind) != str(wanted):
            return None
        found[name] = (argument.out_name or name, value.name.value)
    return found
