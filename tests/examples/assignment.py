"""Who comes and when: offers, calling off, other times, engagements."""

from datetime import datetime, timedelta
from typing import Any

from models.booking import BookingState
from runtime import clock
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.examples.booking import at_eleven, of
from tests.examples.scene import Scene, Sending, example
from tests.examples.worker import in_days
from tests.make import a_department, a_worker
from tests.visiting import Visit, a_visit

WHY = {"reason": "Plans changed"}


async def requested(scene: Scene) -> Visit:
    """For tomorrow, with a worker who may be given it."""
    starts_in = datetime.fromisoformat(at_eleven()) - clock.now()
    return await a_visit(
        scene.process, scene.inbox, BookingState.REQUESTED, starts_in=starts_in, worker_id=None
    )


async def offered(scene: Scene) -> Visit:
    visit = await requested(scene)
    await visit.send(Role.PROVIDER, "assignWorker", workerId=visit.worker.id)
    return visit


async def accepted(scene: Scene) -> Visit:
    visit = await offered(scene)
    await visit.send(Role.WORKER, "acceptBooking")
    return visit


@example("assignWorker")
async def assign_worker(scene: Scene) -> Sending:
    visit = await requested(scene)
    return of(visit, Role.PROVIDER, workerId=visit.worker.id)


@example("matchWorker")
async def match_worker(scene: Scene) -> Sending:
    return of(await requested(scene), Role.PROVIDER)


@example("acceptBooking")
async def accept_booking(scene: Scene) -> Sending:
    return of(await offered(scene), Role.WORKER)


@example("declineBooking")
async def decline_booking(scene: Scene) -> Sending:
    return of(await offered(scene), Role.WORKER, **WHY)


@example("reassignBooking")
async def reassign_booking(scene: Scene) -> Sending:
    return of(await accepted(scene), Role.PROVIDER, **WHY)


@example("cancelBooking")
async def cancel_booking(scene: Scene) -> Sending:
    """So late that it costs something, and while another time is being talked about."""
    return of(await proposed(scene), Role.CITIZEN, **WHY)


async def proposed(scene: Scene) -> Visit:
    """Another time, too late to move to it without being asked."""
    visit = await late(scene)
    given = {"bookingId": visit.booking.id, "startsAt": at_eleven(2)}
    await scene.send(visit.by(Role.CITIZEN), "proposeReschedule", **given)
    return visit


async def late(scene: Scene) -> Visit:
    return await a_visit(
        scene.process, scene.inbox, BookingState.ACCEPTED, starts_in=timedelta(hours=1)
    )


@example("proposeReschedule")
async def propose_reschedule(scene: Scene) -> Sending:
    return of(await late(scene), Role.CITIZEN, startsAt=at_eleven(2))


@example("answerReschedule")
async def answer_reschedule(scene: Scene) -> Sending:
    return of(await proposed(scene), Role.WORKER, agrees=True)


async def to_engage(scene: Scene) -> tuple[Viewer, dict[str, Any]]:
    office, worker = await a_department(scene.url), await a_worker(scene.url)
    viewer = Viewer(Role.DEPARTMENT, "us_clerk", department_id=office.id)
    days = {"startsOn": in_days(1), "endsOn": in_days(5)}
    return viewer, {"workerId": worker.id, "purpose": "Wiring of the school", **days}


@example("engageWorker")
async def engage_worker(scene: Scene) -> Sending:
    return Sending(*await to_engage(scene))


@example("endEngagement")
async def end_engagement(scene: Scene) -> Sending:
    viewer, given = await to_engage(scene)
    engaged = await scene.send(viewer, "engageWorker", "... on Node { id }", **given)
    return Sending(viewer, {"engagementId": engaged["id"]})
