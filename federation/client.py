"""What is asked of subgraphs, and who can ask them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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


class BySubgraph:
    """Asks each subgraph in its own way."""

    def __init__(self, clients: Mapping[str, Client]) -> None:
        """By what subgraphs are called by people."""
        self._clients = clients

    async def ask(self, request: Request) -> dict[str, Any]:
        return await self._clients[request.subgraph].ask(request)
