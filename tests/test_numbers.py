"""The number that somebody signs in with changes with them, and with nobody else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from models.account import ChangeLog, Citizen, Session, SignInAs
from models.booking import Booking
from models.code import Wording
from models.number import NUMBER_TEXTS, NumberText
from models.worker import Provider, Worker
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import Inbox, a_process, send
from tests.background import settle
from tests.conftest import run_sql_async
from tests.examples.booking import PLACE, WANTED, at_eleven, offered
from tests.examples.scene import ANYONE, OFFICER, STATE, Scene
from tests.examples.worker import AGENCY, DETAILS
from tests.make import a_citizen, a_provider, a_worker, scalar
from tests.visiting import rows

HELPLINE = Viewer(Role.HELPLINE, "us_helpline")
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


# Numbers that somebody else wrote down


async def enrolled(scene: Scene, role: SignInAs, mobile: str = OLD) -> tuple[str, str]:
    """The id and the code on the slip."""
    if role is SignInAs.CITIZEN:
        return await called_for(scene, mobile)
    command, details = {
        SignInAs.WORKER: ("enrolWorker", DETAILS),
        SignInAs.PROVIDER: ("enrolProvider", AGENCY),
    }[role]
    selection = f"... on {role.capitalize()} {{ id code }}"
    made = await scene.send(OFFICER, command, selection, mobile=mobile, details=details)
    if role is SignInAs.PROVIDER:
        await run_sql_async(scene.url, "UPDATE provider SET status = 'EMPANELLED'")
    return made["id"], made["code"]


async def called_for(scene: Scene, mobile: str) -> tuple[str, str]:
    """By the helpline, which books: the slip is the message with the booking's number."""
    await offered(scene)
    quote = await scene.send(HELPLINE, "requestQuote", "... on Node { id }", **WANTED)
    about = {"purpose": "BOOKING", "subjectId": quote["id"]}
    caller = {"mobile": mobile, "code": await scene.code(mobile, "CITIZEN", HELPLINE, **about)}
    given = {"quoteId": quote["id"], "startsAt": at_eleven(), "place": PLACE, "caller": caller}
    booking = await scene.send(HELPLINE, "requestBooking", "... on Node { id }", **given)
    made = select(Booking.citizen_id, Booking.number).where(Booking.id == booking["id"])
    ((citizen_id, number),) = await rows(scene.url, made)
    return citizen_id, number


@pytest.mark.parametrize("role", SignInAs)
async def test_a_number_that_others_wrote_down_needs_a_second_fact_once(
    scene: Scene, role: SignInAs
) -> None:
    id, slip = await enrolled(scene, role)
    viewer = Viewer(Role(role), id)
    assert await number_of(scene, viewer) is None

    assert await signs_in(scene, role, OLD) == "SecondFactNeeded"
    assert await signs_in(scene, role, OLD, fact="SM9999999") == "FactWrong"
    assert await number_of(scene, viewer) is None
    assert await signs_in(scene, role, OLD, fact=f" {slip.lower()} ") == id
    assert await number_of(scene, viewer) == OLD
    assert await signs_in(scene, role, OLD) == id


async def test_facts_are_counted_like_tries(scene: Scene) -> None:
    _, slip = await enrolled(scene, SignInAs.WORKER)
    phone = {"mobile": OLD, "role": "WORKER", "code": await scene.code(OLD, "WORKER")}

    async def tried(fact: str) -> Any:
        selection = "... on FactWrong { triesLeft } ... on CodeWrong { triesLeft }"
        came = await send(scene.process, ANYONE, "signIn", selection, **phone, fact=fact)
        return came["__typename"], came.get("triesLeft")

    for _ in range(3):
        needed = await send(scene.process, ANYONE, "signIn", **phone)
        assert needed["__typename"] == "SecondFactNeeded"
    assert [await tried("SM1") for _ in range(5)] == [
        ("FactWrong", left) for left in (4, 3, 2, 1, 0)
    ]
    assert await tried(slip) == ("CodeWrong", 0)


@pytest.mark.parametrize("role", [SignInAs.WORKER, SignInAs.PROVIDER])
async def test_whoever_enrols_with_somebody_elses_number_does_not_become_them(
    scene: Scene, role: SignInAs
) -> None:
    owner = await a_person(scene, role)
    scene.inbox.sent.clear()

    id, slip = await enrolled(scene, role)
    await settle(scene.process)

    assert (OLD, NUMBER_TEXTS[NumberText.CLAIMED].hindi) in scene.inbox.sent
    claims = select(ChangeLog.subject_id).where(ChangeLog.event == "NumberClaimed")
    assert await scalar(scene.url, claims) == id
    assert await signs_in(scene, role, OLD) == owner.id
    assert await signs_in(scene, role, OLD, fact=slip) == owner.id
    assert await number_of(scene, Viewer(Role(role), id)) is None


async def test_of_two_for_whom_one_number_was_written_down_the_slip_says_who(scene: Scene) -> None:
    first, slip = await enrolled(scene, SignInAs.WORKER)
    second, other = await enrolled(scene, SignInAs.WORKER)

    assert await signs_in(scene, SignInAs.WORKER, OLD, fact=other) == second
    assert await signs_in(scene, SignInAs.WORKER, OLD, fact=slip) == second
    assert await number_of(scene, Viewer(Role.WORKER, first)) is None


async def test_a_caller_whose_number_is_proven_is_booked_for_as_themselves(scene: Scene) -> None:
    owner = await a_person(scene, SignInAs.CITIZEN)

    citizen_id, _ = await called_for(scene, OLD)

    assert citizen_id == owner.id
    assert await number_of(scene, owner) == OLD


# Numbers that may be another person's now


@pytest.mark.parametrize("role", SignInAs)
async def test_a_number_unused_for_a_year_asks_for_a_second_fact(
    scene: Scene, role: SignInAs
) -> None:
    person = await a_person(scene, role)
    assert await signs_in(scene, role, OLD) == person.id
    table = ENTITIES[role].__tablename__
    await run_sql_async(scene.url, f"UPDATE {table} SET mobile_used_at = :now - interval '366 d'")

    assert await signs_in(scene, role, OLD) == person.id, "the session was in use since"
    await run_sql_async(
        scene.url,
        f"UPDATE {table} SET mobile_used_at = :now - interval '366 d'",
        "UPDATE session SET used_at = :now - interval '366 d'",
    )

    assert await signs_in(scene, role, OLD) == "SecondFactNeeded"
    assert await number_of(scene, person) == OLD


async def test_whoever_has_a_recycled_number_begins_with_nothing(scene: Scene) -> None:
    person = await a_person(scene, SignInAs.CITIZEN)
    await run_sql_async(scene.url, "UPDATE citizen SET mobile_used_at = :now - interval '366 d'")

    came = await signs_in(scene, SignInAs.CITIZEN, OLD, anew=True)

    assert came.startswith("cz_")
    assert came != person.id
    assert await number_of(scene, person) is None
    assert await signs_in(scene, SignInAs.CITIZEN, OLD) == came


async def test_nobody_begins_anew_with_a_number_that_is_in_use(scene: Scene) -> None:
    person = await a_person(scene, SignInAs.CITIZEN)

    assert await signs_in(scene, SignInAs.CITIZEN, OLD, anew=True) == person.id


async def test_a_number_from_before_this_rule_proves_itself(scene: Scene) -> None:
    person = await a_person(scene, SignInAs.WORKER)

    assert await signs_in(scene, SignInAs.WORKER, OLD) == person.id
    used = select(Worker.mobile_used_at).where(Worker.id == person.id)
    assert await scalar(scene.url, used) is not None
