"""What partners said of entities, kept for as long as they allow, until something happens to one.

An entity is known by all that its partner can answer by: what is asked (document, variables,
representation) and for whom (the headers that are passed on). Beside it stands a *mark*, one for
each type and key, whatever was asked of it. What is kept holds the mark that stood when it was
asked for, and counts only as long as that still stands. To forget is to drop the mark: what is
under way then, and arrives later, is old by its mark. Nor does it matter if a store drops marks by
itself.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, TypeAlias

import orjson

from federation.client import Request
from federation.execute import lost_by
from federation.faults import OtherNumber, Unavailable
from federation.observer import Event, Observer
from runtime.store import Store

Object: TypeAlias = dict[str, Any]
Asked: TypeAlias = Callable[[Request], Awaitable[tuple[Object, int]]]
"""Asks the partner: the answer, and for how many seconds it may be kept."""

MARK_SECONDS = 2 * 86_400
"""Longer than anything is kept."""
TURN_SECONDS = 1.0
"""How long one process may be the one that asks."""
WAIT_SECONDS = 0.2
"""How long another waits for what it brings, before it asks as well."""
LOOK_SECONDS = 0.02


@dataclass(frozen=True, eq=False)
class Wanted:
    """One entity of a request, and where in its list it stands."""

    alias: str
    index: int
    representation: bytes
    key: str
    mark: str

    @property
    def turn(self) -> str:
        return f"{self.key}:turn"


@dataclass(eq=False)
class Brought:
    """What asking has brought, by key. Not kept where errors tell of some of it: of which, is not
    always to be seen."""

    entities: dict[str, Any] = field(default_factory=dict)
    errors: list[Object] = field(default_factory=list)
    seconds: int = 0

    @property
    def lasting(self) -> dict[str, bytes]:
        if self.errors:
            return {}
        return {
            key: orjson.dumps(entity)
            for key, entity in self.entities.items()
            if not isinstance(entity, Exception)
        }


class NotForgotten(Exception):
    pass


class EntityCache:
    def __init__(self, store: Store, observer: Observer | None = None) -> None:
        self._store = store
        self._observer = observer or Observer()
        self._coming: dict[str, asyncio.Future[bytes | None]] = {}
        """What this process is asking for, by key."""

    async def forget(self, type_: str, key: Mapping[str, Any]) -> None:
        """For whoever follows events: something has happened to the entity. Raises NotForgotten
        where the store cannot be reached, so that the event is told again."""
        self._coming.clear()
        if not await self._store.drop([mark_of(type_, key)]):
            raise NotForgotten(f"What partners said of this {type_} is still kept.")

    async def answer(self, request: Request, headers: Mapping[str, str], asked: Asked) -> Object:
        """What is known of the entities that the request is for, and of the others what `asked`
        brings. `headers` are those that the partner is sent."""
        wanted = list(wanted_by(request, headers))
        found = await self._known(wanted)
        missing = [each for each in wanted if each.key not in found]
        self._observer.counted(request.subgraph, Event.CACHED, len(found))
        self._observer.counted(request.subgraph, Event.NOT_CACHED, len(missing))
        joined = [(each, self._coming[each.key]) for each in missing if each.key in self._coming]
        others = {each.key for each, _ in joined}
        brought = await self._bring(request, [e for e in missing if e.key not in others], asked)
        for each, coming in joined:
            # Shielded, or whoever gives up would take it from all others.
            if (content := await asyncio.shield(coming)) is not None:
                found[each.key] = orjson.loads(content)
        left = [each for each, _ in joined if each.key not in found]
        again = await self._ask(request, left, asked)
        found |= brought.entities | again.entities
        data: Object = {entities.alias: [] for entities in request.fetch.entities}
        for each in wanted:
            data[each.alias].append(found[each.key])
        return {"data": data, "errors": brought.errors + again.errors}

    async def _known(self, wanted: Sequence[Wanted]) -> dict[str, Any]:
        held = await self._store.read([*(e.key for e in wanted), *(e.mark for e in wanted)])
        entries, marks = held[: len(wanted)], held[len(wanted) :]
        return {
            each.key: orjson.loads(entry[len(mark) :])
            for each, entry, mark in zip(wanted, entries, marks, strict=True)
            if entry is not None and mark is not None and entry.startswith(mark)
        }

    async def _bring(self, request: Request, wanted: Sequence[Wanted], asked: Asked) -> Brought:
        """What nobody in this process is asking for: others wait for it from here on."""
        if not wanted:
            return Brought()
        loop = asyncio.get_running_loop()
        coming = {each.key: loop.create_future() for each in wanted}
        self._coming |= coming
        lasting: dict[str, bytes] = {}
        mine = secrets.token_bytes(8)
        try:
            agreed = await self._store.agree(
                {each.mark: (mine, MARK_SECONDS) for each in wanted}
                | {each.turn: (mine, TURN_SECONDS) for each in wanted}
            )
            found = await self._waited_for([e for e in wanted if agreed[e.turn] != mine])
            left = [each for each in wanted if each.key not in found]
            brought = await self._ask(request, left, asked)
            lasting = brought.lasting
            if brought.seconds:
                marks = {each.key: agreed[each.mark] for each in left}
                kept = {key: marks[key] + content for key, content in lasting.items()}
                await self._store.write(kept, brought.seconds)
            turns = [each.turn for each in wanted if agreed[each.turn] == mine]
            if turns:
                await self._store.drop(turns)
            brought.entities |= found
            return brought
        finally:
            for key, future in coming.items():
                if self._coming.get(key) is future:
                    del self._coming[key]
                future.set_result(lasting.get(key))

    async def _waited_for(self, wanted: Sequence[Wanted]) -> dict[str, Any]:
        """What other processes are asking for, unless they take too long."""
        found: dict[str, Any] = {}
        looks = int(WAIT_SECONDS / LOOK_SECONDS)
        while looks and wanted:
            await asyncio.sleep(LOOK_SECONDS)
            looks -= 1
            # In this order: whoever has written gives up the turn afterwards.
            turns = await self._store.read([each.turn for each in wanted])
            found |= await self._known(wanted)
            wanted = [
                each
                for each, turn in zip(wanted, turns, strict=True)
                if turn is not None and each.key not in found
            ]
        return found

    async def _ask(self, request: Request, wanted: Sequence[Wanted], asked: Asked) -> Brought:
        if not wanted:
            return Brought()
        those: dict[str, list[Wanted]] = {e.alias: [] for e in request.fetch.entities}
        for each in wanted:
            those[each.alias].append(each)
        representations = {
            entities.variable: [each.representation for each in those[entities.alias]]
            for entities in request.fetch.entities
        }
        try:
            answer, seconds = await asked(replace(request, representations=representations))
        except Unavailable as error:
            # What is known is answered all the same.
            return Brought({each.key: error for each in wanted})
        data, errors = answer.get("data"), answer.get("errors")
        brought = Brought(seconds=seconds, errors=list(told_of(errors, those)))
        for alias, few in those.items():
            given = data.get(alias) if type(data) is dict else None
            if type(given) is not list:
                given = [lost_by(request.subgraph, request.subgraph, errors)] * len(few)
            elif len(given) != len(few):
                given = [OtherNumber(request.subgraph)] * len(few)
            brought.entities |= {e.key: entity for e, entity in zip(few, given, strict=True)}
        return brought


def told_of(errors: Any, those: Mapping[str, Sequence[Wanted]]) -> Iterator[Object]:
    """The errors, with places in the lists of the whole request."""
    for error in errors if type(errors) is list else ():
        path = error.get("path") if type(error) is dict else None
        match path:
            case [str(alias), int(index), *rest] if 0 <= index < len(those.get(alias, ())):
                yield {**error, "path": [alias, those[alias][index].index, *rest]}


def wanted_by(request: Request, headers: Mapping[str, str]) -> Iterator[Wanted]:
    asked = orjson.dumps(
        [request.subgraph, request.fetch.document, request.variables, headers],
        option=orjson.OPT_SORT_KEYS,
    )
    for entities in request.fetch.entities:
        names = [part.name for part in entities.key]
        for index, representation in enumerate(request.representations[entities.variable]):
            known = orjson.loads(representation)
            mark = mark_of(entities.type, {name: known[name] for name in names if name in known})
            of_it = b"\0".join((asked, entities.alias.encode(), representation))
            yield Wanted(entities.alias, index, representation, f"entity:{digest(of_it)}", mark)


def mark_of(type_: str, key: Mapping[str, Any]) -> str:
    return f"mark:{digest(orjson.dumps([type_, key], option=orjson.OPT_SORT_KEYS))}"


def digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def lifetime(headers: Mapping[str, str], *, personal: bool) -> int:
    """For how many seconds an answer may be kept for others who ask the same, as RFC 9111 has it.
    `personal` is one to a request that said who the viewer is."""
    told: dict[str, str] = {}
    for directive in headers.get("cache-control", "").lower().split(","):
        name, _, value = directive.strip().partition("=")
        told[name] = value.strip('"')
    if told.keys() & {"no-store", "no-cache", "private"}:
        return 0
    if personal and not told.keys() & {"public", "s-maxage"}:
        return 0
    seconds, age = told.get("s-maxage", told.get("max-age", "")), headers.get("age", "0")
    if not (seconds.isdecimal() and age.isdecimal()):
        return 0
    return max(0, int(seconds) - int(age))
