"""How much a client may ask for in a while, in the points that operations cost."""

import time
from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import TYPE_CHECKING

import structlog

from edge.negotiation import Headers
from edge.request import Incoming
from runtime.faults import Coded
from runtime.http import Refused
from runtime.points import REMEMBERED, Allowance, Meter, Standing, meter_of
from runtime.rights import Role
from runtime.settings import Settings
from runtime.viewer import Viewer

if TYPE_CHECKING:
    from runtime.redis import SharedRedis

log = structlog.get_logger()

MISTAKE = 50
"""Points for a request that is refused: to find out that it has to be is work as well."""
PEOPLE = {Role.CITIZEN, Role.WORKER, Role.PROVIDER}


@dataclass(frozen=True)
class Client:
    """Whose points are taken."""

    kind: str
    key: str


class RateLimits:
    def __init__(self, settings: Settings, meter: Meter) -> None:
        """Raises ValueError."""
        self._enforced = settings.rate_limits == "enforce"
        self._meter = meter
        self._allowances = {
            "anonymous": Allowance.read(settings.points_anonymous),
            "person": Allowance.read(settings.points_person),
            "partner": Allowance.read(settings.points_partner),
            "official": Allowance.read(settings.points_official),
        }
        self._spent: OrderedDict[Client, float] = OrderedDict()
        """Who had nothing left, until there is something again: told without any work."""

    def refuse_spent(self, client: Client) -> None:
        """Raises Refused for who made mistakes until there was nothing left."""
        until = self._spent.get(client)
        if until is None:
            return
        wait = until - time.monotonic()
        if wait <= 0:
            del self._spent[client]
        elif self._enforced:
            raise self._refused(client, MISTAKE, wait, [])

    async def take(self, client: Client, points: int) -> Standing:
        """Where the client stands then. Raises Refused if it may not."""
        standing = await self._taken(client, points)
        if not standing.allowed:
            told = headers_of(client, standing)
            refused = self._refused(client, points, standing.wait(points), told)
            if self._enforced:
                raise refused
        return standing

    async def mistaken(self, client: Client) -> None:
        """A request of the client had to be refused."""
        standing = await self._taken(client, MISTAKE)
        if not standing.allowed:
            self._spent[client] = time.monotonic() + standing.wait(MISTAKE)
            if len(self._spent) > REMEMBERED:
                self._spent.popitem(last=False)

    async def _taken(self, client: Client, points: int) -> Standing:
        key = f"{client.kind}:{client.key}"
        taken: Standing | Awaitable[Standing] = self._meter.take(
            key, points, self._allowances[client.kind]
        )
        return taken if isinstance(taken, Standing) else await taken

    def _refused(self, client: Client, points: int, wait: float, told: Headers) -> Refused:
        allowance, seconds = self._allowances[client.kind], max(1, ceil(wait))
        log.warning("rate limit", kind=client.kind, points=points, enforced=self._enforced)
        error = Coded(
            "RATE_LIMITED",
            f"This costs {points:,} points, and you have to wait {seconds} seconds for them: you"
            f" get {allowance.per_second:,.0f} a second, {allowance.capacity:,.0f} at most. Ask"
            " for less at once, or less often.",
            points=points,
            limit=allowance.capacity,
            retryAfter=seconds,
        )
        headers = {name.decode(): value.decode() for name, value in told}
        return Refused(429, error, **{"Retry-After": str(seconds), **headers})


def client_of(viewer: Viewer, incoming: Incoming) -> Client:
    """Whoever is signed in has points of their own; all others share those of their address."""
    if viewer.role is Role.ANONYMOUS or viewer.id is None:
        return address_of(incoming)
    if viewer.role is Role.PARTNER:
        return Client("partner", viewer.id)
    return Client("person" if viewer.role in PEOPLE else "official", viewer.id)


def address_of(incoming: Incoming) -> Client:
    peer = incoming.scope["client"]
    address = peer[0] if peer else ""
    if ":" in address:
        try:
            # What one household or phone has of these is a whole network.
            whole = IPv6Address(int(ip_address(address)) >> 64 << 64)
        except ValueError:
            return Client("anonymous", address)
        return Client("anonymous", str(whole))
    return Client("anonymous", address)


def headers_of(client: Client, standing: Standing) -> Headers:
    """As draft-ietf-httpapi-ratelimit-headers has them, of points instead of requests."""
    now = f'"{client.kind}";r={standing.remaining};t={ceil(standing.owed_seconds)}'
    return [policy_of(client.kind, standing.allowance), (b"ratelimit", now.encode())]


@cache
def policy_of(kind: str, allowance: Allowance) -> tuple[bytes, bytes]:
    policy = f'"{kind}";q={allowance.capacity:.0f};w={ceil(allowance.span)}'
    return b"ratelimit-policy", policy.encode()


def limits_of(settings: Settings, redis: "SharedRedis | None") -> RateLimits | None:
    """Raises ValueError where the settings say what cannot be."""
    return None if settings.rate_limits == "off" else RateLimits(settings, meter_of(redis))
