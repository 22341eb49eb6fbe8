"""Random operations over a schema: valid, not too large, with all that makes planning hard."""

from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_non_null_type,
)
from graphql.type import is_abstract_type, is_composite_type, is_interface_type


class Operations:
    """One random operation after another."""

    def __init__(self, schema: GraphQLSchema, seed: int) -> None:
        self._schema = schema
        self._random = Random(seed)
        self._aliases = 0

    def query(self) -> str:
        query = self._schema.query_type
        assert query is not None
        self._aliases = 0
        return f"query {self._selection(query, self._random.randint(2, 5), 3)}"

    def _selection(self, type_: Any, depth: int, width: int) -> str:
        parts: list[str] = []
        fields = getattr(type_, "fields", {})
        names = [
            name
            for name in fields
            if depth > 0 or not is_composite_type(get_named_type(fields[name].type))
        ]
        for name in self._random.sample(names, min(len(names), self._random.randint(1, width))):
            parts.append(self._field(fields[name], name, depth, width))
        if is_abstract_type(type_):
            members = sorted(self._schema.get_possible_types(type_), key=str)
            for member in members:
                if self._random.random() < 0.7:
                    inner = self._selection(member, depth, width)
                    parts.append(f"... on {member} {inner}")
        elif isinstance(type_, GraphQLObjectType) and type_ is not self._schema.query_type:
            for interface in type_.interfaces:
                if self._random.random() < 0.2:
                    parts.append(f"... on {interface} {self._selection(interface, depth, width)}")
        if self._random.random() < 0.3 or not parts:
            parts.append("__typename")
        if is_interface_type(type_) and self._random.random() < 0.3:
            parts = [part for part in parts if not part.startswith("...")] or ["__typename"]
        return f"{{ {' '.join(parts)} }}"

    def _field(self, field: Any, name: str, depth: int, width: int) -> str:
        # Each under a name of its own, so that no two can conflict.
        self._aliases += 1
        arguments = [
            f"{key}: {self._value(argument)}"
            for key, argument in field.args.items()
            if is_non_null_type(argument.type) or self._random.random() < 0.5
        ]
        text = f"{name}_{self._aliases}: {name}"
        if arguments:
            text += f"({', '.join(arguments)})"
        skipped = self._random.random()
        if skipped < 0.05:
            text += f" @skip(if: {self._random.choice(('true', 'false'))})"
        named = get_named_type(field.type)
        if is_composite_type(named):
            text += f" {self._selection(named, depth - 1, width)}"
        return text

    def _value(self, argument: GraphQLArgument) -> str:
        named = get_named_type(argument.type)
        if isinstance(named, GraphQLEnumType):
            return str(self._random.choice(list(named.values)))
        if isinstance(named, GraphQLInputObjectType):
            return "{}"
        return {"Int": "2", "Boolean": "true"}.get(str(named), '"b1"')
