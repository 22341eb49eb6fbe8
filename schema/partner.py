"""The systems of partner departments."""

from datetime import date, datetime

from strawberry import ID

import resolvers.partner as resolve
from loaders import partner as load
from models import partner as model
from runtime.rights import Act
from schema.account import Viewer
from schema.base import Node, adds_to, command, entity, field, mutation, outcome, part, query
from schema.page import Connection
from schema.place import District


@part(model.PartnerUsage)
class PartnerUsage:
    """What a system has used up on one day."""

    day: date | None = field("Which day, in India.")
    requests: int | None = field("Operations and pages of exports.")
    refused: int | None = field("Those that were beyond a quota.")
    points: int | None = field("What they cost.")
    rows_read: int | None = field("Rows that were read for it.")
    warned_at: datetime | None = field("When four fifths of what the day allows were used up.")


@entity(model.PartnerClient, by_id=load.client_by_id)
class PartnerClient(Node):
    """The system of a partner department: what it may read, for which purposes, and where."""

    id: ID = field("Also what it signs in as: its `client_id`.")
    name: str | None = field("Whose system it is.")
    contact: str | None = field("Where those who run it are told of things.")
    purposes: list[str] | None = field("What it may use data for.")
    districts: list[District] = field(
        "Whose people it may read.", "id", load=load.districts_by_client, size=75
    )
    contract_version: str | None = field(
        "The version of what it is shown, unless a token names another.",
        "contract_version",
        compute=resolve.contract_of,
    )
    previous_secret_until: datetime | None = field(
        "Until when the secret before the present one goes on."
    )
    registered_at: datetime | None = field("When it was registered.")
    expires_at: datetime | None = field("When its access ends by itself.")
    suspended_at: datetime | None = field("Since when it is suspended.")
    revoked_at: datetime | None = field("When its access was ended for good.")
    reason: str | None = field("Why it is suspended, or was ended.")
    points_per_minute: int | None = field("Points it may use in a minute.")
    points_per_day: int | None = field("Points it may use in a day.")
    rows_per_minute: int | None = field("Rows that may be read for it in a minute.")
    rows_per_day: int | None = field("Rows that may be read for it in a day.")
    usage: Connection[PartnerUsage] = field(
        "What it has used up, the latest day first.", "id", load=load.usage_by_client
    )


@adds_to(Viewer)
class ViewerParts:
    client: PartnerClient | None = field(
        "You, as the system of a partner department.", "id", load=load.client_by_id
    )


@query
class Query:
    partner_clients: Connection[PartnerClient] = field(
        "Systems of partner departments, the latest first: all, to the state's office.",
        load=load.clients,
    )


@outcome(resolve.Registered)
class ClientSecret:
    """Access for a system. The secret is told this once: nobody can look it up."""

    client_id: ID = field("What it signs in as.")
    secret: str | None = field("What it signs in with; null for one that signs with its own keys.")


@mutation
class Mutation:
    register_partner_client = command(
        "Give the system of a partner department access. It sees people of its districts who"
        " agreed to one of its purposes, and nobody else.",
        resolve.register_partner_client,
        may=Act.KEEP_CLIENTS,
        gives=ClientSecret,
        refuses=(model.ContractEnds,),
    )
    change_partner_client = command(
        "Change what a system may read and use up. What is left out stays.",
        resolve.change_partner_client,
        may=Act.KEEP_CLIENTS,
        gives=PartnerClient,
        refuses=(model.AccessEnded, model.ContractEnds),
    )
    rotate_partner_secret = command(
        "Give a system a new secret; the one it has goes on for some hours.",
        resolve.rotate_partner_secret,
        may=Act.KEEP_CLIENTS,
        gives=ClientSecret,
        refuses=(model.AccessEnded, model.SignsItself),
    )
    suspend_partner_client = command(
        "Stop a system within seconds, until it is resumed.",
        resolve.suspend_partner_client,
        may=Act.KEEP_CLIENTS,
        gives=PartnerClient,
        refuses=(model.AccessEnded,),
    )
    resume_partner_client = command(
        "Let a suspended system go on.",
        resolve.resume_partner_client,
        may=Act.KEEP_CLIENTS,
        gives=PartnerClient,
        refuses=(model.AccessEnded,),
    )
    revoke_partner_client = command(
        "End a system's access for good, within seconds.",
        resolve.revoke_partner_client,
        may=Act.KEEP_CLIENTS,
        gives=PartnerClient,
    )
