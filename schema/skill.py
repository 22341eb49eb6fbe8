"""The catalogue (categories, services, rates) and what workers are skilled in."""

from datetime import date, datetime

from strawberry import ID

import resolvers.place as name_of
import resolvers.skill as resolve
from loaders import place as load_place
from loaders import skill as load
from loaders import worker as load_worker
from loaders.lifetimes import CARD, CATALOGUE
from models import skill as model
from models import worker as worker_model
from runtime.rights import Act
from schema.base import (
    Node,
    adds_to,
    command,
    criteria,
    entity,
    field,
    mutation,
    plain,
    query,
)
from schema.page import Connection
from schema.place import District
from schema.worker import Provider, Worker

criteria(resolve.Names)
criteria(resolve.Trade)


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
        "The category it belongs to.", "category_id", load=load.category_by_id, max_age=CATALOGUE
    )


@entity(
    model.ServiceCategory,
    by_id=load.category_by_id,
    keys={"slug": load.category_by_slug},
)
class ServiceCategory(Node):
    """A kind of work, such as plumbing. The list may grow: do not hard-code it."""

    id: ID = field("Opaque and stable.")
    slug: str = field("Stable name for addresses and arguments, such as `plumber`.")
    name: str = field("Its name.", "name_en name_hi", compute=name_of.name)
    number: int = field("Its place in the official order.")
    group: str = field("The group it is shown in, such as `repair`.")
    active: bool = field("Whether it can be booked now.")
    gender_preference: bool = field("Whether a citizen may ask for a worker of one gender.")
    rework_days: int = field(
        "For how many days after completion poor work is put right without charge."
    )
    nco_code: str | None = field("Its code in the National Classification of Occupations 2015.")
    nco_title: str | None = field("Its title there.")
    qp_code: str | None = field("The usual qualification pack.")
    qp_title: str | None = field("The title of that pack.")
    nsqf_level: str | None = field("The usual level in the skills framework, such as `4`.")
    regulations: list[str] = field("Licences and checks the trade asks for.")
    services: list[Service] = field(
        "What can be booked in it.",
        "id",
        load=load.services_by_category,
        size=10,
        max_age=CATALOGUE,
    )
    workers: Connection[Worker] | None = field(
        "The active workers verified in it.", "id", load=load.workers_by_category, max_age=CARD
    )


@entity(model.WorkerSkill, by_id=load.skill_by_id)
class WorkerSkill(Node):
    """A worker's skill in a category, with the certificate behind it."""

    id: ID = field("Opaque and stable.")
    category: ServiceCategory | None = field(
        "The category.", "category_id", load=load.category_by_id, max_age=CATALOGUE
    )
    worker: Worker | None = field(
        "The worker.", "worker_id", load=load_worker.worker_by_id, max_age=CARD
    )
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
    service: Service | None = field(
        "The service.", "service_id", load=load.service_by_id, max_age=CATALOGUE
    )
    district: District | None = field(
        "Where the rate holds.", "district_id", load=load_place.district_by_id, max_age=CATALOGUE
    )
    provider: Provider | None = field(
        "Whose rate it is, if a provider's.",
        "provider_id",
        load=load_worker.provider_by_id,
        max_age=CARD,
    )
    worker: Worker | None = field(
        "Whose rate it is, if a worker's own.",
        "worker_id",
        load=load_worker.worker_by_id,
        max_age=CARD,
    )
    amount: Money = field("For one unit of the service.", "amount_paise", compute=resolve.amount)
    visit_charge: Money = field(
        "For coming, whatever is done.", "visit_charge_paise", compute=resolve.visit_charge
    )
    valid_from: date = field("The first day it holds.")
    valid_until: date | None = field("The first day it no longer holds; null while none is set.")
    version: int = field("Counts up with every change; a booking keeps the one it was made at.")
    approved_at: datetime | None = field("When it was approved: only then does it hold.")
    rejected_at: datetime | None = field("When it was turned down.")
    rejection_reason: str | None = field("Why it was turned down.")


