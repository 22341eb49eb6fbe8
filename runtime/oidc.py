"""Officials, who sign in with an OpenID Connect provider: are their tokens the provider's, and
whom do they speak for."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx
import structlog
from joserfc.jwk import KeySet
from sqlalchemy import Text, column, select, table

from runtime.database import Database
from runtime.reads import Tally, compiled
from runtime.rights import Role
from runtime.settings import Settings
from runtime.tokens import InvalidToken, key_id_of, public_keys, verified
from runtime.viewer import Viewer

log = structlog.get_logger()

TIMEOUT_SECONDS = 3
FRESH_SECONDS = 600
"""How long fetched keys are used without asking again."""
HOLD_SECONDS = 3_600
"""How long they are used where the provider does not answer."""
PAUSE_SECONDS = 5
"""Between two fetches, however many tokens name keys that do not exist."""

OFFICIALS = (
    Role.HELPLINE,
    Role.DISTRICT_OFFICER,
    Role.STATE_OFFICER,
    Role.DEPARTMENT,
    Role.MODERATOR,
    Role.AUDITOR,
)
"""Everyone else signs in elsewhere: the provider cannot speak for them."""
ROLES = {
    name: role for role in OFFICIALS for name in (role.value, role.value.lower().replace("_", "-"))
}
"""By what a token may call them: `DISTRICT_OFFICER` or `district-officer`, and nothing like it."""

# Named here rather than imported: the table belongs to a domain above.
DISTRICTS = compiled(select(table("district", column("id", Text), column("division_id", Text))))


class Provider:
    """An issuer and its keys, found through discovery and kept."""

    def __init__(self, issuer: str, audience: str, leeway: int) -> None:
        self._issuer, self._audience, self._leeway = issuer, audience, leeway
        self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS)
        self._keys: KeySet | None = None
        self._fetched_at = self._tried_at = float("-inf")
        self._asking = asyncio.Lock()

    async def claims(self, token: str) -> dict[str, Any]:
        """What the token says, if the provider signed it, for us, and it holds. OSError where
        that cannot be told because the provider does not answer."""
        return verified(
            token,
            await self._keys_for(key_id_of(token)),
            leeway=self._leeway,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            sub={"essential": True},
        )

    async def _keys_for(self, key_id: str | None) -> KeySet:
        """Fetched if they are old, or if the key is none of them: it may be new."""
        # Where keys are merely old, one asks for newer ones and the others go on with them.
        if not self._serves(key_id) and not (self._asking.locked() and self._has(key_id)):
            async with self._asking:
                # Whoever waited here finds what was fetched meanwhile.
                if not self._serves(key_id):
                    await self._fetch_in_turn()
        if self._keys is None or time.monotonic() - self._fetched_at > HOLD_SECONDS:
            raise ConnectionError("the identity provider has shown no keys")
        if self._tried_at > self._fetched_at and not self._has(key_id):
            raise ConnectionError("the identity provider may have newer keys")
        return self._keys

    def _has(self, key_id: str | None) -> bool:
        return self._keys is not None and any(key.kid == key_id for key in self._keys)

    def _serves(self, key_id: str | None) -> bool:
        return self._has(key_id) and time.monotonic() - self._fetched_at < FRESH_SECONDS

    async def _fetch_in_turn(self) -> None:
        if time.monotonic() - self._tried_at < PAUSE_SECONDS:
            return
        self._tried_at = time.monotonic()
        try:
            self._keys = await self._fetch()
            self._fetched_at = self._tried_at
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            log.error("identity provider", issuer=self._issuer, error=repr(error))

    async def _fetch(self) -> KeySet:
        address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        found = (await self._client.get(address)).raise_for_status().json()
        if found["issuer"] != self._issuer:
            raise ValueError(f"it says its issuer is {found['issuer']}")
        published = (await self._client.get(found["jwks_uri"])).raise_for_status().json()
        return public_keys(published)

    async def close(self) -> None:
        await self._client.aclose()


class Officials:
    """Makes viewers of a provider's tokens, by the claims that the settings name."""

    def __init__(self, settings: Settings, issuer: str, database: Database) -> None:
        self.issuer = issuer
        self._provider = Provider(issuer, settings.oidc_audience, settings.clock_skew_seconds)
        self._names = claim_names(settings.oidc_claims)
        self._database = database
        self._places: dict[str, tuple[str, ...]] = {}

    async def viewer(self, token: str) -> Viewer:
        """InvalidToken also for a token that is genuine but says too little."""
        claims = await self._provider.claims(token)
        role = role_in(claim(claims, self._names["role"]))
        districts = await self._districts(texts(claim(claims, self._names["districts"])))
        department = claim(claims, self._names["department"])
        if not (isinstance(claims["sub"], str) and claims["sub"].isprintable()):
            raise InvalidToken("The token's subject cannot be written down.")
        if role is Role.DISTRICT_OFFICER and not districts:
            raise InvalidToken("The token names no district, by LGD code or as a division.")
        if role is Role.DEPARTMENT and not (isinstance(department, str) and department):
            raise InvalidToken("The token names no department.")
        return Viewer(
            role=role,
            # Ids of ours hold no colon: whoever the provider names, it is none of our people.
            id=f"official:{claims['sub']}",
            districts=districts,
            department_id=department if role is Role.DEPARTMENT else None,
        )

    async def _districts(self, named: list[str]) -> tuple[str, ...]:
        if named and not self._places:
            self._places = await places(self._database)
        found: list[str] = []
        for name in named:
            try:
                found += self._places[name]
            except KeyError:
                raise InvalidToken(f"The token names a district nobody knows: {name}.") from None
        return tuple(sorted(set(found)))

    async def close(self) -> None:
        await self._provider.close()


async def places(database: Database) -> dict[str, tuple[str, ...]]:
    """District ids by what a token may call them: an LGD code, or the slug of a division."""
    found: dict[str, tuple[str, ...]] = {}
    for district in await database.reads.fetch(DISTRICTS, {}, Tally()):
        division = district["division_id"].removeprefix("dv_")
        found[district["id"].removeprefix("dt_")] = (district["id"],)
        found[division] = (*found.get(division, ()), district["id"])
    return found


def claim_names(setting: str) -> dict[str, str]:
    """`role=roles,department=office` over the usual names. ValueError for anything else."""
    names = {"role": "role", "districts": "districts", "department": "department"}
    for entry in filter(None, setting.split(",")):
        ours, equals, theirs = (part.strip() for part in entry.partition("="))
        if not equals or not theirs or ours not in names:
            raise ValueError(f"OIDC_CLAIMS: {entry!r} is not one of {', '.join(names)} = a claim")
        names[ours] = theirs
    return names


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """The claim of that name, or, as in `realm_access.roles`, one inside another."""
    if name in claims:
        return claims[name]
    outer, dot, inner = name.partition(".")
    within = claims.get(outer)
    return claim(within, inner) if dot and isinstance(within, Mapping) else None


def texts(value: Any) -> list[str]:
    """One text or a list of them, each whole: what only holds a name does not name it."""
    if value is None:
        return []
    found = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in found):
        raise InvalidToken("A claim of the token must be a text or a list of texts.")
    return found


def role_in(value: Any) -> Role:
    """The one role of ours among those the provider has given."""
    found = {ROLES[text] for text in texts(value) if text in ROLES}
    if len(found) != 1:
        raise InvalidToken("The token must name one role of an official.")
    return found.pop()
