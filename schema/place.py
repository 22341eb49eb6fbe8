"""Districts and divisions of Uttar Pradesh."""

from strawberry import ID

import resolvers.place as resolve
from loaders import place as load
from loaders.lifetimes import CATALOGUE
from models import place as model
from schema.base import Node, entity, field, plain, query
from schema.page import Connection


@plain
class Point:
    """A point on the map, in degrees (WGS 84)."""

    latitude: float = field("Degrees north.")
    longitude: float = field("Degrees east.")


@entity(model.Division, by_id=load.division_by_id)
class Division(Node):
    """One of the 18 divisions: a group of neighbouring districts."""

    id: ID = field("Opaque and stable.")
    slug: str = field("The name as it stands in addresses, such as `lucknow`.")
    name: str = field("Its name.", "name_en name_hi", compute=resolve.name)
    districts: Connection["District"] = field(
        "Its districts, by English name.", "id", load=load.districts_by_division, max_age=CATALOGUE
    )


@entity(
    model.District,
    by_id=load.district_by_id,
    keys={"lgdCode": load.district_by_lgd_code},
)
class District(Node):
    """One of the 75 districts. Refer to one by its LGD code: names change."""

    id: ID = field("Opaque and stable.")
    lgd_code: int = field("Its code in the Local Government Directory, such as 162.")
    slug: str = field("The name as it stands in addresses, such as `lucknow`.")
    name: str = field("Its name.", "name_en name_hi", compute=resolve.name)
    also_known_as: str | None = field("An older or other name, where there is one.")
    headquarters: str = field(
        "The town it is governed from.",
        "headquarters_en headquarters_hi",
        compute=resolve.headquarters,
    )
    location: Point = field(
        "Where its headquarters is.", "latitude longitude", compute=resolve.point
    )
    division: Division | None = field(
        "The division it belongs to.", "division_id", load=load.division_by_id, max_age=CATALOGUE
    )


@query
class Query:
    district: District | None = field(
        "A district, by its LGD code.",
        load=load.district_by_lgd_code,
        by="lgd_code",
        kind=int,
        max_age=CATALOGUE,
    )
    districts: Connection[District] = field(
        "All districts, by name.", load=load.districts, max_age=CATALOGUE
    )
    divisions: Connection[Division] = field(
        "All divisions, by name.", load=load.divisions, max_age=CATALOGUE
    )
