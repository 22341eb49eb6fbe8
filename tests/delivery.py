"""Answers in several parts: put together again, and asked for at random."""

import re
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from inspect import isawaitable
from itertools import count
from typing import Any

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentSpreadNode,
    GraphQLDeferDirective,
    GraphQLError,
    GraphQLSchema,
    GraphQLStreamDirective,
    InlineFragmentNode,
    NameNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    experimental_execute_incrementally,
    get_nullable_type,
    parse,
    parse_const_value,
    print_ast,
    visit,
)
from graphql.type import is_list_type
from hypothesis import strategies

from engine.incremental import Payload
from tests.differential.choices import Choices, drawn
from tests.differential.operations import Case, case_of

Position = tuple[str | int, ...]
DIRECTIVES = re.compile(r"@(defer|stream)(\([^)]*\))?")


@dataclass
class Merged:
    """What a client makes of the parts. Raises AssertionError for what no client could."""

    data: Any = None
    errors: list[GraphQLError] = field(default_factory=list)
    failed: list[Position] = field(default_factory=list)
    """The places of what was announced and could not be delivered."""
    _pending: dict[str, Position] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)

    def take(self, payload: Payload) -> None:
        if "data" in payload:
            assert not self._known
            self.data = apart(payload["data"])
            self.errors += payload.get("errors", ())
        for entry in payload.get("pending", ()):
            assert entry["id"] not in self._known
            self._known.add(entry["id"])
            self._pending[entry["id"]] = tuple(entry["path"])
        for entry in payload.get("incremental", ()):
            place = self.at((*self._pending[entry["id"]], *entry.get("subPath", ())))
            self.errors += entry.get("errors", ())
            if "items" in entry:
                place.extend(apart(entry["items"]))
            else:
                assert not place.keys() & entry["data"].keys()
                place.update(apart(entry["data"]))
        for entry in payload.get("completed", ()):
            path = self._pending.pop(entry["id"])
            if "errors" in entry:
                self.failed.append(path)
                self.errors += entry["errors"]
        for path in self._pending.values():
            assert isinstance(self.at(path), dict | list)
        assert bool(self._pending) == payload.get("hasNext", False)

    def at(self, path: Sequence[str | int]) -> Any:
        value = self.data
        for step in path:
            value = value[step]
        return value


def apart(value: Any) -> Any:
    """As it arrives: what is one object here and stands in several places is several there."""
    if isinstance(value, dict):
        return {key: apart(item) for key, item in value.items()}
    return [apart(item) for item in value] if isinstance(value, list) else value


async def merged(payloads: AsyncIterable[Payload]) -> Merged:
    whole = Merged()
    async for payload in payloads:
        whole.take(payload)
    assert not whole._pending
    return whole


def disagreements(delivered: Merged, whole: ExecutionResult) -> list[str]:
    """How the parts differ from an answer in one piece, in words. What an error has made null
    there may be here: a null goes no further than the part it is in."""
    places = [tuple(error.path or ()) for error in whole.errors or ()]
    found: list[str] = []

    def compare(ours: Any, theirs: Any, path: Position) -> None:
        if theirs is None and any(place[: len(path)] == path for place in places):
            return
        if isinstance(theirs, dict) and isinstance(ours, dict) and ours.keys() == theirs.keys():
            for key in theirs:
                compare(ours[key], theirs[key], (*path, key))
        elif isinstance(theirs, list) and isinstance(ours, list) and len(ours) == len(theirs):
            for index, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
                compare(mine, other, (*path, index))
        elif repr(ours) != repr(theirs):
            found.append(f"at {path} is {ours!r}, not {theirs!r}")

    compare(delivered.data, whole.data, ())
    told = [tuple(error.path) for error in delivered.errors if error.path is not None]
    found += [f"told twice of {path}" for path in set(told) if told.count(path) > 1]
    return found


def offering(schema: GraphQLSchema) -> GraphQLSchema:
    """The same with the directives for answers in several parts."""
    asked = schema.to_kwargs()
    asked["directives"] = (*schema.directives, GraphQLDeferDirective, GraphQLStreamDirective)
    return GraphQLSchema(**asked)


