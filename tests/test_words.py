"""Free text: no command takes an Aadhaar number in it, in whatever way it is written."""

import json
import unicodedata
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
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
from joserfc.jwk import ECKey
from stdnum import verhoeff

from edge.request import reason_of
from resolvers.partner import keys_in
from runtime.command import COMMAND, KEY, Command
from runtime.faults import BadInput
from runtime.http import Refused
from runtime.language import Language
from runtime.process import Process
from runtime.rights import WRITE, Role
from runtime.viewer import Viewer
from runtime.words import (
    LIMIT,
    AadhaarInText,
    checked,
    checked_name,
    refuse_identity_numbers,
    searchable,
)
from tests.asking import SCHEMA, a_process, answer

assert SCHEMA.mutation_type is not None
COMMANDS = SCHEMA.mutation_type.fields

AADHAAR = "23456789012" + verhoeff.calc_check_digit("23456789012")
NEARLY = AADHAAR[:-1] + str((int(AADHAAR[-1]) + 1) % 10)
DEVANAGARI = AADHAAR.translate({ord("0") + digit: 0x966 + digit for digit in range(10)})

Way = tuple[str, ...]


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


EXACT = {
    "code": "compared with what was sent, and not kept",
    "refreshToken": "made by us",
    "clientSecret": "random; its digest is kept",
    "fact": "compared with what is known, and not kept",
    "sha256": "64 hex digits",
    "mobile": "an Indian mobile number: ten digits",
    "alternateMobile": "an Indian mobile number: ten digits",
    "eshramUan": "twelve digits of another register: one in ten would be taken for an Aadhaar",
    "reference": "twelve digits of a bank, which begin with the day; a voucher is searched",
}
"""Texts of inputs that are not searched, and why."""

PROGRAMS = {"document", "variables", "url", "selection"}
"""What their commands search once they have read it, escapes included."""
KEYS = "publicKeysJson"
"""Likewise; of them only what is a key is kept."""


def texts(kind: GraphQLInputType, path: Way = ()) -> Iterator[Way]:
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


def is_searched(name: str, path: Way) -> bool:
    argument = snake(path[-1])
    found = record(name).words | record(name).texts | {KEY}
    return argument in found or path[-1] in PROGRAMS


ALL_TEXTS = [
    (name, path)
    for name, field in COMMANDS.items()
    for argument in field.args.values()
    for path in texts(argument.type)
]
SEARCHED = [(name, path) for name, path in ALL_TEXTS if is_searched(name, path)]


def test_no_text_escapes_the_search() -> None:
    """A String of an input is searched, or stands above with a reason."""
    escaped = {path[-1] for name, path in ALL_TEXTS if not is_searched(name, path)}

    assert escaped == {*EXACT, KEYS}


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


def filled(kind: GraphQLInputType, path: Way, text: str) -> Any:
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
    assert len(SEARCHED) > 200
    wrong: list[str] = []
    for name, path in SEARCHED:
        argument = COMMANDS[name].args["input"]
        role = next(role for role in WRITE[record(name).may] if role is not Role.ANONYMOUS)
        viewer = Viewer(role, "us_1", provider_id="pv_1", department_id="dp_1")
        query = f"mutation ($i: {argument.type}) {{ {name}(input: $i) {{ __typename }} }}"
        for number, refused in ((in_groups(AADHAAR, " "), True), (NEARLY, False)):
            text = f'{{"a": "{number}"}}' if path[-1] == "variables" else number
            data, errors = await answer(process, viewer, query, i=filled(argument.type, path, text))
            if is_refused(name, path, data, errors) is not refused:
                wrong.append(f"{name}.{'.'.join(path)} {refused=}: {data} {errors}")

    assert wrong == []


def is_refused(name: str, path: Way, data: Any, errors: list[Any]) -> bool:
    """In the result, where the command has that refusal, or else as an error that tells the same
    and where."""
    if AadhaarInText in record(name).refusals:
        return bool(data and data[name]) and data[name]["__typename"] == "AadhaarInText"
    return any(
        error["message"] == AadhaarInText.english
        and error["extensions"] == {"code": "BAD_INPUT", "argument": path[-1]}
        for error in errors
    )


@pytest.mark.parametrize(
    "text",
    [
        AADHAAR,
        f'{{ workers(after: "{in_groups(AADHAAR, " and ")}") {{ totalCount }} }}',
        f"{{ workers {{ totalCount }} }} # {in_groups(AADHAAR, ':')}",
        '{ a(b: "' + "".join(f"\\u{ord(digit):04x}" for digit in AADHAAR) + '") }',
        '{ a(b: """' + in_groups(AADHAAR, "\n") + '""") }',
    ],
)
def test_a_number_is_found_in_a_document(text: str) -> None:
    with pytest.raises(AadhaarInText):
        refuse_identity_numbers(searchable(text))


def test_a_document_without_a_number_passes() -> None:
    refuse_identity_numbers(searchable(Path("docs/operations/home_view.graphql").read_text()))
    refuse_identity_numbers(searchable('{ not "closed'))


def test_a_number_is_found_in_what_is_kept_of_keys() -> None:
    key = ECKey.generate_key("P-256", parameters={"kid": AADHAAR}, private=False)
    written = json.dumps({"keys": [key.as_dict()]})
    escaped = written.replace(AADHAAR, "".join(f"\\u{ord(digit):04x}" for digit in AADHAAR))

    for text in (written, escaped):
        with pytest.raises(AadhaarInText):
            keys_in(text)
    assert keys_in(written.replace(AADHAAR, "one"))


@pytest.mark.parametrize("between", [" ", ":", " and "])
def test_a_reason_holds_no_number_either(between: str) -> None:
    def stated(text: str) -> dict[str, Any]:
        return {"reason": {"category": "CALL", "text": text, "subjects": ["wk_1"]}}

    with pytest.raises(Refused, match="text"):
        reason_of(stated(f"call {in_groups(AADHAAR, between)}"))
    assert reason_of(stated("ticket SM26-5000001"))


def test_the_refusal_is_told_in_both_languages() -> None:
    assert "Aadhaar" in AadhaarInText().message(Language.EN)
    assert "आधार" in AadhaarInText().message(Language.HI)
