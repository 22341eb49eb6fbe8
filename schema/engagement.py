"""Departments engage workers for some time."""

import resolvers.engagement as resolve
from loaders import engagement as load
from models import engagement as refuse
from models.booking import SlotTaken
from runtime.rights import Act
from schema.account import Viewer
from schema.base import adds_to, command, field, mutation
from schema.page import Connection
from schema.worker import Engagement


@adds_to(Viewer)
class ViewerEngagements:
    """Whom the viewer's department holds."""

    engagements: Connection[Engagement] = field(
        "Workers whom your department holds or held, the latest first.",
        "department_id",
        load=load.engagements_by_department,
    )


@mutation
class Mutation:
    engage_worker = command(
        "Hold a worker for your department from day to day: nobody else can book them then.",
        resolve.engage_worker,
        may=Act.ENGAGE,
        gives=Engagement,
        refuses=(refuse.WorkerNotActive, SlotTaken),
    )
    end_engagement = command(
        "End an engagement before its last day. The worker can be booked again at once.",
        resolve.end_engagement,
        may=Act.ENGAGE,
        gives=Engagement,
        refuses=(refuse.EngagementOver,),
    )
