"""The scalars that are not the specification's, and the values that each takes."""

import dataclasses
from datetime import date, datetime, time

from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.types.base_scalars import (
    DateDefinition,
    DateTimeDefinition,
    TimeDefinition,
)
from strawberry.types.scalar import ScalarDefinition

from runtime.values import TAKEN


def bounded(definition: ScalarDefinition, kind: type, description: str) -> ScalarDefinition:
    take = TAKEN[kind]

    def parse(value: object) -> object:
        try:
            return take(value)
        except ValueError as error:
            raise StrawberryInputCoercionError(str(error)) from None

    return dataclasses.replace(definition, parse_value=parse, description=description)


CONFIG = StrawberryConfig(
    scalar_map={
        datetime: bounded(
            DateTimeDefinition,
            datetime,
            "A time with its offset, as 2026-12-01T10:00:00+05:30. Those given are of the years"
            " 2000 to 2099, in UTC.",
        ),
        date: bounded(
            DateDefinition,
            date,
            "A day, as 2026-12-01. Those given are of the years 1900 to 2099.",
        ),
        time: bounded(TimeDefinition, time, "A time of day in India, as 09:30."),
    }
)
