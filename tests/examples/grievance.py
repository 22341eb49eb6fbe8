"""Complaints, and calls for help."""

from datetime import timedelta

from models.booking import BookingState
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.examples.scene import Scene, Sending, example
from tests.make import GOMTI_NAGAR
from tests.visiting import Visit, a_visit

COMPLAINT = {"subject": "QUALITY", "text": "पंखा फिर बंद हो गया"}
ANSWER = {"outcome": "UPHELD", "text": "मरम्मत फिर की जाएगी"}
HELPLINE = Viewer(Role.HELPLINE, "us_helpline")


async def complained(scene: Scene) -> tuple[Visit, dict[str, str]]:
    visit = await done(scene)
    made = await visit.send(Role.CITIZEN, "openGrievance", "... on Node { id }", **COMPLAINT)
    return visit, {"grievanceId": made["id"]}


async def done(scene: Scene) -> Visit:
    return await a_visit(
        scene.process, scene.inbox, BookingState.COMPLETED, starts_in=-timedelta(days=1)
    )


async def resolved(scene: Scene) -> tuple[Viewer, dict[str, str]]:
    """With whoever complained."""
    visit, this = await complained(scene)
    await scene.send(HELPLINE, "resolveGrievance", **this, **ANSWER)
    return visit.by(Role.CITIZEN), this


@example("openGrievance")
async def open_grievance(scene: Scene) -> Sending:
    visit = await done(scene)
    return Sending(visit.by(Role.CITIZEN), {"bookingId": visit.booking.id, **COMPLAINT})


@example("acknowledgeGrievance")
async def acknowledge_grievance(scene: Scene) -> Sending:
    _, this = await complained(scene)
    return Sending(HELPLINE, {**this, "severity": "HIGH"})


@example("takeUpGrievance")
async def take_up_grievance(scene: Scene) -> Sending:
    _, this = await complained(scene)
    return Sending(HELPLINE, {**this})


@example("answerGrievance")
async def answer_grievance(scene: Scene) -> Sending:
    visit, this = await complained(scene)
    return Sending(visit.by(Role.PROVIDER), {**this, "text": "हम देख रहे हैं"})


@example("resolveGrievance")
async def resolve_grievance(scene: Scene) -> Sending:
    _, this = await complained(scene)
    return Sending(HELPLINE, {**this, **ANSWER})


@example("reopenGrievance")
async def reopen_grievance(scene: Scene) -> Sending:
    viewer, this = await resolved(scene)
    return Sending(viewer, {**this, "text": "कोई नहीं आया"})


@example("closeGrievance")
async def close_grievance(scene: Scene) -> Sending:
    viewer, this = await resolved(scene)
    return Sending(viewer, {**this})


@example("callForHelp")
async def call_for_help(scene: Scene) -> Sending:
    visit = await a_visit(scene.process, scene.inbox, BookingState.IN_PROGRESS)
    here = {"latitude": GOMTI_NAGAR[0], "longitude": GOMTI_NAGAR[1]}
    return Sending(visit.by(Role.WORKER), {"bookingId": visit.booking.id, "whereabouts": here})
