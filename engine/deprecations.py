"""What of a document is to go: the fields, arguments and values whose time is announced to end."""

from functools import lru_cache

from graphql import (
    ArgumentNode,
    DocumentNode,
    EnumValueNode,
    FieldNode,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    ObjectFieldNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    visit,
)


def deprecated_in(schema: GraphQLSchema, document: DocumentNode) -> tuple[str, ...]:
    """By their coordinates in the schema, each with the reason that it gives."""
    if not announces(schema):
        return ()
    info = TypeInfo(schema)
    noting = Noting(info)
    visit(document, TypeInfoVisitor(info, noting))
    return tuple(dict.fromkeys(noting.found))


@lru_cache(maxsize=16)
def announces(schema: GraphQLSchema) -> bool:
    """Whether anything of it is to go."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLEnumType):
            parts = list(type_.values.values())
        elif isinstance(type_, GraphQLInputObjectType):
            parts = list(type_.fields.values())
        elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            fields = list(type_.fields.values())
            parts = [*fields, *(argument for field in fields for argument in field.args.values())]
        else:
            continue
        if any(part.deprecation_reason for part in parts):
            return True
    return False


class Noting(Visitor):
    def __init__(self, info: TypeInfo) -> None:
        super().__init__()
        self.found: list[str] = []
        self._info = info

    def enter_field(self, node: FieldNode, *_: object) -> None:
        field, parent = self._info.get_field_def(), self._info.get_parent_type()
        if field is not None and parent is not None:
            self._note(f"{parent.name}.{node.name.value}", field.deprecation_reason)

    def enter_argument(self, node: ArgumentNode, *_: object) -> None:
        argument, field = self._info.get_argument(), self._info.get_field_def()
        parent = self._info.get_parent_type()
        if argument is not None and field is not None and parent is not None:
            name = next((n for n, f in parent.fields.items() if f is field), "")  # type: ignore[union-attr]
            self._note(f"{parent.name}.{name}({node.name.value}:)", argument.deprecation_reason)

    def enter_object_field(self, node: ObjectFieldNode, *_: object) -> None:
        parent = get_named_type(self._info.get_parent_input_type())
        if isinstance(parent, GraphQLInputObjectType) and node.name.value in parent.fields:
            reason = parent.fields[node.name.value].deprecation_reason
            self._note(f"{parent.name}.{node.name.value}", reason)

    def enter_enum_value(self, node: EnumValueNode, *_: object) -> None:
        value, type_ = self._info.get_enum_value(), get_named_type(self._info.get_input_type())
        if value is not None and type_ is not None:
            self._note(f"{type_.name}.{node.value}", value.deprecation_reason)

    def _note(self, coordinate: str, reason: str | None) -> None:
        if reason is not None:
            self.found.append(f"{coordinate} ({reason})")
