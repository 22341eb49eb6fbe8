"""What is said of numbers that people sign in with."""

from collections.abc import Mapping
from enum import StrEnum

from models.code import Wording


class NumberText(StrEnum):
    """What happens to a number, each told to whom it concerns."""

    LEFT = "LEFT"
    TAKEN = "TAKEN"
    CLAIMED = "CLAIMED"


NUMBER_TEXTS: Mapping[NumberText, Wording] = {
    NumberText.LEFT: Wording(
        "You sign in to Sewa Mitra with another number from now on, and are signed out"
        " everywhere. If that was not you, call 155330.",
        "अब आप सेवा मित्र में दूसरे नंबर से साइन इन करेंगे; सभी उपकरणों पर आप साइन आउट हैं। यदि यह आपने"
        " नहीं किया तो 155330 पर कॉल करें।",
    ),
    NumberText.CLAIMED: Wording(
        "Your number was written down for another registration with Sewa Mitra. Nobody can sign in"
        " with it but you. If it is not meant for you, you need not do anything.",
        "आपका नंबर सेवा मित्र में किसी और पंजीकरण के लिए लिखा गया है। इससे आपके सिवा कोई साइन इन नहीं कर सकता।"
        " यदि यह आपके लिए नहीं है तो आपको कुछ नहीं करना है।",
    ),
    NumberText.TAKEN: Wording(
        "You sign in to Sewa Mitra with this number from now on. If that was not you, call 155330.",
        "अब आप सेवा मित्र में इस नंबर से साइन इन करेंगे। यदि यह आपने नहीं किया तो 155330 पर कॉल करें।",
    ),
}
