"""Carrying out commands: once however often they are sent, all of it or nothing, on record."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from loaders.upkeep import outlived
from models.account import Address, AuditEntry, Citizen, CommandDone, Outbox
from runtime import clock
from runtime.process import Process
from runtime.rights import Role
from runtime.transaction import transaction
from runtime.viewer import Viewer
from tests.asking import a_process, answer, send
from tests.conftest import Statements, run_sql_async
from tests.make import a_citizen, scalar

ID = "... on Node { id }"
HOME: dict[str, Any] = {
    "label": "Home",
    "line": "Flat 3",
    "districtLgdCode": 162,
    "latitude": 26.85,
    "longitude": 81.0,
}
KEYED = HOME | {"idempotencyKey": "k1"}


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


@pytest_asyncio.fixture
async def viewer(database_url: str) -> Viewer:
    return Viewer(Role.CITIZEN, (await a_citizen(database_url)).id)


async def count(url: str, table: Any) -> int:
    return int(await scalar(url, select(func.count()).select_from(table)))


async def counts(url: str) -> tuple[int, ...]:
    """What a command of these tests adds to."""
    return (await count(url, Address), await count(url, Outbox), await count(url, CommandDone))


# Once, however often it is sent.


async def test_a_command_sent_again_answers_the_same_and_does_nothing(
    process: Process, viewer: Viewer, database_url: str
) -> None:
    first = await send(process, viewer, "addAddress", ID, **KEYED)
    done = await counts(database_url)
    again = await send(process, viewer, "addAddress", ID, **KEYED)

    assert again == first
    assert await counts(database_url) == done == (1, 1, 1)


async def test_without_a_key_each_is_a_command_of_its_own(
    process: Process, viewer: Viewer, database_url: str
) -> None:
    first = await send(process, viewer, "addAddress", ID, **HOME)

    assert await send(process, viewer, "addAddress", ID, **HOME) != first
    assert await counts(database_url) == (2, 2, 0)


async def test_a_key_is_good_for_one_command_with_one_input(
    process: Process, viewer: Viewer, database_url: str
) -> None:
    await send(process, viewer, "addAddress", ID, **KEYED)

    assert await send(process, viewer, "addAddress", **KEYED | {"line": "Flat 4"}) == ["BAD_INPUT"]
    other = await send(process, viewer, "requestErasure", idempotencyKey="k1")
    assert other == ["BAD_INPUT"]
    assert await counts(database_url) == (1, 1, 1)


@pytest.mark.parametrize("key", ["", "x" * 101])
async def test_a_key_is_of_some_length(process: Process, viewer: Viewer, key: str) -> None:
    refused = await send(process, viewer, "addAddress", **HOME | {"idempotencyKey": key})

    assert refused == ["BAD_INPUT"]


async def test_two_people_may_use_the_same_key(
    process: Process, viewer: Viewer, database_url: str
) -> None:
    other = Viewer(Role.CITIZEN, (await a_citizen(database_url)).id)

    first = await send(process, viewer, "addAddress", ID, **KEYED)
    second = await send(process, other, "addAddress", ID, **KEYED | {"line": "Elsewhere"})

    assert first["__typename"] == second["__typename"] == "Address"
    assert await counts(database_url) == (2, 2, 2)


async def answers_at_once(process: Process, viewer: Viewer) -> list[str]:
    came = await asyncio.gather(
        *(send(process, viewer, "addAddress", ID, **KEYED) for _ in range(10))
    )
    return [one["id"] for one in came]


async def test_ten_at_once_with_one_key_are_one(
    process: Process, viewer: Viewer, database_url: str
) -> None:
    came = await answers_at_once(process, viewer)

    assert len(came) == 10
    assert len(set(came)) == 1
    assert await counts(database_url) == (1, 1, 1)


async def test_ten_at_once_are_ten_where_the_database_does_not_keep_keys_apart(
    process: Process, viewer: Viewer, database_url: str
) -> None:
    await run_sql_async(database_url, "ALTER TABLE command_done DROP CONSTRAINT command_done_pkey")

    assert len(set(await answers_at_once(process, viewer))) == 10
    assert (await counts(database_url))[0] == 10


async def test_a_refusal_is_not_remembered(database_url: str, viewer: Viewer) -> None:
    async with a_process(database_url, addresses_per_citizen=0) as process:
        refused = await send(process, viewer, "addAddress", **KEYED)
    assert refused["__typename"] == "TooManyAddresses"
    assert await counts(database_url) == (0, 0, 0)

    async with a_process(database_url) as process:
        assert (await send(process, viewer, "addAddress", **KEYED))["__typename"] == "Address"


async def test_a_crash_between_commit_and_response_loses_only_the_response(
    process: Process, viewer: Viewer, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = AsyncSession.commit

    async def crash(session: AsyncSession) -> None:
        await commit(session)
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(AsyncSession, "commit", crash)
        with pytest.raises(asyncio.CancelledError):
            await send(process, viewer, "addAddress", ID, **KEYED)
    done = select(CommandDone.result_id)
    first = await scalar(database_url, done)

    assert (await send(process, viewer, "addAddress", ID, **KEYED))["id"] == first
    assert await counts(database_url) == (1, 1, 1)


async def test_a_crash_ahead_of_the_commit_leaves_nothing(
    process: Process, viewer: Viewer, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(_: AsyncSession) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(AsyncSession, "commit", crash)
        with pytest.raises(asyncio.CancelledError):
            await send(process, viewer, "addAddress", ID, **KEYED)
    assert await counts(database_url) == (0, 0, 0)

    assert (await send(process, viewer, "addAddress", ID, **KEYED))["__typename"] == "Address"


async def test_keys_are_kept_for_a_day(process: Process, viewer: Viewer, database_url: str) -> None:
    await send(process, viewer, "addAddress", **KEYED)

    for hours, left in ((23, 1), (25, 0)):
        async with transaction(process) as tx:
            for statement in outlived(clock.now() + timedelta(hours=hours)):
                await tx.change(statement)
        assert await count(database_url, CommandDone) == left


async def test_what_is_kept_of_a_command_holds_nothing_of_its_input(
    process: Process, viewer: Viewer, database_url: str
) -> None:
    await send(process, viewer, "addAddress", **KEYED | {"line": "House of Zafar"})

    kept = await scalar(database_url, text("SELECT command_done::text FROM command_done"))
    assert "k1" in kept
    assert "Zafar" not in kept


# All of it or nothing.


async def test_commands_of_one_operation_see_what_those_before_them_did(
    process: Process, viewer: Viewer
) -> None:
    data, errors = await answer(
        process,
        viewer,
        """mutation ($home: AddAddressInput!) {
          first: changeProfile(input: { surnameEn: "Rao" }) { ... on Citizen { surname } }
          second: changeProfile(input: { surnameEn: "Roy" }) { ... on Citizen { surname } }
          third: addAddress(input: $home) { __typename }
          fourth: changeProfile(input: { gender: OTHER }) { ... on Citizen { surname gender } }
        }""",
        home=HOME,
    )

    assert errors == []
    assert data == {
        "first": {"surname": "Rao"},
        "second": {"surname": "Roy"},
        "third": {"__typename": "Address"},
        "fourth": {"surname": "Roy", "gender": "OTHER"},
    }


async def test_a_failed_command_does_not_undo_the_one_before_it(
    process: Process, viewer: Viewer, database_url: str
) -> None:
    data, errors = await answer(
        process,
        viewer,
        """mutation ($home: AddAddressInput!) {
          done: addAddress(input: $home) { __typename }
          failed: removeAddress(input: { addressId: "ad_nothing" }) { __typename }
        }""",
        home=HOME,
    )

    assert (data["done"]["__typename"], data["failed"]) == ("Address", None)
    assert [error["extensions"]["code"] for error in errors] == ["NOT_FOUND"]
    assert await count(database_url, Address) == 1


TROUBLE = """
    CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN {body} RETURN NEW; END $$
