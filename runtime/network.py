"""Connections to servers of others: only to addresses that one may be led to, and nothing
remembered."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from socket import getaddrinfo

import certifi
from aiohttp import AddrInfoType, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

KEPT_SECONDS = 4.0
"""How long an idle connection is kept: less than the five after which many servers hang up, for
what is sent at that moment is lost."""
TRANSLATED = ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16")
"""IPv6 addresses that stand for an IPv4 one: in the last four bytes, or after the first two."""

LOOKUPS = ThreadPoolExecutor(32, "lookup")
"""A lookup cannot be called off: names whose servers do not answer would otherwise take the threads
that passwords and files wait for."""
NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


async def looked_up(
    host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
) -> list[ResolveResult]:
    """Where the name leads. Raises OSError or UnicodeError."""
    ask = partial(getaddrinfo, host, port, family=family, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(LOOKUPS, ask)
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=port,
            family=kind,
            proto=protocol,
            flags=NUMERIC,
        )
        for kind, _, protocol, _, address in found
    ]


class Lookups(AbstractResolver):
    """For servers that strangers name."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return await looked_up(host, port, family)

    async def close(self) -> None:
        pass


def a_session(
    trust: ssl.SSLContext,
    headers: Mapping[str, str],
    *,
    private: bool,
    resolver: AbstractResolver | None = None,
) -> ClientSession:
    """What the environment says leads nowhere, and a cookie would tell of one call what another
    did. To addresses that are not public only where `private` says so."""
    connector = TCPConnector(
        ssl=trust,
        limit=0,
        resolver=resolver,
        keepalive_timeout=KEPT_SECONDS,
        socket_factory=None if private else public_socket,
    )
    return ClientSession(
        connector=connector,
        headers=headers,
        skip_auto_headers=["user-agent"],
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=None, sock_connect=None),
        auto_decompress=False,
        trust_env=False,
    )


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
