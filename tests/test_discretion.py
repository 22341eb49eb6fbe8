"""No text message and no telephone number is in a log, whatever becomes of the message."""

import asyncio
import json
import re
import subprocess
import sys
import traceback

import pytest
from aiohttp import web
from sqlalchemy.exc import IntegrityError

from models.notice import NOTICES
from runtime.log import discreet
from runtime.settings import Settings
from runtime.sms import ConsoleSms, HttpSms, NoSms, sender_for
from tests.conftest import CHECKOUT
from tests.make import a_citizen
from tests.receiving import Heard, a_receiver

PHONE = "+919876543210"
OTHERS = ("+919876543210", "+910000800001")


async def logged(url: str, sms_url: str) -> tuple[str, list[tuple[str, str]]]:
    """The log of a process that sends one message of every kind, and the messages."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.messages", url, sms_url),
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, log = await process.communicate()
    assert process.returncode == 0, log.decode()
    return log.decode(), [(mobile, text) for mobile, text in json.loads(output)]


def assert_discreet(log: str, messages: list[tuple[str, str]]) -> None:
    texts = {text for _, text in messages}
    assert len(texts) > len(NOTICES)
    codes = {code for text in texts for code in re.findall(r"\b\d{6}\b", text)}
    numbers = {mobile for mobile, _ in messages}
    assert len(codes) >= 3
    assert len(numbers) == 4
    for line in log.splitlines():
        json.loads(line)
    unescaped = "\n".join(str(json.loads(line)) for line in log.splitlines())
    for hidden in (*texts, *codes, *(mobile[3:] for mobile in numbers), "the-token", "open-sesame"):
        assert hidden not in unescaped


async def test_messages_that_arrive_are_in_no_log(database_url: str) -> None:
    async with a_receiver() as receiver:
        log, messages = await logged(database_url, receiver.url)

    assert len(receiver.heard) == len(messages)
    assert "HTTP Request" in log
    assert_discreet(log, messages)


async def test_messages_that_are_refused_are_in_no_log(database_url: str) -> None:
    async def refusing(heard: Heard) -> web.StreamResponse:
        return web.Response(status=422, text=f"no such number: {heard.text}")

    async with a_receiver(refusing) as receiver:
        log, messages = await logged(database_url, f"{receiver.url}?password=open-sesame")

    assert "the SMS provider: HTTPStatusError" in log
    assert "UNAVAILABLE" not in log
    assert_discreet(log, messages)


async def test_messages_that_reach_nobody_are_in_no_log(database_url: str) -> None:
    log, messages = await logged(database_url, "http://127.0.0.1:9/")

    assert "the SMS provider: ConnectError" in log
    assert_discreet(log, messages)


async def test_in_development_a_message_is_shown_apart_from_the_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    await ConsoleSms().send(PHONE, "[b]123456[/b] is your code.")

    shown = capfd.readouterr()
    assert PHONE in shown.out
    assert "[b]123456[/b] is your code." in shown.out
    assert shown.err == ""


async def test_in_production_there_is_no_such_way(capfd: pytest.CaptureFixture[str]) -> None:
    sender = sender_for(Settings(development=False))

    assert isinstance(sender, NoSms)
    with pytest.raises(ConnectionError, match="SMS_URL"):
        await sender.send(PHONE, "123456")
    assert isinstance(sender_for(Settings()), ConsoleSms)
    url = "https://sms.example"
    for development in (True, False):
        assert isinstance(sender_for(Settings(development=development, sms_url=url)), HttpSms)
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("", "")


async def test_what_postgresql_says_of_a_row_is_left_out(database_url: str) -> None:
    for _ in range(2):
        try:
            await a_citizen(database_url, mobile=PHONE, id="cz_" + "0" * 26)
        except IntegrityError as error:
            told = "".join(traceback.format_exception(error))

    assert PHONE in told or "cz_0" in told
    assert "IntegrityError" in discreet(told)
    assert PHONE not in discreet(told)
    assert "cz_0" not in discreet(told)
