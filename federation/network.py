"""Connections to partners: only to addresses that one may be led to, and nothing remembered."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx
from httpcore import SOCKET_OPTION, AsyncNetworkBackend, AsyncNetworkStream

from federation.partner import Partner

HEADERS = {
    "content-type": "application/json",
    "accept": "application/graphql-response+json, application/json;q=0.9",
    "accept-encoding": "gzip",
}
TRANSLATED = ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16")
"""IPv6 addresses that stand for an IPv4 one: in the last four bytes, or after the first two."""


def connections(
    partner: Partner, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """To one partner. Where it is, is written down: no redirect leads elsewhere, nor does what the
    environment says. A cookie would tell it of one viewer what another did."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=partner.concurrency)
    return httpx.AsyncClient(
        transport=transport or Transport(partner, limits),
        headers=HEADERS,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=None,
        follow_redirects=False,
        trust_env=False,
    )


class Transport(httpx.AsyncHTTPTransport):
    def __init__(self, partner: Partner, limits: httpx.Limits) -> None:
        context = public_authorities()
        if partner.certificate or partner.authority:
            context = ssl.create_default_context(cafile=partner.authority)
        if partner.certificate:
            context.load_cert_chain(partner.certificate, partner.key)
        super().__init__(verify=context, trust_env=False, limits=limits)
        if not partner.private_addresses:
            # httpx has no parameter for it, and a check of the name beforehand would be of
            # another answer of the resolver than the one that is then connected to.
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=context,
                max_connections=limits.max_connections,
                max_keepalive_connections=limits.max_keepalive_connections,
                keepalive_expiry=limits.keepalive_expiry,
                network_backend=PublicNetwork(),
            )


@lru_cache(maxsize=1)
def public_authorities() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


class PublicNetwork(AsyncNetworkBackend):
    """Resolves a name, looks at all that it resolves to, and connects to just these addresses."""

    def __init__(self) -> None:
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore says so
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> AsyncNetworkStream:
        addresses = await resolved(host, port)
        if hidden := [address for address in addresses if not is_public(address)]:
            # One among others is enough: whoever gave it can make it the next one's turn.
            raise httpcore.ConnectError(f"{host} is at {hidden[0]}, which is not public")
        failed: Exception = httpcore.ConnectError(f"{host} is nowhere")
        for address in addresses:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except httpcore.ConnectError as error:
                failed = error
        raise failed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def resolved(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    found = ipaddress.ip_address(address)
    last, after_two = TRANSLATED
    if found in last:
        found = ipaddress.IPv4Address(found.packed[-4:])
    elif found in after_two:
        found = ipaddress.IPv4Address(found.packed[2:6])
    return found.is_global and not found.is_multicast
