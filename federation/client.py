"""What is asked of subgraphs, and who can ask them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Protocol

import orjson
from graphql import OperationType

from federation.faults import Unavailable
from federation.plan import Fetch


@dataclass(frozen=True, eq=False)
class Request:
    """What is asked of a subgraph, for whom the headers speak."""

    subgraph: str
    """What it is called by people."""
    fetch: Fetch
    variables: Mapping[str, Any]
    """The client's, as far as the fetch needs them."""
    representations: Mapping[str, Sequence[bytes]]
    """By the names of variables: each entity as JSON, each once."""
    headers: Mapping[str, str]
    """The client's, in lower case; a client of ours passes on those that were agreed."""
    answer_headers: list[tuple[str, str]] = field(default_factory=list)
    """Of answers, what goes on to the client: grows."""
    context: Any = None
    """The request's own, for whoever answers in this process."""

    @property
    def is_query(self) -> bool:
        """Whether it may be asked again, or once for several."""
        return self.fetch.kind == OperationType.QUERY.value

    @property
    def is_for_entities(self) -> bool:
        """And for nothing else."""
        return self.is_query and not self.fetch.roots

    def parts(self, most: int) -> "list[Request]":
        """Requests of at most so many entities of each kind, for what is about nothing else."""
        count = max(map(len, self.representations.values()), default=0)
        if count <= most or not self.is_for_entities:
            return [self]
        return [
            replace(
                self,
                representations={
                    name: given[begin : begin + most]
                    for name, given in self.representations.items()
                },
            )
            for begin in range(0, count, most)
        ]

    @property
    def body(self) -> bytes:
        entities = {
            name: [orjson.Fragment(each) for each in given]
            for name, given in self.representations.items()
        }
        return orjson.dumps(
            {"query": self.fetch.document, "variables": {**self.variables, **entities}}
        )


class Client(Protocol):
    """Whoever can ask subgraphs."""

    async def ask(self, request: Request) -> dict[str, Any]:
        """The answer, an object. Raises Unavailable."""
        ...


class NoClient:
    """For plans that are only looked at."""

    async def ask(self, request: Request) -> dict[str, Any]:
        raise Unavailable(request.subgraph, "is not asked here", retryable=False)


AT_ONCE = 8
"""Parts of one request: others are to be asked as well, and not refused for its sake."""


class InParts:
    """Asks for no more entities at once than the subgraph takes, in several requests. One that
    fails costs what it was for, and what would have been asked after it."""

    def __init__(self, client: Client, most: int) -> None:
        self._client = client
        self._most = most

    async def ask(self, request: Request) -> dict[str, Any]:
        parts = request.parts(self._most)
        if len(parts) == 1:
            return await self._client.ask(request)
        turns, failed = asyncio.Semaphore(AT_ONCE), list[Unavailable]()

        async def asked(part: Request) -> dict[str, Any]:
            async with turns:
                if not failed:
                    try:
                        return await self._client.ask(part)
                    except Unavailable as error:
                        failed.append(error)
            # The same error for all of them, so that it is told once.
            lost = {
                entities.alias: failed[:1] * len(part.representations[entities.variable])
                for entities in request.fetch.entities
            }
            return {"data": lost}

        answers = await asyncio.gather(*map(asked, parts))
        whole: dict[str, Any] = {"data": {}, "errors": []}
        for entities in request.fetch.entities:
            alias, variable = entities.alias, entities.variable
            found: list[Any] = [(answer.get("data") or {}).get(alias) for answer in answers]
            given = [len(part.representations[variable]) for part in parts]
            # Lists of other lengths cannot be told apart any more once they are one.
            odd = [f for f, n in zip(found, given, strict=True) if not is_list_of(f, n)]
            whole["data"][alias] = odd[0] if odd else list(chain.from_iterable(found))
        for number, answer in enumerate(answers):
            errors = answer.get("errors")
            for error in errors if isinstance(errors, list) else ():
                whole["errors"].append(moved(error, number * self._most))
        return whole


def is_list_of(value: Any, number: int) -> bool:
    return isinstance(value, list) and len(value) == number


def moved(error: Any, by: int) -> Any:
    """The error with the place that its entity has among all."""
    path = error.get("path") if isinstance(error, dict) else None
    if isinstance(path, list) and len(path) > 1 and type(path[1]) is int:
        return {**error, "path": [path[0], path[1] + by, *path[2:]]}
    return error


class BySubgraph:
    """Asks each subgraph in its own way."""

    def __init__(self, clients: Mapping[str, Client]) -> None:
        """By what subgraphs are called by people."""
        self._clients = clients

    async def ask(self, request: Request) -> dict[str, Any]:
        return await self._clients[request.subgraph].ask(request)
