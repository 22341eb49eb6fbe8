"""What the system of a partner is shown: the schema as far as its purposes go, in a version that
does not change under it. docs/contracts.md"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

VERSIONS: Mapping[str, date | None] = MappingProxyType({"2026-11": None})
"""From the oldest that is served to the newest, with the last day of each that is to go."""


@dataclass(frozen=True)
class Contract:
    version: str
    purposes: frozenset[str]


def newest() -> str:
    return max(VERSIONS)


def is_served(version: str, on: date) -> bool:
    last = VERSIONS.get(version, date.min)
    return last is None or on <= last
