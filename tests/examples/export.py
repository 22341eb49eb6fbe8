"""Lists written into files."""

from models.base import new_id
from models.partner import PartnerClient
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.examples.scene import Scene, Sending, example
from tests.make import LUCKNOW, save

WORKERS = {"document": "{ workers { nodes { code fullName } } }"}


async def a_client(scene: Scene) -> Viewer:
    client = PartnerClient(
        id=new_id(PartnerClient.prefix),
        name="Skill Mission",
        purposes=["SKILL_RECORDS"],
        district_ids=[LUCKNOW],
    )
    await save(scene.url, client)
    return Viewer(Role.PARTNER, client.id, districts=(LUCKNOW,), purposes=("SKILL_RECORDS",))


@example("startExport")
async def start_export(scene: Scene) -> Sending:
    return Sending(await a_client(scene), {**WORKERS})


@example("cancelExport")
async def cancel_export(scene: Scene) -> Sending:
    client = await a_client(scene)
    begun = await scene.send(client, "startExport", "... on Export { id }", **WORKERS)
    return Sending(client, {"exportId": begun["id"]})
