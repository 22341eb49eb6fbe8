"""What routers ask a subgraph for: entities, by representations of them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from graphql import GraphQLError, GraphQLScalarType

from runtime.batch import Batch
from runtime.context import Context
from runtime.faults import BadInput, LimitExceeded

KEY_LIMIT = 100
"""Characters: longer than any key there is."""


@dataclass(frozen=True)
class Key:
    """A field that names one of an entity, and how it is found by it. The first read finds whatever
    the viewer may ask for by its key; those after it, what is shown on the way through others."""

    type: GraphQLScalarType
    reads: tuple[Batch, ...]


Kinds: TypeAlias = Mapping[str, Mapping[str, Key]]
"""The keys of each entity, by the names of type and field."""
Named: TypeAlias = tuple[Key, str]


async def entities(kinds: Kinds, context: Context, representations: Sequence[Any]) -> list[Any]:
    """In the order asked: the row; null if there is no such thing, or not for this viewer; or why
    this one cannot be answered. Each type and key is read once for all of them."""
    limit = context.settings.representation_limit
    if len(representations) > limit:
        raise LimitExceeded(
            f"`representations` may hold at most {limit:,}.",
            argument="representations",
            limit=limit,
            requested=len(representations),
        )
    asked = [named(kinds, representation) for representation in representations]
    values: dict[Key, list[str]] = {}
    for one in asked:
        if not isinstance(one, BadInput):
            values.setdefault(one[0], []).append(one[1])
    reads = [found(context, key, wanted) for key, wanted in values.items()]
    by_key = dict(zip(values, await asyncio.gather(*reads), strict=True))
    return [one if isinstance(one, BadInput) else by_key[one[0]][one[1]] for one in asked]


async def found(context: Context, key: Key, values: list[str]) -> dict[str, Any]:
    """By value; a read that fails is the failure of what it was to find, and of nothing else."""
    known: dict[str, Any] = {}
    for batch in key.reads:
        wanted = [value for value in values if known.get(value) is None]
        if not wanted:
            break
        try:
            columns = context.projection.of(batch.entity)
            rows = await context.batches.level(batch, wanted, columns)
        except Exception as error:
            rows = [error] * len(wanted)
        known.update(zip(wanted, rows, strict=True))
    return known


def named(kinds: Kinds, representation: Any) -> Named | BadInput:
    """Whatever stands in it beside a key is ignored: a router sends what it has. It is never
    changed, for others may hold it too."""
    if not isinstance(representation, dict):
        return BadInput("A representation must be an object.", argument="representations")
    name = representation.get("__typename")
    keys = kinds.get(name) if isinstance(name, str) else None
    if keys is None:
        return BadInput(
            "`__typename` must name an entity of this subgraph.", argument="representations"
        )
    for field, key in keys.items():
        if representation.get(field) is not None:
            return named_by(key, f"{name}.{field}", representation[field])
    return BadInput(f"{name} is found by {' or '.join(keys)}.", argument="representations")


def named_by(key: Key, field: str, value: Any) -> Named | BadInput:
    try:
        text = str(key.type.coerce_input_value(value))
    except GraphQLError:
        text = ""
    if not text.isprintable() or not 0 < len(text) <= KEY_LIMIT:
        return BadInput(f"This is no {field}.", argument="representations")
    return key, text
