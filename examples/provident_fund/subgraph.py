"""What the fund adds to the graph: a field of `Worker`, a type of the gateway's."""

from dataclasses import dataclass

import strawberry
from strawberry import Info, federation
from strawberry.dataloader import DataLoader

from .register import ProvidentFundAccount

ROLES = ("worker", "provider", "helpline", "district_officer", "state_officer", "department")
MAY_SEE = [[f"role:{role}"] for role in (*ROLES, "partner")]
"""As the gateway says of `Worker.eshramUan`: who may not see that may not see what is found by it.
Composers take nothing less."""


@dataclass(frozen=True)
class Context:
    accounts: DataLoader[str, ProvidentFundAccount | None]
    """By UAN; those of one request are looked up together."""


async def account_of(
    worker: strawberry.Parent["Worker"], info: Info[Context, None]
) -> ProvidentFundAccount | None:
    uan = worker.eshram_uan
    return None if uan is None else await info.context.accounts.load(uan)


@federation.type(keys=["id"])
class Worker:
    id: strawberry.ID
    eshram_uan: str | None = federation.field(external=True)
    provident_fund_account: ProvidentFundAccount | None = federation.field(
        resolver=account_of,
        requires=["eshramUan"],
        authenticated=True,
        requires_scopes=MAY_SEE,
        description="Their account with the provident fund, if they have one.",
    )

    @classmethod
    def resolve_reference(cls, id: strawberry.ID, **required: str | None) -> "Worker":
        """What is required comes by the names it has in the graph."""
        return cls(id=id, eshram_uan=required.get("eshramUan"))


# The version that every composer takes.
SCHEMA = federation.Schema(types=[Worker], federation_version="2.9")
