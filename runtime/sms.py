"""Text messages: shown on the terminal in development, posted to a provider in production. Neither
they nor whom they go to are ever in a log."""

from typing import Protocol

import httpx
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from runtime.settings import Settings

TIMEOUT_SECONDS = 5


class Sms(Protocol):
    async def send(self, mobile: str, text: str) -> None:
        """Raises OSError where the provider cannot be reached or refuses."""


class ConsoleSms:
    """For development: a phone on standard output, while the log is on standard error."""

    async def send(self, mobile: str, text: str) -> None:
        Console().print(Panel(Text(text), title=f"SMS to {mobile}", expand=False))


class NoSms:
    """Where people are real and nothing says how to reach them."""

    async def send(self, mobile: str, text: str) -> None:
        raise ConnectionError("SMS_URL is not set")


class HttpSms:
    """Any provider that takes `{"to": …, "text": …}` with a bearer token."""

    def __init__(self, url: str, token: str | None) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._url = url
        self._client = httpx.AsyncClient(headers=headers, timeout=TIMEOUT_SECONDS)

    async def send(self, mobile: str, text: str) -> None:
        try:
            answer = await self._client.post(self._url, json={"to": mobile, "text": text})
            answer.raise_for_status()
        except httpx.HTTPError as error:
            # Its text names the address, and with it perhaps a password.
            raise ConnectionError(f"the SMS provider: {type(error).__name__}") from None

    async def close(self) -> None:
        await self._client.aclose()


def sender_for(settings: Settings) -> HttpSms | ConsoleSms | NoSms:
    if settings.sms_url:
        return HttpSms(settings.sms_url, settings.sms_token)
    return ConsoleSms() if settings.development else NoSms()
