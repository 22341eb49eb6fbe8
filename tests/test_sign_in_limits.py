"""How many codes, secrets and tokens may be tried: by phone, device and address together."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from edge import limits
from edge.oauth import WRONG_SECRET
from runtime import secret
from runtime.context import Context
from runtime.household import household
from runtime.language import Language
from runtime.process import Process
from runtime.settings import Settings
from runtime.viewer import ANYONE
from server import create_app
from tests.asking import ENGINE, Inbox, a_process, answer
from tests.conftest import client_of
from tests.test_partner_token import SECRET, a_client

DEVICE = "a-random-text-of-a-device"


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


async def asked_from(process: Process, address: str, number: int, **given: Any) -> str:
    """What comes of asking for a code for one of many phones."""
    query = "mutation ($input: RequestCodeInput!) { requestCode(input: $input) { __typename } }"
    given |= {"mobile": f"+91000071{number:04}", "role": "CITIZEN"}
    context = Context(ANYONE, Language.EN, process, "request-1", address)
    result = await ENGINE.execute(query, {"input": given}, context)
    assert result.data is not None
    return str(result.data["requestCode"]["__typename"])


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("2001:db8:1:3::9", "2001:db8:1:3::"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_an_address_stands_for_a_phone_or_a_household(address: str, counted_as: str) -> None:
    assert household(address) == counted_as


async def test_one_phone_has_no_more_codes_for_all_the_addresses_of_its_network(
    database_url: str,
) -> None:
    async with a_process(database_url, codes_per_address=3) as process:
        kinds = [await asked_from(process, f"2001:db8:1:2::{n:x}", n) for n in range(5)]
        other = await asked_from(process, "2001:db8:1:3::1", 9)

    assert kinds == ["CodeSent"] * 3 + ["TooManyCodes"] * 2
    assert other == "CodeSent"


async def test_one_device_asks_for_so_many_codes_wherever_it_is(process: Process) -> None:
    kinds = [await asked_from(process, f"203.0.113.{n}", n, clientSecret=DEVICE) for n in range(12)]

    assert kinds == ["CodeSent"] * 10 + ["TooManyCodes"] * 2
    assert await asked_from(process, "203.0.113.1", 99, clientSecret=DEVICE + "2") == "CodeSent"


async def test_many_people_of_one_carrier_are_sent_codes(process: Process) -> None:
    kinds = [await asked_from(process, "203.0.113.7", n) for n in range(70)]

    assert set(kinds) == {"CodeSent"}
    assert Settings().codes_per_address >= 1_000


async def test_one_operation_sends_one_code(process: Process, inbox: Inbox) -> None:
    query = """mutation {
      first: requestCode(input: { mobile: "+910000700001", role: CITIZEN }) { __typename }
      second: requestCode(input: { mobile: "+910000700002", role: CITIZEN }) { __typename }
    }"""

    data, errors = await answer(process, ANYONE, query)

    assert data["first"]["__typename"] == "CodeSent"
    assert [error["extensions"]["code"] for error in errors] == ["LIMIT_EXCEEDED"]
    assert len(inbox.sent) == 1


async def test_so_many_secrets_are_looked_into_at_once_and_no_more() -> None:
    here, most, lock = 0, 0, threading.Lock()

    def counting(_: str) -> str:
        nonlocal here, most
        with lock:
            here += 1
            most = max(most, here)
        threading.Event().wait(0.005)
        with lock:
            here -= 1
        return ""

    line = secret.Line(secret.AT_ONCE + secret.WAITING)
    crowd = secret.AT_ONCE + secret.WAITING + 50

    came = await asyncio.gather(
        *(line.through(counting, "x") for _ in range(crowd)), return_exceptions=True
    )

    assert most == secret.AT_ONCE
    assert sum(isinstance(one, secret.Crowded) for one in came) == 50
    assert await line.through(counting, "x") == ""


async def tried(client: httpx.AsyncClient, id: str, guess: str) -> httpx.Response:
    form = {"grant_type": "client_credentials", "client_id": id, "client_secret": guess}
    return await client.post("/oauth/token", data=form)


async def test_secrets_of_one_client_are_guessed_twenty_times_and_then_seldom(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None come back here, however long it takes.
    monkeypatch.setattr(limits, "SECRETS", replace(limits.SECRETS, per_second=0.001))
    known, other = await a_client(database_url), await a_client(database_url)
    async with client_of(create_app(settings, Inbox())) as client:
        guesses = [(await tried(client, known.id, f"guess {n}")).status_code for n in range(22)]
        refused = await tried(client, known.id, SECRET)

        assert guesses == [401] * 20 + [401, 429]
        assert refused.status_code == 429
        assert refused.json()["error"] == "slow_down"
        assert int(refused.headers["retry-after"]) > 0
        assert (await tried(client, other.id, SECRET)).status_code == 200


async def test_guesses_at_many_clients_are_counted_by_address(
    settings: Settings, database_url: str
) -> None:
    few = replace(settings, points_anonymous=f"{3 * WRONG_SECRET}/1")
    known = await a_client(database_url)
    async with client_of(create_app(few, Inbox())) as client:
        guesses = [(await tried(client, f"pc_{n}", "guess")).status_code for n in range(5)]

        assert guesses == [401] * 4 + [429]
        assert (await tried(client, known.id, SECRET)).status_code == 429
