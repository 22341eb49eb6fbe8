"""Answers in several parts: what `@defer` and `@stream` leave for later, in the format of the
incremental delivery specification (`pending`, `incremental`, `completed`)."""

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
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
    ids: dict[Keys, str] = field(default_factory=dict)


@dataclass
class Streamed:
    """The lists of a field, of which the rest follows."""

    task: Task
    ids: dict[Keys, str] = field(default_factory=dict)


@dataclass
class Delivery:
    """Delivers one run. Parts follow in the order of the document, the outer before the inner;
    each is a run of levels of its own, for all objects at once."""

    run: Run
    error_limit: int
    _announced_so_far: int = 0
    _homes: dict[Defer, int] = field(default_factory=dict)
    """How many steps lead to the objects that a fragment was spread on."""
    _work: list[Deferred | Streamed] = field(default_factory=list)
    _has_begun: bool = False
    _owed: dict[str, None] = field(default_factory=dict)
    """What was announced and is not there yet."""

    async def payloads(self) -> AsyncGenerator[Payload, None]:
        data = await self.run.data()
        errors = self._errors()
        first: Payload = {"data": data, **({"errors": errors} if errors else {})}
        if pending := self._announced() if data is not None else []:
            first["pending"] = pending
        yield {**first, "hasNext": True} if pending else first
        while self._work:
            work = self._work.pop(0)
            part = self._rest(work) if isinstance(work, Streamed) else self._deferred(work)
            incremental, completed = await part
            payload = {"pending": self._announced(), "incremental": incremental}
            payload = {name: entries for name, entries in payload.items() if entries}
            yield {**payload, "completed": completed, "hasNext": bool(self._work)}

    def left(self, payload: Payload) -> None:
        """The client has it."""
        self._has_begun = True
        self._owed |= {entry["id"]: None for entry in payload.get("pending", ())}
        for entry in payload.get("completed", ()):
            self._owed.pop(entry["id"], None)

    def given_up(self, error: GraphQLError) -> Payload:
        """The last one, where what is owed will not come."""
        if not self._has_begun:
            return {"data": None, "errors": [error]}
        failed = [{"id": id, "errors": [error]} for id in self._owed]
        return {"completed": failed, "hasNext": False}

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
        for work in sorted(deferred.values(), key=lambda work: work.defer.depth):
            paths = (path[: work.depth] for path, _, _ in self._places(work.parts))
            pending += self._pending(work, paths, work.defer.label)
        for task in streamed:
            assert task.field.stream is not None
            paths = (path for _, path in self._lists(task))
            pending += self._pending(Streamed(task), paths, task.field.stream.label)
        return pending

    def _pending(
        self, work: Deferred | Streamed, paths: Iterable[Keys], label: str | None
    ) -> Iterator[Payload]:
        for path in dict.fromkeys(paths):
            work.ids[path] = str(self._announced_so_far)
            self._announced_so_far += 1
            told = {"label": label} if label else {}
            yield {"id": work.ids[path], "path": list(path), **told}
        if work.ids:
            self._work.append(work)

    async def _deferred(self, work: Deferred) -> tuple[list[Payload], list[Payload]]:
        groups = [Group(part, of.rows, of.objects, of) for of, part in work.parts]
        await self.run.complete(groups)
        made = {id(of): group.made for (of, _), group in zip(work.parts, groups, strict=True)}
        entries: dict[Keys, Payload] = {}
        failed: dict[str, list[GraphQLError]] = {}
        for path, of, index in self._places(work.parts):
            identity = work.ids[path[: work.depth]]
            value = made[id(of)][index]
            if type(value) is Failure:
                failed.setdefault(identity, [located(value, place(value, path))])
                continue
            entries[path] = {"id": identity, "data": value}
            if len(path) > work.depth:
                entries[path]["subPath"] = list(path[work.depth :])
        self._tell(entries)
        # A fragment is there as a whole or not at all.
        whole = [entry for entry in entries.values() if entry["id"] not in failed]
        return whole, completed(work.ids, failed)

    async def _rest(self, work: Streamed) -> tuple[list[Payload], list[Payload]]:
        rest = work.task.going_on()
        if not rest.complete():
            await rest.sort_out()
        await self.run.complete(rest.groups)
        column = rest.column()
        entries: dict[Keys, Payload] = {}
        failed: dict[str, list[GraphQLError]] = {}
        for index, path in self._lists(work.task):
            entries[path] = {"id": work.ids[path], "items": column[index]}
            if type(column[index]) is Failure:
                failed[work.ids[path]] = [located(column[index], place(column[index], path))]
        self._tell(entries)
        for entry in entries.values():
            if entry["items"] is None:
                failed[entry["id"]] = entry["errors"]
        whole = [entry for entry in entries.values() if entry["id"] not in failed]
        return whole, completed(work.ids, failed)

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

    def _tell(self, entries: dict[Keys, Payload]) -> None:
        """Each error with the entry it is in: the innermost, where they lie in each other."""
        for error in self._errors():
            path = tuple(error.path or ())
            around = (path[:size] for size in range(len(path), -1, -1))
            innermost = next((found for found in around if found in entries), None)
            if innermost is not None:
                entries[innermost].setdefault("errors", []).append(error)


def errors_in(payload: Payload) -> list[GraphQLError]:
    parts = [payload, *payload.get("incremental", ()), *payload.get("completed", ())]
    return [error for part in parts for error in part.get("errors", ())]


def place(failure: Failure, path: Keys) -> Keys:
    """Of the places of a failure, the one below this path."""
    found = (found for found in failure.position.paths() if found[: len(path)] == path)
    return next(found, path)


def completed(ids: dict[Keys, str], failed: dict[str, list[GraphQLError]]) -> list[Payload]:
    return [{"id": i, "errors": failed[i]} if i in failed else {"id": i} for i in ids.values()]
