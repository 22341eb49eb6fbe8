"""Phone numbers as they are stored: E.164, of India."""

import re

from runtime.faults import BadInput
from runtime.settings import Settings
from runtime.words import Exact

INDIAN = re.compile(r"\+91[6-9][0-9]{9}")
DEMO = re.compile(r"\+910000[0-9]{6}")
"""Of people who do not exist: no network can dial it."""


def checked_mobile(text: str, settings: Settings, argument: str = "mobile") -> Exact:
    """The number, spaces and hyphens taken out. BadInput for anything else."""
    number = re.sub(r"[\s-]", "", text)
    if INDIAN.fullmatch(number) or (settings.development and DEMO.fullmatch(number)):
        return Exact(number)
    raise BadInput(
        f"`{argument}` must be an Indian mobile number such as +919876543210.", argument=argument
    )
