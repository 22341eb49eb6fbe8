"""Reads of the systems of partner departments and of what they have used, and statements about what
they have shown."""

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import Delete, Select, any_, delete, select
from sqlalchemy.dialects.postgresql import insert

from loaders.page import Sort, pages
from loaders.shown import shown, visible
from models.partner import PartnerClient, PartnerUsage, SpentAssertion
from models.place import District
from runtime.batch import KEYS, Columns, Read, many, one
from runtime.geography import day_of
from runtime.rights import Area

Ended = Annotated[bool | None, "Only those whose access has ended, or only the others."]


@one(PartnerClient)
def client_by_id(columns: Columns) -> Read:
    return select(PartnerClient.id, *shown(PartnerClient, columns)).where(
        PartnerClient.id == any_(KEYS), visible(PartnerClient, Area.CLIENT)
    )


@pages(PartnerClient, Sort((PartnerClient.registered_at, PartnerClient.id), descending=True))
def clients(key: Any, *, ended: Ended = None) -> Read:
    found = select(PartnerClient).where(visible(PartnerClient, Area.CLIENT))
    if ended is not None:
        over = PartnerClient.revoked_at.is_not(None)
        found = found.where(over if ended else ~over)
    return found


@pages(PartnerUsage, Sort((PartnerUsage.day,), descending=True))
def usage_by_client(key: Any) -> Read:
    return select(PartnerUsage).where(PartnerUsage.client_id == key)


@many(District)
def districts_by_client(columns: Columns) -> Read:
    return (
        select(PartnerClient.id, *shown(District, columns))
        .join(District, District.id == any_(PartnerClient.district_ids))
        .where(PartnerClient.id == any_(KEYS), visible(PartnerClient, Area.CLIENT))
        .order_by(District.name_en)
    )


def partner_client(id: str) -> Select[PartnerClient]:
    return select(PartnerClient).where(PartnerClient.id == id)


def partner_client_to_change(id: str) -> Select[PartnerClient]:
    return partner_client(id).with_for_update()


def districts_with_codes(lgd_codes: list[int]) -> Select[str]:
    return select(District.id).where(District.lgd_code.in_(lgd_codes))


def usage_since(client_id: str, since: datetime) -> Select[PartnerUsage]:
    """The latest day first."""
    return (
        select(PartnerUsage)
        .where(PartnerUsage.client_id == client_id, PartnerUsage.day >= day_of(since))
        .order_by(PartnerUsage.day.desc())
    )


def spend_assertion(client_id: str, jti: str, until: datetime) -> Any:
    """Returns its jti, or nothing where the client has shown it before."""
    return (
        insert(SpentAssertion)
        .values(client_id=client_id, jti=jti, expires_at=until)
        .on_conflict_do_nothing()
        .returning(SpentAssertion.jti)
    )


def forget_assertions(client_id: str, now: datetime) -> Delete:
    """Those that are too old to be shown again."""
    return delete(SpentAssertion).where(
        SpentAssertion.client_id == client_id, SpentAssertion.expires_at < now
    )
