"""Running a plan: each fetch as soon as what it needs is there, its results put where they belong.

The data is one tree of dicts and lists as JSON has them, by the keys of the plan; an exception in
place of a value is what went wrong there. One entity may stand in many places: it is asked for
once, and what comes of it is shared.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias

import orjson

from federation.client import Client, Request
from federation.faults import Answered, ConsentMissing, OtherNumber, Unavailable
from federation.plan import Entities, Fetch, FetchPlan, Input, On, Path, Rename
from runtime.faults import Coded, code_of

Object: TypeAlias = dict[str, Any]
MISSING = object()
HIDDEN = frozenset({"FORBIDDEN", "REASON_REQUIRED"})


class Execution:
    """One run of a plan. `data` grows as answers come."""

    def __init__(
        self,
        plan: FetchPlan,
        variables: Mapping[str, Any],
        client: Client,
        headers: Mapping[str, str],
        names: Mapping[str, str],
        own: str | None = None,
        context: Any = None,
    ) -> None:
        """`names` are what subgraphs are called by people, by their ids; `own` is the id of one
        that is no partner's."""
        self.data: Object = {}
        self.answer_headers: list[tuple[str, str]] = []
        """Of subgraphs' answers, what goes on to the client."""
        self.stray: list[Answered] = []
        """Errors that belong to no null."""
        self._plan = plan
        self._variables = variables
        self._client = client
        self._headers = headers
        self._names = names
        self._own = own
        self._context = context

    async def run(self) -> None:
        for step in self._plan.steps:
            if len(step) == 1:
                await self._fetch(step[0])
            elif step:
                await self._step(step)

    async def _step(self, step: Sequence[Fetch]) -> None:
        async with asyncio.TaskGroup() as group:
            tasks: dict[int, asyncio.Task[None]] = {}
            for fetch in step:
                # Those that come first have a lower number.
                before = [tasks[number] for number in fetch.after if number in tasks]
                tasks[fetch.number] = group.create_task(self._in_turn(fetch, before))

    async def _in_turn(self, fetch: Fetch, before: Sequence[asyncio.Task[None]]) -> None:
        for task in before:
            await asyncio.shield(task)
        await self._fetch(fetch)

    async def _fetch(self, fetch: Fetch) -> None:
        name = self._names[fetch.subgraph]
        asked = [Asked(entities, self.data, name) for entities in fetch.entities]
        roots = [(root, list(reached([self.data], root.path))) for root in fetch.roots]
        if not any(each.representations for each in asked) and not any(o for _, o in roots):
            return
        variables = {n: self._variables[n] for n in fetch.variables if n in self._variables}
        representations = {each.entities.variable: each.representations for each in asked}
        request = Request(
            name,
            fetch,
            variables,
            representations,
            self._headers,
            self.answer_headers,
            self._context,
        )
        try:
            answer = await self._client.ask(request)
        except Unavailable as error:
            for each in asked:
                each.fail(error)
            for root, objects in roots:
                fail(objects, root.fields, error)
            return
        data = answer.get("data")
        errors = answer.get("errors")
        if not isinstance(errors, list):
            errors = []
        if not isinstance(data, dict):
            data = {}
        partner = None if fetch.subgraph == self._own else name
        if self._own is not None and partner is not None and fetch.entities:
            # It knows what the viewer may not: nothing of that may come back as text.
            errors = [untold(error) for error in errors if isinstance(error, dict)]
        self._place(partner, data, errors)
        for each in asked:
            each.take(data.get(each.entities.alias), name, lost_by(name, partner, errors))
        for root, objects in roots:
            found = {key: data[key] for key in data if key not in self._aliases(fetch)}
            rename([found], root.renames)
            lost = lost_by(name, partner, errors) if not found else None
            for target in objects:
                merge(target, found)
                if lost is not None:
                    fail([target], root.fields, lost)

    def _aliases(self, fetch: Fetch) -> set[str]:
        return {entities.alias for entities in fetch.entities}

    def _place(self, partner: str | None, data: Object, errors: Any) -> None:
        """Puts each error in place of the null that it explains."""
        for error in errors if isinstance(errors, list) else ():
            if not isinstance(error, dict):
                continue
            path = error.get("path")
            if not isinstance(path, list) or not path:
                if data:
                    self.stray.append(Answered(partner, error))
                continue
            value: Any = data
            for number, step in enumerate(path):
                inner = item(value, step)
                if inner is None:
                    value[step] = Answered(partner, error, tuple(path[number + 1 :]))
                    break
                if inner is MISSING or isinstance(inner, Exception):
                    break
                value = inner
            else:
                self.stray.append(Answered(partner, error))


