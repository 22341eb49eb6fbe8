"""The gateway with partners, as the tests about it ask it."""

from collections.abc import Mapping
from typing import Any

import httpx

from models.account import DemoAccount
from runtime.rights import Role
from tests.make import LUCKNOW, save


async def signed_in(
    url: str, role: Role, person_id: str | None = None, districts: tuple[str, ...] = (LUCKNOW,)
) -> Mapping[str, str]:
    """The headers of somebody of that role."""
    account = DemoAccount(
        name=f"{role.lower()}-{person_id}",
        role=role,
        person_id=person_id or "pn_1",
        district_ids=list(districts),
        purposes=[],
    )
    await save(url, account)
    return {"authorization": f"Bearer demo:{account.name}"}


async def asked(
    client: httpx.AsyncClient,
    query: str,
    headers: Mapping[str, str] | None = None,
    **variables: Any,
) -> Any:
    """The whole answer."""
    body = {"query": query, "variables": variables}
    return (await client.post("/graphql", json=body, headers=headers)).json()
