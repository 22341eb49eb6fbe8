"""Subgraphs over one world of made-up data: each knows its part, and all of it is known as well.

An object of the world has all its fields. A subgraph shows those it resolves; what is external to
it, it has only from representations, or where it says that it provides it. So does a requirement:
its value tells what it was made of, and a wrong input gives a wrong answer.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLUnionType,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    build_ast_schema,
    execute_sync,
    parse,
    validate,
)
from graphql.type import is_interface_type
from multidict import CIMultiDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from yarl import URL

from federation.client import BySubgraph
from federation.http import HttpClient
from federation.network import HEADERS
from federation.network import Response as NetworkResponse
from federation.partner import Partner
from federation.router import Router
from federation.supergraph import Supergraph, applied, field_set

SUPERGRAPHS = Path(__file__).parent / "supergraphs"
MACHINERY = """
scalar _Any
scalar FieldSet
"""
Object = dict[str, Any]
World = Mapping[str, Any]


@dataclass(frozen=True)
class Ref:
    """Another object, by its type and what it is known by there."""

    type: str
    name: str


@dataclass
class Subgraph:
    """One server. `asked` is what it has been asked; `disturb` may raise or replace an answer."""

    text: str
    world: World
    supergraph: Supergraph
    asked: list[Object] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    before: Callable[[Object], Awaitable[None]] | None = None
    disturb: Callable[[Object], Any] | None = None

    def __post_init__(self) -> None:
        document = parse(self.text.replace("extend type", "type"))
        self.objects = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode)
        }
        self.schema = self._schema()

    def _schema(self) -> GraphQLSchema:
        entities = [
            name
            for name, node in self.objects.items()
            if isinstance(node, ObjectTypeDefinitionNode) and any(applied(node, "key"))
        ]
        text = self.text.replace("extend type", "type") + MACHINERY
        if "type Query" not in text and "schema {" not in text:
            text += "type Query { nothing: Int }"
        union = f"union _Entity = {' | '.join(entities)}\n" if entities else ""
        definitions = parse(text + union).definitions
        kept = tuple(d for d in definitions if d.kind != "schema_extension")
        schema = build_ast_schema(DocumentNode(definitions=kept), assume_valid_sdl=True)
        for kind in schema.type_map.values():
            if kind.name.startswith("__"):
                continue  # those of introspection are the same for all schemas
            if isinstance(kind, GraphQLObjectType):
                for name, made in kind.fields.items():
                    made.resolve = self._resolver(kind.name, name)
            elif isinstance(kind, GraphQLUnionType) or is_interface_type(kind):
                kind.resolve_type = self._type_of
        if entities:
            query = schema.query_type
            assert query is not None
            extra = build_ast_schema(
                parse(
                    "scalar _Any type _Entity { a: Int }"
                    " type Query { _entities(representations: [_Any!]!): [_Entity]! }"
                ),
                assume_valid_sdl=True,
            )
            made = extra.query_type.fields["_entities"]  # type: ignore[union-attr]
            any_ = schema.type_map["_Any"]
            made.args["representations"].type = list_of(any_)
            made.type = entity_list(schema.type_map["_Entity"])
            made.resolve = lambda _, info, representations: [
                self._entity(each) for each in representations
            ]
            query.fields["_entities"] = made
        return schema

    def _type_of(self, value: Object, info: GraphQLResolveInfo[Any], _: Any) -> str:
        return str(value.get("__as") or value["__typename"])

    def _entity(self, representation: Object) -> Object | None:
        type_ = representation["__typename"]
        node = self.objects[type_]
        given = {k: v for k, v in representation.items() if k != "__typename"}
        for key in applied(node, "key"):
            names = field_set(key["fields"])
            if key.get("resolvable", True) and has(given, names):
                by = pick(given, names)
                found = [o for o in self._all(type_) if holds(o, by, self.world)]
                if not found:
                    return None
                shown: Object = {"__given": given, "__world": found[0]}
                shown["__typename"] = found[0]["__typename"]
                if isinstance(node, ObjectTypeDefinitionNode):
                    shown["__as"] = type_
                return shown
        raise GraphQLError(f"{type_} cannot be found by {json.dumps(given)}.")

    def _all(self, type_: str) -> list[Object]:
        possible = self.supergraph.possible(type_)
        return [o for t in possible for o in self.world.get(t, {}).values()]

    def _resolver(self, type_: str, name: str) -> Callable[..., Any]:
        node = (
            next(f for f in self.objects[type_].fields or () if f.name.value == name)
            if type_ in self.objects and name != "nothing"
            else None
        )

        def resolve(value: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
            is_root = info.parent_type in (info.schema.query_type, info.schema.mutation_type)
            if is_root:
                kind = "Query" if info.operation.operation.value == "query" else "Mutation"
                found = self.world[kind][name]
            else:
                known = value.get("__given", {})
                if (
                    node is not None
                    and any(applied(node, "external"))
                    and not is_key(self.objects[type_], name)
                ):
                    if name in known:
                        return known[name]
                    if name not in value.get("__provides", {}):
                        raise GraphQLError(f"{type_}.{name} is not known here.")
                requires = next(applied(node, "requires"), None) if node else None
                if requires is not None:
                    return made_of(name, pick(known, field_set(requires["fields"])), arguments)
                found = value["__world"][name]
            if callable(found):
                found = found(arguments)
            elif arguments and type(found) is str:
                found = f"{found} {json.dumps(arguments, sort_keys=True)}"
            provides = next(applied(node, "provides"), None) if node else None
            return self._shown(
                found, tree(field_set(provides["fields"])) if provides else inherited(value, name)
            )

        return resolve

    def _shown(self, found: Any, provides: Object) -> Any:
        if isinstance(found, list):
            return [self._shown(each, provides) for each in found]
        if isinstance(found, Ref):
            found = self.world[found.type][found.name]
        if isinstance(found, dict):
            shown: Object = {"__world": found, "__provides": provides}
            shown["__typename"] = found["__typename"]
            return shown
        return found

    async def answer(self, request: Request) -> Response:
        asked = orjson.loads(await request.body())
        self.asked.append(asked)
        self.headers.append(request.headers)
        if self.before is not None:
            await self.before(asked)
        if self.disturb is not None and (other := self.disturb(asked)) is not None:
            if isinstance(other, Response):
                return other
            return Response(orjson.dumps(other), media_type="application/json")
        return Response(orjson.dumps(self.known(asked)), media_type="application/json")

    def known(self, asked: Object) -> Any:
        """What it answers by itself."""
        document = parse(asked["query"])
        if errors := validate(self.schema, document):
            return ExecutionResult(None, errors).formatted
        variables = asked.get("variables")
        return execute_sync(self.schema, document, variable_values=variables).formatted


@dataclass
class Federation:
    """All subgraphs of one supergraph, and a router over them."""

    name: str
    world: World
    file: str = "supergraph.graphql"
    partners: Collection[str] = ()
    """Those whose answers are looked into."""

    def __post_init__(self) -> None:
        folder = SUPERGRAPHS / self.name
        self.text = (folder / self.file).read_text()
        self.supergraph = Supergraph(self.text)
        self.subgraphs = {
            graph.name: Subgraph(
                (folder / f"{graph.name}.graphql").read_text(), self.world, self.supergraph
            )
            for graph in self.supergraph.subgraphs.values()
        }
        self.apps = {
            f"{name}.{self.name}": Starlette(routes=[Route("/graphql", s.answer, methods=["POST"])])
            for name, s in self.subgraphs.items()
        }
        self.client = BySubgraph(
            {
                graph.name: HttpClient(
                    graph.name,
                    Partner(url=graph.url, seconds=2, attempts=1, private_addresses=True),
                    Hosts(self.apps),
                )
                for graph in self.supergraph.subgraphs.values()
            }
        )
        self.router = Router(self.supergraph, self.client, partners=self.partners)

    def merged(self, document: str, variables: Object | None = None) -> ExecutionResult:
        """The answer of one server that has all of the world."""
        return execute_sync(
            self.supergraph.schema,
            parse(document),
            field_resolver=self._whole,
            type_resolver=lambda value, *_: value["__typename"],
            variable_values=variables,
        )

    def _whole(self, value: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        if value is None:
            kind = "Query" if info.operation.operation.value == "query" else "Mutation"
            value = self.world[kind]
            type_ = kind
        else:
            type_ = value["__typename"]
        return self._value(type_, value, info.field_name, arguments)

    def _value(self, type_: str, value: Any, name: str, arguments: Object) -> Any:
        for owner in (type_, *sorted(self.supergraph.types[type_].interfaces)):
            known = self.supergraph.types[owner].fields.get(name)
            for served in known.served.values() if known else ():
                if served.requires is not None:
                    return made_of(name, self._required(value, served.requires), arguments)
        found = value[name]
        if callable(found):
            found = found(arguments)
        elif arguments and type(found) is str:
            found = f"{found} {json.dumps(arguments, sort_keys=True)}"
        return self._followed(found)

    def _followed(self, found: Any) -> Any:
        if isinstance(found, list):
            return [self._followed(each) for each in found]
        return self.world[found.type][found.name] if isinstance(found, Ref) else found

    def _required(self, value: Object, names: Any) -> Object:
        made: Object = {}
        for node in names.selections:
            if node.kind == "inline_fragment":
                if value["__typename"] == node.type_condition.name.value:
                    made.update(self._required(value, node.selection_set))
                continue
            arguments = {a.name.value: a.value.value for a in node.arguments or ()}
            found = self._value(value["__typename"], value, node.name.value, arguments)
            if isinstance(found, dict) and node.selection_set:
                found = self._required(found, node.selection_set)
            made[node.name.value] = found
        return made


class Hosts:
    """Servers in this process, by the names of their hosts."""

    def __init__(self, apps: Mapping[str, Any]) -> None:
        self._transports = {host: httpx.ASGITransport(app=app) for host, app in apps.items()}

    @asynccontextmanager
    async def post(
        self, url: URL, body: bytes, headers: Mapping[str, str]
    ) -> AsyncIterator[NetworkResponse]:
        sent = {**HEADERS, **headers}
        request = httpx.Request("POST", str(url), content=body, headers=sent)
        response = await self._transports[request.url.host].handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        told = CIMultiDict(
            (n.decode("latin-1"), v.decode("latin-1")) for n, v in response.headers.raw
        )
        yield NetworkResponse(response.status_code, told, aiter(response.stream))

    async def close(self) -> None:
        pass


def made_of(name: str, given: Object, arguments: Object) -> str:
    told = json.dumps(given, sort_keys=True)
    return f"{name} of {told}{json.dumps(arguments, sort_keys=True) if arguments else ''}"


def inherited(value: Any, name: str) -> Object:
    provides = value.get("__provides", {}) if isinstance(value, dict) else {}
    found = provides.get(name)
    return found if isinstance(found, dict) else {}


def tree(names: Any) -> Object:
    found: Object = {}
    for node in names.selections:
        if node.kind == "inline_fragment":
            found.update(tree(node.selection_set))
        else:
            found[node.name.value] = tree(node.selection_set) if node.selection_set else True
    return found


def is_key(node: Any, name: str) -> bool:
    return any(name in tree(field_set(key["fields"])) for key in applied(node, "key"))


def has(given: Object, names: Any) -> bool:
    return all(
        node.name.value in given
        and (not node.selection_set or has(given[node.name.value], node.selection_set))
        for node in names.selections
    )


def pick(given: Any, names: Any) -> Any:
    """What a representation should hold; KeyError where it does not."""
    if isinstance(given, list):
        return [pick(each, names) for each in given]
    if given is None:
        return None
    made: Object = {}
    for node in names.selections:
        if node.kind == "inline_fragment":
            if given["__typename"] == node.type_condition.name.value:
                made.update(pick(given, node.selection_set))
        elif node.selection_set:
            made[node.name.value] = pick(given[node.name.value], node.selection_set)
        else:
            made[node.name.value] = given[node.name.value]
    return made


def holds(found: Any, given: Object, world: World) -> bool:
    for name, value in given.items():
        mine = found[name]
        if isinstance(mine, Ref):
            mine = world[mine.type][mine.name]
        if isinstance(value, dict):
            if not holds(mine, value, world):
                return False
        elif mine != value:
            return False
    return True


def list_of(kind: Any) -> Any:
    from graphql import GraphQLList, GraphQLNonNull

    return GraphQLNonNull(GraphQLList(GraphQLNonNull(kind)))


def entity_list(kind: Any) -> Any:
    from graphql import GraphQLList, GraphQLNonNull

    return GraphQLNonNull(GraphQLList(kind))


async def same(federation: Federation, document: str, variables: Object | None = None) -> Any:
    """The data, which is what one server with all of it would answer."""
    answer = await federation.router.execute(document, variables)
    expected = federation.merged(document, variables)

    assert answer.errors is None, answer.formatted
    assert expected.errors is None, expected.formatted
    assert answer.data == expected.data
    return answer.data
