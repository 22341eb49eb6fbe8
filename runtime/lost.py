"""Answers that may have been lost: kept so that only whoever was to have one can read it."""

from base64 import urlsafe_b64encode
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

USE = b"sewa-mitra answer"
"""So that the key is another one than whatever else is made of the same secret."""


def sealed(answer: "DataclassInstance", secret: str) -> str:
    """Under a key made of the random secret that whoever asked has shown, which is kept nowhere."""
    return box(secret).encrypt(orjson.dumps(asdict(answer))).decode()


def opened(kept: str, secret: str) -> dict[str, Any] | None:
    """None where it was sealed under another secret."""
    try:
        found: dict[str, Any] = orjson.loads(box(secret).decrypt(kept.encode()))
    except InvalidToken:
        return None
    return found


def box(secret: str) -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=USE).derive(secret.encode())
    return Fernet(urlsafe_b64encode(key))
