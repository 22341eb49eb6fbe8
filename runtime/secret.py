"""Secrets we keep only to compare with: codes people type, secrets of clients."""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

# OWASP's smallest profile: a code lives for minutes, and a client's secret is random.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def a_code() -> str:
    """Six digits, as people read them out."""
    return f"{secrets.randbelow(1_000_000):06}"


async def hashed(secret: str) -> str:
    """Off the event loop: it is meant to be slow."""
    return await asyncio.to_thread(HASHER.hash, secret)


async def matches(hash: str, secret: str) -> bool:
    """In constant time."""
    try:
        return await asyncio.to_thread(HASHER.verify, hash, secret)
    except (VerifyMismatchError, InvalidHashError):
        return False
