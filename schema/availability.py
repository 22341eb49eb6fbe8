"""When and how far workers go."""

from datetime import date

import resolvers.availability as resolve
from loaders import availability as load
from models import booking as model
from runtime.privacy import Privacy
from runtime.rights import Act, Area
from schema.base import adds_to, command, criteria, field, mutation, part
from schema.worker import Worker

criteria(resolve.WeeklyHours)


@part(model.AvailabilityException)
class DayOff:
    """A day on which a worker takes no bookings."""

    day: date | None = field("The day.")
    reason: str | None = field("Why, if they said.")


@adds_to(Worker)
class WorkerDaysOff:
    """When a worker is away."""

    days_off: list[DayOff] | None = field(
        "Days to come on which they take no bookings.",
        "id",
        load=load.days_off_by_worker,
        size=60,
        shows=Privacy.OWNER,
        area=Area.WORKER_STANDING,
    )


@mutation
class Mutation:
    set_availability = command(
        "Say in which hours of the week a worker takes bookings, from a day on.",
        resolve.set_availability,
        may=Act.EDIT_WORKER,
        gives=Worker,
    )
    add_day_off = command(
        "Keep a day free of bookings.",
        resolve.add_day_off,
        may=Act.EDIT_WORKER,
        gives=Worker,
    )
    remove_day_off = command(
        "Take bookings on the day after all.",
        resolve.remove_day_off,
        may=Act.EDIT_WORKER,
        gives=Worker,
    )
    set_service_area = command(
        "Say how far a worker goes.",
        resolve.set_service_area,
        may=Act.EDIT_WORKER,
        gives=Worker,
    )