class Asked:
    """The entities of one request: each once, and all the places it belongs to."""

    def __init__(self, entities: Entities, data: Object, name: str) -> None:
        self.entities = entities
        self._name = name
        self._targets: dict[bytes, list[Object]] = {}
        self._incomplete: list[Object] = []
        self._refused: list[tuple[Object, Object]] = []
        targets = {id(each): each for path in entities.paths for each in reached([data], path)}
        if entities.sole_key is not None:
            self._add_by(entities.sole_key, targets.values())
        else:
            for target in targets.values():
                self._add(target)

    @property
    def representations(self) -> Sequence[bytes]:
        return list(self._targets)

    def _add_by(self, key: Input, targets: Iterable[Object]) -> None:
        """As below, without making a representation for each of many objects."""
        known: dict[str, list[Object]] = {}
        for target in targets:
            value = target.get(key.key)
            if type(value) is not str:
                self._add(target)
            elif value in known:
                known[value].append(target)
            else:
                representation = orjson.dumps({"__typename": self.entities.type, key.name: value})
                known[value] = self._targets.setdefault(representation, [])
                known[value].append(target)

    def _add(self, target: Object) -> None:
        if self.entities.told is not None:
            self._tell(target, target.get(self.entities.told) or {})
            return
        representation: Object = {"__typename": self.entities.type}
        if not fill(representation, target, self.entities.key, nulls=False):
            return
        requires = self.entities.requires
        if requires and not fill(representation, target, requires, nulls=True):
            self._incomplete.append(target)
        self._targets.setdefault(orjson.dumps(representation), []).append(target)

    def _tell(self, target: Object, told: Object) -> None:
        """Nothing but what the partner may be told, of nothing but what is shown."""
        entities = self.entities
        wanted = {key for keys in entities.fields.values() for key in keys}
        wanted -= {given.key for given in entities.proof}
        wanted -= {key for key, guard in entities.guards.items() if target.get(guard) is not True}
        representation: Object = {"__typename": entities.type}
        if not fill(representation, told, entities.key, nulls=False):
            fail([target], wanted, refused(told, entities.key, self._name))
            return
        whole = dict(representation)
        if fill(whole, told, entities.requires, nulls=True):
            representation = whole
        else:
            needing = wanted & entities.needing
            error = refused(told, entities.requires, self._name)
            fail([target], needing, error)
            self._refused.append((target, dict.fromkeys(needing, error)))
            wanted -= needing
        if wanted:
            self._targets.setdefault(orjson.dumps(representation), []).append(target)

    def _into(self, target: Object) -> Object:
        """Where what is found is put."""
        apart = self.entities.apart
        if apart is None:
            return target
        kept: Object = target.setdefault(apart, {})
        return kept

    def fail(self, error: Unavailable) -> None:
        for target in self._all():
            self._fail(target, error)

    def take(self, found: Any, name: str, otherwise: Exception) -> None:
        """The entities as the subgraph gives them, in the order of the representations."""
        if not isinstance(found, list) or len(found) != len(self._targets):
            if isinstance(found, Exception):
                lost: Exception = found
            elif isinstance(found, list):
                lost = OtherNumber(name)
            else:
                lost = otherwise
            for target in self._all():
                self._fail(target, lost)
            return
        rename([entity for entity in found if type(entity) is dict], self.entities.renames)
        for entity, targets in zip(found, self._targets.values(), strict=True):
            if self.entities.told is not None and type(entity) is dict:
                # It proved whose answer this is; who may see it, only we know.
                for given in self.entities.proof:
                    entity.pop(given.key, None)
            for target in targets:
                if type(entity) is dict:
                    merge(self._into(target), entity)
                elif isinstance(entity, Exception):
                    self._fail(target, entity)
                elif entity is not None:
                    wrong = Unavailable(name, "gave something else than entities", retryable=False)
                    self._fail(target, wrong)
        for target, errors in self._refused:
            target.update(errors)
        if self._incomplete and self.entities.needing:
            lost = Unavailable(name, "lacks what it requires")
            for target in self._incomplete:
                for key in self.entities.needing:
                    if not isinstance(target.get(key), Exception):
                        target[key] = lost

    def _all(self) -> Iterable[Object]:
        return (target for targets in self._targets.values() for target in targets)

    def _fail(self, target: Object, error: Exception) -> None:
        target = self._into(target)
        for types, keys in self.entities.fields.items():
            if types is None or is_of(target, types):
                fail([target], keys, error)