@adds_to(Worker)
class WorkerSkills:
    """What a worker knows and charges."""

    skills: list[WorkerSkill] | None = field(
        "What they are skilled in, the main skill first.",
        "id",
        load=load.skills_by_worker,
        size=10,
        max_age=CARD,
    )
    starting_rate: RateCard | None = field(
        "The lowest rate in force for what they do: show it as “from ₹…”.",
        "id",
        load=load.starting_rate_by_worker,
        max_age=CARD,
    )
    rates: Connection[RateCard] | None = field(
        "All rates in force for what they do, lowest first.",
        "id",
        load=load.rates_by_worker,
        max_age=CARD,
    )


@adds_to(Provider)
class ProviderRates:
    """What a provider charges."""

    rates: Connection[RateCard] | None = field(
        "Its rates in force, lowest first.", "id", load=load.rates_by_provider, max_age=CARD
    )


@query
class Query:
    service_category: ServiceCategory | None = field(
        "A category, by slug.", load=load.category_by_slug, by="slug", max_age=CATALOGUE
    )
    service_categories: Connection[ServiceCategory] = field(
        "The categories that can be booked, in the official order.",
        load=load.categories,
        max_age=CATALOGUE,
    )
    rate_proposals: Connection[RateCard] = field(
        "Rates that wait for approval: yours, or those that are yours to decide on.",
        load=load.rate_proposals,
    )


@mutation
class Mutation:
    add_skill = command(
        "Put on record what a worker knows; it counts once it is verified.",
        resolve.add_skill,
        may=Act.EDIT_WORKER,
        gives=WorkerSkill,
        refuses=(model.SkillExists, model.CategoryRetired),
    )
    verify_skill = command(
        "Record that the certificate behind a skill was checked.",
        resolve.verify_skill,
        may=Act.VERIFY_WORKER,
        gives=WorkerSkill,
        refuses=(model.CertificateTaken,),
    )
    withdraw_skill_verification = command(
        "Take a verification back.",
        resolve.withdraw_skill_verification,
        may=Act.VERIFY_WORKER,
        gives=WorkerSkill,
        refuses=(model.LastSkill,),
    )
    remove_skill = command(
        "Take a skill off a worker's record.",
        resolve.remove_skill,
        may=Act.EDIT_WORKER,
        gives=Worker,
        refuses=(model.LastSkill,),
    )
    publish_rate = command(
        "Say what you charge from a day on. It takes the place of your last rate once approved.",
        resolve.publish_rate,
        may=Act.PUBLISH_RATE,
        gives=RateCard,
        refuses=(
            model.CategoryRetired,
            model.WorksThroughProvider,
            worker_model.NotEmpanelled,
            worker_model.DistrictNotServed,
        ),
    )
    approve_rate = command(
        "Let a rate hold.",
        resolve.approve_rate,
        may=Act.APPROVE_RATE,
        gives=RateCard,
        refuses=(model.RateDecided, model.RateSuperseded),
    )
    reject_rate = command(
        "Turn a rate down. The one before goes on.",
        resolve.reject_rate,
        may=Act.APPROVE_RATE,
        gives=RateCard,
        refuses=(model.RateDecided,),
    )
    add_category = command(
        "Add a kind of work to the catalogue.",
        resolve.add_category,
        may=Act.EDIT_CATALOGUE,
        gives=ServiceCategory,
        refuses=(model.SlugTaken,),
    )
    change_category = command(
        "Change what a kind of work is called and what is on record of it, or offer it again.",
        resolve.change_category,
        may=Act.EDIT_CATALOGUE,
        gives=ServiceCategory,
    )
    retire_category = command(
        "Offer a kind of work no longer.",
        resolve.retire_category,
        may=Act.EDIT_CATALOGUE,
        gives=ServiceCategory,
        refuses=(model.CategoryRetired,),
    )
    add_service = command(
        "Add a piece of work that can be booked.",
        resolve.add_service,
        may=Act.EDIT_CATALOGUE,
        gives=Service,
        refuses=(model.SlugTaken, model.CategoryRetired),
    )
    change_service = command(
        "Change what a piece of work is called and how it is counted.",
        resolve.change_service,
        may=Act.EDIT_CATALOGUE,
        gives=Service,
    )
