"""Free text that people write: how long it may be, and what it must not hold."""

import re
import unicodedata
from contextlib import suppress
from typing import NewType

from graphql import GraphQLSyntaxError, Lexer, Source, TokenKind

from runtime.faults import BadInput
from runtime.identity_numbers import holds_identity_number, latin
from runtime.language import Language
from runtime.refusal import Refusal

Words = NewType("Words", str)
"""Marks a command's parameter as free text."""

Exact = NewType("Exact", str)
"""Marks a parameter that is no text of somebody's own: of a form that no such number fits or that
its command checks, or a value that is compared and not kept."""

LIMIT = 2_000
NAME_LIMIT = 100
TELEPHONE = 10
LETTERS = {
    Language.EN: ("Latin", "A-Za-zÀ-ɏ"),
    Language.HI: ("Devanagari", "\u0900-\u0963\u0971-\u097f"),
}
JOINERS = "\u200c\u200d"
"""Of the characters that nobody sees, those that Devanagari is written with."""
BETWEEN_DIGITS = r"[\s.,/_\-‐-―−]{1,3}"
NUMBERS = re.compile(rf"\d+(?:{BETWEEN_DIGITS}\d+)*")


class AadhaarInText(Refusal):
    """The text holds what looks like an Aadhaar number, a virtual ID or the number of a payment
    card. Take it out and send again."""

    english = "Do not write an Aadhaar number here: we must not keep it."
    hindi = "यहाँ आधार संख्या न लिखें: हम उसे नहीं रख सकते।"


def checked(argument: str, text: str) -> Words:
    """The text, trimmed. Raises BadInput and AadhaarInText."""
    seen = (c for c in text if unicodedata.category(c) != "Cf" or c in JOINERS)
    text = unicodedata.normalize("NFC", "".join(seen)).strip()
    if (
        not text
        or len(text) > LIMIT
        or any(unicodedata.category(c) == "Cc" for c in text if c not in "\n\t")
    ):
        raise BadInput(
            f"`{argument}` must be a text of 1 to {LIMIT} characters.", argument=argument
        )
    refuse_identity_numbers(text)
    return Words(text)


def refuse_identity_numbers(text: str) -> None:
    """Raises AadhaarInText."""
    if holds_identity_number(text):
        raise AadhaarInText


def searchable(document: str) -> str:
    """A GraphQL document and what its strings say, which may be written in escapes."""
    said, lexer = [document], Lexer(Source(document))
    with suppress(GraphQLSyntaxError):  # whoever runs it says what is wrong
        while (token := lexer.advance()).kind is not TokenKind.EOF:
            if token.kind in (TokenKind.STRING, TokenKind.BLOCK_STRING):
                said.append(token.value or "")
    return "\n".join(said)


def checked_name(argument: str, name: str, language: Language) -> str:
    """A name, in the letters of the language. Raises BadInput."""
    script, letters = LETTERS[language]
    if len(name) > NAME_LIMIT or not re.fullmatch(f"[{letters}][{letters} .'’{JOINERS}\\-]*", name):
        raise BadInput(
            f"`{argument}` must be a name in {script} letters, at most {NAME_LIMIT} of them.",
            argument=argument,
        )
    return name


def holds_telephone(text: str) -> bool:
    """Whether neighbouring digits are as many as a telephone number has, or more."""
    return any(len(re.findall(r"\d", run)) >= TELEPHONE for run in NUMBERS.findall(latin(text)))
