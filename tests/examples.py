"""For each command, someone who may send it and what they send, in a world where it succeeds.

Whoever adds a command adds its example here: tests that hold every command to a rule find it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import Inbox, send
from tests.make import NOON, a_booking, a_citizen, a_review, a_worker

ANYONE = Viewer()


@dataclass(frozen=True)
class Scene:
    """Where an example is prepared: a database with reference data and nobody in it."""

    process: Process
    url: str
    inbox: Inbox


@dataclass(frozen=True)
class Sending:
    """What is left to do once everything is prepared."""

    viewer: Viewer
    given: dict[str, Any]


Example = Callable[[Scene], Awaitable[Sending]]
EXAMPLES: dict[str, Example] = {}


def example(command: str) -> Callable[[Example], Example]:
    def register(prepare: Example) -> Example:
        assert command not in EXAMPLES, f"{command} has two examples"
        EXAMPLES[command] = prepare
        return prepare

    return register


PHONE = {"mobile": "+910000700001", "role": "CITIZEN"}
HOME = {
    "label": "Home",
    "line": "Flat 3",
    "districtLgdCode": 162,
    "latitude": 26.85,
    "longitude": 81.0,
}
CONSENT = {"purpose": "RESEARCH", "noticeVersion": "2026.1", "language": "HI", "channel": "APP"}


async def as_citizen(scene: Scene) -> Viewer:
    return Viewer(Role.CITIZEN, (await a_citizen(scene.url)).id)


@example("requestCode")
async def request_code(scene: Scene) -> Sending:
    return Sending(ANYONE, dict(PHONE))


@example("signIn")
async def sign_in(scene: Scene) -> Sending:
    await send(scene.process, ANYONE, "requestCode", **PHONE)
    return Sending(ANYONE, PHONE | {"code": scene.inbox.code(PHONE["mobile"])})


async def signed_in(scene: Scene) -> tuple[Viewer, str]:
    """With the refresh token of the session."""
    sending = await sign_in(scene)
    selection = "... on SignedIn { refreshToken accessToken }"
    tokens = await send(scene.process, ANYONE, "signIn", selection, **sending.given)
    claims = scene.process.keys.claims(tokens["accessToken"])
    return Viewer(Role.CITIZEN, claims["sub"], session_id=claims["sid"]), tokens["refreshToken"]


@example("refreshSession")
async def refresh_session(scene: Scene) -> Sending:
    _, token = await signed_in(scene)
    return Sending(ANYONE, {"refreshToken": token})


@example("signOut")
async def sign_out(scene: Scene) -> Sending:
    viewer, _ = await signed_in(scene)
    return Sending(viewer, {"sessionId": viewer.session_id})


@example("signOutEverywhere")
async def sign_out_everywhere(scene: Scene) -> Sending:
    viewer, _ = await signed_in(scene)
    return Sending(viewer, {})


@example("changeProfile")
async def change_profile(scene: Scene) -> Sending:
    return Sending(await as_citizen(scene), {"surnameEn": "Rao", "districtLgdCode": 118})


@example("addAddress")
async def add_address(scene: Scene) -> Sending:
    return Sending(await as_citizen(scene), dict(HOME))


@example("removeAddress")
async def remove_address(scene: Scene) -> Sending:
    viewer = await as_citizen(scene)
    added = await send(scene.process, viewer, "addAddress", "... on Node { id }", **HOME)
    return Sending(viewer, {"addressId": added["id"]})


@example("giveConsent")
async def give_consent(scene: Scene) -> Sending:
    return Sending(await as_citizen(scene), dict(CONSENT))


@example("withdrawConsent")
async def withdraw_consent(scene: Scene) -> Sending:
    viewer = await as_citizen(scene)
    await send(scene.process, viewer, "giveConsent", **CONSENT)
    return Sending(viewer, {"purpose": CONSENT["purpose"]})


@example("requestErasure")
async def request_erasure(scene: Scene) -> Sending:
    return Sending(await as_citizen(scene), {"idempotencyKey": "k1"})


@example("decideErasure")
async def decide_erasure(scene: Scene) -> Sending:
    """Of a worker with work behind them."""
    worker = await a_worker(scene.url)
    booking = await a_booking(scene.url, worker=worker, state="COMPLETED", starts_at=NOON)
    await a_review(scene.url, booking=booking)
    viewer = Viewer(Role.WORKER, worker.id)
    asked = await send(scene.process, viewer, "requestErasure", "... on Node { id }")
    return Sending(Viewer(Role.AUDITOR, "us_dpo"), {"requestId": asked["id"], "granted": True})
