"""Tokens of our own are checked once, and believed no longer than they hold."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from runtime import bearer, clock, tokens
from runtime.bearer import claims_of
from runtime.faults import Unauthenticated
from runtime.identity import viewer_of
from runtime.process import Process
from runtime.rights import Role
from runtime.tokens import rotate
from runtime.viewer import Viewer
from tests.asking import a_process

SUNITA = Viewer(Role.CITIZEN, "ct_sunita", session_id="ss_1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    rotate(path)
    return path


@pytest_asyncio.fixture
async def process(path: Path) -> AsyncIterator[Process]:
    """Over no database: nothing is asked of it for whoever is neither a partner nor a demo."""
    async with a_process("postgresql://nobody@127.0.0.1:1/nothing", signing_keys=str(path)) as it:
        yield it


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signature was checked."""
    seen: list[str] = []
    verified = tokens.verified

    def counted(token: str, *arguments: Any, **claims: Any) -> dict[str, Any]:
        seen.append(token)
        return verified(token, *arguments, **claims)

    monkeypatch.setattr(tokens, "verified", counted)
    return seen


def a_token(process: Process, viewer: Viewer = SUNITA) -> str:
    return process.keys.sign(10, **claims_of(viewer))


async def whose(process: Process, token: str) -> Viewer:
    return await viewer_of(f"Bearer {token}", process)


async def test_a_token_is_checked_once_and_known_from_then_on(
    process: Process, checked: list[str]
) -> None:
    token = a_token(process)

    assert [await whose(process, token) for _ in range(3)] == [SUNITA] * 3
    assert checked == [token]


async def test_a_known_token_is_refused_once_it_has_ended(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = a_token(process)
    assert await whose(process, token) == SUNITA

    later = clock.now() + timedelta(minutes=11)
    monkeypatch.setattr(clock, "now", lambda: later)

    with pytest.raises(Unauthenticated, match="not any more"):
        await whose(process, token)


async def test_a_known_token_is_refused_once_its_key_is_gone(
    process: Process, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.tokens.LOOK_SECONDS", 0)
    token = a_token(process)
    assert await whose(process, token) == SUNITA

    rotate(path)
    assert await whose(process, token) == SUNITA
    rotate(path)

    with pytest.raises(Unauthenticated, match="not valid"):
        await whose(process, token)


async def test_what_resembles_a_known_token_is_not_one(process: Process) -> None:
    token = a_token(process)
    await whose(process, token)
    header, claims, signature = token.split(".")

    for forged in (f"{header}.{claims}.{signature[::-1]}", f"{header}.{claims}.", token[:-4]):
        with pytest.raises(Unauthenticated):
            await whose(process, forged)


async def test_only_so_many_tokens_are_remembered(
    process: Process, checked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bearer, "REMEMBERED", 2)
    first, second, third = (a_token(process) for _ in range(3))
    for token in (first, second, third, third, second, first):
        assert await whose(process, token) == SUNITA

    assert checked == [first, second, third, first]
