"""Reviews of work that was done."""

from datetime import timedelta

from runtime.rights import Role
from runtime.viewer import Viewer
from tests.examples.scene import Scene, Sending, example
from tests.visiting import Visit, a_visit

SAID = {"stars": 4, "text": "समय पर आए", "tags": ["on-time"]}
MODERATOR = Viewer(Role.MODERATOR, "us_moderator")


async def done(scene: Scene) -> Visit:
    return await a_visit(scene.process, scene.inbox, "COMPLETED", starts_in=-timedelta(days=1))


async def reviewed(scene: Scene) -> tuple[Visit, dict[str, str]]:
    visit = await done(scene)
    review = await visit.send(Role.CITIZEN, "submitReview", "... on Node { id }", said=SAID)
    return visit, {"reviewId": review["id"]}


@example("submitReview")
async def submit_review(scene: Scene) -> Sending:
    visit = await done(scene)
    return Sending(visit.by(Role.CITIZEN), {"bookingId": visit.booking.id, "said": SAID})


@example("editReview")
async def edit_review(scene: Scene) -> Sending:
    visit, this = await reviewed(scene)
    return Sending(visit.by(Role.CITIZEN), {**this, "said": {"stars": 2}})


@example("withdrawReview")
async def withdraw_review(scene: Scene) -> Sending:
    """One that was reported."""
    visit, this = await reviewed(scene)
    await scene.send(visit.by(Role.PROVIDER), "flagReview", **this, reason="It names a person")
    return Sending(visit.by(Role.CITIZEN), {**this})


@example("replyToReview")
async def reply_to_review(scene: Scene) -> Sending:
    visit, this = await reviewed(scene)
    return Sending(visit.by(Role.PROVIDER), {**this, "text": "धन्यवाद"})


@example("flagReview")
async def flag_review(scene: Scene) -> Sending:
    visit, this = await reviewed(scene)
    return Sending(visit.by(Role.PROVIDER), {**this, "reason": "It names a person"})


@example("moderateReview")
async def moderate_review(scene: Scene) -> Sending:
    """One that was reported, which changes the ratings."""
    visit, this = await reviewed(scene)
    told = {**this, "reason": "It names a person"}
    await scene.send(visit.by(Role.PROVIDER), "flagReview", **told)
    return Sending(MODERATOR, {**told, "decision": "HIDE"})
