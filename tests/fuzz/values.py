"""The edge values of each type, as JSON has them."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
)

from runtime.page import cursor_of

LONG_TEXT = "क" * 25_000
"""As many bytes as a body may well have."""
BOUNDS = [sign * 2**bits + by for bits in (31, 53, 63) for sign in (1, -1) for by in (-1, 0, 1)]
INSTANTS = (
    *("2000-01-01T00:00:00Z", "2099-12-31T23:59:59.999999Z", "2100-01-01T05:29:59.999999+05:30"),
    *("2024-02-29T00:00:00+05:30", "2038-01-19T03:14:08Z", "2030-01-07T12:00:00.123456789+05:30"),
    *("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-05:30", "0001-01-01T00:00:00+05:30"),
    *("0001-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "infinity"),
    *("2030-01-07T24:00:00Z", "2030-01-07T12:00:60Z", "2030-01-07T12:00:00", "2030-02-30T00:00Z"),
    *("2030-01-07T12:00:00+24:00", "20300107T120000Z", "2030-W02-1T12:00Z", "२०३०-01-07T12:00Z"),
)
VALUES: dict[str, tuple[Any, ...]] = {
    "Int": (0, 1, -1, 162, *BOUNDS, 10**30, 1.5, "1", True),
    "Float": (0, -0.0, 26.8, 90.000001, -180.000001, 1e308, -1e308, 5e-324, 1e999, float("nan")),
    "Boolean": (True, False, "true", 1),
    "DateTime": (*INSTANTS, 1_900_000_000),
    "Date": (
        *("2000-01-01", "1900-01-01", "2099-12-31", "2024-02-29", "2030-01-07"),
        *("1899-12-31", "2100-01-01", "9999-12-31", "0001-01-01", "2030-02-30", "infinity"),
        *("20300107", "2030-W02-1", "२०३०-01-07", 20_300_107),
    ),
    "Time": (
        *("00:00", "23:59:59.999999", "10:00:00", "24:00", "25:00", "10:00+05:30", "10", ""),
        *("12:00:60", "allballs", 10),
    ),
    "String": (
        *("", " ", "\0", "a\0b", "\ud800", LONG_TEXT, "\u202eabc", "a" + "\u0301" * 500, "٣३3"),
        *("९" * 12, "%", "_%", "\\", "'; --", "null", "{}", "[]", "\ufeff", "\u2028", "🙂", "ﷺ"),
        *("9223372036854775808", "-1", "1e400", "NaN", "+919876543210", "hi", "1", 5, True),
    ),
    "ID": ("", "wk_", "xx_1", "\0", "wk_\0", "\ud800", "wk_" + "z" * 300, LONG_TEXT, 5, 2**63, 1.5),
}


def edges_of(type_: GraphQLInputType, usual: Any, ids: tuple[str, ...]) -> Iterator[Any]:
    """What to send instead of the usual value, which the type takes. Where the type has parts, one
    of them is replaced at a time."""
    if isinstance(type_, GraphQLNonNull):
        yield from edges_of(type_.of_type, usual, ids)
        return
    yield None
    if isinstance(type_, GraphQLList):
        item = usual[0] if isinstance(usual, list) and usual else None
        yield from ([], [None], [item] * 200, [[item]], {})
        yield from ([edge] for edge in edges_of(type_.of_type, item, ids))
    elif isinstance(type_, GraphQLInputObjectType):
        whole = usual if isinstance(usual, dict) else {}
        yield from ({}, [], {**whole, "unknown": 1})
        for name, field in type_.fields.items():
            for edge in edges_of(field.type, whole.get(name), ids):
                yield {**whole, name: edge}
    elif isinstance(type_, GraphQLEnumType):
        yield from (*type_.values, "", "unknown", 0)
    elif isinstance(type_, GraphQLScalarType):
        yield from VALUES[type_.name]
        if type_.name == "ID":
            yield from ids


WITHIN: dict[type, tuple[Any, ...]] = {
    datetime: (
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(2099, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(2030, 1, 7, tzinfo=UTC),
    ),
    date: (date(1900, 1, 1), date(2099, 12, 31), date(2030, 1, 7)),
    int: (2**63 - 1, -(2**63), 2**31, 0),
    float: (1.7e308, -1.7e308, 5e-324, -0.0, 3.0),
    str: ("", "\u202eabc", "a\u0301", "९", LONG_TEXT, "SM0000001"),
}
"""By kind of sort value, what a forged cursor may hold."""
BEYOND: dict[type, tuple[str, ...]] = {
    datetime: ('"9999-12-31T23:59:59Z"', '"1999-12-31T23:59:59Z"', '"2026-12-01T10:00:00"', "5e9"),
    date: ('"9999-12-31"', '"1899-12-31"', '"infinity"', "20261201"),
    int: (str(2**63), str(-(2**63) - 1), "1" + "0" * 400, "1.5", '"1"', "true"),
    float: ("1e999", "-1e999", "NaN", "Infinity", '"1"', "1" + "0" * 400, "false"),
    str: (r'"a\u0000"', r'"\ud800"', "5", '["a"]'),
}
"""The same as JSON, and what it may not."""


def held_cursors(sort: str, kinds: tuple[type, ...]) -> Iterator[str]:
    """Cursors as the list could make them, of rows that there may be."""
    usual = tuple(WITHIN[kind][-1] for kind in kinds)
    for place, kind in enumerate(kinds):
        for value in WITHIN[kind]:
            yield cursor_of(sort, (*usual[:place], value, *usual[place + 1 :]))


def forged_cursors(sort: str, kinds: tuple[type, ...]) -> Iterator[str]:
    """With one value that the list cannot have, or of another length."""
    usual = json.loads(decoded(cursor_of(sort, tuple(WITHIN[kind][-1] for kind in kinds))))
    yield encoded(json.dumps(usual[:-1]))
    yield encoded(json.dumps([*usual, "more"]))
    yield encoded(json.dumps(dict.fromkeys(map(str, usual), 0)))
    yield encoded(json.dumps([[["deep"]], *usual[1:]]))
    yield encoded("5")
    for place, kind in enumerate(kinds, 1):
        for value in (*BEYOND[kind], "null", "{}", "[" * 2000 + "]" * 2000):
            texts = [json.dumps(each) for each in usual]
            texts[place] = value
            yield encoded(f"[{', '.join(texts)}]")


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(cursor: str) -> bytes:
    return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
