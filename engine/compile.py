"""From a valid operation to its plan. Nothing here knows of rows; nothing of it is done twice."""

from collections.abc import Mapping, Sequence

from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLStreamDirective,
    OperationDefinitionNode,
    OperationType,
    get_directive_values,
)
from graphql.execution.values import VariableValues

from engine.arguments import arguments_of
from engine.collect import Collector, Defer, Fields, Selected
from engine.cost import priced
from engine.lifetime import max_age_of
from engine.output import Leaf, output_of
from engine.plan import Plan, PlannedField, Selection, Stream
from engine.sources import Loaded, source_of
from runtime.field import told
from runtime.projection import Projection
from runtime.viewer import Viewer


class Compiler:
    """Compiles one operation, for the conditions that `variables` make and for all who may see
    what `viewer` may: nothing else of either goes into the plan.

    What is selected on a type is worked out when the first object of it turns up: an interface
    may have dozens of possible types, and an answer few of them.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        viewer: Viewer | None,
        *,
        incremental: bool = False,
        identified: bool = False,
        named: bool = False,
        rows_kept: bool = False,
    ) -> None:
        """With `identified` the ids of all that an answer shows are read, if it may be kept; with
        `named`, of any answer. With `rows_kept`, what it shows of the catalogue may be known
        already, if it may not."""
        self.schema = schema
        self.operation = operation
        self.fragments = fragments
        self.variables = variables
        self.viewer = viewer
        self.incremental = incremental
        self.identified = identified
        self.named = named
        self.rows_kept = rows_kept
        self._collector = Collector(schema, fragments, variables, incremental)
        self._leaves: dict[GraphQLLeafType, Leaf] = {}

    def plan(self) -> Plan:
        """Raises GraphQLError where the root has no selection."""
        root = self.schema.get_root_type(self.operation.operation)
        if root is None:
            kind = self.operation.operation.value
            raise GraphQLError(
                f"Schema is not configured to execute {kind} operation.", self.operation
            )
        fields, defers = self._collector.fields(root, [(self.operation.selection_set, None)])
        one_by_one = self.operation.operation is OperationType.MUTATION
        steps = [{key: fields[key]} for key in fields] if one_by_one else [fields]
        is_included = self._collector.may_be_included
        max_age = None
        if self.viewer is not None and not self.incremental:
            max_age = max_age_of(self.schema, self.operation, self.fragments, is_included)
        identified = self.named or (self.identified and max_age is not None)
        # What is kept twice would last for twice as long.
        self.rows_kept = self.rows_kept and max_age is None
        return Plan(
            operation=self.operation,
            steps=[self._selection(root, step, defers) for step in steps],
            price=priced(self.schema, self.operation, self.fragments, is_included),
            viewer=self.viewer,
            projection=(
                Projection(
                    self.schema,
                    self.operation,
                    self.fragments,
                    self.viewer,
                    identified=identified,
                )
                if self.viewer
                else None
            ),
            max_age=max_age,
        )

    def _selection(
        self, type_: GraphQLObjectType, fields: Fields, defers: Sequence[Defer] = ()
    ) -> Selection:
        now: Fields = {}
        later: dict[Defer, Fields] = {}
        for key, selected in fields.items():
            # What is asked for at once and later as well is delivered at once.
            fragments = [one.defer for one in selected if one.defer is not None]
            if len(fragments) < len(selected):
                now[key] = selected
            else:
                later.setdefault(outermost(fragments), {})[key] = selected
        planned = [
            self._field(type_, key, selected)
            for key, selected in now.items()
            if selected[0].node.name.value != "__typename"
        ]
        names = frozenset(
            key for key, selected in now.items() if selected[0].node.name.value == "__typename"
        )
        return Selection(
            type=type_,
            fields=planned,
            keys=list(now),
            names=names,
            deferred=[(defer, self._selection(type_, at_once(f))) for defer, f in later.items()],
            spreads=defers,
        )

    def _field(
        self, parent: GraphQLObjectType, key: str, selected: Sequence[Selected]
    ) -> PlannedField:
        node = selected[0].node
        name = node.name.value
        definition = self.schema.get_field(parent, name)
        assert definition is not None, f"{parent}.{name} is not in the schema"
        record = told(definition)
        told_as = record.named or name if record else name
        source = source_of(definition, parent.name, told_as, self.viewer)
        return PlannedField(
            key=key,
            parent=parent,
            name=name,
            definition=definition,
            # A fragment that several deferred ones spread is in each of them.
            nodes=list({id(one.node): one.node for one in selected}.values()),
            arguments=arguments_of(definition, node, record.convert if record else None),
            source=source,
            output=output_of(definition.type, f"{parent}.{name}", self._leaf),
            below=Below(self, selected),
            stream=self._stream(selected) if self.incremental else None,
            kept=self.rows_kept and isinstance(source, Loaded) and source.batch.max_age is not None,
        )

    def below(self, type_: GraphQLObjectType, selected: Sequence[Selected]) -> Selection:
        sets = [(s.node.selection_set, s.defer) for s in selected if s.node.selection_set]
        try:
            return self._selection(type_, *self._collector.fields(type_, sets))
        except GraphQLError as error:
            # Its traceback would keep all that a request had.
            error = error.with_traceback(None)
            return Selection(type_, (), (), frozenset(), error=error)

    def _leaf(self, type_: GraphQLLeafType) -> Leaf:
        if type_ not in self._leaves:
            self._leaves[type_] = Leaf(type_)
        return self._leaves[type_]

    def _stream(self, selected: Sequence[Selected]) -> Stream | None:
        asked = get_directive_values(GraphQLStreamDirective, selected[0].node, self.variables)
        if not asked or asked.get("if") is False:
            return None
        return Stream(asked.get("label"), asked["initialCount"])


class Below:
    """What a field selects on what it leads to, by type."""

    def __init__(self, compiler: Compiler, selected: Sequence[Selected]) -> None:
        self._compiler = compiler
        self._selected = selected
        self._selections: dict[GraphQLObjectType, Selection] = {}

    def __call__(self, type_: GraphQLObjectType) -> Selection:
        found = self._selections.get(type_)
        if found is None:
            found = self._selections[type_] = self._compiler.below(type_, self._selected)
        return found


def at_once(fields: Fields) -> Fields:
    """The same, as if nothing of it were deferred any more than it is."""
    return {key: [Selected(one.node, None) for one in selected] for key, selected in fields.items()}


def outermost(defers: Sequence[Defer]) -> Defer:
    """Of several fragments that hold a field, the one that is delivered first."""
    return min(defers, key=lambda defer: defer.depth)
