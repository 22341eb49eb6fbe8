"""Complaints, and calls for help."""

from datetime import timedelta

from runtime.rights import Role
from tests.examples.scene import OFFICER, Scene, Sending, example
from tests.visiting import Visit, a_visit

COMPLAINT = {"subject": "QUALITY", "text": "पंखा फिर बंद है"}
RESOLUTION = {"outcome": "UPHELD", "text": "मरम्मत फिर होगी"}


async def complained(scene: Scene) -> tuple[Visit, dict[str, str]]:
    """By the citizen."""
    visit = await a_visit(scene.process, scene.inbox, "COMPLETED", starts_in=-timedelta(days=1))
    made = await visit.send(Role.CITIZEN, "openGrievance", "... on Node { id }", **COMPLAINT)
    return visit, {"grievanceId": made["id"]}


@example("openGrievance")
async def open_grievance(scene: Scene) -> Sending:
    visit = await a_visit(scene.process, scene.inbox)
    return Sending(visit.by(Role.CITIZEN), {"bookingId": visit.booking.id, **COMPLAINT})


@example("acknowledgeGrievance")
async def acknowledge_grievance(scene: Scene) -> Sending:
    _, this = await complained(scene)
    return Sending(OFFICER, {**this, "severity": "HIGH"})


@example("takeUpGrievance")
async def take_up_grievance(scene: Scene) -> Sending:
    _, this = await complained(scene)
    return Sending(OFFICER, {**this})


@example("answerGrievance")
async def answer_grievance(scene: Scene) -> Sending:
    visit, this = await complained(scene)
    return Sending(visit.by(Role.PROVIDER), {**this, "text": "हम फिर आएँगे"})


@example("resolveGrievance")
async def resolve_grievance(scene: Scene) -> Sending:
    _, this = await complained(scene)
    return Sending(OFFICER, {**this, **RESOLUTION})


@example("reopenGrievance")
async def reopen_grievance(scene: Scene) -> Sending:
    visit, this = await complained(scene)
    await scene.send(OFFICER, "resolveGrievance", **this, **RESOLUTION)
    return Sending(visit.by(Role.CITIZEN), {**this, "text": "कोई नहीं आया"})


@example("closeGrievance")
async def close_grievance(scene: Scene) -> Sending:
    visit, this = await complained(scene)
    return Sending(visit.by(Role.CITIZEN), {**this})


@example("callForHelp")
async def call_for_help(scene: Scene) -> Sending:
    visit = await a_visit(scene.process, scene.inbox, "IN_PROGRESS")
    return Sending(visit.by(Role.WORKER), {"bookingId": visit.booking.id, "note": "Come quickly"})