def reached(objects: Iterable[Object], path: Path) -> Iterable[Object]:
    """The objects along the path."""
    for step in path:
        if isinstance(step, frozenset):
            objects = [each for each in objects if is_of(each, step)]
        else:
            objects = objects_in([each.get(step) for each in objects])
    return objects


def is_of(value: Object, types: On) -> bool:
    name = value.get("__typename")
    return type(name) is str and name in types


def objects_in(values: list[Any]) -> list[Object]:
    """The objects among the values, and in lists among them."""
    while list in set(map(type, values)):
        in_lists = (value if type(value) is list else (value,) for value in values)
        values = list(chain.from_iterable(in_lists))
    return [value for value in values if type(value) is dict]


def fill(made: Object, source: Object, inputs: Sequence[Input], *, nulls: bool) -> bool:
    """Fills in what is there; whether that is all."""
    complete = True
    for given in inputs:
        if given.types is not None and not is_of(source, given.types):
            continue
        value = source.get(given.key, MISSING)
        if given.guard is not None and source.get(given.guard) is not True:
            value = MISSING
        if value is not None and value is not MISSING and given.below:
            value = represented(value, given, nulls=nulls)
        if value is MISSING or isinstance(value, Exception) or (value is None and not nulls):
            complete = False
        elif given.name in made and type(value) is dict and type(made[given.name]) is dict:
            made[given.name] = {**made[given.name], **value}
        else:
            made[given.name] = value
    return complete


def represented(value: Any, given: Input, *, nulls: bool) -> Any:
    if type(value) is list:
        items = [represented(each, given, nulls=nulls) for each in value]
        return MISSING if any(each is MISSING for each in items) else items
    if value is None:
        return None
    if type(value) is not dict:
        return MISSING
    made: Object = {"__typename": value.get("__typename")} if given.typed else {}
    return made if fill(made, value, given.below, nulls=nulls) else MISSING


def rename(objects: Iterable[Object], renames: Sequence[Rename]) -> None:
    for each in renames:
        for found in reached(objects, each.path):
            if each.alias in found:
                found[each.key] = found.pop(each.alias)


def merge(target: Object, found: Object) -> None:
    """Adds what is found; what was there stays, for both are of the same."""
    if target.keys().isdisjoint(found):
        target.update(found)
        return
    for key, value in found.items():
        known = target.get(key)
        if known is None or isinstance(known, Exception):
            if not (isinstance(value, Exception) and key in target and known is None):
                target[key] = value
        elif type(known) is dict and type(value) is dict:
            merge(known, value)
        elif type(known) is list and type(value) is list:
            merge_lists(known, value)


def merge_lists(known: list[Any], found: list[Any]) -> None:
    if len(known) != len(found):
        return
    for mine, theirs in zip(known, found, strict=True):
        if type(mine) is dict and type(theirs) is dict:
            merge(mine, theirs)
        elif type(mine) is list and type(theirs) is list:
            merge_lists(mine, theirs)


def fail(objects: Iterable[Object], keys: Iterable[str], error: Exception) -> None:
    """The keys are lost to the error, where there is nothing yet."""
    for each in objects:
        for key in keys:
            if each.get(key) is None:
                each[key] = error


def refused(told: Object, inputs: Sequence[Input], name: str) -> Exception:
    """Why a partner is not told: it may not be, or it cannot be known."""
    for given in inputs:
        value = told.get(given.key)
        if isinstance(value, Coded) and code_of(value) not in HIDDEN:
            return value
        if given.below:
            for below in objects_in([value]):
                found = refused(below, given.below, name)
                if not isinstance(found, ConsentMissing):
                    return found
    return ConsentMissing(name)


def untold(error: Any) -> Any:
    """Only where it happened."""
    return {"path": error.get("path")}


def lost_by(name: str, partner: str | None, errors: Any) -> Exception:
    """Why there is no data."""
    for error in errors if isinstance(errors, list) else ():
        if isinstance(error, dict):
            return Answered(partner, error)
    return Unavailable(name, "gave no data", retryable=False)


def item(value: Any, step: Any) -> Any:
    if type(value) is dict:
        return value.get(step, MISSING) if type(step) is str else MISSING
    if type(value) is list and type(step) is int and 0 <= step < len(value):
        return value[step]
    return MISSING