"""
ON_EVENT = "CREATE TRIGGER trouble AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION trouble()"
# What a sequence has counted stays counted when a transaction is undone.
CALLED_OFF = """
    IF nextval('troubles') <= {times} THEN
        RAISE EXCEPTION 'called off' USING ERRCODE = '{sqlstate}';
    END IF;
"""


async def make_trouble(url: str, body: str) -> None:
    await run_sql_async(url, "CREATE SEQUENCE troubles", TROUBLE.format(body=body), ON_EVENT)


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
async def test_a_command_that_the_database_called_off_is_begun_again(
    process: Process, viewer: Viewer, database_url: str, sqlstate: str
) -> None:
    await make_trouble(database_url, CALLED_OFF.format(times=2, sqlstate=sqlstate))

    assert (await send(process, viewer, "addAddress", **KEYED))["__typename"] == "Address"
    assert await counts(database_url) == (1, 1, 1)


async def test_a_command_called_off_again_and_again_may_be_sent_later(
    process: Process, viewer: Viewer, database_url: str
) -> None:
    await make_trouble(database_url, CALLED_OFF.format(times=3, sqlstate="40P01"))

    assert await send(process, viewer, "addAddress", **KEYED) == ["UNAVAILABLE"]
    assert await counts(database_url) == (0, 0, 0)
    assert (await send(process, viewer, "addAddress", **KEYED))["__typename"] == "Address"


async def test_a_connection_lost_in_the_middle_leaves_nothing_half_done(
    process: Process, viewer: Viewer, database_url: str
) -> None:
    await make_trouble(
        database_url,
        "IF nextval('troubles') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;",
    )

    assert await send(process, viewer, "addAddress", **KEYED) == ["UNAVAILABLE"]
    assert await counts(database_url) == (0, 0, 0)
    assert (await send(process, viewer, "addAddress", **KEYED))["__typename"] == "Address"


async def test_nobody_waits_for_a_lock_for_ever(database_url: str, viewer: Viewer) -> None:
    async with a_process(database_url, lock_seconds=0.1) as process:
        async with transaction(process) as holder:
            await holder.find(select(Citizen).with_for_update())

            assert await send(process, viewer, "addAddress", **HOME) == ["UNAVAILABLE"]
        assert (await send(process, viewer, "addAddress", **HOME))["__typename"] == "Address"


# On record.


@pytest.mark.parametrize(
    ("role", "code"), [(Role.ANONYMOUS, "UNAUTHENTICATED"), (Role.MODERATOR, "FORBIDDEN")]
)
async def test_whoever_may_not_is_told_so_and_put_on_record(
    process: Process, database_url: str, role: Role, code: str
) -> None:
    viewer = Viewer(role, None if role is Role.ANONYMOUS else "us_1")

    assert await send(process, viewer, "addAddress", **KEYED) == [code]
    assert await counts(database_url) == (0, 0, 0)
    assert await refused_entries(database_url) == [["Mutation", "addAddress", role]]


async def refused_entries(url: str) -> Any:
    found = select(
        func.jsonb_agg(
            func.jsonb_build_array(
                AuditEntry.type, func.array_to_string(AuditEntry.fields, ","), AuditEntry.role
            )
        )
    ).where(AuditEntry.refused)
    return await scalar(url, found)


async def test_a_refusal_and_a_tried_door_are_on_record_though_the_command_failed(
    database_url: str, viewer: Viewer
) -> None:
    async with a_process(database_url, addresses_per_citizen=0) as process:
        await send(process, viewer, "addAddress", **HOME)
        await send(process, viewer, "removeAddress", addressId="ad_of_somebody_else")

    assert await refused_entries(database_url) == [
        ["TooManyAddresses", "addAddress", "CITIZEN"],
        ["NotFound", "removeAddress", "CITIZEN"],
    ]


async def test_the_statements_of_a_command_are_counted(
    client: httpx.AsyncClient, statements: Statements
) -> None:
    query = "mutation ($input: RequestCodeInput!) { requestCode(input: $input) { __typename } }"
    given = {"mobile": "+910000700001", "role": "CITIZEN"}

    with statements(at_most=10) as sent:
        response = await client.post(
            "/graphql", json={"query": query, "variables": {"input": given}}
        )

    told = re.search(r"(\d+) statements", response.headers["server-timing"])
    assert told is not None
    assert int(told[1]) == len(sent) > 0


COSTS: dict[str, tuple[dict[str, Any], int]] = {
    "changeProfile": ({"surnameEn": "Rao", "districtLgdCode": 118}, 7),
    "addAddress": (HOME, 8),
    "giveConsent": (
        {"purpose": "RESEARCH", "noticeVersion": "1", "language": "HI", "channel": "APP"},
        6,
    ),
    "requestErasure": ({"idempotencyKey": "k1"}, 8),
}


@pytest.mark.parametrize("command", COSTS)
async def test_a_command_costs_a_fixed_number_of_statements(
    process: Process, viewer: Viewer, statements: Statements, command: str
) -> None:
    given, cost = COSTS[command]

    with statements(at_most=cost) as sent:
        await send(process, viewer, command, ID, **given)

    assert len(sent) == cost
