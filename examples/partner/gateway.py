"""The gateway, for a system that signs in by itself and waits where it is told to."""

import sys
import time
from typing import Any

import httpx

OUTAGES = (429, 502, 503, 504)
LONGEST_WAIT = 60.0
PATIENCE_SECONDS = 600.0
"""Of a gateway that does not answer; then somebody has to look."""


class Refused(Exception):
    """The gateway will say the same next time."""


class AnotherHistory(Refused):
    """A backup was restored there, and what has changed since a cursor is not known."""


class Unanswered(Exception):
    """The gateway did not answer for as long as anybody should wait."""


class Gateway:
    def __init__(self, url: str, client_id: str, secret: str, scope: str | None = None) -> None:
        self._http = httpx.Client(base_url=url, timeout=60)
        self._asked = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
        self._who = (client_id, secret)
        self._token, self._until = "", 0.0

    def close(self) -> None:
        self._http.close()

    def ask(self, query: str, **variables: Any) -> Any:
        """The data. Raises Refused for what is no use to ask again, and Unanswered."""
        body = {"query": query, "variables": variables}
        waiting = Patience(f"a query to {self._http.base_url}")
        while True:
            told = self._sent("POST", "/graphql", json=body).json()
            if "errors" not in told:
                return told["data"]
            codes = {error["extensions"]["code"] for error in told["errors"]}
            if "CURSOR_FROM_ANOTHER_HISTORY" in codes:
                raise AnotherHistory(told["errors"])
            if codes != {"UNAVAILABLE"}:
                raise Refused(told["errors"])
            waiting.wait("UNAVAILABLE")

    def file(self, url: str, begun: int = 0) -> bytes:
        """What is at an address that was signed for us, from that byte on."""
        headers = {"range": f"bytes={begun}-"} if begun else {}
        answered = self._sent("GET", url, signed_in=False, headers=headers)
        if answered.status_code == 416:
            return b""  # All of it is here.
        if answered.status_code != (206 if begun else 200):
            raise Refused(answered.text)
        return answered.content

    def _sent(self, method: str, url: str, signed_in: bool = True, **given: Any) -> httpx.Response:
        headers = given.pop("headers", {})
        waiting = Patience(f"{method} {self._http.base_url.join(url)}")
        while True:
            try:
                if signed_in:
                    headers["authorization"] = f"Bearer {self._access()}"
                answered = self._http.request(method, url, headers=headers, **given)
                if answered.status_code == 401 and signed_in:
                    self._until = 0.0  # Its keys were rotated, perhaps.
                elif answered.status_code not in OUTAGES:
                    return answered
                waiting.wait(f"status {answered.status_code}", answered.headers.get("retry-after"))
            except httpx.HTTPStatusError as error:
                refused = error.response
                waiting.wait(f"status {refused.status_code}", refused.headers.get("retry-after"))
            except httpx.TransportError as error:
                waiting.wait(str(error) or type(error).__name__)

    def _access(self) -> str:
        if time.monotonic() > self._until:
            answered = self._http.post("/oauth/token", data=self._asked, auth=self._who)
            if answered.status_code in (400, 401, 403):
                raise Refused(answered.text)
            answered.raise_for_status()
            told = answered.json()
            self._token = told["access_token"]
            self._until = time.monotonic() + told["expires_in"] / 2
        return self._token


class Patience:
    """Waits longer each time, says so, and comes to an end."""

    def __init__(self, awaited: str) -> None:
        self._awaited = awaited
        self._gives_up_at = time.monotonic() + PATIENCE_SECONDS
        self._next = 0.1

    def wait(self, why: str, named: str | None = None) -> None:
        """As long as the gateway has named, if it has."""
        seconds = min(float(named or self._next), LONGEST_WAIT)
        self._next *= 2
        if time.monotonic() + seconds > self._gives_up_at:
            raise Unanswered(f"{self._awaited}: {why}, for {PATIENCE_SECONDS:.0f} seconds.")
        print(f"{self._awaited}: {why}; again in {seconds:.1f} s", file=sys.stderr, flush=True)
        time.sleep(seconds)
