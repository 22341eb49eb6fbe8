"""Statements about the systems of partner departments, and what they have shown."""

from datetime import datetime
from typing import Any

from sqlalchemy import Delete, Select, delete, select
from sqlalchemy.dialects.postgresql import insert

from models.account import PartnerClient, SpentAssertion


def partner_client(id: str) -> Select[PartnerClient]:
    return select(PartnerClient).where(PartnerClient.id == id)


def partner_client_to_change(id: str) -> Select[PartnerClient]:
    return partner_client(id).with_for_update()


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
