"""Connections to partners: only to addresses that one may be led to, and nothing remembered."""

import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import certifi
from aiohttp import AddrInfoType, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from multidict import CIMultiDict
from yarl import URL

from federation.partner import BadPartners, Partner

HEADERS = {
    "content-type": "application/json",
    "accept": "application/graphql-response+json, application/json;q=0.9",
    "accept-encoding": "gzip",
}
KEPT_SECONDS = 4.0
"""How long an idle connection is kept: less than the five after which many servers hang up, for
what is sent at that moment is lost."""
TRANSLATED = ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16")
"""IPv6 addresses that stand for an IPv4 one: in the last four bytes, or after the first two."""


@dataclass(frozen=True, eq=False)
class Response:
    """The body comes as it travels, packed and in pieces."""

    status: int
    headers: CIMultiDict[str]
    """In latin-1, which is how they travel, whatever the bytes mean: so they go on as they came."""
    body: AsyncIterator[bytes]


class Transport(Protocol):
    """Whatever brings bytes to a server, and its own back."""

    def post(
        self, url: URL, body: bytes, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Response]:
        """Raises aiohttp's ClientError."""
        ...

    async def close(self) -> None: ...


class Connections:
    """To one partner. Where it is, is written down: no redirect leads elsewhere, nor does what the
    environment says. A cookie would tell it of one viewer what another did."""

    def __init__(self, partner: Partner) -> None:
        """Raises BadPartners where the certificates that it names cannot be taken."""
        self._partner = partner
        self._trust = trust_of(partner)
        self._session: ClientSession | None = None

    @asynccontextmanager
    async def post(
        self, url: URL, body: bytes, headers: Mapping[str, str]
    ) -> AsyncIterator[Response]:
        # Those of a loop, which there is none of when a supergraph is read.
        session = self._session = self._session or session_with(self._partner, self._trust)
        async with session.post(
            url, data=body, headers=sendable(headers), allow_redirects=False
        ) as response:
            told = ((n.decode("latin-1"), v.decode("latin-1")) for n, v in response.raw_headers)
            yield Response(response.status, CIMultiDict(told), response.content.iter_any())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def session_with(partner: Partner, trust: ssl.SSLContext) -> ClientSession:
    connector = TCPConnector(
        ssl=trust,
        limit=0,
        keepalive_timeout=KEPT_SECONDS,
        socket_factory=None if partner.private_addresses else public_socket,
    )
    return ClientSession(
        connector=connector,
        headers=HEADERS,
        skip_auto_headers=["user-agent"],
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=None, sock_connect=None),
        auto_decompress=False,
        trust_env=False,
    )


def sendable(headers: Mapping[str, str]) -> Mapping[str, str]:
    """For aiohttp, which sends UTF-8; what is none cannot be sent."""
    if all(value.isascii() for value in headers.values()):
        return headers
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    return {name: value.decode(errors="ignore") for name, value in raw.items()}


def trust_of(partner: Partner) -> ssl.SSLContext:
    """Raises BadPartners."""
    if not (partner.certificate or partner.authority):
        return public_authorities()
    try:
        context = ssl.create_default_context(cafile=partner.authority or certifi.where())
        if partner.certificate:
            context.load_cert_chain(partner.certificate, partner.key)
    except OSError as error:
        told = f"The certificates for {partner.url} cannot be taken: {error}"
        raise BadPartners(told) from None
    return context


@lru_cache(maxsize=1)
def public_authorities() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())


def public_socket(found: AddrInfoType) -> socket.socket:
    """For a connection to just this address. A check of the name beforehand would be of another
    answer of the resolver than the one that is then connected to."""
    family, kind, protocol, _, address = found
    if not is_public(str(address[0])):
        raise OSError(f"{address[0]} is not public")
    return socket.socket(family, kind, protocol)


def is_public(address: str) -> bool:
    found = ipaddress.ip_address(address)
    last, after_two = TRANSLATED
    if found in last:
        found = ipaddress.IPv4Address(found.packed[-4:])
    elif found in after_two:
        found = ipaddress.IPv4Address(found.packed[2:6])
    return found.is_global and not found.is_multicast
