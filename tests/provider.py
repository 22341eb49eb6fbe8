"""A real OpenID Connect provider on a free port, and people who sign in with it.

`python -m tests.provider` installs it: npm's oidc-provider, started by `oidc/provider.mjs`.
"""

import base64
import hashlib
import json
import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from ide.build import programs

FOLDER = Path(__file__).parent / "oidc"
INSTALLED = FOLDER / "node_modules" / "installed.json"
CALLBACK = "http://127.0.0.1:1/signed-in"
SECONDS = 20
STEPS = 10

Accounts = dict[str, dict[str, Any]]
"""By the name people sign in with: `claims`, and `shift` for a clock that is wrong."""


def is_installed() -> bool:
    try:
        programs()
        return INSTALLED.read_bytes() == (FOLDER / "package-lock.json").read_bytes()
    except (SystemExit, OSError):
        return False


def install() -> None:
    if is_installed():
        return
    _, npm = programs()
    if subprocess.run([*npm, "ci", "--loglevel=error"], cwd=FOLDER).returncode:
        raise SystemExit("npm could not install oidc-provider, and says why above.")
    shutil.copy(FOLDER / "package-lock.json", INSTALLED)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def an_identity_provider(accounts: Accounts, port: int | None = None) -> Iterator[str]:
    """Its issuer. Each start makes new keys."""
    port = port or free_port()
    node, _ = programs()
    with subprocess.Popen(
        [*node, "provider.mjs", str(port), json.dumps(accounts)],
        cwd=FOLDER,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        said = ""
        while (line := running.stdout.readline()) != "listening\n":
            said += line
            assert line, said
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            running.stdin.close()
            running.wait(SECONDS)


async def signed_in(issuer: str, name: str, audience: str = "sewa-mitra") -> str:
    """The access token that a person gets from the provider: by the authorization code flow
    with PKCE, through its own pages, as a browser would."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    client = {"client_id": "console", "redirect_uri": CALLBACK}
    asked = {
        **client,
        "response_type": "code",
        "scope": "openid sewa",
        "resource": f"urn:tests:{audience}",
        "code_challenge": challenge.decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    async with httpx.AsyncClient(base_url=issuer, timeout=SECONDS) as browser:
        answer = await browser.get("/auth", params=asked)
        for _ in range(STEPS):
            if (address := answer.headers["location"]).startswith(CALLBACK):
                break
            if "/interaction/" in address:
                shown = (await browser.get(address)).text
                wanted = re.findall(r'name="prompt" value="(\w+)"', shown)
                form = {"prompt": wanted[0], "login": name, "password": "any"}
                answer = await browser.post(address, data=form)
            else:
                answer = await browser.get(address)
        else:
            raise TimeoutError(f"{STEPS} steps of signing in, and the next is {address}")
        code = httpx.URL(address).params["code"]
        answer = await browser.post(
            "/token",
            data={
                **client,
                "grant_type": "authorization_code",
                "code": code,
                "code_verifier": verifier,
            },
        )
        return str(answer.raise_for_status().json()["access_token"])


if __name__ == "__main__":
    install()
