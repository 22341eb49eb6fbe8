"""One-time codes: each is for one thing, says so, and is good for nothing else."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import count, product
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from models.account import SignInAs
from models.code import CODE_TEXTS, CodePurpose
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import Inbox, a_process, send
from tests.examples.booking import PLACE, WANTED, at_eleven, offered
from tests.examples.scene import ANYONE, Scene
from tests.examples.worker import AGENCY, DETAILS
from tests.make import a_worker

PHONE = "+910000720001"
HELPLINE = Viewer(Role.HELPLINE, "us_helpline")
OTHERS = count(1)
ISSUER = "https://sewamitra.up.gov.in"


@pytest_asyncio.fixture
async def scene(database_url: str, inbox: Inbox) -> AsyncIterator[Scene]:
    async with a_process(
        database_url, inbox, issuer=ISSUER, codes_per_phone=100, code_tries=100
    ) as process:
        yield Scene(process, database_url, inbox)


@dataclass(frozen=True)
class Use:
    """Where a code is asked for, and where it is spent."""

    viewer: Viewer
    asked: dict[str, Any]
    command: str
    spend: Callable[[str], dict[str, Any]]


async def to_sign_in(scene: Scene, role: str) -> Use:
    phone = {"mobile": PHONE, "role": role}
    return Use(ANYONE, phone, "signIn", lambda code: phone | {"code": code})


async def to_register(scene: Scene, role: str) -> Use:
    asked = {"mobile": PHONE, "role": role, "purpose": "REGISTRATION"}
    command, details = {
        "WORKER": ("registerAsWorker", DETAILS),
        "PROVIDER": ("applyAsProvider", AGENCY),
    }[role]
    return Use(
        ANYONE, asked, command, lambda code: {"mobile": PHONE, "code": code, "details": details}
    )


async def to_book(scene: Scene, role: str) -> Use:
    await offered(scene)
    quote = await scene.send(HELPLINE, "requestQuote", "... on Node { id }", **WANTED)
    booked = {"quoteId": quote["id"], "startsAt": at_eleven(), "place": PLACE}
    return Use(
        HELPLINE,
        {"mobile": PHONE, "role": role, "purpose": "BOOKING", "subjectId": quote["id"]},
        "requestBooking",
        lambda code: booked | {"caller": {"mobile": PHONE, "code": code}},
    )


async def to_change(scene: Scene, role: str, old: str, new: str, purpose: str) -> Use:
    viewer = Viewer(Role.WORKER, (await a_worker(scene.url, mobile=old)).id)
    codes = {
        asked: await scene.code(mobile, role, viewer, purpose=asked)
        for asked, mobile in (("OLD_NUMBER", old), ("NEW_NUMBER", new))
    }

    def spend(code: str) -> dict[str, Any]:
        now = codes | {purpose: code}
        return {"mobile": new, "oldCode": now["OLD_NUMBER"], "newCode": now["NEW_NUMBER"]}

    asked = {"mobile": PHONE, "role": role, "purpose": purpose}
    return Use(viewer, asked, "changeNumber", spend)


async def to_change_to(scene: Scene, role: str) -> Use:
    old = f"+91000073{next(OTHERS):04}"
    return await to_change(scene, role, old, PHONE, "NEW_NUMBER")


async def to_change_from(scene: Scene, role: str) -> Use:
    new = f"+91000073{next(OTHERS):04}"
    return await to_change(scene, role, PHONE, new, "OLD_NUMBER")


USES: dict[str, tuple[Callable[[Scene, str], Awaitable[Use]], str]] = {
    **{f"sign in, {role}": (to_sign_in, role) for role in ("CITIZEN", "WORKER", "PROVIDER")},
    **{f"register, {role}": (to_register, role) for role in ("WORKER", "PROVIDER")},
    "book": (to_book, "CITIZEN"),
    "book something else": (to_book, "CITIZEN"),
    "change to it": (to_change_to, "WORKER"),
    "change to it, somebody else": (to_change_to, "WORKER"),
    "change from it": (to_change_from, "WORKER"),
}
"""Every purpose in every role, and where there is a subject, two of them."""


async def prepared(scene: Scene) -> dict[str, Use]:
    return {name: await prepare(scene, role) for name, (prepare, role) in USES.items()}


async def code_of(scene: Scene, use: Use) -> str:
    await scene.send(use.viewer, "requestCode", **use.asked)
    return scene.inbox.code(PHONE)


async def spent(process: Process, use: Use, code: str) -> str:
    came = await send(process, use.viewer, use.command, **use.spend(code))
    return str(came["__typename"])


def test_every_purpose_is_tried() -> None:
    assert len(USES) == len(set(USES))
    told = {prepare for prepare, _ in USES.values()}
    assert len(told) == len(CodePurpose) == len(CODE_TEXTS)


async def test_a_code_is_good_for_nothing_but_what_it_was_sent_for(scene: Scene) -> None:
    """Each against each: the right code of one purpose, role or subject is wrong for another."""
    uses = await prepared(scene)
    pairs = [(one, other) for one, other in product(uses, repeat=2) if one != other]

    codes = {name: await code_of(scene, use) for name, use in uses.items()}
    came = {
        (one, other): await spent(scene.process, uses[other], codes[one])
        for one, other in pairs
        if codes[one] != codes[other]
    }

    assert len(came) > len(pairs) // 2
    assert set(came.values()) == {"CodeWrong"}


@pytest.mark.parametrize("name", USES)
async def test_a_code_is_good_for_what_it_was_sent_for(scene: Scene, name: str) -> None:
    prepare, role = USES[name]
    use = await prepare(scene, role)

    assert await spent(scene.process, use, await code_of(scene, use)) != "CodeWrong"


def texts_of(inbox: Inbox) -> Iterator[str]:
    return (text for _, text in inbox.sent)


async def test_a_text_says_what_its_code_is_for_and_phones_can_fill_it_in(scene: Scene) -> None:
    uses = await prepared(scene)
    scene.inbox.sent.clear()
    codes = [await code_of(scene, use) for use in uses.values()]

    host = urlsplit(ISSUER).hostname
    for code, use, text in zip(codes, uses.values(), texts_of(scene.inbox), strict=True):
        said = CODE_TEXTS[CodePurpose(use.asked.get("purpose", "SIGN_IN"))]
        assert text.startswith(said.english.format(code=code, about="Electrician"))
        assert text.splitlines()[-1] == f"@{host} #{code}"


def test_only_a_code_that_may_be_told_says_so() -> None:
    silent = {name for name, said in CODE_TEXTS.items() if "Tell it to nobody" in said.english}
    told = {name for name, said in CODE_TEXTS.items() if "You may tell it" in said.english}

    assert silent | told == set(CodePurpose)
    assert told == {CodePurpose.BOOKING}
    for said in CODE_TEXTS.values():
        assert "{code}" in said.english
        assert "{code}" in said.hindi


async def test_what_an_agent_is_read_out_books_and_does_not_sign_in(scene: Scene) -> None:
    use = await to_book(scene, "CITIZEN")
    code = await code_of(scene, use)

    phone = {"mobile": PHONE, "role": "CITIZEN"}
    signed_in = await send(scene.process, ANYONE, "signIn", **phone, code=code)

    assert signed_in["__typename"] == "CodeWrong"
    assert await spent(scene.process, use, code) == "Booking"


async def test_nobody_has_a_code_sent_about_what_is_not_theirs(scene: Scene) -> None:
    use = await to_book(scene, "CITIZEN")
    other = Viewer(Role.HELPLINE, "us_other")
    worker = Viewer(Role.WORKER, (await a_worker(scene.url)).id)

    async def asked(viewer: Viewer, **given: Any) -> Any:
        return await send(scene.process, viewer, "requestCode", mobile=PHONE, **given)

    about = {key: value for key, value in use.asked.items() if key != "mobile"}
    for viewer in (ANYONE, other, worker):
        assert await asked(viewer, **about) == ["NOT_FOUND"]
    for role in SignInAs:
        came = await asked(worker, role=role, purpose="NEW_NUMBER")
        assert (came == ["BAD_INPUT"]) is (Role(role) != worker.role)
    assert await asked(ANYONE, role="CITIZEN", purpose="REGISTRATION") == ["BAD_INPUT"]
    assert await asked(ANYONE, role="CITIZEN", subjectId="qt_1") == ["BAD_INPUT"]
