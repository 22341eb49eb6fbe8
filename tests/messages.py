"""Sends one message of every kind, with a log in JSON that leaves nothing out; prints them at the
end, as JSON.

    python -m tests.messages DATABASE SMS_URL
"""

import asyncio
import json
import sys
from datetime import timedelta

from models.notice import NOTICES
from runtime.changes import enrol, follow, sequence
from runtime.jobs import work_off
from runtime.log import configure
from runtime.process import Process
from runtime.rights import Role
from runtime.sms import HttpSms
from runtime.transaction import transaction
from runtime.viewer import ANYONE, Viewer
from tests.asking import a_process, send
from tests.make import NOON, a_booking, a_citizen, a_provider, a_worker, save
from tests.test_rights import a_grievance

STRANGER = "+910000800001"


class Noting(HttpSms):
    """Keeps what it was given."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "the-token")
        self.given: list[tuple[str, str]] = []

    async def send(self, mobile: str, text: str) -> None:
        self.given.append((mobile, text))
        await super().send(mobile, text)


async def send_all(process: Process, url: str) -> None:
    await send(process, ANYONE, "requestCode", mobile=STRANGER, role="CITIZEN")
    citizen, provider = await a_citizen(url), await a_provider(url, mobile="+910000800003")
    worker = await a_worker(url, provider_id=provider.id)
    viewer = Viewer(Role.CITIZEN, id=citizen.id)
    for day, state in enumerate(("ARRIVED", "IN_PROGRESS")):
        starts_at = NOON + timedelta(days=day)
        booking = await a_booking(
            url, worker=worker, citizen=citizen, state=state, starts_at=starts_at
        )
        await send(process, viewer, "issueCode", bookingId=booking.id)
    grievance = a_grievance(booking, citizen.id)
    await save(url, grievance)
    for kind in NOTICES:
        event, _, status = kind.partition(" ")
        about = grievance.id if event.startswith("Grievance") else booking.id
        facts = {"worker": worker.id, "provider": provider.id, "status": status or None}
        async with transaction(process) as tx:
            await tx.emit(event, about, **facts)
    await enrol(process)
    while await sequence(process) + await follow(process, "notices"):
        pass
    await work_off(process, wait=False)


async def main(url: str, sms_url: str) -> None:
    configure("json", "debug")
    sms = Noting(sms_url)
    async with a_process(url, sms) as process:
        await send_all(process, url)
    await sms.close()
    print(json.dumps(sms.given))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
