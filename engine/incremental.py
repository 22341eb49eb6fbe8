"""Answers in several parts: what `@defer` and `@stream` leave for later, in the format of the
incremental delivery specification (`pending`, `incremental`, `completed`)."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError

from engine.collect import Defer
from engine.errors import Failure, Keys, located, told
from engine.group import Group
from engine.plan import Selection
from engine.run import Run, Task

Payload = dict[str, Any]


@dataclass
class Deferred:
    """A fragment that follows, on all the objects it was spread on, and on what lies below."""

    defer: Defer
    depth: int
    """How many steps lead to the objects it was spread on."""
    parts: list[tuple[Group, Selection]] = field(default_factory=list)


@dataclass
class Delivery:
    """Delivers one run. Parts follow in the order of the document, the outer before the inner;
    each is a run of levels of its own, for all objects at once."""

    run: Run
    error_limit: int
    _ids: dict[tuple[int, Keys], str] = field(default_factory=dict)
    _homes: dict[Defer, int] = field(default_factory=dict)
    """How many steps lead to the objects that a fragment was spread on."""
    _work: list[Deferred | Task] = field(default_factory=list)

    async def payloads(self) -> AsyncIterator[Payload]:
        data = await self.run.data()
        errors = self._errors()
        first: Payload = {"data": data, **({"errors": errors} if errors else {})}
        if pending := self._announced() if data is not None else []:
            first["pending"] = pending
        yield {**first, "hasNext": True} if pending else first
        while self._work:
            work = self._work.pop(0)
            part = self._rest(work) if isinstance(work, Task) else self._deferred(work)
            incremental, completed = await part
            payload = {"pending": self._announced(), "incremental": incremental}
            payload = {name: entries for name, entries in payload.items() if entries}
            yield {**payload, "completed": completed, "hasNext": bool(self._work)}

    def _announced(self) -> list[Payload]:
        """What the last run left for later; an object that a null has taken needs nothing more."""
        deferred: dict[Defer, Deferred] = {}
        streamed: list[Task] = []
        for later in self.run.later:
            if isinstance(later, Task):
                streamed.append(later)
                continue
            for defer in later.selection.spreads:
                self._homes[defer] = later.depth
            for defer, selection in later.selection.deferred:
                work = deferred.setdefault(defer, Deferred(defer, self._homes[defer]))
                work.parts.append((later, selection))
        self.run.later = []
        pending: list[Payload] = []
        for work in deferred.values():
            paths = {p[: work.depth]: None for p, _, _ in self._places(work.parts)}
            pending += [self._pending(work.defer, path, work.defer.label) for path in paths]
            if paths:
                self._work.append(work)
        for task in streamed:
            assert task.field.stream is not None
            paths = {path: None for _, path in self._lists(task)}
            pending += [self._pending(task, path, task.field.stream.label) for path in paths]
            if paths:
                self._work.append(task)
        return pending

    def _pending(self, what: object, path: Keys, label: str | None) -> Payload:
        identity = str(len(self._ids))
        self._ids[id(what), path] = identity
        return {"id": identity, "path": list(path), **({"label": label} if label else {})}

    async def _deferred(self, work: Deferred) -> tuple[list[Payload], list[Payload]]:
        groups = [Group(part, of.rows, of.objects, of) for of, part in work.parts]
        await self.run.complete(groups)
        errors = self._errors()
        incremental: list[Payload] = []
        failed: dict[str, list[GraphQLError]] = {}
        ids: dict[str, None] = {}
        made = {id(of): group.made for (of, _), group in zip(work.parts, groups, strict=True)}
        for path, of, index in self._places(work.parts):
            identity = self._ids[id(work.defer), path[: work.depth]]
            ids[identity] = None
            value = made[id(of)][index]
            if type(value) is Failure:
                failed.setdefault(identity, []).append(located(value, place(value, path)))
                continue
            entry: Payload = {"id": identity, "data": value}
            if len(path) > work.depth:
                entry["subPath"] = list(path[work.depth :])
            incremental.append(with_errors(entry, path, errors))
        # A fragment is there as a whole or not at all.
        incremental = [entry for entry in incremental if entry["id"] not in failed]
        return incremental, completed(ids, failed)

    async def _rest(self, task: Task) -> tuple[list[Payload], list[Payload]]:
        rest = task.going_on()
        if not rest.complete():
            await rest.sort_out()
        await self.run.complete(rest.groups)
        column = rest.column()
        errors = self._errors()
        incremental: list[Payload] = []
        failed: dict[str, list[GraphQLError]] = {}
        ids: dict[str, None] = {}
        for index, path in self._lists(task):
            identity = self._ids[id(task), path]
            ids[identity] = None
            items = column[index]
            if type(items) is list:
                entry = {"id": identity, "items": items}
                incremental.append(with_errors(entry, path, errors))
            elif type(items) is Failure:
                failed[identity] = [located(items, place(items, path))]
            else:
                failed[identity] = under(path, errors)
        return incremental, completed(ids, failed)

    def _places(
        self, parts: Sequence[tuple[Group, Selection]]
    ) -> Iterator[tuple[Keys, Group, int]]:
        for group, _ in parts:
            for index in range(len(group.rows)):
                for path in group.living(index):
                    yield path, group, index

    def _lists(self, task: Task) -> Iterator[tuple[int, Keys]]:
        """The lists of a streamed field that go on."""
        for index, rest in enumerate(task.rest or ()):
            if rest and task.has_list(index):
                for path in task.group.living(index):
                    yield index, (*path, task.field.key)

    def _errors(self) -> list[GraphQLError]:
        absorbed, self.run.absorbed = self.run.absorbed, []
        return told(absorbed, self.error_limit)


def place(failure: Failure, path: Keys) -> Keys:
    """Of the places of a failure, the one below this path."""
    found = (found for found in failure.position.paths() if found[: len(path)] == path)
    return next(found, path)


def under(path: Keys, errors: Sequence[GraphQLError]) -> list[GraphQLError]:
    return [e for e in errors if tuple(e.path or ())[: len(path)] == path]


def with_errors(entry: Payload, path: Keys, errors: Sequence[GraphQLError]) -> Payload:
    mine = under(path, errors)
    return {**entry, "errors": mine} if mine else entry


def completed(ids: dict[str, None], failed: dict[str, list[GraphQLError]]) -> list[Payload]:
    return [{"id": i, "errors": failed[i]} if i in failed else {"id": i} for i in ids]
