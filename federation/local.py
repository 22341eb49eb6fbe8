"""What is ours of a supergraph: asked without HTTP, and told from what is not ours alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from graphql import (
    FieldNode,
    GraphQLDeferDirective,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLStreamDirective,
    ValidationRule,
    get_named_type,
)

from engine.engine import Engine
from federation.client import Request
from federation.supergraph import BadSupergraph, Supergraph
from runtime.context import Context
from runtime.faults import meant_for_client
from runtime.field import FIELD, told


class LocalClient:
    """Asks engines of this process, with the access of whoever sent the request; or of the partner
    who is to be told."""

    def __init__(
        self, for_viewers: Engine, for_partners: Engine, clients: Mapping[str, str | None]
    ) -> None:
        """The engines' schema is a subgraph's, with `_entities`; that for partners tells of each
        row that something is hidden in. `clients` are those registered, by what partners are
        called."""
        self._for_viewers = for_viewers
        self._for_partners = for_partners
        self._clients = clients

    async def ask(self, request: Request) -> dict[str, Any]:
        """The errors have the codes that they would have had without any federation."""
        context: Context = request.context
        engine, reader = self._for_viewers, request.fetch.reader
        if reader is None:
            context = context.again()
        else:
            engine = self._for_partners
            client = await context.process.partners.client(self._clients[reader])
            context = context.again(told=client)
        result = await engine.execute(request.fetch.document, variables_of(request), context)
        errors = [
            meant_for_client(error, context.request_id).formatted for error in result.errors or ()
        ]
        return {"data": result.data, "errors": errors}


def variables_of(request: Request) -> dict[str, Any]:
    entities = {
        name: [orjson.loads(each) for each in given]
        for name, given in request.representations.items()
    }
    return {**request.variables, **entities}


class Ours:
    """The part of the supergraph that the subgraph of that name, our own, has with clients.

    What not everybody may see is had from us alone, whoever else has it: we know who may.
    """

    def __init__(self, supergraph: Supergraph, name: str, schema: GraphQLSchema) -> None:
        """`schema` is what we serve without any federation. Raises BadSupergraph."""
        ids = [graph.id for graph in supergraph.subgraphs.values() if graph.name == name]
        if not ids:
            raise BadSupergraph(f"The supergraph has no subgraph {name}, which is our own.")
        (self.graph,) = ids
        self.others = [g for g in supergraph.subgraphs.values() if g.id != self.graph]
        self._supergraph = supergraph
        self._schema = schema
        self._alike: dict[str, bool] = {}
        self.fields = frozenset(
            (type_.name, field)
            for type_ in schema.type_map.values()
            if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
            for field in type_.fields
            if self._is_ours(type_, field)
        )
        self._keep()
        self._show()

    def has(self, type_: str, field: str) -> bool:
        """Whether it is answered by us, and is to clients just what we make of it."""
        return (type_, field) in self.fields

    def rule(self) -> type[ValidationRule]:
        """Holds for documents of which nobody else has a part."""
        ours = self

        class OfOursAlone(ValidationRule):
            def enter_field(self, node: FieldNode, *_: Any) -> None:
                parent, name = self.context.get_parent_type(), node.name.value
                if parent is not None and name != "__typename" and not ours.has(parent.name, name):
                    self.report_error(GraphQLError(f"{parent}.{name} is not ours alone.", node))

        return OfOursAlone

    def serves(self, type_: str, field: str) -> bool:
        """Whether the planner may ask us for it."""
        served = self._supergraph.served(type_, field, self.graph)
        return served is not None and not served.external and served.label is None

    def _is_ours(self, type_: GraphQLObjectType | GraphQLInterfaceType, name: str) -> bool:
        if type_.name not in self._supergraph.types:
            return False
        owners: Sequence[GraphQLNamedType] = [type_]
        if isinstance(type_, GraphQLInterfaceType):
            owners = [type_, *self._schema.get_possible_types(type_)]
        shown = self._supergraph.schema.get_type(type_.name)
        return (
            isinstance(shown, GraphQLObjectType | GraphQLInterfaceType)
            and name in shown.fields
            and all(self.serves(owner.name, name) for owner in owners)
            and self._is_same(type_.fields[name], shown.fields[name])
        )

    def _is_same(self, mine: GraphQLField, shown: GraphQLField) -> bool:
        types = [mine.type, *(argument.type for argument in mine.args.values())]
        return (
            str(mine.type) == str(shown.type)
            and kinds(mine.args) == kinds(shown.args)
            and all(self._is_alike(get_named_type(type_)) for type_ in types)
        )

    def _is_alike(self, mine: GraphQLNamedType) -> bool:
        """Whether what may be given or told of the type is the same to clients."""
        if mine.name not in self._alike:
            self._alike[mine.name] = True  # of those within themselves, until something differs
            shown = self._supergraph.schema.get_type(mine.name)
            alike = shown is not None
            if isinstance(mine, GraphQLEnumType):
                alike = isinstance(shown, GraphQLEnumType) and set(mine.values) == set(shown.values)
            elif isinstance(mine, GraphQLInputObjectType):
                alike = (
                    isinstance(shown, GraphQLInputObjectType)
                    and kinds(mine.fields) == kinds(shown.fields)
                    and all(self._is_alike(get_named_type(f.type)) for f in mine.fields.values())
                )
            self._alike[mine.name] = alike
        return self._alike[mine.name]

    def _keep(self) -> None:
        for type_ in self._supergraph.types.values():
            mine = self._schema.get_type(type_.name)
            known = mine.fields if isinstance(mine, GraphQLObjectType) else {}
            for name, field in type_.fields.items():
                record = told(known[name]) if name in known else None
                if record is not None and record.area and self.serves(type_.name, name):
                    field.served = {self.graph: field.served[self.graph]}

    def _show(self) -> None:
        """Clients are offered the directives that we know, and pay the prices that we ask."""
        shown = self._supergraph.schema
        incremental = (GraphQLDeferDirective, GraphQLStreamDirective)
        shown.directives += tuple(d for d in incremental if d in self._schema.directives)
        for mine in self._schema.type_map.values():
            theirs = shown.get_type(mine.name)
            if isinstance(mine, GraphQLObjectType) and isinstance(theirs, GraphQLObjectType):
                for name, field in mine.fields.items():
                    record = told(field)
                    if record is not None and name in theirs.fields:
                        # Without what only those may ask who answer.
                        price = replace(record, area=None, check=None, convert=None)
                        theirs.fields[name].extensions[FIELD] = price


def kinds(parts: Any) -> dict[str, str]:
    return {name: str(part.type) for name, part in parts.items()}
