"""Stopping a worker."""

import resolvers.suspension as resolve
from models.account import BookingsUnderWay
from models.worker import NotAtThisStage
from runtime.rights import Act
from schema.base import command, mutation
from schema.worker import Worker


@mutation
class Mutation:
    suspend_worker = command(
        "Stop a worker. Their bookings are given to others first, their engagements end.",
        resolve.suspend_worker,
        may=Act.VERIFY_WORKER,
        gives=Worker,
        refuses=(NotAtThisStage, BookingsUnderWay),
    )
