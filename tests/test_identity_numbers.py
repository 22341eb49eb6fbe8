"""Numbers that identify: found however they are written, and not where there is none."""

import random
import unicodedata
from collections.abc import Callable

import pytest
from stdnum import luhn, verhoeff

from models.base import identifier
from runtime.identity_numbers import holds_identity_number, latin

AADHAAR = "234123412346"
VID = "9123456789012340"[:15] + verhoeff.calc_check_digit("912345678901234")
CARDS = {
    "Visa": "4012888888881881",
    "an old Visa": "4222222222222",
    "Mastercard": "5555555555554444",
    "a new Mastercard": "2223003122003222",
    "American Express": "371449635398431",
    "Diners Club": "30569309025904",
    "RuPay": "65" + "2" * 13 + luhn.calc_check_digit("65" + "2" * 13),
    "JCB": "3530111333300000",
    "UnionPay": "6200000000000005",
    "Maestro": "6759649826438453",
}


def in_fours(number: str, between: str) -> str:
    return between.join(number[i : i + 4] for i in range(0, len(number), 4))


def of_digits(name: str) -> Callable[[str], str]:
    """Written with the digits that Unicode calls so."""
    names = ["ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"]
    signs = [unicodedata.lookup(name.format(digit)) for digit in names]
    return lambda number: "".join(signs[int(digit)] for digit in number)


SCRIPTS = {
    "Devanagari": of_digits("DEVANAGARI DIGIT {}"),
    "Arabic": of_digits("EXTENDED ARABIC-INDIC DIGIT {}"),
    "Bengali": of_digits("BENGALI DIGIT {}"),
    "Gurmukhi": of_digits("GURMUKHI DIGIT {}"),
    "Tamil": of_digits("TAMIL DIGIT {}"),
    "full width": of_digits("FULLWIDTH DIGIT {}"),
    "mathematical": of_digits("MATHEMATICAL BOLD DIGIT {}"),
    "superscript": of_digits("SUPERSCRIPT {}"),
    "subscript": of_digits("SUBSCRIPT {}"),
    "circled": of_digits("CIRCLED DIGIT {}"),
    "circled twice": lambda number: of_digits("DOUBLE CIRCLED DIGIT {}")(number),
    "keycaps": lambda number: "".join(f"{digit}\ufe0f\u20e3" for digit in number),
    "struck through": lambda number: "".join(f"{digit}\u0336" for digit in number),
}
del SCRIPTS["circled twice"]  # there is no zero of them: `in a dingbat` has all that there are
SCRIPTS["in a dingbat"] = lambda number: "".join(
    chr(0x24F5 + int(digit) - 1) if digit != "0" else "⓿" for digit in number
)
BETWEEN = (
    *("", " ", "-", ".", ":", "/", ",", ";", "|", "*", "~", "+", "=", "_", "#", "'", "·", "•", "—"),
    *("  ", " - ", " : ", ", ", "...", "::", "--", " / ", ")(", ") (", "][", '" "', " -> ", "₹"),
    *("\n", "\n\n", "\r\n", "\t", " " * 30, "\u00a0", "\u2003", "\u3000"),
    *("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", " \u200b "),
    *(" and ", " then ", " and then ", " & ", " aur ", " और ", " फिर ", "<br>", "&nbsp;", "and"),
    *(" (first part), ", "\nnext: ", " x ", "😀", " 😀 "),
)


@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("number", [AADHAAR, VID, CARDS["Visa"]])
def test_a_number_is_found_whatever_stands_between_its_groups(number: str, between: str) -> None:
    written = in_fours(number, between)
    for text in (written, f"({written})", f"My number: {written}.", f"यह है {written} धन्यवाद"):
        assert holds_identity_number(text), text


@pytest.mark.parametrize("written", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("between", [" ", "-", ":", " and "])
def test_a_number_is_found_in_digits_of_any_script(
    written: Callable[[str], str], between: str
) -> None:
    for number in (AADHAAR, VID, CARDS["Mastercard"]):
        groups = [written(group) for group in in_fours(number, " ").split()]
        assert holds_identity_number(written(number))
        assert holds_identity_number(between.join(groups))
        assert holds_identity_number(between.join([groups[0], *in_fours(number, " ").split()[1:]]))


def test_every_decimal_digit_of_unicode_is_read() -> None:
    digits = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) == "Nd"]
    assert len(digits) > 600
    assert all(latin(digit) == str(unicodedata.digit(digit)) for digit in digits)


@pytest.mark.parametrize(
    "text",
    [
        "(2341)(2341)(2346)",
        "[2341] [2341] [2346]",
        "1. 2341\n2. 2341\n3. 2346",
        "a) 2341 b) 2341 c) 2346",
        "2341, then 2341, and last 2346",
        "234123 412346",
        "234123/412346",
        "23412341-2346",
        "234 123 412 346",
        "23 41 23 41 23 46",
        "23:41:23:41:23:46",
        "2 3 4 1 2 3 4 1 2 3 4 6",
        "2-3-4-1-2-3-4-1-2-3-4-6",
        "2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 6",
        "2 and 3 and 4 and 1 and 2 and 3 and 4 and 1 and 2 and 3 and 4 and 6",
        "2\n3\n4\n1\n2\n3\n4\n1\n2\n3\n4\n6",
        "no234123412346",
        "98 2341 2341 2346",
        "2341 2341 2346, 98",
        "call +91 98765 43210, Aadhaar 2341 2341 2346, on 25-12-2026 at 10:30",
        "2341 on 25-12-2026 2341 2346",
    ],
)
def test_a_number_is_found_however_it_is_divided(text: str) -> None:
    assert holds_identity_number(text)


