"""GraphQL over HTTP to one partner: for so long, so often, for so many bytes, and nowhere else."""

import asyncio
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
import structlog
from aiohttp import ClientError
from multidict import CIMultiDict
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential
from yarl import URL

from federation.cache import EntityCache, lifetime
from federation.client import Request
from federation.evidence import looked_into
from federation.faults import Unavailable
from federation.guard import Breaker, Bulkhead, Crowded, Flights, Resting
from federation.network import Connections, Response, Transport
from federation.observer import Call, Event, Observer
from federation.partner import Partner
from runtime import signature

log = structlog.get_logger()

JSON = frozenset({"application/json", "application/graphql-response+json"})
PASSING = frozenset({429, 502, 503, 504})
"""The statuses of a server that may do better in a moment."""
PERSONAL = frozenset({"authorization", "cookie"})
"""Headers that say who the viewer is."""
REQUEST_ID = "x-request-id"
BACKOFF = wait_random_exponential(multiplier=0.05, max=1)
"""Anything between nothing and twice as much as the last time: those who failed together should
not come back together."""
GZIP = 16 + zlib.MAX_WBITS


class Passing(Unavailable):
    """What may be over when it is asked once more."""


@dataclass(eq=False)
class Reply:
    """What came back, once it has been seen to be an answer."""

    content: bytes
    headers: CIMultiDict[str]
    _answer: dict[str, Any] | None = field(repr=False)

    def answer(self) -> dict[str, Any]:
        """For one who asked. They write into it, so no two are given the same."""
        answer, self._answer = self._answer, None
        return orjson.loads(self.content) if answer is None else answer


class HttpClient:
    """Asks one partner, at its address."""

    def __init__(
        self,
        name: str,
        partner: Partner,
        transport: Transport | None = None,
        observer: Observer | None = None,
        cache: EntityCache | None = None,
    ) -> None:
        """`name` is what its subgraph is called by people."""
        assert partner.url is not None
        self.name = name
        self.partner = partner
        self._url = URL(partner.url)
        self._transport = transport or Connections(partner)
        self._observer = observer or Observer()
        self._breaker = Breaker(name, partner.failures, partner.rest_seconds)
        self._bulkhead = Bulkhead(name, partner.concurrency)
        self._flights: Flights[Reply] = Flights()
        self._cache = cache if partner.cache_seconds else None

    async def close(self) -> None:
        await self._transport.close()

    async def ask(self, request: Request) -> dict[str, Any]:
        if self._cache is not None and request.is_for_entities:
            return await self._cache.answer(request, self.sent(request), self._asked)
        return (await self._asked(request))[0]

    async def _asked(self, request: Request) -> tuple[dict[str, Any], int]:
        """The answer, and for how many seconds it may be kept."""
        reply = await self.reply(request)
        for name in self.partner.answer_headers:
            values = reply.headers.getall(name, ())
            request.answer_headers.extend((name, value) for value in values)
        answer, seconds = looked_into(reply.answer(), request), 0
        if self._cache is not None:
            personal = not PERSONAL.isdisjoint(self.sent(request))
            seconds = min(self.partner.cache_seconds, lifetime(reply.headers, personal=personal))
        return answer, seconds

    def sent(self, request: Request) -> dict[str, str]:
        """Those of the client's headers that the partner is sent."""
        listed, given = self.partner.headers, request.headers
        return {name: given[name] for name in listed if name in given}

    async def reply(self, request: Request) -> Reply:
        body, headers = request.body, self.sent(request)
        # The same for all who share a call, so it is no part of what they have in common.
        traced = {REQUEST_ID: request.headers[REQUEST_ID]} if REQUEST_ID in request.headers else {}

        async def call() -> Reply:
            return await self._call(request, body, {**headers, **traced})

        if not request.is_query:
            try:
                return await call()
            finally:
                self._flights.land()
        key = body, tuple(headers.items())
        if key in self._flights:
            self._observer.counted(self.name, Event.SHARED)
        try:
            return await self._flights.joined(key, call)
        except Unavailable as error:
            raise error.again() from error

    async def _call(self, request: Request, body: bytes, headers: Mapping[str, str]) -> Reply:
        call = Call(self.name, request.fetch)
        self._observer.counted(self.name, Event.ASKED)
        until = asyncio.get_running_loop().time() + self.partner.seconds
        try:
            with self._observer.call(call):
                headers = {**headers, **self._observer.carried()}
                async with self._bulkhead:
                    with self._breaker.watching():
                        return await self._in_time(call, body, headers, until, request.is_query)
        except Unavailable as error:
            kind = kind_of(error)
            self._observer.counted(self.name, kind)
            if kind is Event.FAILED:
                log.warning("partner", name=self.name, told=error.told, cause=told_by(error))
            raise

    async def _in_time(
        self, call: Call, body: bytes, headers: Mapping[str, str], until: float, is_query: bool
    ) -> Reply:
        try:
            async with asyncio.timeout_at(until):
                if not is_query or self.partner.attempts == 1:
                    return await self._try(call, body, headers)
                return await self._retrying()(self._try, call, body, headers)
        except TimeoutError:
            told = f"did not answer within {self.partner.seconds:g} seconds"
            raise Unavailable(self.name, told) from None

    def _retrying(self) -> AsyncRetrying:
        """For one call: it keeps count of its tries."""
        return AsyncRetrying(
            stop=stop_after_attempt(self.partner.attempts),
            wait=BACKOFF,
            retry=retry_if_exception_type(Passing),
            before_sleep=lambda _: self._observer.counted(self.name, Event.RETRIED),
            reraise=True,
        )

    async def _try(self, call: Call, body: bytes, headers: Mapping[str, str]) -> Reply:
        call.tries += 1
        try:
            async with self._transport.post(
                self._url, body, self._signed(body, headers)
            ) as response:
                call.status = status = response.status
                if status >= 500 or status == 429 or 300 <= status < 400:
                    kind = Passing if status in PASSING else Unavailable
                    raise kind(self.name, f"answered with status {status}")
                content = await self._content(call, response)
        except ClientError as error:
            raise Passing(self.name, "cannot be reached") from error
        return Reply(content, response.headers, self._answer(content, response))

    def _answer(self, content: bytes, response: Response) -> dict[str, Any]:
        told = "did not answer with JSON"
        answer: Any = None
        if media_type(response.headers) in JSON:
            with suppress(orjson.JSONDecodeError):
                answer = orjson.loads(content)  # which goes 1,024 levels deep, and no further
                told = "did not answer with a GraphQL response"
        if type(answer) is not dict or not ("data" in answer or "errors" in answer):
            if response.status >= 400:
                told = f"answered with status {response.status}"
            raise Unavailable(self.name, told)
        if is_deeper(answer, self.partner.depth_limit):
            told = f"answered more than {self.partner.depth_limit} levels deep"
            raise Unavailable(self.name, told, retryable=False)
        return answer

    async def _content(self, call: Call, response: Response) -> bytes:
        """The body, unpacked and counted as it arrives: a few bytes can be packed to unpack to
        more than there is memory for."""
        packing = response.headers.get("content-encoding", "identity").strip().lower()
        if packing not in ("identity", "gzip"):
            raise Unavailable(self.name, "answered in an encoding that it was not asked for")
        unpacker = zlib.decompressobj(GZIP) if packing == "gzip" else None
        limit = self.partner.answer_limit
        content, call.size = bytearray(), 0
        async for chunk in response.body:
            call.size += len(chunk)
            try:
                content += unpacker.decompress(chunk, limit + 1) if unpacker else chunk
            except zlib.error as error:
                raise Unavailable(self.name, "answered with what cannot be unpacked") from error
            if len(content) > limit:
                told = f"answered with more than {limit} bytes"
                raise Unavailable(self.name, told, retryable=False)
        return bytes(content)

    def _signed(self, body: bytes, headers: Mapping[str, str]) -> Mapping[str, str]:
        """At the moment of sending, since a signature is good for so long only."""
        if self.partner.secret is None:
            return headers
        call = signature.Call("POST", self._url.path, headers, body)
        signed = signature.sign(call, self.partner.known_as, self.partner.secret)
        return {**headers, signature.HEADER.decode(): signed}


