"""Calls between servers of ours: a subgraph answers gateways it knows, and nobody else.

A gateway signs each call: `Gateway-Signature: NAME TIME NONCE HMAC`, the time in seconds since
1970, a text that it never uses twice, and the HMAC-SHA256, in hexadecimal, of method, path, time,
nonce, what is forwarded of the client (`FORWARDED`, a header that is not there as nothing) and the
body, a line feed between each two. Only the body can hold one.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import DateTime, Text, column, table
from sqlalchemy.dialects.postgresql import insert

from runtime import clock
from runtime.database import Database
from runtime.faults import Coded

HEADER = b"gateway-signature"
FORWARDED = ("authorization", "accept-language", "x-request-id", "x-forwarded-for")
"""The headers by which a gateway says who the client is, in this order: what a subgraph goes by."""
LEAST_SECRET = 32
"""Characters."""
NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")

# Named here rather than imported: the table belongs to the domains above.
SPENT = table(
    "spent_call",
    column("gateway", Text),
    column("nonce", Text),
    column("expires_at", DateTime(timezone=True)),
)


@dataclass(frozen=True)
class Call:
    """What is signed of a request. `headers` are by their names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def signature(self, secret: str, at: int, nonce: str) -> str:
        forwarded = [self.headers.get(name, "") for name in FORWARDED]
        head = "\n".join([self.method, self.path, str(at), nonce, *forwarded, ""])
        signed = head.encode("latin-1") + self.body
        return hmac.digest(secret.encode(), signed, "sha256").hex()


def sign(call: Call, gateway: str, secret: str) -> str:
    """The value of the header, now."""
    at, nonce = int(clock.timestamp()), secrets.token_hex(16)
    return f"{gateway} {at} {nonce} {call.signature(secret, at, nonce)}"


class Unknown(Coded):
    def __init__(self, message: str) -> None:
        super().__init__("GATEWAY_UNKNOWN", message)


@dataclass(frozen=True)
class Signed:
    """A call that a gateway has signed."""

    gateway: str
    nonce: str
    expires_at: datetime
    """Until then it could be sent again by whoever overheard it."""

    async def spend(self, database: Database) -> None:
        """Raises Unknown for one that was spent before, in whichever process."""
        once = (
            insert(SPENT)
            .values(gateway=self.gateway, nonce=self.nonce, expires_at=self.expires_at)
            .on_conflict_do_nothing()
            .returning(SPENT.c.nonce)
        )
        async with database.engine.begin() as connection:
            if (await connection.execute(once)).scalar() is None:
                raise Unknown("The call was sent before. A command is signed anew each time.")


class Gateways:
    """Those who may call, by name with their secrets; `seconds` is how far clocks may differ."""

    def __init__(self, secrets: Mapping[str, str], seconds: int) -> None:
        self._secrets = secrets
        self._seconds = seconds

    def verify(self, call: Call, header: bytes) -> Signed:
        """Raises Unknown."""
        name, at, nonce = (header.decode("latin-1").split(" ") + [""] * 3)[:3]
        secret = self._secrets.get(name)
        is_time = at.isascii() and at.isdecimal() and len(at) <= len("9999999999")
        if secret is None or not is_time or not NONCE.fullmatch(nonce):
            raise Unknown("This is a subgraph. It answers calls that a known gateway has signed.")
        expected = f"{name} {at} {nonce} {call.signature(secret, int(at), nonce)}"
        # The signature first: who cannot sign learns nothing of our clock.
        if not hmac.compare_digest(expected.encode(), header):
            raise Unknown("The call is not signed as it stands.")
        if abs(clock.timestamp() - int(at)) > self._seconds:
            raise Unknown(f"The call was signed more than {self._seconds} seconds away from now.")
        until = datetime.fromtimestamp(int(at), UTC) + timedelta(seconds=self._seconds)
        return Signed(name, nonce, until)


def secrets_in(text: str) -> dict[str, str]:
    """Of `name=secret,name=secret`. ValueError says what is wrong, and no secret."""
    found = {}
    for entry in text.split(","):
        name, separator, secret = entry.strip().partition("=")
        if not separator or not name or " " in name or not name.isprintable():
            raise ValueError("GATEWAY_SECRETS reads `name=secret`, with commas between several.")
        if len(secret) < LEAST_SECRET:
            raise ValueError(
                f"GATEWAY_SECRETS: the secret of {name} has fewer than {LEAST_SECRET} characters."
            )
        found[name] = secret
    return found
