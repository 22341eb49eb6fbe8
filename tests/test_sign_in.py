"""Signing in by phone: codes, sessions, and what a thief of either gets."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import func, select, text

from models.account import Citizen, OneTimeCode, Session
from runtime.lost import opened
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import Inbox, a_process, send
from tests.conftest import run_sql_async
from tests.make import a_citizen, a_provider, a_worker, scalar

ANYONE = Viewer()
PHONE = "+910000700001"
REQUEST_CODE = "mutation ($input: RequestCodeInput!) { requestCode(input: $input) { __typename } }"
SIGN_IN = """
  mutation ($input: SignInInput!) { signIn(input: $input) { ... on SignedIn { accessToken } } }
"""
ABOUT_ME = "query ($id: ID!) { viewer { role } worker(id: $id) { mobile } }"
SECRET = "a-random-text-of-the-client"
A_MINUTE_AGO = ":now - INTERVAL '61 seconds'"
TOKENS = "... on SignedIn { accessToken refreshToken role }"


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


async def request_code(
    process: Process, mobile: str = PHONE, role: str = "CITIZEN", **given: Any
) -> Any:
    selection = "... on CodeSent { expiresAt } ... on TooManyCodes { minutes }"
    given |= {"mobile": mobile, "role": role}
    return await send(process, ANYONE, "requestCode", selection, **given)


async def sign_in(
    process: Process, code: str, mobile: str = PHONE, role: str = "CITIZEN", **given: Any
) -> Any:
    selection = f"{TOKENS} ... on CodeWrong {{ triesLeft }}"
    given |= {"mobile": mobile, "role": role, "code": code}
    return await send(process, ANYONE, "signIn", selection, **given)


async def refresh(process: Process, token: str) -> Any:
    return await send(process, ANYONE, "refreshSession", TOKENS, refreshToken=token)


def another(code: str) -> str:
    return "000000" if code != "000000" else "000001"


async def test_the_first_sign_in_registers_a_citizen(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await request_code(process)
    signed_in = await sign_in(process, inbox.code(PHONE))

    assert (signed_in["__typename"], signed_in["role"]) == ("SignedIn", "CITIZEN")
    registered = select(func.count()).where(Citizen.mobile == PHONE)
    assert await scalar(database_url, registered) == 1

    await request_code(process)
    assert (await sign_in(process, inbox.code(PHONE)))["__typename"] == "SignedIn"
    assert await scalar(database_url, registered) == 1


async def test_an_access_token_says_who_sends_a_request(
    client: httpx.AsyncClient, inbox: Inbox, database_url: str
) -> None:
    worker = await a_worker(database_url, mobile=PHONE)
    phone = {"mobile": PHONE, "role": "WORKER"}
    await client.post("/graphql", json={"query": REQUEST_CODE, "variables": {"input": phone}})
    entering = phone | {"code": inbox.code(PHONE)}
    response = await client.post(
        "/graphql", json={"query": SIGN_IN, "variables": {"input": entering}}
    )
    token = response.json()["data"]["signIn"]["accessToken"]

    ask = {"query": ABOUT_ME, "variables": {"id": worker.id}}
    answer = (
        await client.post("/graphql", json=ask, headers={"authorization": f"Bearer {token}"})
    ).json()
    assert answer["data"] == {"viewer": {"role": "WORKER"}, "worker": {"mobile": PHONE}}

    tampered = await client.post(
        "/graphql", json=ask, headers={"authorization": f"Bearer {token[:-4]}AAAA"}
    )
    assert tampered.status_code == 401
    assert tampered.headers["www-authenticate"] == "Bearer"
    assert tampered.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_known_and_unknown_phones_are_answered_alike(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await a_worker(database_url, mobile="+910000700002")

    known = await request_code(process, "+910000700002", "WORKER")
    unknown = await request_code(process, "+910000700003", "WORKER")

    assert known["__typename"] == unknown["__typename"] == "CodeSent"
    texts = [re.sub(r"\d{6}", "", text) for _, text in inbox.sent]
    assert texts[0] == texts[1] != ""


async def test_nobody_becomes_a_worker_by_signing_in(process: Process, inbox: Inbox) -> None:
    await request_code(process, role="WORKER")

    refused = await sign_in(process, inbox.code(PHONE), role="WORKER")

    assert refused["__typename"] == "NotRegistered"


async def test_whoever_acts_for_a_provider_signs_in_with_its_number(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    provider = await a_provider(database_url, mobile=PHONE)
    await request_code(process, role="PROVIDER")

    signed_in = await sign_in(process, inbox.code(PHONE), role="PROVIDER")

    claims = process.keys.claims(signed_in["accessToken"])
    assert (claims["sub"], claims["provider"]) == (provider.id, provider.id)


async def test_a_code_works_once(process: Process, inbox: Inbox) -> None:
    await request_code(process)
    code = inbox.code(PHONE)

    assert (await sign_in(process, code))["__typename"] == "SignedIn"
    assert (await sign_in(process, code))["__typename"] == "CodeWrong"


async def test_an_old_code_does_not_work(process: Process, inbox: Inbox, database_url: str) -> None:
    await request_code(process)
    await run_sql_async(database_url, "UPDATE one_time_code SET expires_at = :now")

    assert (await sign_in(process, inbox.code(PHONE)))["__typename"] == "CodeWrong"


async def test_a_code_for_one_role_does_not_open_another(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await a_worker(database_url, mobile=PHONE)
    await request_code(process, role="CITIZEN")

    refused = await sign_in(process, inbox.code(PHONE), role="WORKER")

    assert refused["__typename"] == "CodeWrong"


async def test_the_sixth_try_is_refused_even_with_the_right_code(
    process: Process, inbox: Inbox
) -> None:
    await request_code(process)
    code = inbox.code(PHONE)

    left = [(await sign_in(process, another(code)))["triesLeft"] for _ in range(5)]
    sixth = await sign_in(process, code)

    assert left == [4, 3, 2, 1, 0]
    assert (sixth["__typename"], sixth["triesLeft"]) == ("CodeWrong", 0)


async def test_fifty_tries_at_once_count_fifty(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await request_code(process)
    wrong = another(inbox.code(PHONE))

    refused = await asyncio.gather(*(sign_in(process, wrong) for _ in range(50)))

    assert {one["__typename"] for one in refused} == {"CodeWrong"}
    assert await scalar(database_url, select(OneTimeCode.tries)) == 50
    assert (await sign_in(process, inbox.code(PHONE)))["__typename"] == "CodeWrong"


async def test_codes_to_one_phone_are_limited(process: Process, inbox: Inbox) -> None:
    answers = await asyncio.gather(*(request_code(process) for _ in range(8)))

    kinds = [one["__typename"] for one in answers]
    assert (kinds.count("CodeSent"), kinds.count("TooManyCodes")) == (5, 3)
    assert len(inbox.sent) == 5
    other = await request_code(process, "+910000700009")
    assert other["__typename"] == "CodeSent"


async def test_codes_from_one_address_are_limited(database_url: str) -> None:
    async with a_process(database_url, codes_per_address=3) as process:
        kinds = [(await request_code(process, f"+91000071{n:04}"))["__typename"] for n in range(5)]

    assert kinds == ["CodeSent"] * 3 + ["TooManyCodes"] * 2


async def test_no_code_is_kept_in_clear(process: Process, inbox: Inbox, database_url: str) -> None:
    await request_code(process)

    kept = await scalar(database_url, select(OneTimeCode.hash))

    assert kept.startswith("$argon2id$")
    assert inbox.code(PHONE) not in kept


async def test_a_number_that_is_no_mobile_is_refused(process: Process) -> None:
    for mobile in ("155330", "+15551234567", "+911234567890", "+91987654321"):
        assert await request_code(process, mobile) == ["BAD_INPUT"]


async def test_demo_numbers_are_refused_outside_development(database_url: str) -> None:
    async with a_process(database_url, development=False) as process:
        assert await request_code(process, PHONE) == ["BAD_INPUT"]
        assert (await request_code(process, "+919876543210"))["__typename"] == "CodeSent"


async def a_session(process: Process, inbox: Inbox) -> dict[str, Any]:
    await request_code(process)
    signed_in: dict[str, Any] = await sign_in(process, inbox.code(PHONE))
    return signed_in


def as_signed_in(process: Process, session: dict[str, Any]) -> Viewer:
    claims = process.keys.claims(session["accessToken"])
    return Viewer(Role.CITIZEN, id=claims["sub"], session_id=claims["sid"])


async def test_a_refresh_token_changes_with_each_use(process: Process, inbox: Inbox) -> None:
    first = await a_session(process, inbox)

    second = await refresh(process, first["refreshToken"])
    third = await refresh(process, second["refreshToken"])

    tokens = {one["refreshToken"] for one in (first, second, third)}
    assert len(tokens) == 3
    assert third["role"] == "CITIZEN"


async def test_a_lost_answer_to_a_refresh_is_given_again(process: Process, inbox: Inbox) -> None:
    first = await a_session(process, inbox)
    second = await refresh(process, first["refreshToken"])

    assert await refresh(process, first["refreshToken"]) == second
    assert (await refresh(process, second["refreshToken"]))["__typename"] == "SignedIn"


async def test_a_refresh_token_is_no_good_any_more_once_its_answer_has_come(
    process: Process, inbox: Inbox
) -> None:
    """Whoever shows the new token has had the answer: so the old one is somebody else's."""
    first = await a_session(process, inbox)
    second = await refresh(process, first["refreshToken"])
    third = await refresh(process, second["refreshToken"])

    assert (await refresh(process, first["refreshToken"]))["__typename"] == "SessionEnded"
    assert (await refresh(process, third["refreshToken"]))["__typename"] == "SessionEnded"


