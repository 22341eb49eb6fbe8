"""People and their accounts."""

from runtime.rights import Role
from runtime.viewer import Viewer
from tests.examples.scene import ANYONE, LUCKNOW_CODE, Scene, Sending, example
from tests.make import GOMTI_NAGAR, NOON, a_booking, a_citizen, a_review, a_worker

PHONE = {"mobile": "+910000700001", "role": "CITIZEN"}
HOME = {
    "label": "Home",
    "line": "Flat 3",
    "districtLgdCode": LUCKNOW_CODE,
    "latitude": GOMTI_NAGAR[0],
    "longitude": GOMTI_NAGAR[1],
}
CONSENT = {"purpose": "RESEARCH", "noticeVersion": "2026.1", "language": "HI", "channel": "APP"}


async def as_citizen(scene: Scene) -> Viewer:
    return Viewer(Role.CITIZEN, (await a_citizen(scene.url)).id)


@example("requestCode")
async def request_code(scene: Scene) -> Sending:
    return Sending(ANYONE, dict(PHONE))


@example("signIn")
async def sign_in(scene: Scene) -> Sending:
    """For the first time."""
    return Sending(ANYONE, PHONE | {"code": await scene.code(PHONE["mobile"], PHONE["role"])})


async def signed_in(scene: Scene) -> tuple[Viewer, str]:
    """With the refresh token of the session."""
    sending = await sign_in(scene)
    selection = "... on SignedIn { refreshToken accessToken }"
    tokens = await scene.send(ANYONE, "signIn", selection, **sending.given)
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
    added = await scene.send(viewer, "addAddress", "... on Node { id }", **HOME)
    return Sending(viewer, {"addressId": added["id"]})


@example("giveConsent")
async def give_consent(scene: Scene) -> Sending:
    return Sending(await as_citizen(scene), dict(CONSENT))


@example("withdrawConsent")
async def withdraw_consent(scene: Scene) -> Sending:
    viewer = await as_citizen(scene)
    await scene.send(viewer, "giveConsent", **CONSENT)
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
    asked = await scene.send(viewer, "requestErasure", "... on Node { id }")
    return Sending(Viewer(Role.AUDITOR, "us_dpo"), {"requestId": asked["id"], "granted": True})
