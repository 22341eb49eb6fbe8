"""The viewer, and citizens."""

from datetime import datetime

from strawberry import ID

import resolvers.account as resolve
from loaders import account as load
from models import account as model
from runtime.language import Language
from runtime.privacy import Privacy
from runtime.rights import Act, Area, Role
from schema.base import Node, command, entity, enum, field, mutation, outcome, plain, query

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
enum(
    model.SignInAs,
    "The roles that sign in with a phone.",
    CITIZEN="Someone who books services.",
    WORKER="Someone who carries them out.",
    PROVIDER="Someone who acts for a service provider.",
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

    id: ID | None = field("Your id; null if you are not signed in.", "id", compute=resolve.own_id)
    role: Role = field("What you are to the service.")
    language: Language = field("The language you are answered in.")
    citizen: Citizen | None = field(
        "You, as someone who books services.", "id", load=load.citizen_by_id
    )
    department: Department | None = field(
        "The department you act for.", "department_id", load=load.department_by_id
    )


@query
class Query:
    viewer: Viewer = field("Who you are to this service.", resolve=resolve.viewer)


@outcome(resolve.CodeSent)
class CodeSent:
    """A code is on its way to the phone, whoever has it."""

    expires_at: datetime = field("Until when it holds.")


@outcome(resolve.SignedIn)
class SignedIn:
    """You are signed in on this device."""

    access_token: str = field("Send it as `Authorization: Bearer …`; it holds for minutes.")
    refresh_token: str = field("For `refreshSession`; keep it where no other app can read it.")
    expires_at: datetime = field("When the access token ends.")
    role: Role = field("What you are to the service.")


@outcome(resolve.SignedOut)
class SignedOut:
    """Devices were signed out. What they hold already goes on working for some minutes."""

    devices: int = field("How many.")


@mutation
class Mutation:
    request_code = command(
        "Have a one-time code sent to a phone, to sign in or register with.",
        resolve.request_code,
        may=Act.SIGN_IN,
        gives=CodeSent,
        refuses=(model.TooManyCodes,),
        vital=True,
    )
    sign_in = command(
        "Sign in with the code. A citizen needs no registration before.",
        resolve.sign_in,
        may=Act.SIGN_IN,
        gives=SignedIn,
        refuses=(model.CodeWrong, model.NotRegistered),
    )
    refresh_session = command(
        "Get the next access token, and the next refresh token with it.",
        resolve.refresh_session,
        may=Act.SIGN_IN,
        gives=SignedIn,
        refuses=(model.SessionEnded,),
    )
    sign_out = command(
        "Sign out on one device.", resolve.sign_out, may=Act.SIGN_OUT, gives=SignedOut
    )
    sign_out_everywhere = command(
        "Sign out on all devices.", resolve.sign_out_everywhere, may=Act.SIGN_OUT, gives=SignedOut
    )
