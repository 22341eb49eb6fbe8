"""The systems of partner departments."""

from models.base import new_id
from models.partner import PartnerClient
from runtime.rights import Role
from runtime.secret import hashed
from runtime.viewer import Viewer
from tests.examples.scene import LUCKNOW_CODE, Scene, Sending, example
from tests.make import LUCKNOW, NOON, save

OFFICE = Viewer(Role.STATE_OFFICER, "us_state")
SYSTEM = {
    "name": "Skill Mission",
    "contact": "systems@mission.example",
    "purposes": ["SKILL_RECORDS"],
    "districtCodes": [LUCKNOW_CODE],
}


async def a_client(scene: Scene, **columns: object) -> str:
    client = PartnerClient(
        id=new_id(PartnerClient.prefix),
        name="Skill Mission",
        secret_hash=await hashed("a secret"),
        purposes=["SKILL_RECORDS"],
        district_ids=[LUCKNOW],
        **columns,
    )
    await save(scene.url, client)
    return client.id


@example("registerPartnerClient")
async def register(scene: Scene) -> Sending:
    return Sending(OFFICE, dict(SYSTEM))


@example("changePartnerClient")
async def change(scene: Scene) -> Sending:
    return Sending(OFFICE, {"clientId": await a_client(scene), "purposes": ["RESEARCH"]})


@example("rotatePartnerSecret")
async def rotate(scene: Scene) -> Sending:
    return Sending(OFFICE, {"clientId": await a_client(scene)})


@example("suspendPartnerClient")
async def suspend(scene: Scene) -> Sending:
    return Sending(OFFICE, {"clientId": await a_client(scene), "reason": "It asks too much."})


@example("resumePartnerClient")
async def resume(scene: Scene) -> Sending:
    return Sending(OFFICE, {"clientId": await a_client(scene, suspended_at=NOON)})


@example("revokePartnerClient")
async def revoke(scene: Scene) -> Sending:
    return Sending(OFFICE, {"clientId": await a_client(scene), "reason": "The project is over."})
