"""A list from one end to the other: a client's query of one page, written anew so that page after
page can be asked for, and what each row of it has."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLWrappingType,
    Node,
    OperationType,
    SelectionSetNode,
    VariableNode,
    Visitor,
    get_argument_values,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    print_ast,
    visit,
)
from graphql.execution.values import VariableValues

from engine.collect import Collector
from runtime.context import Context
from runtime.faults import Invalid, LimitExceeded
from runtime.runner import Column, Kind, NotOneList, Piece
from runtime.viewer import Viewer

if TYPE_CHECKING:
    from engine.engine import Engine, Operation

KINDS: Mapping[str, Kind] = {
    "Int": Kind.INTEGER,
    "Float": Kind.NUMBER,
    "Boolean": Kind.BOOLEAN,
    "Date": Kind.DATE,
    "DateTime": Kind.INSTANT,
}
"""What scalars are kept as; others, and enums, as text."""
PAGE_INFO = ("endCursor", "hasNextPage")
ABOUT_THE_PAGE = frozenset({"pageInfo", "totalCount", "__typename"})
ABOUT_THE_EDGE = frozenset({"cursor", "__typename"})
"""What a client may ask of a page that is no part of the rows."""
SLICING = frozenset({"first", "after", "last", "before"})


@dataclass(frozen=True, eq=False)
class Paged:
    """A list of one client's operation, with its variables."""

    engine: "Engine"
    field: str
    in_edges: bool
    operation: "Operation"
    """Asks for the rows of a page, and where it ends."""
    first: str
    after: str
    """The names of its variables that say which page."""
    counting: "Operation | None"
    variables: Mapping[str, Any]
    columns: Sequence[Column]
    begins_after: str | None

    def size(self, viewer: Viewer, most: int) -> int:
        planned = self.engine.planned(self.operation, self._page(None, 1), viewer)
        limits, price = self.engine.limits, planned.plan.price
        if limits is None or not limits.enforced:
            return most

        def is_too_dear(size: int) -> bool:
            return price.cost({**planned.variables.coerced, self.first: size}) > limits.cost

        return bisect_left(range(1, most + 1), True, key=is_too_dear)

    async def piece(self, context: Context, after: str | None, size: int) -> Piece:
        limit = max(size, context.settings.page_limit)
        context.settings = replace(context.settings, page_limit=limit)
        result = await self.engine.run(self.operation, self._page(after, size), context)
        found, errors = (result.data or {}).get(self.field), result.errors or ()
        if found is None:
            return Piece(None, after, False, errors)
        rows = [edge["node"] for edge in found["edges"]] if self.in_edges else found["nodes"]
        end, goes_on = (found["pageInfo"][name] for name in PAGE_INFO)
        return Piece(rows, end or after, bool(goes_on), errors)

    async def total(self, context: Context) -> int | None:
        if self.counting is None:
            return None
        result = await self.engine.run(self.counting, self._known(self.counting, {}), context)
        found: Mapping[str, int | None] = (result.data or {}).get(self.field) or {}
        return found.get("totalCount")

    def _page(self, after: str | None, size: int) -> dict[str, Any]:
        return self._known(self.operation, {self.first: size, self.after: after})

    def _known(self, operation: "Operation", more: Mapping[str, Any]) -> dict[str, Any]:
        declared = {d.variable.name.value for d in operation.definition.variable_definitions or ()}
        return {n: v for n, v in {**self.variables, **more}.items() if n in declared}


