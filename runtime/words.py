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
LETTERS = {
    Language.EN: ("Latin", "A-Za-zÀ-ɏ"),
    Language.HI: ("Devanagari", "\u0900-\u0963\u0971-\u097f"),
}
BETWEEN = " .'’\\-\u200c\u200d"
"""What may stand inside a name: joiners shape Devanagari clusters."""
TWELVE_DIGITS = re.compile(r"(?<!\d)\d(?:[\s.\-]?\d){11}(?![\s.\-]?\d)")


class AadhaarInText(Refusal):
    """The text holds what looks like an Aadhaar number. Take it out and send again."""

    english = "Do not write an Aadhaar number here: we must not keep it."
    hindi = "यहाँ आधार संख्या न लिखें: हम उसे नहीं रख सकते।"


def checked(argument: str, text: str) -> Words:
    """The text, trimmed. Raises BadInput and AadhaarInText."""
    text = unicodedata.normalize("NFC", text).strip()
    if (
        not text
        or len(text) > LIMIT
        or any(unicodedata.category(c) == "Cc" for c in text if c not in "\n\t")
    ):
        raise BadInput(
            f"`{argument}` must be a text of 1 to {LIMIT} characters.", argument=argument
        )
    if any(map(is_aadhaar, TWELVE_DIGITS.findall(text))):
        raise AadhaarInText
    return Words(text)


def checked_name(argument: str, name: str, language: Language) -> str:
    """A name, in the letters of the language. Raises BadInput."""
    script, letters = LETTERS[language]
    if len(name) > NAME_LIMIT or not re.fullmatch(f"[{letters}][{letters}{BETWEEN}]*", name):
        raise BadInput(
            f"`{argument}` must be a name in {script} letters, at most {NAME_LIMIT} of them.",
            argument=argument,
        )
    return name


def is_aadhaar(found: str) -> bool:
    """Digits of any script count: people write ९ as well as 9."""
    digits = "".join(str(unicodedata.digit(c)) for c in found if c.isdigit())
    return digits[0] not in "01" and verhoeff.is_valid(digits)
