"""The number that somebody signs in with changes with them, and with nobody else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from models.account import Citizen, Session, SignInAs
from models.code import Wording
from models.number import NUMBER_TEXTS, NumberText
from models.worker import Provider, Worker
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import Inbox, a_process, send
from tests.examples.scene import ANYONE, OFFICER, STATE, Scene
from tests.make import a_citizen, a_provider, a_worker, scalar

OLD, NEW = "+910000740001", "+910000740002"
ENTITIES: dict[SignInAs, Any] = {
    SignInAs.CITIZEN: Citizen,
    SignInAs.WORKER: Worker,
    SignInAs.PROVIDER: Provider,
}
MAKE: dict[SignInAs, Callable[..., Awaitable[Any]]] = {
    SignInAs.CITIZEN: a_citizen,
    SignInAs.WORKER: a_worker,
    SignInAs.PROVIDER: a_provider,
}


@pytest_asyncio.fixture
async def scene(database_url: str, inbox: Inbox) -> AsyncIterator[Scene]:
    async with a_process(database_url, inbox, codes_per_phone=100, pool_size=15) as process:
        yield Scene(process, database_url, inbox)


async def a_person(scene: Scene, role: SignInAs, **columns: Any) -> Viewer:
    person = await MAKE[role](scene.url, **({"mobile": OLD} | columns))
    return Viewer(
        Role(role), person.id, provider_id=person.id if role is SignInAs.PROVIDER else None
    )


async def sign_in(scene: Scene, role: SignInAs, mobile: str, **given: Any) -> Any:
    code = await scene.code(mobile, role)
    phone = {"mobile": mobile, "role": role, "code": code}
    selection = "... on SignedIn { accessToken refreshToken }"
    return await send(scene.process, ANYONE, "signIn", selection, **phone, **given)


async def signs_in(scene: Scene, role: SignInAs, mobile: str, **given: Any) -> Any:
    """As whom; or what stood in the way."""
    came = await sign_in(scene, role, mobile, **given)
    if came["__typename"] != "SignedIn":
        return came["__typename"]
    return scene.process.keys.claims(came["accessToken"])["sub"]


async def change(scene: Scene, viewer: Viewer, old: str, new: str, **given: Any) -> Any:
    role = str(viewer.role)
    codes = {
        "oldCode": await scene.code(old, role, viewer, purpose="OLD_NUMBER"),
        "newCode": await scene.code(new, role, viewer, purpose="NEW_NUMBER"),
    }
    selection = "... on NumberChanged { devices } ... on CodeWrong { triesLeft }"
    sent: dict[str, Any] = {"mobile": new, **codes, **given}
    return await send(scene.process, viewer, "changeNumber", selection, **sent)


async def number_of(scene: Scene, viewer: Viewer) -> Any:
    entity = ENTITIES[SignInAs(viewer.role)]
    return await scalar(scene.url, select(entity.mobile).where(entity.id == viewer.id))


def test_every_text_is_said_in_both_languages() -> None:
    assert set(NUMBER_TEXTS) == set(NumberText)
    for said in NUMBER_TEXTS.values():
        assert isinstance(said, Wording)
        assert said.english
        assert said.hindi


@pytest.mark.parametrize("role", SignInAs)
async def test_a_person_changes_their_number_with_proof_of_old_and_new(
    scene: Scene, role: SignInAs
) -> None:
    person = await a_person(scene, role)
    sessions = [await sign_in(scene, role, OLD) for _ in range(2)]
    scene.inbox.sent.clear()

    changed = await change(scene, person, OLD, NEW)

    assert changed == {"__typename": "NumberChanged", "devices": 2}
    assert await number_of(scene, person) == NEW
    living = select(func.count()).where(Session.person_id == person.id, Session.ended_at.is_(None))
    assert await scalar(scene.url, living) == 0
    for session in sessions:
        token = {"refreshToken": session["refreshToken"]}
        refreshed = await send(scene.process, ANYONE, "refreshSession", **token)
        assert refreshed["__typename"] == "SessionEnded"
    told = {(mobile, text) for mobile, text in scene.inbox.sent if "#" not in text}
    assert told == {
        (OLD, NUMBER_TEXTS[NumberText.LEFT].english),
        (NEW, NUMBER_TEXTS[NumberText.TAKEN].english),
    }
    assert await signs_in(scene, role, NEW) == person.id
    assert await signs_in(scene, role, OLD) != person.id


@pytest.mark.parametrize("role", SignInAs)
@pytest.mark.parametrize("missing", ["oldCode", "newCode"])
async def test_without_proof_of_both_no_number_changes(
    scene: Scene, role: SignInAs, missing: str
) -> None:
    person = await a_person(scene, role)
    await sign_in(scene, role, OLD)

    refused = await change(scene, person, OLD, NEW, **{missing: "x"})

    assert refused == {"__typename": "CodeWrong", "message": refused["message"], "triesLeft": 4}
    assert await number_of(scene, person) == OLD
    living = select(func.count()).where(Session.person_id == person.id, Session.ended_at.is_(None))
    assert await scalar(scene.url, living) == 1


async def test_a_slip_in_one_code_does_not_cost_the_other(scene: Scene) -> None:
    person = await a_person(scene, SignInAs.CITIZEN)
    codes = {
        "oldCode": await scene.code(OLD, "CITIZEN", person, purpose="OLD_NUMBER"),
        "newCode": await scene.code(NEW, "CITIZEN", person, purpose="NEW_NUMBER"),
    }

    for wrong in ({"newCode": "x"}, {"oldCode": "x"}):
        given = {"mobile": NEW} | codes | wrong
        refused = await send(scene.process, person, "changeNumber", **given)
        assert refused["__typename"] == "CodeWrong"
    changed = await send(scene.process, person, "changeNumber", mobile=NEW, **codes)

    assert changed["__typename"] == "NumberChanged"


@pytest.mark.parametrize("role", SignInAs)
async def test_of_many_who_change_to_one_number_at_once_one_has_it(
    scene: Scene, role: SignInAs
) -> None:
    numbers = [f"+91000074{n:04}" for n in range(100, 105)]
    people = [await a_person(scene, role, mobile=mobile) for mobile in numbers]
    given = []
    for person, old in zip(people, numbers, strict=True):
        codes = {
            "oldCode": await scene.code(old, role, person, purpose="OLD_NUMBER"),
            "newCode": await scene.code(NEW, role, person, purpose="NEW_NUMBER"),
        }
        given.append({"mobile": NEW, **codes})

    came = await asyncio.gather(
        *(
            send(scene.process, person, "changeNumber", **sent)
            for person, sent in zip(people, given, strict=True)
        )
    )

    kinds = sorted(one["__typename"] for one in came)
    assert kinds == ["MobileTaken"] * 4 + ["NumberChanged"]
    kept = [await number_of(scene, person) for person in people]
    assert sorted(kept) == sorted([*(old for old in numbers if old in kept), NEW])
    entity = ENTITIES[role]
    assert await scalar(scene.url, select(func.count()).where(entity.mobile == NEW)) == 1


@pytest.mark.parametrize(
    "viewer", [OFFICER, STATE, Viewer(Role.PROVIDER, "pv_x", provider_id="pv_x")]
)
async def test_nobody_else_sets_the_number_by_changing_contact(
    scene: Scene, viewer: Viewer
) -> None:
    worker = await a_person(scene, SignInAs.WORKER)

    came = await send_raw(scene.process, viewer, worker.id or "")

    assert came == "BAD_INPUT"
    assert await number_of(scene, worker) == OLD


async def send_raw(process: Process, viewer: Viewer, worker_id: str) -> Any:
    came = await send(process, viewer, "changeContact", workerId=worker_id, mobile=NEW)
    return came[0] if isinstance(came, list) else came
