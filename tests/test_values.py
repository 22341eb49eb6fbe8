"""Values beyond what their kind takes are refused where they enter, by whichever way they come."""

import asyncio
import json
from datetime import UTC, datetime
from itertools import product
from typing import Any

import httpx
import pytest
from graphql import GraphQLObjectType
from sqlalchemy import BigInteger, Text, bindparam, literal, select

from loaders.booking import free_slots_by_worker
from runtime import clock
from runtime.faults import BadInput, is_outage, is_refused_value
from runtime.field import told
from runtime.page import Pages, cursor_of
from runtime.reads import Tally, compiled
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import SCHEMA, a_process, answer, send
from tests.conftest import Ask
from tests.examples.scene import LUCKNOW_CODE, OFFICER
from tests.fuzz.values import forged_cursors, held_cursors
from tests.make import a_citizen, a_worker
from tests.test_commands import HOME, make_trouble

TOO_EARLY_OR_LATE = (
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-05:30",
    "0001-01-01T00:00:00+05:30",
    "0001-01-01T00:00:00Z",
    "1999-12-31T23:59:59.999999Z",
    "2000-01-01T05:29:59+05:30",
    "2100-01-01T00:00:00Z",
    "2099-12-31T23:00:00-01:00",
    "infinity",
    "2026-12-01T10:00:00",
)
"""The last one is no instant."""
JUST_TAKEN = ("2000-01-01T00:00:00Z", "2100-01-01T05:29:59.999999+05:30")
SLOTS = 'freeSlots(workerId: "wk_1", minutes: 60, start: $start) { startsAt }'
NESTED = "workers(first: 2) { nodes { freeSlots(start: $start) { startsAt } } }"
BOOKINGS = "bookings(filter: {startsFrom: $start}) { nodes { id } }"


async def test_an_instant_beyond_our_years_is_refused_by_every_way(
    client: httpx.AsyncClient,
) -> None:
    for field, start in product((SLOTS, NESTED, BOOKINGS), TOO_EARLY_OR_LATE):
        written = field.replace("$start", json.dumps(start))
        ways: tuple[dict[str, Any], ...] = (
            {"query": f"query ($start: DateTime) {{ {field} }}", "variables": {"start": start}},
            {"query": f"{{ {written} }}"},
        )
        for asked in ways:
            address = {**asked, "variables": json.dumps(asked.get("variables"))}
            for came in (
                await client.post("/graphql", json=asked),
                await client.get("/graphql", params=address),
            ):
                (error,) = came.json()["errors"]
                assert error["extensions"]["code"] == "BAD_INPUT"
                assert "years 2000 to 2099" in error["message"]


async def test_the_first_and_the_last_instant_are_answered(ask: Ask) -> None:
    query = f"query ($start: DateTime) {{ {SLOTS} {NESTED} }}"
    for start in JUST_TAKEN:
        assert await ask(query, start=start) == {"freeSlots": [], "workers": {"nodes": []}}


async def test_what_is_written_into_a_document_is_refused_by_its_argument(ask_raw: Ask) -> None:
    came = await ask_raw(f"{{ {SLOTS.replace('$start', '5')} }}")

    assert came["errors"][0]["extensions"] == {"code": "BAD_INPUT", "argument": "start"}


STRANGERS = {**Viewer().parameters, "anonymous_slot_days": 7}


async def test_free_slots_end_whatever_they_are_asked_from(database_url: str) -> None:
    """Beyond the bound of what clients give: the driver sends the last instant as `infinity`."""
    worker = await a_worker(database_url)
    async with a_process(database_url) as process, asyncio.timeout(5):
        for start in (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)):
            batch = free_slots_by_worker(minutes=60, first=5, start=start, end=None)
            query, values = batch.query(("starts_at", "ends_at"))
            found = await process.database.reads.fetch(
                query, {**values, **STRANGERS, "keys": [worker.id], "now": clock.now()}, Tally()
            )
            assert bool(found) is (start.year == 1)


LISTS = {
    f"{type_.name}.{name}": record.load
    for type_ in SCHEMA.type_map.values()
    if isinstance(type_, GraphQLObjectType)
    for name, field in type_.fields.items()
    if (record := told(field)) and isinstance(record.load, Pages)
}


@pytest.mark.parametrize("name", LISTS)
def test_no_list_takes_a_forged_cursor(name: str) -> None:
    pages = LISTS[name]
    for sort, kinds in pages.sorts.items():
        for end in ("after", "before"):
            for cursor in forged_cursors(sort, kinds):
                with pytest.raises(BadInput) as refused:
                    pages.asked({end: cursor, "order_by": sort}, 100)
                assert (refused.value.extensions or {})["argument"] == end


@pytest.mark.parametrize("name", LISTS)
def test_every_list_takes_the_cursors_it_makes(name: str) -> None:
    pages = LISTS[name]
    for sort, kinds in pages.sorts.items():
        for cursor in held_cursors(sort, kinds):
            window = pages.asked({"after": cursor, "order_by": sort}, 100).window
            assert window.after is not None
            assert cursor_of(sort, window.after) == cursor


async def test_a_number_of_65_bits_in_a_cursor_is_refused(ask_raw: Ask) -> None:
    cursor = "WyJ1c3VhbCIsOTIyMzM3MjAzNjg1NDc3NTgwOF0"
    came = await ask_raw(f'{{ serviceCategories(after: "{cursor}") {{ nodes {{ id }} }} }}')

    assert came["errors"][0]["extensions"] == {"code": "BAD_INPUT", "argument": "after"}


