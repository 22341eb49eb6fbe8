"""Free text: no command takes an Aadhaar number in it, in whatever way it is written."""

import unicodedata
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    get_nullable_type,
)
from stdnum import verhoeff

from runtime.command import COMMAND, Command
from runtime.faults import BadInput
from runtime.language import Language
from runtime.process import Process
from runtime.rights import WRITE, Role
from runtime.viewer import Viewer
from runtime.words import LIMIT, AadhaarInText, checked, checked_name
from tests.asking import SCHEMA, a_process, answer

assert SCHEMA.mutation_type is not None
COMMANDS = SCHEMA.mutation_type.fields

AADHAAR = "23456789012" + verhoeff.calc_check_digit("23456789012")
NEARLY = AADHAAR[:-1] + str((int(AADHAAR[-1]) + 1) % 10)
DEVANAGARI = AADHAAR.translate({ord("0") + digit: 0x966 + digit for digit in range(10)})

Path = tuple[str, ...]


def in_groups(number: str, between: str) -> str:
    return between.join((number[:4], number[4:8], number[8:]))


WAYS_TO_WRITE = {
    "as it is": AADHAAR,
    "in words around it": f"My number is {AADHAAR}.",
    "with spaces": in_groups(AADHAAR, " "),
    "with hyphens": in_groups(AADHAAR, "-"),
    "with dots": in_groups(AADHAAR, "."),
    "with no-break spaces": in_groups(AADHAAR, "\u00a0"),
    "with long dashes": in_groups(AADHAAR, "–"),
    "with spaced hyphens": in_groups(AADHAAR, " - "),
    "with joiners that nobody sees": in_groups(AADHAAR, "\u200b"),
    "in Devanagari": DEVANAGARI,
    "in Devanagari with spaces": in_groups(DEVANAGARI, " "),
    "in both": AADHAAR[:6] + DEVANAGARI[6:],
    "in full width": AADHAAR.translate({ord("0") + d: 0xFF10 + d for d in range(10)}),
    "each digit apart": " ".join(AADHAAR),
    "over two lines": in_groups(AADHAAR, "\n"),
    "after letters": f"no{AADHAAR}",
    "behind another number": f"98 {AADHAAR}",
    "ahead of another number": f"{AADHAAR}, 98",
}


@pytest.mark.parametrize("text", WAYS_TO_WRITE.values(), ids=WAYS_TO_WRITE)
def test_an_aadhaar_number_is_found_however_it_is_written(text: str) -> None:
    with pytest.raises(AadhaarInText):
        checked("text", text)


@pytest.mark.parametrize(
    "text",
    [
        NEARLY,
        in_groups(NEARLY, " "),
        AADHAAR[:-1],
        f"{AADHAAR}7",
        "1" + AADHAAR[1:],
        "+91 98765 43210",
        "UPI 4012 8888 8888 1881",
        "Come at 10, pay 500, call 155330",
    ],
)
def test_other_numbers_pass(text: str) -> None:
    assert checked("text", text) == text


@pytest.mark.parametrize("text", ["", "   ", "x" * (LIMIT + 1), "a\x00b", "a\x1bb"])
def test_text_is_of_some_length_and_holds_nothing_that_cannot_be_seen(text: str) -> None:
    with pytest.raises(BadInput):
        checked("text", text)


def test_text_is_kept_trimmed_and_in_one_normal_form() -> None:
    assert checked("text", " पढ़ना\n") == unicodedata.normalize("NFC", "पढ़ना")
    assert checked("text", "a\u202eb\ufeff") == "ab"
    # A joiner shapes a cluster: writing depends on it.
    assert checked("text", "क्\u200dष") == "क्\u200dष"


def test_a_name_is_in_the_letters_of_its_language() -> None:
    assert checked_name("name", "D'Souza-Rao Jr.", Language.EN)
    assert checked_name("name", "ज़ैनब क्\u200dष", Language.HI)
    for name, language in (("राम", Language.EN), ("Ram", Language.HI), ("Ram2", Language.EN)):
        with pytest.raises(BadInput):
            checked_name("name", name, language)


