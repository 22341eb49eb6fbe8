"""Connections to partners: only to addresses that one may be led to, and nothing remembered."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import certifi
from aiohttp import ClientSession
from multidict import CIMultiDict
from yarl import URL

from federation.partner import BadPartners, Partner
from runtime.network import a_session, public_authorities

HEADERS = {
    "content-type": "application/json",
    "accept": "application/graphql-response+json, application/json;q=0.9",
    "accept-encoding": "gzip",
}


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
        session = self._session = self._session or a_session(
            self._trust, HEADERS, private=self._partner.private_addresses
        )
        async with session.post(
            url, data=body, headers=sendable(headers), allow_redirects=False
        ) as response:
            told = ((n.decode("latin-1"), v.decode("latin-1")) for n, v in response.raw_headers)
            yield Response(response.status, CIMultiDict(told), response.content.iter_any())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


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
