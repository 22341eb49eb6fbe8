"""The codes that a visit begins and ends with: only whoever booked is told them."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from graphql import GraphQLObjectType, get_named_type
from sqlalchemy import select, text

from models.base import Row
from models.booking import CodeKind, VisitCode
from runtime.process import Process
from runtime.rights import Role
from tests.asking import SCHEMA, Inbox, a_process, answer
from tests.background import settle
from tests.conftest import run_sql_async
from tests.make import a_department, scalar
from tests.visiting import AT_THE_DOOR, Visit, a_visit


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


async def arrived(process: Process, inbox: Inbox, **options: Any) -> Visit:
    visit = await a_visit(process, inbox, "EN_ROUTE", **options)
    await visit.send(Role.WORKER, "markArrived", **AT_THE_DOOR)
    return visit


async def begun(process: Process, inbox: Inbox) -> Visit:
    visit = await arrived(process, inbox)
    await visit.send(Role.WORKER, "startService", code=visit.code)
    return visit


async def start(visit: Visit, code: str) -> Any:
    selection = "... on CodeWrong { triesLeft }"
    return await visit.send(Role.WORKER, "startService", selection, code=code)


def another(code: str) -> str:
    return "000000" if code != "000000" else "000001"


def tries(visit: Visit) -> Any:
    return select(VisitCode.tries).where(VisitCode.booking_id == visit.booking.id)


@pytest.mark.parametrize(
    ("language", "says"), [("hi", "काम शुरू करने का कोड"), ("en", "the code to begin")]
)
async def test_whoever_booked_is_told_the_code_in_their_language(
    process: Process, inbox: Inbox, language: str, says: str
) -> None:
    visit = await arrived(process, inbox, language=language)

    ((mobile, text),) = inbox.sent
    assert mobile == visit.citizen.mobile
    assert says in text
    assert visit.booking.number in text
    assert (await start(visit, visit.code))["__typename"] == "Booking"


async def test_beginning_and_ending_take_different_codes(process: Process, inbox: Inbox) -> None:
    visit = await arrived(process, inbox)
    first = visit.code
    await start(visit, first)
    second = visit.code

    assert len(inbox.sent) == 2
    if first != second:
        wrong = await visit.send(Role.WORKER, "completeService", code=first)
        assert wrong["__typename"] == "CodeWrong"
    done = await visit.send(Role.WORKER, "completeService", code=second)
    assert done["__typename"] == "Booking"


async def test_a_code_is_not_used_twice(process: Process, inbox: Inbox) -> None:
    visit = await arrived(process, inbox)
    code = visit.code
    await start(visit, code)
    # As if the booking had come back to the door.
    await run_sql_async(visit.url, "UPDATE booking SET state = 'ARRIVED'")

    assert (await start(visit, code))["__typename"] == "CodeWrong"


async def test_a_code_ends(process: Process, inbox: Inbox) -> None:
    visit = await arrived(process, inbox)
    lasts = select(VisitCode.expires_at - VisitCode.issued_at)
    assert (await scalar(visit.url, lasts)).total_seconds() == 300
    await run_sql_async(visit.url, "UPDATE visit_code SET expires_at = :now")

    assert (await start(visit, visit.code))["__typename"] == "CodeWrong"


async def test_the_code_to_end_with_lasts_while_the_work_does(
    process: Process, inbox: Inbox
) -> None:
    visit = await begun(process, inbox)

    lasts = select(VisitCode.expires_at - VisitCode.issued_at).where(
        VisitCode.kind == CodeKind.FINISH
    )
    assert (await scalar(visit.url, lasts)).total_seconds() == 24 * 3600


async def test_the_sixth_try_is_refused_even_if_it_is_right(process: Process, inbox: Inbox) -> None:
    visit = await arrived(process, inbox)
    code = visit.code

    left = [(await start(visit, another(code)))["triesLeft"] for _ in range(5)]
    sixth = await start(visit, code)

    assert left == [4, 3, 2, 1, 0]
    assert (sixth["__typename"], sixth["triesLeft"]) == ("CodeWrong", 0)
    assert await scalar(visit.url, tries(visit)) == 6
    assert (await visit.now()).state == "ARRIVED"


async def test_fifty_tries_at_once_count_fifty(process: Process, inbox: Inbox) -> None:
    visit = await arrived(process, inbox)
    wrong = another(visit.code)

    refused = await asyncio.gather(*(start(visit, wrong) for _ in range(50)))

    assert {one["__typename"] for one in refused} == {"CodeWrong"}
    assert await scalar(visit.url, tries(visit)) == 50
    assert (await start(visit, visit.code))["__typename"] == "CodeWrong"


async def test_a_try_where_there_is_nothing_to_begin_is_not_counted(
    process: Process, inbox: Inbox
) -> None:
    visit = await begun(process, inbox)

    assert (await start(visit, "000000"))["__typename"] == "WrongState"
    counted = tries(visit).where(VisitCode.kind == CodeKind.START)
    assert await scalar(visit.url, counted) == 1


async def test_a_visit_without_a_code_does_not_begin(process: Process, inbox: Inbox) -> None:
    visit = await a_visit(process, inbox, "ARRIVED")

    assert (await start(visit, "000000"))["triesLeft"] == 0


@pytest.mark.parametrize("role", [Role.CITIZEN, Role.HELPLINE, Role.WORKER])
async def test_a_new_code_goes_to_whoever_booked_whoever_asks(
    process: Process, inbox: Inbox, role: Role
) -> None:
    visit = await arrived(process, inbox)
    first = visit.code
    for _ in range(5):
        await start(visit, another(first))

    asked = await visit.send(role, "issueCode", "... on VisitCodeSent { code expiresAt }")

    assert (asked["__typename"], asked["code"]) == ("VisitCodeSent", None)
    assert [mobile for mobile, _ in inbox.sent] == [visit.citizen.mobile] * 2
    if visit.code != first:
        assert (await start(visit, first))["__typename"] == "CodeWrong"
    assert (await start(visit, visit.code))["__typename"] == "Booking"


async def test_a_department_is_told_the_code_when_it_asks(process: Process, inbox: Inbox) -> None:
    assert process.settings.database_url is not None
    office = await a_department(process.settings.database_url)
    visit = await arrived(process, inbox, department_id=office.id)

    by_worker = await visit.send(Role.WORKER, "issueCode", "... on VisitCodeSent { code }")
    by_office = await visit.send(Role.DEPARTMENT, "issueCode", "... on VisitCodeSent { code }")

    assert by_worker["code"] is None
    assert inbox.sent == []
    assert (await start(visit, by_office["code"]))["__typename"] == "Booking"


async def test_codes_of_a_visit_are_limited_until_nobody_asks_for_an_hour(
    process: Process, inbox: Inbox
) -> None:
    visit = await arrived(process, inbox)

    came = await asyncio.gather(*(visit.send(Role.CITIZEN, "issueCode") for _ in range(6)))
    names = sorted(one["__typename"] for one in came)
    refused = await visit.send(Role.WORKER, "issueCode", "... on TooManyCodes { minutes }")
    await run_sql_async(visit.url, "UPDATE visit_code SET issued_at = :now - interval '61 minutes'")
    later = await visit.send(Role.CITIZEN, "issueCode")

    assert names == ["TooManyCodes"] * 2 + ["VisitCodeSent"] * 4
    assert len(inbox.sent) == 6
    assert refused["minutes"] == 60
    assert later["__typename"] == "VisitCodeSent"


@pytest.mark.parametrize("state", ["ACCEPTED", "EN_ROUTE", "QUOTE_REVISED", "COMPLETED"])
async def test_there_is_no_code_where_a_booking_waits_for_none(
    process: Process, inbox: Inbox, state: str
) -> None:
    visit = await a_visit(process, inbox, state)

    assert (await visit.send(Role.CITIZEN, "issueCode"))["__typename"] == "WrongState"
    assert inbox.sent == []


async def test_only_those_who_have_to_do_with_a_visit_ask_for_its_code(
    process: Process, inbox: Inbox
) -> None:
    visit, other = await arrived(process, inbox), await a_visit(process, inbox)

    assert await visit.send(Role.ANONYMOUS, "issueCode") == ["UNAUTHENTICATED"]
    for role in (Role.PROVIDER, Role.DISTRICT_OFFICER, Role.STATE_OFFICER, Role.AUDITOR):
        assert await visit.send(role, "issueCode") == ["FORBIDDEN"]
    for role in (Role.CITIZEN, Role.WORKER):
        assert await other.send(role, "issueCode", bookingId=visit.booking.id) == ["NOT_FOUND"]


class Unreachable(Inbox):
    async def send(self, mobile: str, text: str) -> None:
        raise ConnectionError("no network")


async def test_an_arrival_stands_if_its_message_is_lost_and_a_new_code_says_so(
    database_url: str,
) -> None:
    async with a_process(database_url, Unreachable()) as process:
        visit = await a_visit(process, Inbox(), "EN_ROUTE")

        moved = await visit.send(Role.WORKER, "markArrived", **AT_THE_DOOR)
        asked = await visit.send(Role.CITIZEN, "issueCode")

    assert moved["__typename"] == "Booking"
    assert asked == ["UNAVAILABLE"]


async def test_no_code_is_anywhere_but_on_the_phone_of_whoever_booked(
    process: Process, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Grepped for: logs, every table, every field that the worker can read, every answer."""
    caplog.set_level(logging.DEBUG)
    visit = await arrived(process, inbox)
    codes = {visit.code}
    answers = [await visit.send(Role.WORKER, "issueCode", "... on VisitCodeSent { code }")]
    codes.add(visit.code)
    answers.append(await start(visit, another(visit.code)))
    answers.append(await start(visit, visit.code))
    codes.add(visit.code)
    await visit.send(Role.CITIZEN, "logCall")
    events = await visit.told()
    await settle(process)

    looked_in = {
        "answers": json.dumps(answers),
        "events": json.dumps(events),
        "logs": caplog.text,
        "fields": json.dumps(await all_that_a_worker_reads(visit)),
        **await every_table(visit.url),
    }
    assert events
    assert "WorkerArrived" in looked_in["change_log"]
    assert "$argon2id$" in looked_in["visit_code"]
    assert "Flat 3" in looked_in["fields"]
    for name, found in looked_in.items():
        for code in codes:
            # What follows a point are parts of a second.
            assert re.search(rf"(?<![\d.]){code}(?!\d)", found) is None, name


async def all_that_a_worker_reads(visit: Visit) -> Any:
    """Every field of the booking, down to leaves, three deep."""
    query = f'{{ booking(id: "{visit.booking.id}") {{ {everything("Booking", 3)} }} }}'
    data, _ = await answer(visit.process, visit.by(Role.WORKER), query)
    return data


def everything(type_name: str, depth: int) -> str:
    type_ = SCHEMA.type_map[type_name]
    assert isinstance(type_, GraphQLObjectType)
    asked = []
    for name, field in type_.fields.items():
        kind = get_named_type(field.type)
        if any(str(argument.type).endswith("!") for argument in field.args.values()):
            continue
        if not hasattr(kind, "fields"):
            asked.append(name)
        elif depth and isinstance(kind, GraphQLObjectType):
            asked.append(f"{name} {{ {everything(kind.name, depth - 1)} }}")
    return " ".join(asked) or "__typename"


async def every_table(url: str) -> dict[str, str]:
    """The rows of each table as text."""
    found = {}
    for table in Row.metadata.tables.values():
        whole = text(f"SELECT string_agg(t::text, ' ') FROM {table.name} t")
        found[table.name] = await scalar(url, whole) or ""
    return found