def paged(
    engine: "Engine",
    document: str,
    operation_name: str | None,
    variables: Mapping[str, Any],
    page_limit: int,
) -> Paged:
    """Raises Invalid and NotOneList."""
    asked = engine.prepare(document, operation_name)
    coerced = asked.variables.coerced(variables)
    if isinstance(coerced, list):
        raise Invalid(*coerced)
    root, made, type_ = connection(engine.schema, asked)
    rows, in_edges = rows_of(root)
    written = Written(asked)
    try:
        shape = Shape(engine.schema, asked, coerced, page_limit)
        item = get_named_type(type_.fields["edges" if in_edges else "nodes"].type)
        if in_edges:
            item = get_named_type(object_of(item).fields["node"].type)
        columns = shape.columns([(item, [rows])])
        begins_after = get_argument_values(made, root, coerced).get("after")
    except GraphQLError as error:
        raise Invalid(error) from None
    first, after = written.unused("first"), written.unused("after")
    name = root.name.value
    own = [print_ast(argument) for argument in own_of(root)]
    slices = [f"first: ${first}", f"after: ${after}"]
    inner = f"edges {{ node {print_ast(rows)} }}" if in_edges else f"nodes {print_ast(rows)}"
    page = written.operation(
        f"{name}({', '.join([*own, *slices])}) {{ {inner} pageInfo {{ {' '.join(PAGE_INFO)} }} }}",
        [*own_of(root), rows],
        {first: f"{made.args['first'].type}", after: f"{made.args['after'].type}"},
    )
    counting = None
    if "totalCount" in type_.fields:
        given = f"({', '.join(own)})" if own else ""
        counting = engine.prepare(
            written.operation(f"{name}{given} {{ totalCount }}", own_of(root), {})
        )
    operation = engine.prepare(page)
    return Paged(
        engine, name, in_edges, operation, first, after, counting, variables, columns, begins_after
    )


def connection(
    schema: GraphQLSchema, operation: "Operation"
) -> tuple[FieldNode, GraphQLField, GraphQLObjectType]:
    """The one root field, and the type of its pages."""
    if operation.kind is not OperationType.QUERY:
        raise NotOneList(f"it is a {operation.kind.value}")
    root = operation.definition.selection_set.selections
    if len(root) != 1 or not isinstance(root[0], FieldNode):
        raise NotOneList("it has more than one root field, or has it in a fragment")
    field, owner = root[0], schema.query_type
    name = field.name.value
    if field.directives:
        raise NotOneList(f"`{name}` has a directive")
    made = owner.fields.get(name) if owner else None
    type_ = get_named_type(made.type) if made else None
    if made is None or not isinstance(type_, GraphQLObjectType) or not is_connection(made, type_):
        raise NotOneList(f"`{name}` is no connection")
    if named := {a.name.value for a in field.arguments or ()} & {"last", "before"}:
        raise NotOneList(f"`{name}` is given `{min(named)}`")
    return field, made, type_


def is_connection(made: GraphQLField, type_: GraphQLObjectType) -> bool:
    if not {"first", "after"} <= made.args.keys() or "pageInfo" not in type_.fields:
        return False
    end = get_named_type(type_.fields["pageInfo"].type)
    return isinstance(end, GraphQLObjectType) and end.fields.keys() >= set(PAGE_INFO)


def rows_of(root: FieldNode) -> tuple[SelectionSetNode, bool]:
    """What is asked of each row, and whether it is asked in edges."""
    found = only_of(root, {"nodes", "edges"}, ABOUT_THE_PAGE)
    if found.name.value == "nodes":
        assert found.selection_set is not None
        return found.selection_set, False
    node = only_of(found, {"node"}, ABOUT_THE_EDGE)
    assert node.selection_set is not None
    return node.selection_set, True


def only_of(parent: FieldNode, wanted: Collection[str], left: Collection[str]) -> FieldNode:
    """The one field below it that is wanted; those that may be `left` out are passed over."""
    assert parent.selection_set is not None
    found: list[FieldNode] = []
    for selection in parent.selection_set.selections:
        if not isinstance(selection, FieldNode):
            raise NotOneList(f"`{parent.name.value}` has a fragment around its rows")
        name = selection.name.value
        if name in wanted and not selection.directives:
            found.append(selection)
        elif name not in left:
            raise NotOneList(f"`{name}` is no part of the rows, or has a directive")
    if len(found) != 1:
        raise NotOneList(f"`{parent.name.value}` does not have {' or '.join(sorted(wanted))} once")
    return found[0]


def object_of(type_: GraphQLNamedType) -> GraphQLObjectType:
    assert isinstance(type_, GraphQLObjectType)
    return type_


