"""Skills, rates, and the catalogue."""

from typing import Any

from models.worker import Worker
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.examples.scene import LUCKNOW_CODE, OFFICER, STATE, Scene, Sending, example
from tests.examples.worker import as_worker, in_days
from tests.make import a_provider, a_rate, a_worker
from tests.visiting import FAN_REPAIR

PACK = {"qpCode": "PSC/Q0104", "qpVersion": "2.0", "nsqfLevel": "4"}
PLUMBING = {"categoryId": "ct_plumber", "yearsExperience": 9}
NAMES = {"en": "Wiring", "hi": "वायरिंग"}


async def two_skills(scene: Scene) -> tuple[Worker, str, str]:
    """Both verified: of an active worker, one can be taken away. The worker, and both ids."""
    worker = await a_worker(scene.url)
    viewer = Viewer(Role.WORKER, worker.id)
    selection = "... on WorkerSkill { id worker { skills { id } } }"
    added = await scene.send(viewer, "addSkill", selection, **PLUMBING)
    first, second = (skill["id"] for skill in added["worker"]["skills"])
    await scene.send(OFFICER, "verifySkill", skillId=second, **PACK)
    return worker, first, second


@example("addSkill")
async def add_skill(scene: Scene) -> Sending:
    """With more years than the trade the worker began with."""
    return Sending(await as_worker(scene), dict(PLUMBING))


@example("verifySkill")
async def verify_skill(scene: Scene) -> Sending:
    viewer = await as_worker(scene)
    skill = await scene.send(viewer, "addSkill", "... on Node { id }", **PLUMBING)
    return Sending(OFFICER, {"skillId": skill["id"], **PACK})


@example("withdrawSkillVerification")
async def withdraw_skill_verification(scene: Scene) -> Sending:
    _, first, _ = await two_skills(scene)
    return Sending(OFFICER, {"skillId": first})


@example("removeSkill")
async def remove_skill(scene: Scene) -> Sending:
    """The other one moves up."""
    worker, first, _ = await two_skills(scene)
    return Sending(Viewer(Role.WORKER, worker.id), {"skillId": first})


async def as_provider(scene: Scene) -> Viewer:
    provider = await a_provider(scene.url)
    return Viewer(Role.PROVIDER, provider.id, provider_id=provider.id)


def a_proposal() -> dict[str, Any]:
    return {
        "serviceId": FAN_REPAIR,
        "districtCode": LUCKNOW_CODE,
        "amountPaise": 25_000,
        "validFrom": in_days(0),
    }


@example("publishRate")
async def publish_rate(scene: Scene) -> Sending:
    return Sending(await as_provider(scene), a_proposal())


async def proposed(scene: Scene) -> str:
    """By a provider whose last rate still holds."""
    provider = await a_provider(scene.url)
    await a_rate(scene.url, provider=provider)
    viewer = Viewer(Role.PROVIDER, provider.id, provider_id=provider.id)
    rate = await scene.send(viewer, "publishRate", "... on Node { id }", **a_proposal())
    return str(rate["id"])


@example("approveRate")
async def approve_rate(scene: Scene) -> Sending:
    return Sending(OFFICER, {"rateId": await proposed(scene)})


@example("rejectRate")
async def reject_rate(scene: Scene) -> Sending:
    return Sending(OFFICER, {"rateId": await proposed(scene), "reason": "Above the ceiling"})


@example("addCategory")
async def add_category(scene: Scene) -> Sending:
    names = {"en": "Gardener", "hi": "माली"}
    return Sending(STATE, {"slug": "gardener-of-roses", "name": names, "group": "household"})


@example("changeCategory")
async def change_category(scene: Scene) -> Sending:
    return Sending(STATE, {"categoryId": "ct_electrician", "name": NAMES})


@example("retireCategory")
async def retire_category(scene: Scene) -> Sending:
    return Sending(STATE, {"categoryId": "ct_plumber"})


@example("addService")
async def add_service(scene: Scene) -> Sending:
    service = {"slug": "doorbell", "name": NAMES, "unit": "job", "durationMinutes": 20}
    return Sending(STATE, {"categoryId": "ct_electrician", **service})


@example("changeService")
async def change_service(scene: Scene) -> Sending:
    return Sending(STATE, {"serviceId": FAN_REPAIR, "name": NAMES})
