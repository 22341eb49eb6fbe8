"""Who was signed out, forgotten or suspended: every command is tried as each of them.

What somebody suspended keeps is written here from the rules of the service (appeal, grievance,
withdrawal, erasure, a call for help, the closing steps of a visit under way), not from the code.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from models.account import Session
from models.base import new_id
from runtime import clock
from runtime.process import Process
from runtime.rights import Role
from runtime.standing import require_standing
from runtime.transaction import transaction
from runtime.viewer import Viewer
from tests.asking import Inbox, a_process, answer, send
from tests.conftest import run_sql_async
from tests.examples import EXAMPLES
from tests.make import LUCKNOW, NOON, a_citizen, a_provider, a_worker, save
from tests.receiving import until
from tests.test_command_rights import expected, tried
from tests.test_partner_token import a_client
from tests.test_sign_in import PHONE, REQUEST_CODE

PEOPLE = (Role.CITIZEN, Role.WORKER, Role.PROVIDER)
ANYBODYS = {"requestCode", "signIn", "refreshSession"}
"""Whoever sends these proves who they are by what they send."""
KEPT = {
    "an appeal, or a complaint": {"openGrievance", "reopenGrievance", "closeGrievance"},
    "an answer to one": {"answerGrievance"},
    "withdrawal": {"withdrawConsent"},
    "erasure": {"requestErasure"},
    "a call for help": {"callForHelp"},
    "the end of a visit under way": {
        *("issueCode", "reviseQuote", "completeService", "logCall", "recordNoShow"),
        *("recordPayment", "refundPayment"),
    },
    "signing out": {"signOut", "signOutEverywhere"},
}
KEPT_WHEN_SUSPENDED = set[str]().union(*KEPT.values())
OFFICER = Viewer(Role.DISTRICT_OFFICER, "us_officer", districts=(LUCKNOW,))


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


async def somebody(url: str, role: Role, **columns: Any) -> Viewer:
    make = {Role.CITIZEN: a_citizen, Role.WORKER: a_worker, Role.PROVIDER: a_provider}[role]
    id = (await make(url, **columns)).id  # type: ignore[operator]
    return Viewer(role, id, provider_id=id if role is Role.PROVIDER else None)


async def signed_in(url: str, viewer: Viewer, **columns: Any) -> Viewer:
    session = Session(
        **{
            "id": new_id("ss"),
            "person_id": viewer.id,
            "role": viewer.role,
            "refresh_hash": new_id("ss"),
            "expires_at": clock.now() + timedelta(days=1),
            **columns,
        }
    )
    await save(url, session)
    return Viewer(viewer.role, viewer.id, provider_id=viewer.provider_id, session_id=session.id)


def commands_of(role: Role) -> list[str]:
    return [command for command, cells in expected().items() if cells[role] != "-"]


async def tries(process: Process, viewer: Viewer) -> dict[str, Any]:
    """What comes of each command that the role may send."""
    return {name: await tried(process, viewer, name, None) for name in commands_of(viewer.role)}


FORGOTTEN: dict[Role, dict[str, Any]] = {
    Role.CITIZEN: {"mobile": None, "erased_at": NOON},
    Role.WORKER: {"mobile": None, "status": "ERASED"},
    Role.PROVIDER: {"status": "TERMINATED"},
}


@pytest.mark.parametrize("role", PEOPLE)
async def test_nobody_who_was_forgotten_does_anything(
    process: Process, database_url: str, role: Role
) -> None:
    viewer = await somebody(database_url, role, **FORGOTTEN[role])

    came = await tries(process, await signed_in(database_url, viewer))

    refused = {name for name, result in came.items() if result == ["UNAUTHENTICATED"]}
    print(f"{role}: {len(refused)} commands of {len(came)} refused")
    assert set(came) - refused == ANYBODYS


@pytest.mark.parametrize("ended", ["signed out", "run out", "gone"])
@pytest.mark.parametrize("role", PEOPLE)
async def test_nobody_does_anything_in_a_session_that_has_ended(
    process: Process, database_url: str, role: Role, ended: str
) -> None:
    past = clock.now() - timedelta(seconds=1)
    viewer = await somebody(database_url, role)
    viewer = await signed_in(
        database_url,
        viewer,
        **{"signed out": {"ended_at": past}, "run out": {"expires_at": past}}.get(ended, {}),
    )
    if ended == "gone":
        await run_sql_async(database_url, "DELETE FROM session")

    came = await tries(process, viewer)

    refused = {name for name, result in came.items() if result == ["UNAUTHENTICATED"]}
    print(f"{role}, {ended}: {len(refused)} commands of {len(came)} refused")
    assert set(came) - refused == ANYBODYS


@pytest.mark.parametrize("role", [Role.WORKER, Role.PROVIDER])
async def test_who_is_suspended_keeps_what_the_rules_name_and_nothing_else(
    process: Process, database_url: str, role: Role
) -> None:
    viewer = await somebody(database_url, role, status="SUSPENDED")

    came = {
        name: await tried(process, await signed_in(database_url, viewer), name, None)
        for name in commands_of(role)
    }

    refused = {name for name, result in came.items() if result == ["SUSPENDED"]}
    print(f"{role}: {len(refused)} commands of {len(came)} refused")
    assert set(came) - refused - ANYBODYS == KEPT_WHEN_SUSPENDED & set(commands_of(role))
    assert ["UNAUTHENTICATED"] not in came.values()


def test_what_the_suspended_keep_is_theirs_to_send() -> None:
    theirs = set(commands_of(Role.WORKER)) | set(commands_of(Role.PROVIDER))

    assert theirs >= KEPT_WHEN_SUSPENDED
    assert set(EXAMPLES) >= KEPT_WHEN_SUSPENDED


async def test_who_is_suspended_can_ask_to_be_forgotten_and_read_what_is_kept(
    process: Process, database_url: str
) -> None:
    worker = await somebody(database_url, Role.WORKER, status="SUSPENDED")
    viewer = await signed_in(database_url, worker)

    assert (await send(process, viewer, "requestErasure"))["__typename"] == "ErasureRequest"
    data, errors = await answer(process, viewer, "{ viewer { worker { mobile homeAddress } } }")
    assert (errors, data["viewer"]["worker"]["mobile"] is not None) == ([], True)


async def test_suspension_ends_all_sessions_and_somebody_suspended_signs_in_again(
    process: Process, database_url: str
) -> None:
    worker = await somebody(database_url, Role.WORKER)
    sessions = [await signed_in(database_url, worker) for _ in range(2)]

    await send(process, OFFICER, "suspendWorker", workerId=worker.id, reason="A complaint")

    for session in sessions:
        assert await send(process, session, "requestErasure") == ["UNAUTHENTICATED"]
    await process.revoked.look()
    assert [session.session_id in process.revoked for session in sessions] == [True, True]
    again = await signed_in(database_url, worker)
    assert (await send(process, again, "requestErasure"))["__typename"] == "ErasureRequest"


async def test_a_command_that_has_begun_is_through_before_its_session_ends(
    process: Process, database_url: str
) -> None:
    """So nothing is written for somebody after all that is theirs was wiped."""
    viewer = await signed_in(database_url, await somebody(database_url, Role.CITIZEN))
    other = await signed_in(database_url, Viewer(Role.CITIZEN, viewer.id))
    ending: asyncio.Task[Any]
    async with transaction(process, viewer) as tx:
        await require_standing(tx, even_suspended=False)
        ending = asyncio.create_task(send(process, other, "signOutEverywhere", "devices"))
        done, _ = await asyncio.wait([ending], timeout=0.3)
        assert not done
    assert (await ending)["devices"] == 2


async def test_a_client_that_is_stopped_sends_no_command(
    process: Process, database_url: str
) -> None:
    client = await a_client(database_url, revoked_at=clock.now())
    viewer = Viewer(Role.PARTNER, client.id, districts=(LUCKNOW,))

    came = await tries(process, viewer)

    assert {name for name, result in came.items() if result != ["UNAUTHENTICATED"]} == ANYBODYS


# Over HTTP.


@dataclass
class Phone:
    """A device of somebody's."""

    client: httpx.AsyncClient
    token: str = ""

    async def send(self, query: str, **given: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        body = {"query": query, "variables": {"input": given} if given else {}}
        return await self.client.post("/graphql", json=body, headers=headers)

    async def sign_in(self, inbox: Inbox) -> None:
        phone = {"mobile": PHONE, "role": "CITIZEN"}
        await self.send(REQUEST_CODE, **phone)
        query = """mutation ($input: SignInInput!) {
          signIn(input: $input) { ... on SignedIn { accessToken } }
        }"""
        came = await self.send(query, **phone, code=inbox.code(PHONE))
        self.token = came.json()["data"]["signIn"]["accessToken"]

    async def is_out(self) -> bool:
        return (await self.send("{ viewer { role } }")).status_code == 401


async def test_signing_out_everywhere_ends_the_other_devices_access_over_http(
    client: httpx.AsyncClient, inbox: Inbox
) -> None:
    first, second = Phone(client), Phone(client)
    await first.sign_in(inbox)
    await second.sign_in(inbox)
    assert (await second.send("{ viewer { role } }")).json()["data"]["viewer"]["role"] == "CITIZEN"

    await first.send("mutation { signOutEverywhere { devices } }")

    await until(second.is_out)
    assert await first.is_out()


async def test_what_has_ended_before_a_process_begins_is_known_to_it(
    process: Process, database_url: str
) -> None:
    viewer = await signed_in(
        database_url, Viewer(Role.CITIZEN, "cz_1"), ended_at=clock.now() - timedelta(minutes=9)
    )
    long_ago = await signed_in(
        database_url, Viewer(Role.CITIZEN, "cz_1"), ended_at=clock.now() - timedelta(hours=1)
    )

    await process.revoked.look()

    assert viewer.session_id in process.revoked
    assert long_ago.session_id not in process.revoked
