"""Signed tokens: our own, made with keys that rotate, and what it takes to believe anybody's."""

import base64
import os
import secrets
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, KeySet, OctKey
from joserfc.jws import JWSRegistry

from runtime import clock
from runtime.watched import LOOK_SECONDS, version_of

log = structlog.get_logger()

ALGORITHM = "ES256"
ASYMMETRIC = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "Ed25519"),
)
"""What others may sign with. None that a public key could be abused for as a shared secret."""
TOKEN_LIMIT = 8_192


class InvalidToken(Exception):
    """The token proves nothing; the message is fit for the client."""


class NoKeys(Exception):
    """There are no keys to sign with where the settings say; the message is for the operator."""


def verified(
    token: str,
    keys: KeySet,
    algorithms: Sequence[str] = ASYMMETRIC,
    leeway: int = 0,
    **claims: Any,
) -> dict[str, Any]:
    """What the token says, if one of the keys signed it, it holds now, and its claims are as
    they must be. InvalidToken does not say which of these failed: guessing helps a forger."""
    if len(token) > TOKEN_LIMIT:
        raise InvalidToken("The token is too long.")
    try:
        # Providers put parameters of their own into headers; critical ones are still refused.
        registry = JWSRegistry(algorithms=algorithms, strict_check_header=False)
        found = jwt.decode(token, keys, registry=registry).claims
        now = int(clock.timestamp())
        jwt.JWTClaimsRegistry(now, leeway, exp={"essential": True}, **claims).validate(found)
    except (JoseError, ValueError, KeyError, TypeError):
        raise InvalidToken("The token is not valid, or not any more. Sign in again.") from None
    return found


def public_keys(published: Mapping[str, Any]) -> KeySet:
    """The keys of a JWK set that signatures can be checked with. Of others, such as those to
    encrypt with or of kinds we do not know, there may be any number."""
    keys: list[Key] = []
    for entry in published["keys"]:
        try:
            key = JWKRegistry.import_key(entry)
        except (JoseError, ValueError, KeyError, TypeError):
            continue
        if not isinstance(key, OctKey) and entry.get("use", "sig") == "sig":
            keys.append(key)
    return KeySet(keys)


def key_id_of(token: str) -> str | None:
    """Which key a token claims to be signed with; proves nothing."""
    name = unverified(token, 0).get("kid")
    return name if isinstance(name, str) else None


def issuer_of(token: str) -> str | None:
    """Who a token claims to be from: tells whose keys to check it with, and proves nothing."""
    issuer = unverified(token, 1).get("iss")
    return issuer if isinstance(issuer, str) else None


def unverified(token: str, part: int) -> dict[str, Any]:
    """The header (0) or the claims (1) of a token nobody has checked."""
    try:
        text = token[:TOKEN_LIMIT].split(".")[part]
        found = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


class Keys:
    """A key set of our own: the first key signs, all of them verify. One in a file is read
    again when the file changes, so that keys rotate under a running process."""

    def __init__(self, path: Path | None, issuer: str, audience: str) -> None:
        """Without a file, keys are made for as long as the process lives."""
        self._path, self._issuer, self._audience = path, issuer, audience
        self._read = path and version_of(path)
        self._looked_at = 0.0
        self._keys = KeySet([a_key()]) if path is None else keys_in(path)

    @property
    def current(self) -> KeySet:
        """Another object as soon as the file has changed."""
        version = self._path and version_of(self._path)
        if self._path is not None and version != self._read:
            self._read = version
            try:
                self._keys = keys_in(self._path)
            except NoKeys as error:
                # Better the keys of a minute ago than nobody signed in.
                log.error("signing keys", error=str(error))
        self._looked_at = time.monotonic()
        return self._keys

    @property
    def recent(self) -> KeySet:
        """What was current within the last second, without looking at the file each time."""
        if time.monotonic() - self._looked_at > LOOK_SECONDS:
            return self.current
        return self._keys

    @property
    def published(self) -> dict[str, Any]:
        """The public halves, as RFC 7517 writes a key set."""
        return {
            "keys": [
                {**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM}
                for key in self.current.keys
            ]
        }

    def sign(self, minutes: int, **claims: Any) -> str:
        key, now = self.current.keys[0], int(clock.timestamp())
        body = {
            "iss": self._issuer,
            "aud": self._audience,
            "iat": now,
            "exp": now + 60 * minutes,
            "jti": secrets.token_hex(8),
            **claims,
        }
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, body, key, algorithms=[ALGORITHM])

    def claims(self, token: str, audience: str | None = None) -> dict[str, Any]:
        """What the token says, if we signed it and it holds. One signed for another `aud` than
        the service is nobody's to sign in with."""
        return verified(
            token,
            self.current,
            [ALGORITHM],
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": audience or self._audience},
        )


def a_key() -> ECKey:
    return ECKey.generate_key("P-256", private=True, auto_kid=True)


def keys_in(path: Path) -> KeySet:
    try:
        keys = KeySet.import_key_set(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        raise NoKeys(f"{path} does not exist: make it with `server.py keys`.") from None
    except OSError as error:
        raise NoKeys(f"{path} cannot be read: {error.strerror}.") from None
    except (JoseError, ValueError, KeyError, TypeError):
        raise NoKeys(f"{path} holds no keys: make new ones with `server.py keys`.") from None
    if not all(isinstance(key, ECKey) and key.is_private for key in keys):
        raise NoKeys(f"{path} must hold private P-256 keys only, as `server.py keys` makes them.")
    return keys


def rotate(path: Path, keep: int = 2) -> list[str]:
    """Put a new key first; the ids of all that are left. Older ones go on verifying what they
    signed; all but `keep` go."""
    path = path.resolve()
    kept = list(keys_in(path))[: keep - 1] if path.exists() else []
    keys = KeySet([a_key(), *kept])
    # Whole or not at all, and never readable by others; running processes see it at once.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as draft:
        draft.write(orjson.dumps(keys.as_dict(private=True)))
        draft.flush()
        os.fsync(draft.fileno())
    if path.exists():
        # Whoever serves must be able to read what, say, root has rotated.
        os.chown(draft.name, path.stat().st_uid, path.stat().st_gid)
    Path(draft.name).replace(path)
    return [str(key.kid) for key in keys]
