"""A complaint's way from state to state; what complaints and calls for help may be refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from models.review import UNSETTLED, GrievanceState
from runtime.refusal import Refusal


@dataclass(frozen=True)
class Step:
    before: frozenset[GrievanceState]
    after: GrievanceState | None
    """None where it stays as it is."""
    event: str


RUNNING = frozenset(UNSETTLED)
STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "acknowledge": Step(
            frozenset({GrievanceState.OPEN, GrievanceState.REOPENED, GrievanceState.ESCALATED}),
            GrievanceState.ACKNOWLEDGED,
            "GrievanceAcknowledged",
        ),
        "take_up": Step(RUNNING, GrievanceState.IN_PROGRESS, "GrievanceTakenUp"),
        "answer": Step(RUNNING, None, "GrievanceAnswered"),
        "resolve": Step(RUNNING, GrievanceState.RESOLVED, "GrievanceResolved"),
        "reopen": Step(
            frozenset({GrievanceState.RESOLVED}), GrievanceState.REOPENED, "GrievanceReopened"
        ),
        "close": Step(
            RUNNING | {GrievanceState.RESOLVED}, GrievanceState.CLOSED, "GrievanceClosed"
        ),
        "escalate": Step(RUNNING, GrievanceState.ESCALATED, "GrievanceEscalated"),
    }
)
"""Everything that can be done to a complaint once it is open, and where."""

UNANSWERED = (GrievanceState.OPEN, GrievanceState.REOPENED)
"""The states in which it waits to be acknowledged."""


class GrievanceStands(Refusal):
    """This cannot be done to a complaint that stands there."""

    english = "The complaint is {stands_at}: this cannot be done now."
    hindi = "शिकायत की स्थिति {stands_at} है: अभी यह नहीं किया जा सकता।"
    stands_at: Annotated[GrievanceState, "Where it stands."]


class AlreadyComplained(Refusal):
    """A complaint of yours about the booking is not settled yet."""

    english = "Your complaint about this booking is still being looked into."
    hindi = "इस बुकिंग पर आपकी शिकायत पर अभी विचार हो रहा है।"


class AlreadyReopened(Refusal):
    """A complaint is reopened once."""

    english = "This complaint was reopened once already. Call 155330."
    hindi = "यह शिकायत एक बार फिर खोली जा चुकी है। 155330 पर कॉल करें।"


class NoVisit(Refusal):
    """Nobody is due to meet for this booking. In danger, call the police at once."""

    english = "Nobody is due for this booking now. In danger call 112 at once."
    hindi = "इस बुकिंग के लिए अभी कोई आने वाला नहीं है। ख़तरा हो तो तुरंत 112 पर कॉल करें।"
