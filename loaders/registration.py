"""What decides how far a registration may go: trades, and checks that stand."""

from sqlalchemy import Select

from loaders.skill import skills_of
from loaders.worker import checks_that_stand, districts_in_reach
from models.skill import WorkerSkill

__all__ = ["checks_that_stand", "districts_in_reach", "trades_of", "verified_trades_of"]

trades_of = skills_of


def verified_trades_of(worker_id: str) -> Select[WorkerSkill]:
    return skills_of(worker_id).where(WorkerSkill.verified)
