"""Secrets we keep only to compare with: codes people type, secrets of clients."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

# OWASP's smallest profile: a code lives for minutes, and a client's secret is random.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

NOBODYS_HASH = HASHER.hash(secrets.token_urlsafe())
"""What is compared with where there is nothing: it takes as long as the others."""
AT_ONCE = 2
"""Each takes a core for some 30 ms, and 19 MB: others are to have the rest."""
WAITING = 100
"""So many wait for three seconds at most; who comes then is told to come again."""
THREADS = ThreadPoolExecutor(AT_ONCE, "secret")

T = TypeVar("T")


class Crowded(OSError):
    """More secrets are to be looked into than there is time for."""


class Line:
    """Those who wait for a thread. Belongs to no event loop."""

    def __init__(self, room: int) -> None:
        self._room = room

    async def through(self, work: Callable[..., T], *given: str) -> T:
        """What comes of it, off the event loop. Raises Crowded."""
        if not self._room:
            raise Crowded("Too many secrets are looked into.")
        self._room -= 1
        try:
            return await asyncio.get_running_loop().run_in_executor(THREADS, work, *given)
        finally:
            self._room += 1


LINE = Line(AT_ONCE + WAITING)


def a_code() -> str:
    """Six digits, as people read them out."""
    return f"{secrets.randbelow(1_000_000):06}"


async def hashed(secret: str) -> str:
    """Off the event loop: it is meant to be slow."""
    return await LINE.through(HASHER.hash, secret)


async def matches(hash: str, secret: str) -> bool:
    """In constant time."""
    try:
        return await LINE.through(HASHER.verify, hash, secret)
    except (VerifyMismatchError, InvalidHashError):
        return False
