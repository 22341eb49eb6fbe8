"""People who do not exist: names from lists, numbers no network can dial."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from random import Random

from data.reference import lines

DIALLABLE_BY_NOBODY = "+910000"
VIRAMA = "\u094d"


@dataclass(frozen=True)
class Name:
    """A person's name in both scripts."""

    first_en: str
    first_hi: str
    surname_en: str
    surname_hi: str

    @property
    def initial_en(self) -> str:
        return self.surname_en[0]

    @property
    def initial_hi(self) -> str:
        """The first written syllable, for a lone consonant sign cannot be read."""
        end = 1
        while end < len(self.surname_hi):
            joined = self.surname_hi[end - 1] == VIRAMA
            if not joined and not "\u093c" <= self.surname_hi[end] <= "\u094d":
                break
            end += 1
        return self.surname_hi[:end]


@cache
def given_names(female: bool) -> list[tuple[str, str, str]]:
    sex = "f" if female else "m"
    return [
        (line["latin"], line["devanagari"], line["pair_group"])
        for line in lines("given_names")
        if line["sex"] == sex
    ]


@cache
def surnames(group: str, female: bool) -> list[tuple[str, str]]:
    sex = "f" if female else "m"
    return [
        (line["latin"], line["devanagari"])
        for line in lines("surnames")
        if line["pair_group"] == group and line["sex"] in ("any", sex)
    ]


def a_name(random: Random, female: bool) -> Name:
    first_en, first_hi, group = random.choice(given_names(female))
    surname_en, surname_hi = random.choice(surnames(group, female))
    return Name(first_en, first_hi, surname_en, surname_hi)


def phone_numbers() -> Iterator[str | None]:
    """A million numbers, then none: the prefix leaves six digits."""
    for number in range(1_000_000):
        yield f"{DIALLABLE_BY_NOBODY}{number:06}"
    yield from repeat(None)
