"""The terms of OAuth 2 between whoever speaks it over HTTP and whoever decides on tokens."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from runtime.process import Process

TOKEN_PATH = "/oauth/token"


class Denied(Exception):
    """No token, and why: one of the codes of RFC 6749, and a sentence for whoever debugs."""

    def __init__(self, code: str, told: str, status: int = 400) -> None:
        self.code, self.told, self.status = code, told, status


class UnknownClient(Denied):
    """The same for a client nobody knows, a wrong secret, and access that has ended."""

    def __init__(self) -> None:
        super().__init__("invalid_client", "The client is unknown, or did not prove itself.", 401)


@dataclass(frozen=True)
class Asked:
    """What a client sent: who it says it is, how it proves that, what it wants."""

    client_id: str
    secret: str | None
    assertion: str | None
    scope: str | None


@dataclass(frozen=True)
class Issued:
    access_token: str
    expires_in: int
    scope: str


Decide = Callable[[Process, Asked], Awaitable[Issued]]