def is_deeper(answer: Any, limit: int) -> bool:
    """Level by level, for what is deep would otherwise be as deep on our stack."""
    level = [answer]
    for _ in range(limit):
        level = [
            below
            for each in level
            for below in (each.values() if type(each) is dict else each)
            if type(below) is dict or type(below) is list
        ]
        if not level:
            return False
    return True


def media_type(headers: Mapping[str, str]) -> str:
    told: str = headers.get("content-type", "")
    return told.partition(";")[0].strip().lower()


def kind_of(error: Unavailable) -> Event:
    if isinstance(error, Resting):
        return Event.RESTING
    return Event.CROWDED if isinstance(error, Crowded) else Event.FAILED


def told_by(error: BaseException) -> str | None:
    """For the log alone: where our servers are is nobody else's business."""
    return repr(error.__cause__) if error.__cause__ else None


class Clients:
    """The clients of all partners, kept while supergraphs come and go: a breaker stays open, and
    connections too."""

    def __init__(
        self,
        transport: Transport | None = None,
        observer: Observer | None = None,
        cache: EntityCache | None = None,
    ) -> None:
        self._transport = transport
        self._observer = observer
        self._cache = cache
        self._by_name: dict[str, HttpClient] = {}
        self._replaced: list[HttpClient] = []

    def of(self, name: str, partner: Partner) -> HttpClient:
        known = self._by_name.get(name)
        if known is not None:
            if known.partner == partner:
                return known
            self._replaced.append(known)  # there may be calls under way
        made = HttpClient(name, partner, self._transport, self._observer, self._cache)
        self._by_name[name] = made
        return made

    async def close(self) -> None:
        for client in (*self._by_name.values(), *self._replaced):
            await client.close()
