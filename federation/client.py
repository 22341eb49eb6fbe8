"""GraphQL over HTTP to other servers: for so long, for so many bytes, and nowhere else."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx
import orjson

from federation.faults import Unavailable
from federation.plan import Fetch

HEADERS = {
    "content-type": "application/json",
    "accept": "application/graphql-response+json, application/json;q=0.9",
}


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


@dataclass(frozen=True)
class Address:
    url: str
    seconds: float = 10
    limit: int = 10_000_000
    """How many bytes an answer may have."""


def connections(transport: httpx.AsyncBaseTransport | None = None) -> httpx.AsyncClient:
    """To all subgraphs. Where one is, is written down: no redirect leads elsewhere, nor does what
    the environment says."""
    return httpx.AsyncClient(
        transport=transport,
        headers=HEADERS,
        timeout=None,
        follow_redirects=False,
        trust_env=False,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
    )


class HttpClient:
    """Asks each subgraph at its address."""

    def __init__(self, addresses: Mapping[str, Address], http: httpx.AsyncClient) -> None:
        self._addresses = addresses
        self._http = http

    async def ask(self, request: Request) -> dict[str, Any]:
        subgraph = request.subgraph
        address = self._addresses[subgraph]
        try:
            async with asyncio.timeout(address.seconds):
                content = await self._content(request, address)
        except TimeoutError:
            told = f"did not answer within {address.seconds:g} seconds"
            raise Unavailable(subgraph, told) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(subgraph, "cannot be reached") from error
        try:
            answer = orjson.loads(content)
        except orjson.JSONDecodeError:
            raise Unavailable(subgraph, "did not answer with JSON") from None
        if not isinstance(answer, dict) or not ("data" in answer or "errors" in answer):
            raise Unavailable(subgraph, "did not answer with a GraphQL response")
        return answer

    async def _content(self, request: Request, address: Address) -> bytes:
        subgraph = request.subgraph
        async with self._http.stream(
            "POST", address.url, content=request.body, headers=dict(request.headers)
        ) as response:
            if response.status_code >= 500 or 300 <= response.status_code < 400:
                raise Unavailable(subgraph, f"answered with status {response.status_code}")
            content = bytearray()
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > address.limit:
                    told = f"answered with more than {address.limit} bytes"
                    raise Unavailable(subgraph, told, retryable=False)
            return bytes(content)
