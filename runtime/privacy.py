"""The privacy classes: who may see a value at all, from anyone to almost nobody."""

from enum import IntEnum


class Privacy(IntEnum):
    """Ordered: a field that reads several columns has the highest class among them."""

    PUBLIC = 0
    """Anyone."""
    PARTNER = 1
    """A partner department, for its purpose, within its districts, with consent."""
    OWNER = 2
    """The person it is about, and their counterpart while a booking is live."""
    OFFICER = 3
    """An officer of the district or the state, with a stated reason."""
    NEVER = 4
    """Nobody: what is kept to compare with, such as the hash of a secret."""
