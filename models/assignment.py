"""What giving a booking to a worker may be refused."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from models.worker import listing
from runtime.language import Language
from runtime.refusal import Refusal


class Requirement(StrEnum):
    """What must hold of a worker before a booking is theirs to take."""

    ACTIVE = "ACTIVE"
    PROVIDER = "PROVIDER"
    SKILL = "SKILL"
    IDENTITY = "IDENTITY"
    POLICE = "POLICE"
    LICENCE = "LICENCE"
    AREA = "AREA"
    WISHES = "WISHES"
    WILLING = "WILLING"


IN_WORDS: Mapping[Requirement, tuple[str, str]] = {
    Requirement.ACTIVE: ("takes no bookings now", "अभी काम नहीं लेते"),
    Requirement.PROVIDER: (
        "does not work for the provider whose price was agreed, or it is not empanelled",
        "तय मूल्य वाले सेवाप्रदाता के साथ नहीं हैं, या वह सूचीबद्ध नहीं है",
    ),
    Requirement.SKILL: ("the skill is not verified", "कौशल सत्यापित नहीं है"),
    Requirement.IDENTITY: ("identity is not verified", "पहचान सत्यापित नहीं है"),
    Requirement.POLICE: ("police verification is missing", "पुलिस सत्यापन नहीं है"),
    Requirement.LICENCE: ("the licence is missing", "लाइसेंस नहीं है"),
    Requirement.AREA: ("does not go there", "वहाँ सेवा नहीं देते"),
    Requirement.WISHES: (
        "is not what was asked for",
        "बुकिंग में जो चाहा गया उससे मेल नहीं खाते",
    ),
    Requirement.WILLING: ("has declined this already", "यह काम पहले ही अस्वीकार कर चुके हैं"),
}


class NotQualified(Refusal):
    """The worker may not take this booking."""

    english = "This worker cannot take the booking: {listed}."
    hindi = "यह सेवा मित्र बुकिंग नहीं ले सकते: {listed}।"
    reasons: Annotated[list[Requirement], "What does not hold."]

    def message(self, language: Language) -> str:
        return listing(self, [IN_WORDS[reason] for reason in self.reasons], language)


class NobodyAvailable(Refusal):
    """Of those who may take it, nobody is free then. It is looked for again, until the start."""

    english = "Nobody who could take this booking is free at the time."
    hindi = "इस समय कोई योग्य सेवा मित्र उपलब्ध नहीं है।"


class OfferLapsed(Refusal):
    """The time to answer is over: the booking is offered to somebody else."""

    english = "The time to accept is over."
    hindi = "स्वीकार करने का समय समाप्त हो गया है।"
