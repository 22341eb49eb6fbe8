"""The number that somebody signs in with."""

import resolvers.number as resolve
from models import account as account_model
from runtime.rights import Act
from schema.base import command, field, mutation, outcome


@outcome(resolve.NumberChanged)
class NumberChanged:
    """You sign in with the new number from now on."""

    devices: int = field("How many were signed out: all of them, this one too.")


@mutation
class Mutation:
    change_number = command(
        "Change the number you sign in with, with a code that was sent to the old one and one that"
        " was sent to the new one. You are signed out everywhere.",
        resolve.change_number,
        may=Act.CHANGE_NUMBER,
        gives=NumberChanged,
        refuses=(account_model.CodeWrong, account_model.MobileTaken),
    )
