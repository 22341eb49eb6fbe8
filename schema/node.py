"""Finding anything again by its id. Whoever serves this knows every entity, if only by its id."""

import asyncio
from functools import cache
from typing import Annotated, Any

import strawberry
from strawberry import ID

from resolvers.info import Info
from runtime.faults import LimitExceeded
from schema.base import Backing, Node, backings, field, query


def by_prefix() -> dict[str, Backing]:
    return {backing.row.prefix: backing for backing in backings.values() if backing.by_id}


def kind_of(id: str) -> str | None:
    """The name of the type that an id is of."""
    return names_by_prefix().get(id.partition("_")[0])


@cache
def names_by_prefix() -> dict[str, str]:
    return {backing.row.prefix: type_.__name__ for type_, backing in backings.items()}


async def node(info: Info, id: Annotated[ID, strawberry.argument("Any id you were given.")]) -> Any:
    backing = by_prefix().get(id.partition("_")[0])
    if backing is None or backing.by_id is None:
        return None
    return await info.context.load(backing.by_id, id)


async def nodes(
    info: Info, ids: Annotated[list[ID], strawberry.argument("Ids you were given, at most 100.")]
) -> Any:
    limit = info.context.settings.page_limit
    if len(ids) > limit:
        raise LimitExceeded(
            f"`ids` may hold at most {limit}.", argument="ids", limit=limit, requested=len(ids)
        )
    return await asyncio.gather(*(node(info, id) for id in ids))


@query
class Query:
    node: Node | None = field(
        "Anything by its id; null if there is no such thing, or not for you.", resolve=node, cost=10
    )
    nodes: list[Node | None] = field(
        "Several things by their ids, in the order asked; null for each that is not there.",
        resolve=nodes,
        size="ids",
        cost=10,
    )
