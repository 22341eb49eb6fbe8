"""Names folded for search, so that spellings of one name meet in Hindi and in Latin."""

import re
import unicodedata

NUKTA = "\u093c"
CHANDRABINDU = "\u0901"
ANUSVARA = "\u0902"
JOINERS = dict.fromkeys(map(ord, "\u200c\u200d"))

NASAL_CONJUNCT = re.compile("[ङञणनम]\u094d(?=[क-ह])")
"""A nasal consonant joined to the next one: हिन्दी is हिंदी."""

LATIN_ACCENT = re.compile("(?<=[a-z])[\u0300-\u036f]+")


def fold(text: str) -> str:
    """Without case, nukta, accents and joiners; every written nasal as anusvara."""
    folded = unicodedata.normalize("NFKD", text.casefold()).translate(JOINERS)
    folded = folded.replace(NUKTA, "").replace(CHANDRABINDU, ANUSVARA)
    folded = NASAL_CONJUNCT.sub(ANUSVARA, folded)
    return unicodedata.normalize("NFC", LATIN_ACCENT.sub("", folded))


def words(text: str) -> list[str]:
    """The folded words, in order. Vowel signs are marks and belong to their word."""
    kept = "".join(
        letter if unicodedata.category(letter)[0] in "LMN" else " " for letter in fold(text)
    )
    return kept.split()
