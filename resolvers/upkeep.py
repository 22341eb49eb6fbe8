"""Keeps tables from filling up with what nobody will ask for again."""

import structlog

from loaders import upkeep as load
from runtime.jobs import job
from runtime.transaction import Transaction

log = structlog.get_logger()


@job("tidy", cron="15 * * * *")
async def tidy(tx: Transaction) -> None:
    gone = [await tx.change(statement) for statement in load.outlived(tx.now)]
    log.info("tidy", rows=sum(gone))
