"""The two languages every label and message exists in, and which one a request asks for."""

from enum import StrEnum


class Language(StrEnum):
    EN = "EN"
    HI = "HI"

    def of(self, english: str | None, hindi: str | None) -> str | None:
        """The text in this language, or in the other where this one is missing."""
        return (hindi or english) if self is HINDI else (english or hindi)


HINDI = Language.HI
"""By this name, for it is asked of every label: to look up a member of an enum takes longer than
all the rest."""


def preferred(accept_language: str) -> Language | None:
    """The language an Accept-Language header likes best; None where it names neither.

    Entries that cannot be read count for nothing, as RFC 9110 lets a server ignore the header.
    """
    liked: dict[str, float] = {Language.EN: 0.0, Language.HI: 0.0}
    for entry in accept_language.split(","):
        tag, _, parameters = entry.partition(";")
        name = tag.strip().partition("-")[0].upper()
        if name in liked:
            liked[name] = max(liked[name], quality(parameters))
    if not any(liked.values()):
        return None
    return Language.HI if liked[Language.HI] > liked[Language.EN] else Language.EN


def quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if not name:
        return 1.0
    try:
        return min(float(value), 1.0) if name.strip().lower() == "q" else 0.0
    except ValueError:
        return 0.0
