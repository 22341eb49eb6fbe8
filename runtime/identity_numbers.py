"""Numbers that name a person or an account, found in text however they are written: Aadhaar
numbers, virtual IDs (VID) and numbers of payment cards. None of them may be stored.

Two readings, because what stands between digits says how much they belong together:

- Groups of digits with nothing but a little punctuation between them are one number, however it
  is divided: `2341-2341-2346`, `(234123) (412346)`, a digit a line.
- Groups of four, as these numbers are printed, and single digits are one number with anything
  short between them, words too: `2341 and 2341 and 2346`, `1. 2341 2. 2341 3. 2346`.

Only whole groups count, and only those that come to the exact length. One in ten numbers of twelve
digits passes for an Aadhaar number, so what people write all day is taken out first: telephone
numbers, dates, times and UUIDs; and a list of years, of round prices or of PIN codes is no number.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise

from stdnum import luhn
from stdnum.in_ import aadhaar, vid

PUNCTUATION = 5
"""How many characters that are neither letters nor digits may stand within a number."""
WORDS = 20
"""How many characters of any kind may stand between groups as they are printed."""
PRINTED = 4
"""Digits in a printed group."""
CARDS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}"  # Visa
    r"|(?:5[1-5]|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720))\d*(?<=^\d{16})"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[68]\d)\d{11}"  # Diners Club
    r"|(?:35(?:2[89]|[3-8]\d)|6(?:011|4[4-9]\d|5\d\d))\d{12}"  # JCB, Discover, RuPay
    r"|(?:60|65|81|82|508)\d*(?<=^\d{16})"  # RuPay
    r"|62\d{14,17}"  # UnionPay
    r"|(?:5018|5020|5038|6304|6759|676[1-3])\d{9,15}"  # Maestro
)
LONGEST = 19
ORDINARY = re.compile(
    r"""
    \b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b               # a UUID
    | (?<!\d)\+[ ]?91(?:[ ().-]{0,2}\d){10}(?!\d)                 # a telephone number of India
    | (?<!\d)0?[6-9](?:\d{9}|\d{4}[ -]\d{5})(?!\d)                # the same, without the country
    | (?<!\d)(?:0?[1-9]|[12]\d|3[01])([-./])(?:0?[1-9]|1[0-2])\1(?:19|20)\d\d(?!\d)
    | (?<!\d)(?:19|20)\d\d([-./]?)(?:0[1-9]|1[0-2])\2(?:0[1-9]|[12]\d|3[01])
        (?:T?(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?)?(?!\d)         # the same, the year first
    | (?<![\d:])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\d:])  # a time of day
    """,
    re.VERBOSE | re.IGNORECASE,
)
TOGETHER = re.compile(rf"\d+(?:[\W_]{{1,{PUNCTUATION}}}\d+)*")
DIGITS = re.compile(r"\d+")
APART = re.compile(r"\b\d+\b")
YEAR = re.compile(r"(?:19|20)\d\d")
PIN = re.compile(r"2[0-8]\d{4}")
ROUND = re.compile(r"\d+[05]0")
Span = tuple[str, int, int]
"""A group of digits, where it begins and where it ends."""


def holds_identity_number(text: str) -> bool:
    plain = ORDINARY.sub("x", latin(text))
    return any(
        is_identity_number(number) for read in (together, printed, spelt) for number in read(plain)
    )


def latin(text: str) -> str:
    """The text with every digit as 0 to 9: of any script, in full width, raised, in a circle. What
    nobody sees is gone, and space is one space."""
    seen = (
        str(unicodedata.digit(c, c))
        for c in unicodedata.normalize("NFKC", text)
        if unicodedata.category(c) not in ("Cf", "Mn", "Me")
    )
    return re.sub(r"\s+", " ", "".join(seen))


def together(text: str) -> Iterator[str]:
    """Neighbouring groups, with punctuation between them."""
    for run in TOGETHER.findall(text):
        groups = DIGITS.findall(run)
        for start in range(len(groups)):
            yield from numbers_from(groups[start:])


def numbers_from(groups: Sequence[str]) -> Iterator[str]:
    """What the first group makes with those after it."""
    number = ""
    for count, group in enumerate(groups, 1):
        number += group
        if len(number) > LONGEST:
            return
        if not is_list(groups[:count]):
            yield number


def is_list(groups: Sequence[str]) -> bool:
    return len(groups) > 1 and any(
        all(kind.fullmatch(group) for group in groups) for kind in (YEAR, PIN, ROUND)
    )


def printed(text: str) -> Iterator[str]:
    """Groups of four near one another; shorter ones between them, as of a list, are no part."""
    spans = [span for span in spans_of(text, DIGITS) if len(span[0]) >= PRINTED - 1]
    return near_one_another(spans, PRINTED, (3, 4))


def spelt(text: str) -> Iterator[str]:
    """Single digits, each a word of its own, near one another."""
    return near_one_another(spans_of(text, APART), 1, (12, 16))


def spans_of(text: str, kind: re.Pattern[str]) -> list[Span]:
    return [(found[0], *found.span()) for found in kind.finditer(text)]


def near_one_another(spans: list[Span], size: int, counts: Sequence[int]) -> Iterator[str]:
    """What so many groups of that size make, where nothing long stands between any two."""
    for start in range(len(spans)):
        for count in counts:
            run = spans[start : start + count]
            groups = [group for group, _, _ in run]
            if [*map(len, groups)] == [size] * count and is_near(run) and not is_list(groups):
                yield "".join(groups)


def is_near(run: list[Span]) -> bool:
    return all(after - until <= WORDS for (_, _, until), (_, after, _) in pairwise(run))


def is_identity_number(number: str) -> bool:
    if aadhaar.is_valid(number) or vid.is_valid(number):
        return True
    return CARDS.fullmatch(number) is not None and luhn.is_valid(number)
