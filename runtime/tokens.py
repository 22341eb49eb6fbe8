"""Our own tokens: signed with keys that rotate, checked by anyone with the published ones."""

import base64
import secrets
import time
from pathlib import Path
from typing import Any

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

ALGORITHM = "ES256"
TOKEN_LIMIT = 8_192


class InvalidToken(Exception):
    """The token proves nothing; the message is fit for the client."""


class Keys:
    """A key set: the first key signs, all of them verify."""

    def __init__(self, keys: KeySet, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer, self._audience = issuer, audience

    @classmethod
    def of(cls, path: Path | None, issuer: str, audience: str) -> "Keys":
        """From a file, or made for as long as the process lives."""
        if path is None:
            return cls(KeySet([a_key()]), issuer, audience)
        return cls(KeySet.import_key_set(orjson.loads(path.read_bytes())), issuer, audience)

    @property
    def published(self) -> dict[str, Any]:
        """The public halves, as RFC 7517 writes a key set."""
        return {
            "keys": [
                {**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM}
                for key in self._keys.keys
            ]
        }

    def sign(self, minutes: int, **claims: Any) -> str:
        key, now = self._keys.keys[0], int(time.time())
        body = {
            "iss": self._issuer,
            "aud": self._audience,
            "iat": now,
            "exp": now + 60 * minutes,
            "jti": secrets.token_hex(8),
            **claims,
        }
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, body, key, algorithms=[ALGORITHM])

    def claims(self, token: str) -> dict[str, Any]:
        """What the token says, if we signed it and it holds."""
        if len(token) > TOKEN_LIMIT:
            raise InvalidToken("The token is too long.")
        try:
            found = jwt.decode(token, self._keys, algorithms=[ALGORITHM]).claims
            jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": self._audience},
                exp={"essential": True},
            ).validate(found)
        except (JoseError, ValueError, KeyError):
            raise InvalidToken("The token is not valid, or not any more. Sign in again.") from None
        return dict(found)


def a_key() -> ECKey:
    return ECKey.generate_key("P-256", private=True, auto_kid=True)


def rotate(path: Path, keep: int = 2) -> None:
    """Put a new key first. Older ones go on verifying what they signed; all but `keep` go."""
    kept = orjson.loads(path.read_bytes())["keys"][: keep - 1] if path.exists() else []
    path.touch(mode=0o600)
    path.write_bytes(orjson.dumps({"keys": [a_key().as_dict(private=True), *kept]}))


def issuer_of(token: str) -> str | None:
    """Who a token claims to be from: tells whose keys to check it with, and proves nothing."""
    try:
        part = token.split(".")[1]
        body = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        issuer = body["iss"]
    except (IndexError, ValueError, KeyError, TypeError):
        return None
    return issuer if isinstance(issuer, str) else None
