"""What is computed of rates: money."""

from dataclasses import dataclass

from models.skill import RateCard


@dataclass(frozen=True)
class Money:
    paise: int


def amount(row: RateCard) -> Money:
    return Money(row.amount_paise)


def visit_charge(row: RateCard) -> Money:
    return Money(row.visit_charge_paise)


def formatted(money: Money) -> str:
    """As written in India: ₹1,23,456.50, the paise left out when there are none."""
    sign = "-" if money.paise < 0 else ""
    rupees, paise = divmod(abs(money.paise), 100)
    return f"{sign}₹{grouped(rupees)}" + (f".{paise:02}" if paise else "")


def grouped(rupees: int) -> str:
    digits = str(rupees)
    head, tail = digits[:-3], digits[-3:]
    pairs = [head[max(end - 2, 0) : end] for end in range(len(head), 0, -2)]
    return ",".join([*reversed(pairs), tail])
