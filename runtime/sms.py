"""Text messages: printed in development, posted to a provider in production."""

from typing import Protocol

import httpx
import structlog

log = structlog.get_logger()

TIMEOUT_SECONDS = 5


class Sms(Protocol):
    async def send(self, mobile: str, text: str) -> None:
        """Raises OSError where the provider cannot be reached or refuses."""


class ConsoleSms:
    """For development: the message is in the log, codes and all."""

    async def send(self, mobile: str, text: str) -> None:
        log.info("sms", to=mobile, text=text)


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
            raise ConnectionError(f"the SMS provider: {type(error).__name__}") from error

    async def close(self) -> None:
        await self._client.aclose()