@pytest.mark.parametrize("sqlstate", ["22003", "22008", "22P02", "22023"])
async def test_a_command_that_is_refused_for_a_value_names_what_it_was_given(
    database_url: str, sqlstate: str
) -> None:
    viewer = Viewer(Role.CITIZEN, (await a_citizen(database_url)).id)
    await make_trouble(
        database_url, f"RAISE EXCEPTION 'not for clients' USING ERRCODE = '{sqlstate}';"
    )
    command = "mutation ($input: AddAddressInput!) { addAddress(input: $input) { __typename } }"
    async with a_process(database_url) as process:
        _, (error,) = await answer(process, viewer, command, input=HOME)

    assert error["extensions"] == {
        "code": "BAD_INPUT",
        "field": "addAddress",
        "arguments": list(HOME),
    }
    assert "not for clients" not in error["message"]


@pytest.mark.parametrize("value", [2**63, "a\0b", "\ud800", "1"])
async def test_what_the_driver_does_not_send_is_refused_and_no_outage(
    database_url: str, value: Any
) -> None:
    """By the pool of reads and by the engine: the connection is as good as before."""
    kind = Text() if isinstance(value, str) and value != "1" else BigInteger()
    statement = select(bindparam("value", type_=kind))
    async with a_process(database_url) as process:
        database, given = process.database, {"value": value}
        refused = await asyncio.gather(
            *[database.reads.fetch(compiled(statement), given, Tally()) for _ in range(10)],
            *[database.write(statement, Tally(), given) for _ in range(10)],
            return_exceptions=True,
        )
        assert await database.reads.fetch(compiled(select(literal(1))), {}, Tally())

    for error in refused:
        assert isinstance(error, BaseException)
        assert is_refused_value(error)
        assert not is_outage(error)


async def test_a_read_that_is_refused_for_a_value_names_the_argument(ask_raw: Ask) -> None:
    came = await ask_raw(
        "query ($slug: String!) { serviceCategory(slug: $slug) { id } }", slug="a\0b"
    )

    (error,) = came["errors"]
    named = {"field": "serviceCategory", "argument": "slug"}
    assert error["extensions"] == {"code": "BAD_INPUT", **named}
    assert "U+0000" in error["message"]


async def test_no_value_in_an_address_or_a_form_is_a_fault_of_ours(
    client: httpx.AsyncClient,
) -> None:
    for text in ("a%00b", "%ED%A0%80", "%FF", "9" * 400):
        for path in ("documents", "exports"):
            assert (await client.get(f"/{path}/{text}")).status_code in range(400, 500)
        form = f"grant_type=client_credentials&client_id={text}&client_secret={text}"
        kind = {"content-type": "application/x-www-form-urlencoded"}
        came = await client.post("/oauth/token", content=form, headers=kind)
        assert came.status_code in range(400, 500)


async def test_the_digits_of_a_number_are_those_of_ascii(database_url: str) -> None:
    """`९` is a digit too, and no telephone has it on its keys."""
    viewer = Viewer(Role.WORKER, (await a_worker(database_url)).id)
    told = {"alternateMobile": "+91९९९९९९९९९९"}
    async with a_process(database_url) as process:
        assert await send(process, viewer, "changeContact", **told) == ["BAD_INPUT"]
        assert await send(process, viewer, "changeWorkerProfile", eshramUan="१०००००००००००") == [
            "BAD_INPUT"
        ]


@pytest.mark.parametrize("ends", ["17:00+05:30", "17:00Z"])
async def test_an_hour_of_the_week_has_no_offset(database_url: str, ends: str) -> None:
    worker = await a_worker(database_url)
    hours = [{"weekday": 1, "fromTime": "09:00", "untilTime": ends}]
    command = "mutation ($input: SetAvailabilityInput!) { setAvailability(input: $input) { id } }"
    async with a_process(database_url) as process:
        _, (error,) = await answer(
            process, Viewer(Role.WORKER, worker.id), command, input={"hours": hours}
        )

    assert error["extensions"]["code"] == "BAD_INPUT"
    assert "without an offset" in error["message"]


@pytest.mark.parametrize("born", ["1899-12-31", "2099-12-31", "0001-01-01"])
async def test_nobody_was_born_before_1900_or_after_today(database_url: str, born: str) -> None:
    told = {"workerId": (await a_worker(database_url)).id, "birthDate": born}
    async with a_process(database_url) as process:
        came = await send(process, OFFICER, "changeWorkerProfile", **told)

    assert came == ["BAD_INPUT"]


async def test_an_empty_text_is_not_nothing(database_url: str) -> None:
    """It is refused as any other that is no such number, rather than left out."""
    worker = await a_worker(database_url, status="UNDER_VERIFICATION")
    check = {"workerId": worker.id, "kind": "IDENTITY", "status": "VERIFIED", "method": "e-KYC"}
    name = {"firstEn": "Asha", "firstHi": "आशा"}
    details = {"name": name, "districtCode": LUCKNOW_CODE}
    firm = {"nameEn": "Firm", "nameHi": "फर्म", "districtCodes": [LUCKNOW_CODE]}
    sendings: tuple[tuple[str, dict[str, Any]], ...] = (
        ("recordVerification", check | {"aadhaarLastFour": ""}),
        ("enrolWorker", {"details": details | {"eshramUan": ""}}),
        ("enrolWorker", {"details": details, "mobile": ""}),
        ("enrolProvider", {"mobile": "+919999999999", "details": firm | {"gstin": ""}}),
        ("enrolProvider", {"mobile": "+919999999999", "details": firm | {"panLastFour": ""}}),
    )
    async with a_process(database_url) as process:
        for command, given in sendings:
            assert await send(process, OFFICER, command, **given) == ["BAD_INPUT"], command
