"""What is asked of an object: fields by the key they have in the data, whatever clients call them.

Two fields of one name and the same arguments are one: fetched once, used by operations, keys and
requirements alike. What the client calls them is a matter of the answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from graphql import (
    ArgumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    SelectionSetNode,
    print_ast,
)

from federation.policy import A_PARTNER, Policy
from federation.supergraph import Supergraph
from runtime.viewer import ANYONE, Viewer

Selections: TypeAlias = tuple[SelectionSetNode, ...]


@dataclass(frozen=True, eq=False)
class Want:
    """A field, and all that is asked of what it leads to."""

    key: str
    name: str
    arguments: tuple[ArgumentNode, ...]
    below: Selections


@dataclass(frozen=True, eq=False)
class Wants:
    """What is asked of every object of a type, and whether more is asked of some of them."""

    fields: Mapping[str, Want]
    typename: bool
    narrows: bool


class Keys:
    """The key in the data for each field with its arguments."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def of(self, node: FieldNode) -> str:
        name = node.name.value
        if not node.arguments and name not in self._counts:
            self._counts[name] = 1
            self._known[name, ""] = name
        told = ", ".join(sorted(map(print_ast, node.arguments or ())))
        key = self._known.get((name, told))
        if key is None:
            count = self._counts.get(name, 0)
            self._counts[name] = count + 1
            key = self._known[name, told] = f"{name}_{count}" if count else name
        return key


class Reader:
    """Reads selections for one operation and the conditions of one request."""

    def __init__(
        self,
        supergraph: Supergraph,
        fragments: Mapping[str, FragmentDefinitionNode],
        is_included: Callable[[Any], bool],
        policy: Policy | None = None,
        viewer: Viewer = ANYONE,
    ) -> None:
        """`viewer` stands for all who may see the same; without a policy anybody sees all."""
        self.keys = Keys()
        self.policy = policy
        self._viewer = viewer
        self._supergraph = supergraph
        self._fragments = fragments
        self._is_included = is_included
        self._read: dict[tuple[str, tuple[int, ...], str | None], Wants] = {}

    def wants(self, type_: str, selections: Selections, reader: str | None = None) -> Wants:
        """The selections are to outlive the reader, which knows them by their identity. `reader`
        is the partner for whom they are read, if not the viewer."""
        place = (type_, tuple(map(id, selections)), reader)
        found = self._read.get(place)
        if found is None:
            found = self._read[place] = self._fresh(type_, selections, reader)
        return found

    def refusal(self, type_: str, name: str, reader: str | None = None) -> GraphQLError | None:
        if self.policy is None:
            return None
        return self.policy.refusal(type_, name, self._viewer if reader is None else A_PARTNER)

    def one_by_one(self, type_: str, selections: Selections) -> list[Want]:
        """As they are called and ordered by the client: each is to happen, even twice the same."""
        visit = Visit(self, type_, lambda node: (node.alias or node.name).value)
        for selection_set in selections:
            visit.selection_set(selection_set)
        wanted = visit.wants().fields.values()
        return [want for want in wanted if self.refusal(type_, want.name) is None]

    def _fresh(self, type_: str, selections: Selections, reader: str | None) -> Wants:
        visit = Visit(self, type_, self.keys.of)
        for selection_set in selections:
            visit.selection_set(selection_set)
        return self._seen(type_, visit.wants(), reader)

    def _seen(self, type_: str, wants: Wants, reader: str | None) -> Wants:
        """Without what is not seen by whoever it is read for, and with what says whether."""
        if self.policy is None:
            return wants
        possible = self._supergraph.possible(type_)
        if type_ not in possible:
            depends = any(
                self.policy.depends(t, want.name)
                for t in possible
                for want in wants.fields.values()
            )
            return replace(wants, narrows=wants.narrows or depends)
        fields: dict[str, Want] = {}
        for key, want in wants.fields.items():
            if self.refusal(type_, want.name, reader) is None:
                fields[key] = want
                if guard := self.policy.guard(type_, want.name):
                    fields[guard] = Want(guard, guard, (), ())
        return replace(wants, fields=fields)


class Visit:
    def __init__(self, reader: Reader, type_: str, key_of: Callable[[FieldNode], str]) -> None:
        self._reader = reader
        self._type = type_
        self._key_of = key_of
        self._nodes: dict[str, list[FieldNode]] = {}
        self._spread: set[str] = set()
        self._typename = False
        self._narrows = False

    def selection_set(self, selection_set: SelectionSetNode) -> None:
        for node in selection_set.selections:
            if not self._reader._is_included(node):
                continue
            if isinstance(node, FieldNode):
                if node.name.value == "__typename":
                    self._typename = True
                elif not node.name.value.startswith("__"):
                    self._nodes.setdefault(self._key_of(node), []).append(node)
            elif isinstance(node, InlineFragmentNode):
                self._fragment(node)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in self._spread:
                self._spread.add(node.name.value)
                self._fragment(self._reader._fragments[node.name.value])

    def _fragment(self, fragment: InlineFragmentNode | FragmentDefinitionNode) -> None:
        condition = fragment.type_condition.name.value if fragment.type_condition else self._type
        possible = self._reader._supergraph.possible
        mine, theirs = possible(self._type), possible(condition)
        if condition == self._type or (mine and mine <= theirs):
            self.selection_set(fragment.selection_set)
        elif mine & theirs:
            self._narrows = True

    def wants(self) -> Wants:
        fields = {
            key: Want(
                key,
                nodes[0].name.value,
                tuple(nodes[0].arguments or ()),
                tuple(node.selection_set for node in nodes if node.selection_set),
            )
            for key, nodes in self._nodes.items()
        }
        return Wants(fields, self._typename, self._narrows)