async def graphql_core(
    schema: GraphQLSchema, document: str, root: Any, context: Any, variables: dict[str, Any]
) -> AsyncIterator[Payload]:
    """The same parts as graphql-core delivers them."""
    answer: Any = experimental_execute_incrementally(
        schema, parse(document), root, context, variables
    )
    if isawaitable(answer):
        answer = await answer
    if isinstance(answer, ExecutionResult):
        yield {"data": answer.data, "errors": answer.errors or []}
        return
    yield told(answer.initial_result)
    async for result in answer.subsequent_results:
        yield told(result)


def told(result: Any) -> Payload:
    """With the errors as they are rather than formatted."""
    payload = dict(result.formatted)
    if getattr(result, "errors", None):
        payload["errors"] = result.errors
    for name in ("incremental", "completed"):
        for entry, made in zip(payload.get(name, ()), getattr(result, name, ()) or (), strict=True):
            if made.errors:
                entry["errors"] = made.errors
    return payload


@dataclass(frozen=True, repr=False)
class InParts:
    """An operation, and what of it is to follow later."""

    case: Case
    document: str

    @cached_property
    def schema(self) -> GraphQLSchema:
        return offering(self.case.schema)

    @property
    def in_one(self) -> str:
        """Without the directives, everything else at the same place."""
        return DIRECTIVES.sub(lambda found: " " * len(found[0]), self.document)

    def __repr__(self) -> str:
        return f"{self.case!r}\n\n{self.document}"


@strategies.composite
def cases_in_parts(draw: Callable[[Any], Any], schema_seeds: Sequence[int]) -> InParts:
    choices = drawn(draw)
    case = case_of(choices, schema_seeds)
    document = parse(case.document)
    directing = Directing(case.schema, choices, Counter(keys_of(document)))
    document = visit(document, TypeInfoVisitor(directing.types, directing))
    return InParts(case, print_ast(document))


def keys_of(document: DocumentNode) -> list[str]:
    """The response keys, as often as they are asked for."""
    found = []

    class Keys(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            found.append((node.alias or node.name).value)

    visit(document, Keys())
    return found


class Directing(Visitor):
    """Puts directives where they may stand."""

    def __init__(self, schema: GraphQLSchema, choices: Choices, keys: Counter[str]) -> None:
        super().__init__()
        self.types = TypeInfo(schema)
        self._choices = choices
        self._labels = count()
        self._keys = keys

    def enter_field(self, node: FieldNode, *_: Any) -> Any:
        type_: Any = self.types.get_type()
        if type_ is None or not is_list_type(get_nullable_type(type_)) or self._is_serial():
            return None
        # What is streamed may be asked for only once.
        if self._keys[(node.alias or node.name).value] > 1 or self._choices.one_in(3):
            return None
        initial_count = str(self._choices.below(3))
        return with_directive(node, "stream", {"initialCount": initial_count})

    def enter_inline_fragment(self, node: InlineFragmentNode, *_: Any) -> Any:
        return self._fragment(node)

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: Any) -> Any:
        return self._fragment(node)

    def _fragment(self, node: Any) -> Any:
        if self._is_serial() or not self._choices.one_in(2):
            return None
        arguments = {"label": f'"{next(self._labels)}"'}
        if self._choices.one_in(4):
            arguments["if"] = self._choices.of(("false", "true"))
        return with_directive(node, "defer", arguments)

    def _is_serial(self) -> bool:
        return str(self.types.get_parent_type()) == "Mutation"


def with_directive(node: Any, name: str, arguments: dict[str, str]) -> Any:
    directive = DirectiveNode(
        name=NameNode(value=name),
        arguments=tuple(
            ArgumentNode(name=NameNode(value=key), value=parse_const_value(value))
            for key, value in arguments.items()
        ),
    )
    asked = {key: getattr(node, key) for key in node.keys}
    return type(node)(**{**asked, "directives": (*(node.directives or ()), directive)})
