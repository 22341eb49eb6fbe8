"""The number that somebody signs in with."""

from runtime.rights import Role
from runtime.viewer import Viewer
from tests.examples.scene import Scene, Sending, example
from tests.make import a_worker

OLD, NEW = "+910000700011", "+910000700012"


@example("changeNumber")
async def change_number(scene: Scene) -> Sending:
    """By a worker."""
    worker = await a_worker(scene.url, mobile=OLD)
    viewer = Viewer(Role.WORKER, worker.id)
    codes = {
        "oldCode": await scene.code(OLD, "WORKER", viewer, purpose="OLD_NUMBER"),
        "newCode": await scene.code(NEW, "WORKER", viewer, purpose="NEW_NUMBER"),
    }
    return Sending(viewer, {"mobile": NEW, **codes})
