"""Values of input types: as literals of a document, and as variables."""

from collections.abc import Callable
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    Undefined,
    is_required_input_field,
)

from tests.differential.choices import Choices

DEPTH = 2
Variable = Callable[[GraphQLInputType, bool, bool], str]
"""Gives a variable for a place of that type; whether the place has a default; whether the variable
has to be of just that type."""
LITERALS: dict[str, tuple[str, ...]] = {
    "Int": ("0", "7", "-3"),
    "Float": ("0.5", "7", "-1e3"),
    "String": ('""', '"text"', '"नमस्ते"'),
    "Boolean": ("true", "false"),
    "ID": ('"id"', "7"),
    "Even": ("4", "0", "-2"),
    "Anything": ("1", '"text"', "[1, {a: RED}]", "{a: [true, 0.5]}"),
}
VALUES: dict[str, tuple[Any, ...]] = {
    "Int": (0, 7, -3, 7.0),
    "Float": (0.5, 7, -1e3),
    "String": ("", "text", "नमस्ते"),
    "Boolean": (True, False),
    "ID": ("id", 7),
    "Even": (4, 0, -2),
    "Anything": (1, "text", [1, {"a": "RED"}], {"a": [True, 0.5]}),
}
UNFIT: tuple[Any, ...] = ("unfit", 2**40, 3, 1.5, True, [1, "x"], {"i0": 1, "unknown": 2}, None)


def literal(
    choices: Choices, type_: GraphQLInputType, variable: Variable | None = None, depth: int = DEPTH
) -> str:
    """A literal of the type, in which variables may stand."""

    def inner(of: GraphQLInputType, optional: bool = False, exact: bool = False) -> str:
        if variable is not None and choices.one_in(4):
            return variable(of, optional, exact)
        return literal(choices, of, variable, depth - 1)

    if isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    elif choices.one_in(8):
        return "null"
    if isinstance(type_, GraphQLList):
        if choices.one_in(5):
            item: Any = type_.of_type
            alone = item if isinstance(item, GraphQLNonNull) else GraphQLNonNull(item)
            return literal(choices, alone, None, depth - 1)
        count = choices.below(3) if depth > 0 else 0
        return "[" + ", ".join(inner(type_.of_type) for _ in range(count)) + "]"
    if isinstance(type_, GraphQLEnumType):
        return str(choices.of(list(type_.values)))
    if not isinstance(type_, GraphQLInputObjectType):
        return choices.of(LITERALS[str(type_)])
    if type_.is_one_of:
        name = choices.of(list(type_.fields))
        given = [f"{name}: {inner(GraphQLNonNull(type_.fields[name].type), exact=True)}"]
    else:
        given = [
            f"{name}: {inner(made.type, has_default(made))}"
            for name, made in type_.fields.items()
            if is_required_input_field(made) or (depth > 0 and choices.one_in(2))
        ]
    return "{" + ", ".join(given) + "}"


def value(choices: Choices, type_: GraphQLInputType, depth: int = DEPTH) -> Any:
    """A value of the type, or sometimes one that is not, as a client would send it."""
    if choices.one_in(60):
        return choices.of(UNFIT)
    if isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    elif choices.one_in(8):
        return None
    if isinstance(type_, GraphQLList):
        if choices.one_in(5):
            return value(choices, type_.of_type, depth - 1)
        count = choices.below(3) if depth > 0 else 0
        return [value(choices, type_.of_type, depth - 1) for _ in range(count)]
    if isinstance(type_, GraphQLEnumType):
        return choices.of(list(type_.values))
    if not isinstance(type_, GraphQLInputObjectType):
        return choices.of(VALUES[str(type_)])
    if type_.is_one_of:
        name = choices.of(list(type_.fields))
        return {name: value(choices, GraphQLNonNull(type_.fields[name].type), depth - 1)}
    return {
        name: value(choices, made.type, depth - 1)
        for name, made in type_.fields.items()
        if is_required_input_field(made) or (depth > 0 and choices.one_in(2))
    }


def has_default(made: Any) -> bool:
    """Whether an argument or input field is something when nothing is given, not even null."""
    if made.default is None:
        return made.default_value not in (None, Undefined)
    literal = made.default.literal
    return literal is None or literal.kind != "null_value"
