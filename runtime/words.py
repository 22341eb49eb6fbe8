"""Free text that people write: how long it may be, and what it must not hold."""

import re
import unicodedata
from typing import NewType

from stdnum import verhoeff

from runtime.faults import BadInput
from runtime.language import Language
from runtime.refusal import Refusal

Words = NewType("Words", str)
"""Marks a command's parameter as free text."""

LIMIT = 2_000
NAME_LIMIT = 100
DIGITS = 12
TELEPHONE = 10
LETTERS = {
    Language.EN: ("Latin", "A-Za-zÀ-ɏ"),
    Language.HI: ("Devanagari", "\u0900-\u0963\u0971-\u097f"),
}
JOINERS = "\u200c\u200d"
"""Of the characters that nobody sees, those that Devanagari is written with."""
BETWEEN_DIGITS = rf"[\s.,/_\-‐-―−{JOINERS}]{{1,3}}"
NUMBERS = re.compile(rf"\d+(?:{BETWEEN_DIGITS}\d+)*")


class AadhaarInText(Refusal):
    """The text holds what looks like an Aadhaar number. Take it out and send again."""

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
    refuse_aadhaar(text)
    return Words(text)


def refuse_aadhaar(text: str) -> None:
    """Of what is no prose, and kept as well: a program may hold anything between quotes. Raises
    AadhaarInText."""
    if any(map(holds_aadhaar, NUMBERS.findall(text))):
        raise AadhaarInText


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
    return any(len(re.findall(r"\d", run)) >= TELEPHONE for run in NUMBERS.findall(text))


def holds_aadhaar(numbers: str) -> bool:
    """Whether neighbouring groups of digits make one up: people write 1234 5678 9012."""
    groups = re.findall(r"\d+", numbers)
    for start in range(len(groups)):
        digits = ""
        for group in groups[start:]:
            digits += group
            if len(digits) >= DIGITS:
                break
        if is_aadhaar(digits):
            return True
    return False


def is_aadhaar(digits: str) -> bool:
    """Digits of any script count: people write ९ as well as 9."""
    if len(digits) != DIGITS:
        return False
    latin = "".join(str(unicodedata.digit(c)) for c in digits)
    return latin[0] not in "01" and verhoeff.is_valid(latin)
