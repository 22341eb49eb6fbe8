"""What calling a booking off may be refused."""

from runtime.refusal import Refusal


class ReasonNeeded(Refusal):
    """Somebody has agreed to come: say why the booking is called off."""

    english = "Say why you call this booking off."
    hindi = "बुकिंग रद्द करने का कारण बताएँ।"
