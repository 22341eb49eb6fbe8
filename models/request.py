"""What asking for a price or for a booking may be refused."""

from datetime import datetime
from typing import Annotated

from runtime.refusal import Refusal


class NotOffered(Refusal):
    """Nobody, or not whom you chose, offers all of this in the district."""

    english = "Nobody offers all of this here. Ask for less at once, or choose somebody else."
    hindi = "यहाँ यह सब कोई एक साथ नहीं देता। कम सेवाएँ चुनें या किसी और को चुनें।"


class OutOfArea(Refusal):
    """The place is not where the price holds, or further than the worker goes."""

    english = "This place is outside the area served. Ask for a price for its district."
    hindi = "यह स्थान सेवा क्षेत्र से बाहर है। इसके जिले के लिए मूल्य पूछें।"


class PinElsewhere(Refusal):
    """The PIN belongs to another district than the one stated. One of the two is a slip."""

    english = "The PIN code {pin} is not in this district. Check both."
    hindi = "पिन कोड {pin} इस जिले का नहीं है। दोनों जाँचें।"
    pin: Annotated[str, "The PIN."]


class SlotNotOffered(Refusal):
    """The worker you chose is not free then. Their free slots say when they are."""

    english = "The worker is not free at this time. Choose another time."
    hindi = "सेवा मित्र इस समय उपलब्ध नहीं हैं। दूसरा समय चुनें।"


class OutsideBookingWindow(Refusal):
    """The time is too soon, or too far ahead."""

    english = "Choose a time from {earliest:%d.%m.%Y, %H:%M} to {latest:%d.%m.%Y, %H:%M}."
    hindi = "{earliest:%d.%m.%Y, %H:%M} से {latest:%d.%m.%Y, %H:%M} के बीच का समय चुनें।"
    earliest: Annotated[datetime, "The earliest start."]
    latest: Annotated[datetime, "The latest start."]