async def test_a_refresh_token_that_is_shown_again_later_ends_the_session(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    first = await a_session(process, inbox)
    second = await refresh(process, first["refreshToken"])
    await run_sql_async(database_url, f"UPDATE spent_token SET spent_at = {A_MINUTE_AGO}")

    assert (await refresh(process, first["refreshToken"]))["__typename"] == "SessionEnded"
    assert (await refresh(process, second["refreshToken"]))["__typename"] == "SessionEnded"


async def test_all_who_refresh_at_once_are_given_the_same(process: Process, inbox: Inbox) -> None:
    token = (await a_session(process, inbox))["refreshToken"]

    answers = await asyncio.gather(*(refresh(process, token) for _ in range(4)))

    assert answers == [answers[0]] * 4
    assert (await refresh(process, answers[0]["refreshToken"]))["__typename"] == "SignedIn"


async def test_no_answer_is_given_again_once_the_session_has_ended(
    process: Process, inbox: Inbox
) -> None:
    first = await a_session(process, inbox)
    await refresh(process, first["refreshToken"])
    await send(process, as_signed_in(process, first), "signOutEverywhere", "devices")

    assert (await refresh(process, first["refreshToken"]))["__typename"] == "SessionEnded"


async def test_nothing_that_is_kept_lets_anybody_in(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await request_code(process, clientSecret=SECRET)
    first = await sign_in(process, inbox.code(PHONE), clientSecret=SECRET)
    second = await refresh(process, first["refreshToken"])

    kept = ""
    for table in ("session", "spent_token", "one_time_code"):
        rows = text(f"SELECT string_agg(t::text, '') FROM {table} t")
        kept += await scalar(database_url, rows)
    assert "gAAAA" in kept  # How what is sealed begins.
    for told in (first, second):
        assert told["refreshToken"] not in kept
        assert told["accessToken"] not in kept
    assert SECRET not in kept
    sealed = await scalar(database_url, text("SELECT answer FROM spent_token"))
    assert opened(sealed, first["refreshToken"]) is not None
    assert opened(sealed, second["refreshToken"]) is None


async def test_a_lost_answer_to_signing_in_is_given_again_to_the_client_that_asked_for_the_code(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await request_code(process, clientSecret=SECRET)
    code = inbox.code(PHONE)
    first = await sign_in(process, code, clientSecret=SECRET)

    assert await sign_in(process, code, clientSecret=SECRET) == first
    assert await scalar(database_url, select(OneTimeCode.tries)) == 1
    assert await scalar(database_url, select(func.count()).select_from(Session)) == 1


@pytest.mark.parametrize(
    "given", [{}, {"clientSecret": "another-secret-of-22-chars"}, {"device": "The same phone"}]
)
async def test_nobody_else_is_given_the_answer_again(
    process: Process, inbox: Inbox, given: dict[str, Any]
) -> None:
    await request_code(process, clientSecret=SECRET)
    code = inbox.code(PHONE)
    await sign_in(process, code, clientSecret=SECRET, device="The same phone")

    assert (await sign_in(process, code, **given))["__typename"] == "CodeWrong"


async def test_the_answer_is_given_again_for_the_same_code_and_for_a_minute(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await request_code(process, clientSecret=SECRET)
    code = inbox.code(PHONE)
    await sign_in(process, code, clientSecret=SECRET)

    wrong = await sign_in(process, another(code), clientSecret=SECRET)
    assert wrong["__typename"] == "CodeWrong"
    await run_sql_async(database_url, f"UPDATE one_time_code SET used_at = {A_MINUTE_AGO}")
    assert (await sign_in(process, code, clientSecret=SECRET))["__typename"] == "CodeWrong"


@pytest.mark.parametrize("secret", ["", "x" * 21, "x" * 201])
async def test_a_secret_that_could_be_guessed_is_refused(process: Process, secret: str) -> None:
    assert await request_code(process, clientSecret=secret) == ["BAD_INPUT"]


async def test_signing_out_ends_one_device_or_all(process: Process, inbox: Inbox) -> None:
    sessions = [await a_session(process, inbox) for _ in range(3)]
    me, other = (as_signed_in(process, session) for session in (sessions[0], sessions[1]))

    assert (await send(process, me, "signOut", "devices", sessionId=None))["devices"] == 1
    assert (await refresh(process, sessions[0]["refreshToken"]))["__typename"] == "SessionEnded"
    assert (await refresh(process, sessions[1]["refreshToken"]))["__typename"] == "SignedIn"
    assert await send(process, me, "signOutEverywhere", "devices") == ["UNAUTHENTICATED"]
    assert (await send(process, other, "signOutEverywhere", "devices"))["devices"] == 2
    assert (await refresh(process, sessions[2]["refreshToken"]))["__typename"] == "SessionEnded"


async def test_nobody_signs_out_somebody_else(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    session = await a_session(process, inbox)
    sid = process.keys.claims(session["accessToken"])["sid"]
    other = Viewer(Role.CITIZEN, id=(await a_citizen(database_url)).id)

    assert (await send(process, other, "signOut", "devices", sessionId=sid))["devices"] == 0
    assert (await refresh(process, session["refreshToken"]))["__typename"] == "SignedIn"


async def test_an_access_token_ends(process: Process, inbox: Inbox) -> None:
    claims = process.keys.claims((await a_session(process, inbox))["accessToken"])

    assert claims["exp"] - claims["iat"] == timedelta(minutes=10).total_seconds()
