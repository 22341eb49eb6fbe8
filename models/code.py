"""What a one-time code may be for, and what its text message says.

A code is good for one purpose and, where there is one, for one subject. Its text says which, and
who may hear it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class CodePurpose(StrEnum):
    SIGN_IN = "SIGN_IN"
    REGISTRATION = "REGISTRATION"
    BOOKING = "BOOKING"
    """Its subject is the quote."""
    OLD_NUMBER = "OLD_NUMBER"
    NEW_NUMBER = "NEW_NUMBER"
    """The subject of both is the person who changes their number."""


@dataclass(frozen=True)
class Wording:
    """A text message. That of a code names the `{code}`, and what it is `{about}`."""

    english: str
    hindi: str


CODE_TEXTS: Mapping[CodePurpose, Wording] = {
    CodePurpose.SIGN_IN: Wording(
        "{code} is your code to sign in to Sewa Mitra. Tell it to nobody, not to us either.",
        "{code} सेवा मित्र में साइन इन करने का कोड है। इसे किसी को न बताएँ, हमें भी नहीं।",
    ),
    CodePurpose.REGISTRATION: Wording(
        "{code} is your code to register with Sewa Mitra. Tell it to nobody, not to us either.",
        "{code} सेवा मित्र में पंजीकरण का कोड है। इसे किसी को न बताएँ, हमें भी नहीं।",
    ),
    CodePurpose.BOOKING: Wording(
        "{code} is your code to book: {about}. You may tell it to the helpline or the agency that"
        " books for you: it is good for this booking alone.",
        "{code} बुकिंग ({about}) का कोड है। इसे हेल्पलाइन या आपके लिए बुकिंग कर रही एजेंसी को बता सकते हैं:"
        " यह केवल इसी बुकिंग के लिए है।",
    ),
    CodePurpose.OLD_NUMBER: Wording(
        "{code} is your code to give this number up and sign in to Sewa Mitra with another. Tell it"
        " to nobody, not to us either.",
        "{code} यह नंबर छोड़कर सेवा मित्र में दूसरे नंबर से साइन इन करने का कोड है। इसे किसी को न बताएँ, हमें भी"
        " नहीं।",
    ),
    CodePurpose.NEW_NUMBER: Wording(
        "{code} is your code to sign in to Sewa Mitra with this number from now on. Tell it to"
        " nobody, not to us either.",
        "{code} आगे से इस नंबर से सेवा मित्र में साइन इन करने का कोड है। इसे किसी को न बताएँ, हमें भी नहीं।",
    ),
}
