"""Calls between servers of ours: a subgraph answers gateways it knows, and nobody else.

A gateway signs each call: `Gateway-Signature: NAME TIME HMAC`, the time in seconds since 1970 and
the HMAC-SHA256, in hexadecimal, of method, path, time, the viewer's `Authorization` and the body,
a line feed between each two. Only the body can hold one.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from runtime import clock
from runtime.faults import Coded

HEADER = b"gateway-signature"
LEAST_SECRET = 32
"""Characters."""


@dataclass(frozen=True)
class Call:
    """What is signed of a request. `authorization` is empty where the viewer is anonymous."""

    method: str
    path: str
    authorization: bytes
    body: bytes

    def signature(self, secret: str, at: int) -> str:
        head = f"{self.method}\n{self.path}\n{at}\n".encode()
        signed = b"%b%b\n%b" % (head, self.authorization, self.body)
        return hmac.digest(secret.encode(), signed, "sha256").hex()


def sign(call: Call, gateway: str, secret: str) -> str:
    """The value of the header, now."""
    at = int(clock.timestamp())
    return f"{gateway} {at} {call.signature(secret, at)}"


class Unknown(Coded):
    def __init__(self, message: str) -> None:
        super().__init__("GATEWAY_UNKNOWN", message)


class Gateways:
    """Those who may call, by name with their secrets; `seconds` is how far clocks may differ, and
    how long a call that was overheard could be repeated."""

    def __init__(self, secrets: Mapping[str, str], seconds: int) -> None:
        self._secrets = secrets
        self._seconds = seconds

    def verify(self, call: Call, header: bytes) -> None:
        """Raises Unknown."""
        name, _, rest = header.decode("latin-1").partition(" ")
        at, _, given = rest.partition(" ")
        secret = self._secrets.get(name)
        if secret is None or not at.isdecimal() or len(at) > len("9999999999"):
            raise Unknown("This is a subgraph. It answers calls that a known gateway has signed.")
        # The signature first: who cannot sign learns nothing of our clock.
        if not hmac.compare_digest(call.signature(secret, int(at)).encode(), given.encode()):
            raise Unknown("The call is not signed as it stands.")
        if abs(clock.timestamp() - int(at)) > self._seconds:
            raise Unknown(f"The call was signed more than {self._seconds} seconds away from now.")


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