NO_PROSE = {
    "code": "compared with what was sent, and not kept",
    "device": "what a browser calls itself; cut short, shown to its owner alone, gone with them",
    "idempotencyKey": "forgotten after a day, and read by nobody",
    "refreshToken": "made by us",
    "noticeVersion": "of a fixed form",
    "contractVersion": "one of a list",
    "publicKeysJson": "keys, of which nothing else is kept",
    "url": "an address, searched for the same before it is kept",
    "events": "of a list",
    "selection": "a program, searched for the same before it is kept",
    "fromSequence": "a number",
    "document": "a program, searched for the same before it is kept",
    "variables": "of a program, searched for the same before they are kept",
    "operationName": "a name of GraphQL",
    "slug": "of a fixed form",
    "group": "of a fixed form",
    "unit": "of a fixed form",
    "serial": "of a fixed form: capitals, digits and hyphens",
    "sha256": "of a fixed form",
    "email": "of a fixed form",
    "gstin": "of a fixed form",
    "panLastFour": "of a fixed form",
    "aadhaarLastFour": "four digits",
    "qpCode": "of a fixed form",
    "qpVersion": "of a fixed form",
    "nsqfLevel": "one of a list",
    "ncoCode": "of a fixed form",
    "ondcCode": "of a fixed form",
    "tags": "of a list",
    "language": "a code",
    "languages": "codes",
    "pin": "six digits",
    "mobile": "an Indian mobile number: ten digits",
    "alternateMobile": "an Indian mobile number: ten digits",
    "eshramUan": "twelve digits of another register: one in ten would be taken for an Aadhaar",
    "reference": "twelve digits of a bank, or a voucher: likewise",
}
"""Texts of inputs that are no free text, and why."""


def texts(kind: GraphQLInputType, path: Path = ()) -> Iterator[Path]:
    """Where an input takes a String, at any depth."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        for name, field in named.fields.items():
            yield from texts(field.type, (*path, name))
    elif named.name == "String":
        yield path


def record(name: str) -> Command:
    found = COMMANDS[name].extensions[COMMAND]
    assert isinstance(found, Command)
    return found


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def is_words(name: str, path: Path) -> bool:
    return snake(path[-1]) in record(name).words


ALL_TEXTS = [
    (name, path)
    for name, field in COMMANDS.items()
    for argument in field.args.values()
    for path in texts(argument.type)
]
ALL_WORDS = [(name, path) for name, path in ALL_TEXTS if is_words(name, path)]


def test_no_text_escapes_the_check() -> None:
    """A String of an input is free text, which is checked, or stands above with a reason."""
    unchecked = [
        f"{name}.{'.'.join(path)}"
        for name, path in ALL_TEXTS
        if not is_words(name, path) and path[-1] not in NO_PROSE
    ]

    assert unchecked == []


VALUES: dict[str, Any] = {
    "ID": "xx_nothing",
    "Int": 1,
    "Float": 26.8,
    "Boolean": True,
    "Date": "2031-01-07",
    "DateTime": "2031-01-07T10:00:00+05:30",
    "Time": "10:00",
    "String": "as it should be",
}


def filled(kind: GraphQLInputType, path: Path, text: str) -> Any:
    """The least that the type takes, and the text where the path leads."""
    inner: Any = get_nullable_type(kind)
    if isinstance(inner, GraphQLList):
        return [filled(inner.of_type, path, text)]
    if isinstance(inner, GraphQLInputObjectType):
        given = {}
        for name, field in inner.fields.items():
            further = path[1:] if path and path[0] == name else ()
            leads = bool(path) and path[0] == name
            if leads and not further and get_named_type(field.type).name == "String":
                is_list = isinstance(get_nullable_type(field.type), GraphQLList)
                given[name] = [text] if is_list else text
            elif leads or isinstance(field.type, GraphQLNonNull):
                given[name] = filled(field.type, further, text)
        return given
    if isinstance(inner, GraphQLEnumType):
        return next(iter(inner.values))
    return VALUES[inner.name]


@pytest_asyncio.fixture
async def process(database_url: str) -> AsyncIterator[Process]:
    async with a_process(database_url) as process:
        yield process


async def test_every_command_refuses_an_aadhaar_number_in_every_text_it_takes(
    process: Process,
) -> None:
    assert len(ALL_WORDS) > 5
    wrong: list[str] = []
    for name, path in ALL_WORDS:
        argument = COMMANDS[name].args["input"]
        role = next(role for role in WRITE[record(name).may] if role is not Role.ANONYMOUS)
        viewer = Viewer(role, "us_1", provider_id="pv_1", department_id="dp_1")
        query = (
            f"mutation ($input: {argument.type}) {{ {name}(input: $input)"
            " { __typename ... on Refusal { message } } }"
        )
        for text, refused in ((in_groups(AADHAAR, " "), True), (NEARLY, False)):
            given = filled(argument.type, path, text)
            data, errors = await answer(process, viewer, query, input=given)
            told = data and data[name]
            if ((told or {}).get("__typename") == "AadhaarInText") is not refused:
                wrong.append(f"{name}.{'.'.join(path)} {refused=}: {told} {errors}")

    assert wrong == []


def test_the_refusal_is_told_in_both_languages() -> None:
    assert "Aadhaar" in AadhaarInText().message(Language.EN)
    assert "आधार" in AadhaarInText().message(Language.HI)
