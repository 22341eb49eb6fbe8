"""Putting objects together of the columns of their fields."""

from collections.abc import Callable, Sequence, Set
from typing import Any

Assemble = Callable[..., list[Any]]


def assembling(keys: Sequence[str], names: Set[str], type_name: str) -> Assemble:
    """A function of the number of objects and of the columns of `keys`, without those in `names`,
    that gives the objects.

    For a selection of `id`, `__typename` and `name` it reads

        lambda count, c0, c1: [{'id': v0, '__typename': 'Worker', 'name': v1}
                               for v0, v1 in zip(c0, c1)]

    which builds an object in a third of the time that any loop over its keys would take.
    """
    columns = [key for key in keys if key not in names]
    number = {key: index for index, key in enumerate(columns)}
    body = ", ".join(
        f"{key!r}: {type_name!r}" if key in names else f"{key!r}: v{number[key]}" for key in keys
    )
    parameters = "".join(f", c{index}" for index in range(len(columns)))
    if len(columns) > 1:
        values = ", ".join(f"v{index}" for index in range(len(columns)))
        rows = f"{values} in zip({parameters.removeprefix(', ')})"
    else:
        rows = "v0 in c0" if columns else "_ in range(count)"
    made: Assemble = eval(f"lambda count{parameters}: [{{{body}}} for {rows}]")
    return made
