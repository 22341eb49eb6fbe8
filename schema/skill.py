"""The catalogue (categories, services, rates) and what workers are skilled in."""

from datetime import date, datetime

from strawberry import ID

import resolvers.place as name_of
import resolvers.skill as resolve
from loaders import place as load_place
from loaders import skill as load
from loaders import worker as load_worker
from models import skill as model
from schema.base import Node, adds_to, entity, field, plain, query
from schema.page import Connection
from schema.place import District
from schema.worker import Provider, Worker


@plain
class Money:
    """An amount in Indian rupees."""

    paise: int = field("In paise: a hundred to the rupee.")
    formatted: str = field("As written in India, such as ₹1,23,456.50.", compute=resolve.formatted)


@entity(model.Service, by_id=load.service_by_id)
class Service(Node):
    """A piece of work that can be booked."""

    id: ID = field("Opaque and stable.")
    slug: str = field("Its name within the category, such as `fan-repair`.")
    name: str = field("Its name.", "name_en name_hi", compute=name_of.name)
    unit: str = field("What one of it is, such as `job`, `visit` or `sqft`.")
    duration_minutes: int = field("How long one usually takes, in minutes.")
    ondc_code: str | None = field("Its code in the ONDC network.")
    category: "ServiceCategory | None" = field(
        "The category it belongs to.", "category_id", load=load.category_by_id
    )


@entity(model.ServiceCategory, by_id=load.category_by_id, keys=("id", "slug"))
class ServiceCategory(Node):
    """A kind of work, such as plumbing. The list may grow: do not hard-code it."""

    id: ID = field("Opaque and stable.")
    slug: str = field("Stable name for addresses and arguments, such as `plumber`.")
    name: str = field("Its name.", "name_en name_hi", compute=name_of.name)
    number: int = field("Its place in the official order.")
    group: str = field("The group it is shown in, such as `repair`.")
    active: bool = field("Whether it can be booked now.")
    gender_preference: bool = field("Whether a citizen may ask for a worker of one gender.")
    nco_code: str | None = field("Its code in the National Classification of Occupations 2015.")
    nco_title: str | None = field("Its title there.")
    qp_code: str | None = field("The usual qualification pack.")
    qp_title: str | None = field("The title of that pack.")
    nsqf_level: str | None = field("The usual level in the skills framework, such as `4`.")
    regulations: list[str] = field("Licences and checks the trade asks for.")
    services: list[Service] = field(
        "What can be booked in it.", "id", load=load.services_by_category
    )
    workers: Connection[Worker] | None = field(
        "The active workers verified in it.", "id", load=load.workers_by_category
    )


@entity(model.WorkerSkill, by_id=load.skill_by_id)
class WorkerSkill(Node):
    """A worker's skill in a category, with the certificate behind it."""

    id: ID = field("Opaque and stable.")
    category: ServiceCategory | None = field(
        "The category.", "category_id", load=load.category_by_id
    )
    worker: Worker | None = field("The worker.", "worker_id", load=load_worker.worker_by_id)
    position: int = field("0 for the worker's main skill.")
    years_experience: int = field("Years at work in this category.")
    nsqf_level: str | None = field("The level in the skills framework, such as `3` or `4.5`.")
    verified: bool = field("Whether the certificate was checked.")
    qp_code: str | None = field("The qualification pack, such as `PSC/Q0104`.")
    qp_version: str | None = field("The version of the pack: codes are used again over time.")
    certificate_number: str | None = field("The number of the certificate.")
    awarding_body: str | None = field("Who awarded it.")
    verified_at: datetime | None = field("When it was checked.")


@entity(model.RateCard, by_id=load.rate_by_id)
class RateCard(Node):
    """What a provider, or a worker on their own, charges for a service in a district."""

    id: ID = field("Opaque and stable.")
    service: Service | None = field("The service.", "service_id", load=load.service_by_id)
    district: District | None = field(
        "Where the rate holds.", "district_id", load=load_place.district_by_id
    )
    provider: Provider | None = field(
        "Whose rate it is, if a provider's.", "provider_id", load=load_worker.provider_by_id
    )
    worker: Worker | None = field(
        "Whose rate it is, if a worker's own.", "worker_id", load=load_worker.worker_by_id
    )
    amount: Money = field("For one unit of the service.", "amount_paise", compute=resolve.amount)
    visit_charge: Money = field(
        "For coming, whatever is done.", "visit_charge_paise", compute=resolve.visit_charge
    )
    valid_from: date = field("The first day it holds.")
    valid_until: date | None = field("The first day it no longer holds; null while none is set.")
    version: int = field("Counts up with every change; a booking keeps the one it was made at.")


@adds_to(Worker)
class WorkerSkills:
    """What a worker knows and charges."""

    skills: list[WorkerSkill] | None = field(
        "What they are skilled in, the main skill first.", "id", load=load.skills_by_worker
    )
    starting_rate: RateCard | None = field(
        "The lowest rate in force for what they do: show it as “from ₹…”.",
        "id",
        load=load.starting_rate_by_worker,
    )
    rates: Connection[RateCard] | None = field(
        "All rates in force for what they do, lowest first.", "id", load=load.rates_by_worker
    )


@adds_to(Provider)
class ProviderRates:
    """What a provider charges."""

    rates: Connection[RateCard] | None = field(
        "Its rates in force, lowest first.", "id", load=load.rates_by_provider
    )


@query
class Query:
    service_category: ServiceCategory | None = field(
        "A category, by slug.", load=load.category_by_slug, by="slug"
    )
    service_categories: Connection[ServiceCategory] = field(
        "The categories that can be booked, in the official order.", load=load.categories
    )
