"""Finding workers, and the published figures: what needs several domains at once."""

from collections.abc import Sequence

import resolvers.discovery as resolve
import resolvers.erasure as resolve_erasure
from loaders import discovery as load
from loaders import nearby as load_nearby
from loaders import place as load_place
from loaders import skill as load_skill
from loaders.lifetimes import CARD, CATALOGUE, FIGURES, MOMENT
from models import account as model
from runtime.rights import Act
from schema.account import ErasureRequest
from schema.base import (
    command,
    enum,
    field,
    mutation,
    plain,
    query,
)
from schema.page import Connection, Edge, places
from schema.place import District
from schema.skill import ServiceCategory
from schema.worker import Worker

enum(
    load_nearby.NearbyOrder,
    "How nearby workers are ordered.",
    DISTANCE="Nearest first.",
    RATING="Best rated first.",
)


@plain
class NearbyWorkerEdge(Edge[Worker]):
    """A worker, and how far away they set out."""

    distance_km: float = field(
        "From the point asked about to the centre of the area the worker sets out from.",
        compute=resolve.distance_km,
    )


@plain
class NearbyWorkerConnection(Connection[Worker]):
    """A page of the workers around a point."""

    edges: Sequence[NearbyWorkerEdge] = field("The workers with their distances.", compute=places)


@plain
class DistrictStatistics:
    """The figures of one district. Figures under ten are null."""

    district: District | None = field(
        "The district.", "district_id", load=load_place.district_by_id, max_age=CATALOGUE
    )
    registered_workers: int | None = field("Workers registered there.")
    service_providers: int | None = field("Providers that serve it.")
    services_delivered: int | None = field("Bookings completed there.")


@plain
class CategoryStatistics:
    """The figures of one category. Figures under ten are null."""

    category: ServiceCategory | None = field(
        "The category.", "category_id", load=load_skill.category_by_id, max_age=CATALOGUE
    )
    registered_workers: int | None = field("Workers registered with the skill.")
    services_delivered: int | None = field("Bookings completed in it.")


@plain
class Statistics:
    """The published figures of the service, counted as you ask."""

    registered_workers: int = field(
        "Workers registered.", load=load.registered_workers, max_age=FIGURES
    )
    service_providers: int = field(
        "Providers empanelled.", load=load.service_providers, max_age=FIGURES
    )
    service_categories: int = field(
        "Categories offered.", load=load.service_categories, max_age=FIGURES
    )
    services_delivered: int = field(
        "Bookings completed.", load=load.services_delivered, max_age=FIGURES
    )
    by_district: list[DistrictStatistics] = field(
        "The same by district, by name.",
        load=load.figures_by_district,
        size=75,
        cost=100,
        max_age=FIGURES,
    )
    by_category: list[CategoryStatistics] = field(
        "The same by category, in the official order.",
        load=load.figures_by_category,
        size=40,
        cost=500,
        max_age=FIGURES,
    )


@query
class Query:
    nearby_workers: NearbyWorkerConnection = field(
        "Active workers around a point, who do this kind of work.",
        load=load_nearby.nearby_workers,
        check=resolve.check_nearby,
        max_age=MOMENT,
    )
    search_workers: Connection[Worker] = field(
        "Active workers found by words, best rated first.",
        load=load.workers_by_text,
        cost=200,
        check=resolve.check_search,
        max_age=CARD,
    )
    statistics: Statistics = field(
        "The published figures.", compute=resolve.statistics, max_age=FIGURES
    )


@mutation
class Mutation:
    decide_erasure = command(
        "Decide whether a person is forgotten: what is personal about them then goes at once.",
        resolve_erasure.decide_erasure,
        may=Act.DECIDE_ERASURE,
        gives=ErasureRequest,
        refuses=(model.ErasureDecided, model.BookingsUnderWay, model.ComplaintsUnsettled),
    )
