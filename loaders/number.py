"""The numbers that people sign in with, to be changed."""

from typing import Any

from sqlalchemy import Select, select

from loaders.account import ACCOUNTS, PEOPLE
from models.account import SignInAs


def account_to_change(role: SignInAs, id: str) -> Select[Any]:
    """The row of someone who may sign in in the role: nobody else changes it meanwhile."""
    people = PEOPLE[role]().subquery()
    account = ACCOUNTS[role]
    return (
        select(account)
        .where(account.id == id, account.id.in_(select(people.c.id)))
        .with_for_update(of=account)
    )
