"""The gateway, for a system that signs in by itself and waits where it is told to."""

import time
from typing import Any

import httpx

OUTAGES = (429, 502, 503, 504)
LONGEST_WAIT = 60.0


class Refused(Exception):
    """The gateway will say the same next time."""


class Gateway:
    def __init__(self, url: str, client_id: str, secret: str, scope: str | None = None) -> None:
        self._http = httpx.Client(base_url=url, timeout=60)
        self._asked = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
        self._who = (client_id, secret)
        self._token, self._until = "", 0.0

    def close(self) -> None:
        self._http.close()

    def ask(self, query: str, **variables: Any) -> Any:
        """The data. Raises Refused for what is no use to ask again."""
        body = {"query": query, "variables": variables}
        told = self._sent("POST", "/graphql", json=body).json()
        if "errors" in told:
            codes = {error["extensions"]["code"] for error in told["errors"]}
            if codes != {"UNAVAILABLE"}:
                raise Refused(told["errors"])
            time.sleep(2)
            return self.ask(query, **variables)
        return told["data"]

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
        for attempt in range(1_000):
            try:
                if signed_in:
                    headers["authorization"] = f"Bearer {self._access()}"
                answered = self._http.request(method, url, headers=headers, **given)
                if answered.status_code == 401 and signed_in:
                    self._until = 0.0  # Its keys were rotated, perhaps.
                elif answered.status_code not in OUTAGES:
                    return answered
                wait = float(answered.headers.get("retry-after", 2 ** min(attempt, 10)))
            except httpx.TransportError:
                wait = 0.1 * 2 ** min(attempt, 10)
            time.sleep(min(wait, LONGEST_WAIT))
        raise Refused("The gateway does not answer.")

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
