"""The viewer, and citizens."""

from strawberry import ID

import resolvers.account as resolve
from loaders import account as load
from models import account as model
from runtime.language import Language
from runtime.privacy import Privacy
from runtime.viewer import Role
from schema.base import Node, entity, enum, field, plain, query

enum(
    Role,
    "What a person is to the service.",
    ANONYMOUS="Anyone who has not signed in.",
    CITIZEN="Someone who books services.",
    WORKER="Someone who carries them out.",
)
enum(
    model.Gender,
    "A person's gender, as they state it.",
    FEMALE="Female.",
    MALE="Male.",
    OTHER="Another gender.",
)


@entity(model.Citizen, by_id=load.citizen_by_id)
class Citizen(Node):
    """Someone who books services. Only they can see themselves here."""

    id: ID = field("Opaque and stable.")
    first_name: str | None = field(
        "Their given name.",
        "first_name_en first_name_hi",
        compute=resolve.first_name,
        shows=Privacy.OWNER,
    )
    mobile: str | None = field("Their phone number, as +91XXXXXXXXXX.")


@plain
class Viewer:
    """Whoever sends the request."""

    role: Role = field("What they are to the service.")
    language: Language = field("The language they are answered in.")


@query
class Query:
    viewer: Viewer = field("Who you are to this service.", resolve=resolve.viewer)
