"""What moving a booking to another time may be refused."""

from typing import Annotated

from runtime.refusal import Refusal


class OutsideHours(Refusal):
    """The worker does not work then. Their free slots say when they do."""

    english = "The worker does not work at this time. Choose another."
    hindi = "सेवा मित्र इस समय काम नहीं करते। दूसरा समय चुनें।"


class MovedTooOften(Refusal):
    """A booking is moved only so often. It can still be called off."""

    english = "A booking can be moved at most {limit} times."
    hindi = "बुकिंग का समय अधिकतम {limit} बार बदला जा सकता है।"
    limit: Annotated[int, "How often."]


class ProposalOpen(Refusal):
    """Another time is proposed already and waits for an answer."""

    english = "Another time has been proposed already. It must be answered first."
    hindi = "दूसरा समय पहले ही सुझाया जा चुका है। पहले उसका उत्तर दिया जाना चाहिए।"


class NothingProposed(Refusal):
    """No time waits for your answer: nobody proposed one, you did, or it has lapsed."""

    english = "No proposal is waiting for your answer."
    hindi = "आपके उत्तर के लिए कोई प्रस्ताव नहीं है।"
