"""Choices between things, whoever makes them: hypothesis, or a seed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies

T = TypeVar("T")


@dataclass(frozen=True)
class Choices:
    """`below(n)` is a number under n. What comes first is what a failing example shrinks to, so
    it is the simplest."""

    below: Callable[[int], int]

    def of(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def one_in(self, number: int) -> bool:
        return self.below(number) == number - 1


def drawn(draw: Callable[[Any], int]) -> Choices:
    return Choices(lambda bound: draw(numbers(bound)))


def seeded(seed: int) -> Choices:
    return Choices(Random(seed).randrange)


@cache
def numbers(bound: int) -> Any:
    return strategies.integers(0, bound - 1)