def own_of(root: FieldNode) -> list[Node]:
    """Its arguments but for those that say which page."""
    return [a for a in root.arguments or () if a.name.value not in SLICING]


class Names(Visitor):
    """The variables and fragments that a part of a document names."""

    def __init__(self) -> None:
        super().__init__()
        self.variables: set[str] = set()
        self.fragments: set[str] = set()

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.variables.add(node.name.value)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> None:
        self.fragments.add(node.name.value)


class Written:
    """Operations written of parts of another one: with what those parts need, and no more."""

    def __init__(self, operation: "Operation") -> None:
        self._operation = operation
        self._declared = {
            d.variable.name.value: d for d in operation.definition.variable_definitions or ()
        }

    def unused(self, name: str) -> str:
        """The name of a variable that the client has not got."""
        while name in self._declared:
            name += "_"
        return name

    def operation(self, text: str, parts: Iterable[Node], more: Mapping[str, str]) -> str:
        names = Names()
        for node in parts:
            visit(node, names)
        spread: dict[str, str] = {}
        while left := names.fragments - spread.keys():
            for name in sorted(left):
                fragment = self._operation.fragments[name]
                spread[name] = print_ast(fragment)
                visit(fragment, names)
        declared = [print_ast(d) for n, d in self._declared.items() if n in names.variables]
        declared += [f"${name}: {type_}" for name, type_ in more.items()]
        head = f"({', '.join(declared)})" if declared else ""
        title = f" {self._operation.name}" if self._operation.name else ""
        return "\n".join([f"query{title}{head} {{ {text} }}", *spread.values()])


class Shape:
    """What the rows of an operation have, as its variables leave it."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: "Operation",
        variables: VariableValues,
        page_limit: int,
    ) -> None:
        self._schema = schema
        self._variables = variables
        self._limit = page_limit
        self._collector = Collector(schema, operation.fragments, variables)

    def columns(
        self, places: Iterable[tuple[GraphQLNamedType, list[SelectionSetNode]]]
    ) -> tuple[Column, ...]:
        """Of an object of one of the types; what is abstract has what any of its types has.
        Raises GraphQLError for an inner list that is longer than any operation may ask for."""
        found: dict[str, list[tuple[GraphQLOutputType, list[FieldNode]]]] = {}
        for named, sets in places:
            for type_ in self._possible(named):
                fields, _ = self._collector.fields(type_, [(one, None) for one in sets])
                for key, selected in fields.items():
                    nodes = [each.node for each in selected]
                    made = self._schema.get_field(type_, nodes[0].name.value)
                    assert made is not None
                    self._keep_to_limit(made, nodes[0])
                    found.setdefault(key, []).append((made.type, nodes))
        return tuple(self._column(key, alike) for key, alike in found.items())

    def _column(self, key: str, alike: list[tuple[GraphQLOutputType, list[FieldNode]]]) -> Column:
        type_, _ = alike[0]
        lists, named = 0, get_named_type(type_)
        while isinstance(type_, GraphQLWrappingType):
            lists += is_list_type(type_)
            type_ = type_.of_type
        if is_leaf_type(named):
            return Column(key, KINDS.get(named.name, Kind.TEXT), lists=lists)
        below = [
            (get_named_type(one), [node.selection_set for node in nodes if node.selection_set])
            for one, nodes in alike
        ]
        return Column(key, Kind.RECORD, self.columns(below), lists)

    def _possible(self, type_: GraphQLNamedType) -> Iterable[GraphQLObjectType]:
        if is_abstract_type(type_):
            return self._schema.get_possible_types(type_)
        return [object_of(type_)]

    def _keep_to_limit(self, made: GraphQLField, node: FieldNode) -> None:
        if not {"first", "after"} <= made.args.keys():
            return
        given = get_argument_values(made, node, self._variables)
        for name in ("first", "last"):
            size = given.get(name)
            if isinstance(size, int) and size > self._limit:
                told = f"`{name}` of `{node.name.value}` may be at most {self._limit}."
                raise LimitExceeded(told, nodes=node, limit=self._limit, requested=size)
