"""The fund's register: who has an account, and what was paid into it."""

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import strawberry

TABLES = """
CREATE TABLE account (
    member_id TEXT PRIMARY KEY,
    uan TEXT NOT NULL UNIQUE,
    establishment TEXT NOT NULL,
    opened_on TEXT NOT NULL
);
CREATE TABLE contribution (
    member_id TEXT NOT NULL REFERENCES account,
    month TEXT NOT NULL,
    employee_paise INTEGER NOT NULL,
    employer_paise INTEGER NOT NULL,
    PRIMARY KEY (member_id, month)
);
"""
PEOPLE = 100
"""Of the gateway's demo data, the first so many; every third never had an account."""


@strawberry.type(description="What was paid in for one month.")
class Contribution:
    month: str = strawberry.field(description="Which month, as 2026-10.")
    employee_paise: int = strawberry.field(description="By the worker.")
    employer_paise: int = strawberry.field(description="By whoever they worked for.")


@strawberry.type(description="An account with the provident fund.")
class ProvidentFundAccount:
    member_id: str = strawberry.field(description="Its number with the fund.")
    establishment: str = strawberry.field(description="Where they worked when it was opened.")
    opened_on: date = strawberry.field(description="The day it was opened.")
    balance_paise: int = strawberry.field(description="What has been paid in.")
    contributions: list[Contribution] = strawberry.field(description="Latest first.")


class Register:
    def __init__(self, path: Path | str) -> None:
        self._database = sqlite3.connect(path)
        with self._database:
            (tables,) = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if not tables:
                self._database.executescript(TABLES)
                self._make_people_up()

    def accounts(self, uans: Sequence[str]) -> list[ProvidentFundAccount | None]:
        """In two statements for all of them; in their order, None where there is no account."""
        these = f"WHERE uan IN ({','.join('?' * len(uans))})"
        paid: dict[str, list[Contribution]] = defaultdict(list)
        for uan, month, employee, employer in self._database.execute(
            "SELECT uan, month, employee_paise, employer_paise"
            f" FROM account JOIN contribution USING (member_id) {these} ORDER BY month DESC",
            uans,
        ):
            paid[uan].append(
                Contribution(month=month, employee_paise=employee, employer_paise=employer)
            )
        found = {
            uan: ProvidentFundAccount(
                member_id=member_id,
                establishment=establishment,
                opened_on=date.fromisoformat(opened_on),
                balance_paise=sum(one.employee_paise + one.employer_paise for one in paid[uan]),
                contributions=paid[uan],
            )
            for uan, member_id, establishment, opened_on in self._database.execute(
                f"SELECT uan, member_id, establishment, opened_on FROM account {these}", uans
            )
        }
        return [found.get(uan) for uan in uans]

    def _make_people_up(self) -> None:
        for number in range(1, PEOPLE + 1):
            if number % 3 == 0:
                continue
            works = number % 7
            member_id, uan = f"UPLKO{works:07}000{number:07}", f"{number:012}"
            opened_on = date(2015 + works, 1 + number % 12, 1).isoformat()
            self._database.execute(
                "INSERT INTO account VALUES (?, ?, ?, ?)",
                (member_id, uan, f"Works {works}", opened_on),
            )
            wage = 1_000_000 + number * 10_000
            self._database.executemany(
                "INSERT INTO contribution VALUES (?, ?, ?, ?)",
                [
                    (member_id, f"2026-{month:02}", wage * 12 // 100, wage * 367 // 10_000)
                    for month in range(1, 11)
                ],
            )
