"""Telling the server of somebody else what has happened: signed after the Standard Webhooks
specification, once, and what it says to that."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from aiohttp import ClientError, ClientResponse
from standardwebhooks.webhooks import Webhook
from yarl import URL

from runtime import clock
from runtime.network import Lookups, a_session, is_public, looked_up, public_authorities

RESPONSE_LIMIT = 4_096
"""Bytes of an answer that are read."""
RESOLVE_SECONDS = 3.0
SECRET = "whsec_"
KNOWN_KEY = "of development, and no secret"
HEADERS = {
    "content-type": "application/json",
    "user-agent": "Sewa-Mitra-Webhooks",
    # What is kept of an answer is to be read by people.
    "accept-encoding": "identity",
}


def secret_of(seed: str, key: str | None) -> str:
    """Made from what is in the database and what is not: neither alone gives it away."""
    made = hmac.digest((key or KNOWN_KEY).encode(), seed.encode(), hashlib.sha256)
    return SECRET + base64.b64encode(made).decode()


async def leads_out(url: str, *, private: bool) -> bool:
    """Whether it is an address that one may send to: where its name leads at this moment is
    public, unless it need not be."""
    try:
        parsed = URL(url)
        host, port = parsed.host, parsed.port
    except ValueError:
        return False
    if host is None or parsed.user is not None or parsed.password is not None or parsed.fragment:
        return False
    if private:
        return parsed.scheme in ("http", "https")
    if parsed.scheme != "https":
        return False
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await looked_up(host, port or 0)
    except (OSError, UnicodeError):
        return False
    return all(is_public(each["host"]) for each in found)


@dataclass(frozen=True)
class Reaction:
    """What came of one attempt."""

    seconds: float
    status: int | None = None
    response: str | None = None
    error: str | None = None
    retry_after: float | None = None
    """Seconds that the server asks to be left alone."""

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Receivers:
    """The servers that we tell: never more of them than are told at a time."""

    def __init__(self, seconds: float, *, private: bool) -> None:
        self._seconds = seconds
        self._session = a_session(
            public_authorities(), HEADERS, private=private, resolver=Lookups()
        )

    async def close(self) -> None:
        await self._session.close()

    async def post(self, url: str, id: str, body: str, secrets: Sequence[str]) -> Reaction:
        """`id` is the same for each attempt at the same message. Whoever knows any of the secrets
        can verify it. Never raises for what the other side does."""
        at, began = clock.now(), time.monotonic()
        signatures = [Webhook(secret).sign(id, at, body) for secret in secrets]
        headers = {
            "webhook-id": id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

        def reaction(**known: str | int | float | None) -> Reaction:
            return Reaction(time.monotonic() - began, **known)  # type: ignore[arg-type]

        try:
            async with (
                asyncio.timeout(self._seconds),
                self._session.post(
                    url, data=body.encode(), headers=headers, allow_redirects=False
                ) as response,
            ):
                content = await beginning(response)
                return reaction(
                    status=response.status,
                    response=content.decode(errors="replace").replace("\0", "\ufffd"),
                    retry_after=pause_asked(response.headers.get("retry-after"), at),
                )
        except TimeoutError:
            return reaction(error=f"There was no answer within {self._seconds:g} seconds.")
        except (ClientError, OSError, ValueError) as error:
            return reaction(error=reason_of(error))


async def beginning(response: ClientResponse) -> bytes:
    """Of an answer, however long it is."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) >= RESPONSE_LIMIT:
            # Hung up on: the rest is not waited for, nor read by whoever is next.
            response.close()
            break
    return bytes(content[:RESPONSE_LIMIT])


def reason_of(error: BaseException) -> str:
    """Of what went wrong, without an address that the name might have led to in our network."""
    cause = error.__cause__ or error
    if "is not public" in str(cause):
        return "The name of the server leads to an address that is not public."
    return f"The server could not be reached: {type(error).__name__}."


def pause_asked(header: str | None, now: datetime) -> float | None:
    """In seconds, of what RFC 9110 lets `Retry-After` say."""
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return float(header[:9])
    with suppress(ValueError, TypeError):
        at = parsedate_to_datetime(header)
        return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp())
    return None
