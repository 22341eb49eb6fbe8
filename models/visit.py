"""What a visit may be refused: setting out, arriving, working, what it costs, and not coming."""

from datetime import datetime
from typing import Annotated

from models.booking import PaymentState
from runtime.refusal import Refusal


class TooEarly(Refusal):
    """It can be done, but not yet."""

    english = "This can be done from {possible_from:%d.%m.%Y, %H:%M} on."
    hindi = "यह {possible_from:%d.%m.%Y, %H:%M} से किया जा सकता है।"
    possible_from: Annotated[datetime, "From when on."]


class NotThere(Refusal):
    """Where the worker says they are is not where the work is. If it is, ask the provider."""

    english = "You are still {metres} m away from the address."
    hindi = "आप अभी पते से {metres} मीटर दूर हैं।"
    metres: Annotated[int, "How far it is."]


class QuoteExpired(Refusal):
    """The price was not answered in time: it counts as turned down."""

    english = "This price can no longer be accepted. The price before stands."
    hindi = "यह मूल्य अब स्वीकार नहीं किया जा सकता। पहले का मूल्य लागू है।"


class ReworkIsFree(Refusal):
    """What puts poor work right costs nothing, whatever it takes."""

    english = "This work puts right what was done before: it is free."
    hindi = "यह पहले हुए काम का सुधार है: यह निःशुल्क है।"


class NotInContact(Refusal):
    """The parties reach each other from acceptance until a day after the end."""

    english = "You can call each other from acceptance until a day after the end."
    hindi = "आप स्वीकृति से लेकर समाप्ति के एक दिन बाद तक ही एक-दूसरे को कॉल कर सकते हैं।"


class WaitLonger(Refusal):
    """The citizen is given some time to turn up."""

    english = "Wait for the citizen until {until:%d.%m.%Y, %H:%M}."
    hindi = "{until:%d.%m.%Y, %H:%M} तक नागरिक की प्रतीक्षा करें।"
    until: Annotated[datetime, "How long."]


class CallFirst(Refusal):
    """Call the citizen from the door before you give up."""

    english = "Call the citizen first."
    hindi = "पहले नागरिक को कॉल करें।"


class NobodyAbsent(Refusal):
    """Only for a booking whose worker did not come is there another in its place."""

    english = "This booking did not fail for want of its worker."
    hindi = "यह बुकिंग सेवा मित्र के न आने से विफल नहीं हुई थी।"


class ReplacedAlready(Refusal):
    """There is another booking in the place of this one."""

    english = "You have another booking in its place already."
    hindi = "इसकी जगह दूसरी बुकिंग पहले ही हो चुकी है।"


class NotCompleted(Refusal):
    """Only work that was completed can be put right."""

    english = "This work has not been completed."
    hindi = "यह काम अभी पूरा नहीं हुआ है।"


class ReworkTooLate(Refusal):
    """The days in which poor work is put right without charge are over."""

    english = "Free rework could be asked for until {until:%d.%m.%Y, %H:%M}."
    hindi = "निःशुल्क सुधार की माँग {until:%d.%m.%Y, %H:%M} तक ही की जा सकती थी।"
    until: Annotated[datetime, "Until when."]


class ReworkUnderWay(Refusal):
    """Rework has been asked for already, and has not ended."""

    english = "Rework of this has been asked for already."
    hindi = "इसके सुधार की माँग पहले ही की जा चुकी है।"


class SlotPast(Refusal):
    """The time asked for has begun already."""

    english = "Choose a time that is still to come."
    hindi = "आने वाला समय चुनें।"


class NothingDue(Refusal):
    """Nothing of this kind is owed for the booking."""

    english = "Nothing is owed here."
    hindi = "यहाँ कुछ भी बकाया नहीं है।"


class PaymentSettled(Refusal):
    """The payment does not stand where this can be recorded."""

    english = "This has been recorded before, or cannot follow what has."
    hindi = "यह पहले ही दर्ज है, या दर्ज स्थिति के बाद संभव नहीं है।"
    payment_state: Annotated[PaymentState, "Where the payment stands."]
