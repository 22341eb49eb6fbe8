"""How much a client may ask for in a while, in the points that operations cost."""

from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import TYPE_CHECKING

import structlog

from edge.negotiation import Headers
from edge.request import Incoming
from runtime import clock
from runtime.faults import Coded, Invalid
from runtime.household import household
from runtime.http import Refused
from runtime.points import REMEMBERED, Allowance, Meter, Spent, Standing, meter_of
from runtime.quota import Ledger, Per, Quota
from runtime.reads import Tally
from runtime.rights import Role
from runtime.settings import Settings
from runtime.viewer import Viewer

if TYPE_CHECKING:
    from runtime.redis import SharedRedis

log = structlog.get_logger()

MISTAKE = 50
"""Points for a request that is refused: to find out that it has to be is work as well."""
SECRETS = Allowance(200_000, 2_000)
"""Of the secrets of one client, sent from one address: twenty at once, then one in five seconds."""
SECOND = 300_000
"""Points for a second of the processor: the home view's 900 take some three milliseconds."""
WINDOWS = {Per.MINUTE: 60, Per.DAY: 86_400}
PEOPLE = {Role.CITIZEN, Role.WORKER, Role.PROVIDER}


@dataclass(frozen=True)
class Client:
    """Whose points are taken."""

    kind: str
    key: str


class RateLimits:
    def __init__(self, settings: Settings, meter: Meter, ledger: Ledger | None = None) -> None:
        """Raises ValueError."""
        self._ledger = ledger
        self._enforced = settings.rate_limits == "enforce"
        self._meter = meter
        self._allowances = {
            "anonymous": Allowance.read(settings.points_anonymous),
            "person": Allowance.read(settings.points_person),
            "partner": Allowance.read(settings.points_partner),
            "official": Allowance.read(settings.points_official),
            "secret": SECRETS,
        }
        self._spent: OrderedDict[Client, float] = OrderedDict()
        """Who had nothing left, until there is something again: told without any work."""

    def refuse_spent(self, client: Client) -> None:
        """Raises Refused for who made mistakes until there was nothing left."""
        until = self._spent.get(client)
        if until is None:
            return
        wait = until - clock.elapsed()
        if wait <= 0:
            del self._spent[client]
        elif self._enforced:
            raise self._refused(client, None, wait)

    async def take(self, client: Client, points: int) -> Spent:
        """Where that leaves the client. Raises Refused if it may not."""
        standing = await self._taken(client, points)
        if not standing.allowed:
            refused = self._refused(client, Spent(points, standing), standing.wait(points))
            if self._enforced:
                raise refused
        if client.kind != "partner" or self._ledger is None:
            return Spent(points, standing)
        spent = Spent(points, standing, await self._ledger.take(client.key, points, Tally()))
        if spent.use is not None and not spent.use.allowed and spent.use.exhausted is not None:
            raise self._exhausted(client, spent, spent.use.exhausted)
        return spent

    async def mistaken(self, client: Client, points: int = MISTAKE) -> None:
        """A request of the client had to be refused, and so much was lost with it. Who cannot pay
        waits for as long as it takes to earn that."""
        standing = await self._taken(client, points)
        if not standing.allowed:
            earned = points / standing.allowance.per_second
            self._spent[client] = clock.elapsed() + standing.wait(points) + earned
            if len(self._spent) > REMEMBERED:
                self._spent.popitem(last=False)

    async def _taken(self, client: Client, points: int) -> Standing:
        key = f"{client.kind}:{client.key}"
        taken: Standing | Awaitable[Standing] = self._meter.take(
            key, points, self._allowances[client.kind]
        )
        return taken if isinstance(taken, Standing) else await taken

    def _refused(self, client: Client, spent: Spent | None, wait: float) -> Refused:
        allowance, seconds = self._allowances[client.kind], max(1, ceil(wait))
        points = MISTAKE if spent is None else spent.points
        told = {} if spent is None else told_of(client, spent)
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
        return Refused(429, error, **{"Retry-After": str(seconds), **told})

    def _exhausted(self, client: Client, spent: Spent, quota: Quota) -> Refused:
        log.warning("quota", client=client.key, of=quota.of, per=quota.per, limit=quota.limit)
        seconds = max(1, ceil((quota.resets_at - clock.now()).total_seconds()))
        what, per = quota.of.lower(), quota.per.lower()
        error = Coded(
            "QUOTA_EXHAUSTED",
            f"You have used {quota.used:,} {what} of the {quota.limit:,} that you have a {per}, and"
            f" this costs {spent.points:,} points: wait {seconds} seconds, or have the state's"
            " office give you more.",
            quota=f"{quota.of}_PER_{quota.per}",
            limit=quota.limit,
            retryAfter=seconds,
        )
        return Refused(429, error, **{"Retry-After": str(seconds), **told_of(client, spent)})


def points_for(invalid: Invalid) -> int:
    """What an operation that had to be refused has cost us."""
    return MISTAKE + round(SECOND * invalid.seconds)


def told_of(client: Client, spent: Spent) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers_of(client, spent)}


def client_of(viewer: Viewer, incoming: Incoming) -> Client:
    """Whoever is signed in has points of their own; all others share those of their address."""
    if viewer.role is Role.ANONYMOUS or viewer.id is None:
        return address_of(incoming)
    if viewer.role is Role.PARTNER:
        return Client("partner", viewer.id)
    return Client("person" if viewer.role in PEOPLE else "official", viewer.id)


def address_of(incoming: Incoming) -> Client:
    return Client("anonymous", household(incoming.address))


def headers_of(client: Client, spent: Spent) -> Headers:
    """As draft-ietf-httpapi-ratelimit-headers has them, of points instead of requests; quotas, of
    those that have some, beside them."""
    standing = spent.standing
    now = f'"{client.kind}";r={standing.remaining};t={ceil(standing.owed_seconds)}'
    if spent.use is None:
        return [policy_of(client.kind, standing.allowance), (b"ratelimit", now.encode())]
    policies, left = [policy_of(client.kind, standing.allowance)[1].decode()], [now]
    for quota in spent.use.quotas:
        name = f'"{quota.of.lower()}-{quota.per.lower()}"'
        policies.append(f"{name};q={quota.limit};w={WINDOWS[quota.per]}")
        seconds = ceil((quota.resets_at - clock.now()).total_seconds())
        left.append(f"{name};r={quota.remaining};t={max(0, seconds)}")
    return [
        (b"ratelimit-policy", ", ".join(policies).encode()),
        (b"ratelimit", ", ".join(left).encode()),
    ]


@cache
def policy_of(kind: str, allowance: Allowance) -> tuple[bytes, bytes]:
    policy = f'"{kind}";q={allowance.capacity:.0f};w={ceil(allowance.span)}'
    return b"ratelimit-policy", policy.encode()


def limits_of(
    settings: Settings, redis: "SharedRedis | None", ledger: Ledger | None = None
) -> RateLimits | None:
    """Raises ValueError where the settings say what cannot be."""
    if settings.rate_limits == "off":
        return None
    return RateLimits(settings, meter_of(redis), ledger)
