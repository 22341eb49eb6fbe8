"""Webhooks of partners' systems."""

from models.base import new_id
from models.partner import PartnerClient
from models.webhook import Webhook
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.examples.scene import Scene, Sending, example
from tests.make import LUCKNOW, NOON, save

WANTED = {
    "url": "https://93.184.215.14/events",
    "events": ["worker.changed", "consent.withdrawn"],
    "selection": "{ sequence name worker { code } }",
}


async def as_client(scene: Scene) -> Viewer:
    client = PartnerClient(
        id=new_id(PartnerClient.prefix),
        name="Skill Mission",
        purposes=["JOB_MATCHING"],
        district_ids=[LUCKNOW],
    )
    await save(scene.url, client)
    return Viewer(Role.PARTNER, client.id, districts=(LUCKNOW,), purposes=("JOB_MATCHING",))


async def with_webhook(scene: Scene, state: str = "ACTIVE") -> tuple[Viewer, Webhook]:
    viewer = await as_client(scene)
    webhook = Webhook(
        **WANTED,
        id=new_id(Webhook.prefix),
        client_id=viewer.id,
        state=state,
        contract="2026-11",
        created_at=NOON,
        seed="seed",
    )
    await save(scene.url, webhook)
    return viewer, webhook


@example("createWebhook")
async def create_webhook(scene: Scene) -> Sending:
    return Sending(await as_client(scene), dict(WANTED))


@example("changeWebhook")
async def change_webhook(scene: Scene) -> Sending:
    viewer, webhook = await with_webhook(scene)
    return Sending(viewer, {"webhookId": webhook.id, "events": ["worker.erased"]})


@example("rotateWebhookSecret")
async def rotate_webhook_secret(scene: Scene) -> Sending:
    viewer, webhook = await with_webhook(scene)
    return Sending(viewer, {"webhookId": webhook.id})


@example("pauseWebhook")
async def pause_webhook(scene: Scene) -> Sending:
    viewer, webhook = await with_webhook(scene)
    return Sending(viewer, {"webhookId": webhook.id})


@example("resumeWebhook")
async def resume_webhook(scene: Scene) -> Sending:
    viewer, webhook = await with_webhook(scene, state="PARKED")
    return Sending(viewer, {"webhookId": webhook.id})


@example("deleteWebhook")
async def delete_webhook(scene: Scene) -> Sending:
    viewer, webhook = await with_webhook(scene)
    return Sending(viewer, {"webhookId": webhook.id})


@example("testWebhook")
async def test_webhook(scene: Scene) -> Sending:
    viewer, webhook = await with_webhook(scene)
    return Sending(viewer, {"webhookId": webhook.id})


@example("replayWebhook")
async def replay_webhook(scene: Scene) -> Sending:
    viewer, webhook = await with_webhook(scene)
    return Sending(viewer, {"webhookId": webhook.id, "fromSequence": "0"})