@pytest.mark.parametrize("number", CARDS.values(), ids=CARDS)
def test_a_card_is_found_and_no_other_number_of_its_length(number: str) -> None:
    assert holds_identity_number(f"Card {number}")
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert not verhoeff.is_valid(wrong) or len(wrong) != len(VID)
    assert not holds_identity_number(f"Card {wrong}")
    # Right by Luhn, but nobody issues cards of a number that begins so.
    assert not holds_identity_number(
        "1" + (rest := number[1:-1]) + luhn.calc_check_digit(f"1{rest}")
    )


def digits(count: int, first: str = "0123456789") -> str:
    return random.choice(first) + "".join(random.choices("0123456789", k=count - 1))


def mobile() -> str:
    number = digits(10, "6789")
    return random.choice([number, f"{number[:5]} {number[5:]}", f"{number[:5]}-{number[5:]}"])


def abroad() -> str:
    return random.choice(["+91", "+91 ", "+91-", "(+91) "]) + mobile()


def day() -> str:
    d, m, y = random.randint(1, 31), random.randint(1, 12), random.randint(1990, 2040)
    kinds = (f"{d:02}-{m:02}-{y}", f"{d}/{m}/{y}", f"{d}.{m}.{y}", f"{y}-{m:02}-{d:02}")
    return random.choice(kinds)


def hour() -> str:
    return f"{random.randint(0, 23)}:{random.randint(0, 59):02}"


def pin() -> str:
    return str(random.randint(201_001, 285_999))


def price() -> str:
    return str(random.randint(2, 999) * 50)


def uuid() -> str:
    text = f"{random.getrandbits(128) | 10:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def an_id(prefix: str) -> str:
    return identifier(prefix, random.getrandbits(130))


ORDINARY: dict[str, Callable[[], str]] = {
    "two telephone numbers": lambda: f"Call {mobile()} or {mobile()}.",
    "two with a comma": lambda: f"{mobile()}, {mobile()}",
    "two in E.164": lambda: f"{abroad()}, {abroad()}",
    "one, and an hour": lambda: f"{mobile()}, {hour()}-{hour()}",
    "one, and a house": lambda: f"{mobile()}, {digits(2)}",
    "a landline": lambda: f"0522-{digits(7, '2')}, 0522-{digits(7, '2')}",
    "opening hours": lambda: f"{hour()}-{hour()}, {hour()}-{hour()}, {hour()}",
    "a day and an hour": lambda: f"{day()} {hour()}",
    "two days": lambda: f"{day()} - {day()}, {hour()} - {hour()}",
    "an instant": lambda: f"2026-11-{random.randint(10, 30)}T{random.randint(10, 23)}:30:00+05:30",
    "an instant in digits": lambda: f"202611{random.randint(10, 30)}{random.randint(10, 23)}3015",
    "PIN codes": lambda: f"{pin()}, {pin()} and {pin()}",
    "prices": lambda: f"₹{price()}, ₹{price()}, ₹{price()} or {price()}",
    "years": lambda: f"ITI {random.randint(1990, 2030)}, {random.randint(1990, 2030)}, 2024, 2025",
    "an address": lambda: f"H.No. {digits(2)}/{digits(3)}, Sector {digits(2)}, Lucknow {pin()}",
    "a booking": lambda: f"SM26-{digits(7, '5')}, SM26-{digits(7, '5')}",
    "an order of a day": lambda: f"ORD-{day().replace('/', '-')}-{digits(4)}",
    "orders": lambda: f"Order {digits(6)} and order {digits(6)}",
    "a GST number": lambda: f"GSTIN 09AAACH{digits(4)}R1ZM",
    "a PAN": lambda: f"ABCDE{digits(4)}F",
    "a UUID": uuid,
    "measures": lambda: f"{digits(2)} x {digits(2)} ft, {digits(3)} sqft, {digits(2)} points",
    "our ids": lambda: f"{an_id('wk')}, {an_id('bk')}",
}


@pytest.mark.parametrize("said", ORDINARY.values(), ids=ORDINARY)
def test_what_people_write_all_day_passes_whatever_its_digits(said: Callable[[], str]) -> None:
    random.seed(155_330)
    refused = [text for text in (said() for _ in range(2_000)) if holds_identity_number(text)]

    assert refused == []


@pytest.mark.parametrize(
    "text",
    [
        "234123412347",
        "2341 2341 2347",
        "1341 2341 2346",
        "2341234123461",
        "Come at 10, pay 500, call 155330",
        "155330, 112, 1090, 181",
        "2 fans, 3 lights, 4 sockets, 1 geyser, 12 points; 2,341 in all",
        "Meter 2341 in the hall. The one upstairs, near the water tank, reads 2341; the shop 2346.",
        "e-Shram 100000000005",
    ],
)
def test_other_numbers_pass(text: str) -> None:
    assert not holds_identity_number(text)
