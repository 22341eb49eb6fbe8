"""The viewer, and citizens."""

from strawberry import ID

import resolvers.account as resolve
from loaders import account as load
from models import account as model
from runtime.language import Language
from runtime.privacy import Privacy
from runtime.rights import Area, Role
from schema.base import Node, entity, enum, field, plain, query

enum(
    Role,
    "What a person is to the service.",
    ANONYMOUS="Anyone who has not signed in.",
    CITIZEN="Someone who books services.",
    WORKER="Someone who carries them out.",
    PROVIDER="Someone who acts for a service provider.",
    HELPLINE="An agent of the helpline, 155330.",
    DISTRICT_OFFICER="An employment officer of a district or division.",
    STATE_OFFICER="The state office.",
    DEPARTMENT="Someone who books and engages for a department.",
    PARTNER="The system of a partner department.",
    MODERATOR="Someone who looks into flagged reviews.",
    AUDITOR="An auditor, or the data protection officer.",
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
    """Someone who books services. Others see of them what a live booking needs."""

    id: ID = field("Opaque and stable.")
    first_name: str | None = field(
        "Their given name.",
        "first_name_en first_name_hi",
        compute=resolve.first_name,
        shows=Privacy.OWNER,
        area=Area.CITIZEN_CONTACT,
    )
    mobile: str | None = field("Their phone number, as +91XXXXXXXXXX.")


@entity(model.Department, by_id=load.department_by_id)
class Department(Node):
    """An office of the government that books services and engages workers."""

    id: ID = field("Opaque and stable.")
    name: str = field("Its name.", "name_en name_hi", compute=resolve.department_name)


@plain
class Viewer:
    """Whoever sends the request."""

    role: Role = field("What they are to the service.")
    language: Language = field("The language they are answered in.")


@query
class Query:
    viewer: Viewer = field("Who you are to this service.", resolve=resolve.viewer)
