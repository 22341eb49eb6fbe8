"""What people are told of by text message, in both languages.

A notice says what happened and what to do next. It never says anything about the other party,
and never a code: codes are sent by the command that makes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Party(StrEnum):
    """Who can be told, by the prefix of their ids."""

    CITIZEN = "cz"
    WORKER = "wk"
    PROVIDER = "pv"


@dataclass(frozen=True)
class Said:
    """May name `{number}`, `{category}` and `{when}` of the booking, or `{ticket}` of the
    complaint that the event is about."""

    english: str
    hindi: str


SEARCHING = Said(
    "We are looking for someone else for your booking {number} ({category}).",
    "आपकी बुकिंग {number} ({category}) के लिए हम किसी और को खोज रहे हैं।",
)
NOT_YOURS = Said(
    "Job {number} on {when} is no longer yours.",
    "काम {number} ({when}) अब आपका नहीं है।",
)
OPEN_AGAIN = Said(
    "Booking {number} on {when} needs another worker.",
    "बुकिंग {number} ({when}) के लिए दूसरे सेवा मित्र की ज़रूरत है।",
)
MOVED = Said(
    "Booking {number} ({category}) is now on {when}.",
    "बुकिंग {number} ({category}) अब {when} पर है।",
)
PROPOSED = Said(
    "Another time was proposed for booking {number} ({when}). See it in the app and answer.",
    "बुकिंग {number} ({when}) के लिए दूसरा समय सुझाया गया है। ऐप में देखकर उत्तर दें।",
)
STAYS = Said(
    "Booking {number} ({category}) stays on {when}.",
    "बुकिंग {number} ({category}) {when} पर ही रहेगी।",
)
CANCELLED = Said(
    "Booking {number} ({category}, {when}) is cancelled.",
    "बुकिंग {number} ({category}, {when}) रद्द हो गई है।",
)
NOT_MET = Said(
    "It was recorded for booking {number} that one side did not come. If that is wrong, complain"
    " in the app or call 155330.",
    "बुकिंग {number} के लिए दर्ज हुआ कि एक पक्ष नहीं आया। यदि यह ग़लत है तो ऐप में या 155330 पर शिकायत करें।",
)
PRICE_APPROVED = Said(
    "The new price of {number} is approved. Go on with the work.",
    "{number} की नई कीमत मंज़ूर हो गई है। काम आगे बढ़ाएँ।",
)
PRICE_REJECTED = Said(
    "The new price of {number} is not approved. The old price and scope stand.",
    "{number} की नई कीमत मंज़ूर नहीं हुई। पुरानी कीमत और पुराना काम ही रहेगा।",
)
PAID = Said(
    "A payment for booking {number} was recorded.",
    "बुकिंग {number} का भुगतान दर्ज हो गया है।",
)


def complainant(said: Said) -> Mapping[Party, Said]:
    """Whoever complains may be on either side."""
    return {Party.CITIZEN: said, Party.WORKER: said}


NOTICES: Mapping[str, Mapping[Party, Said]] = {
    "BookingRequested": {
        Party.CITIZEN: Said(
            "Your request {number} ({category}, {when}) has arrived. We are looking for someone.",
            "आपका अनुरोध {number} ({category}, {when}) मिल गया है। हम सेवा मित्र खोज रहे हैं।",
        ),
        Party.PROVIDER: Said(
            "New booking {number}: {category} on {when}. Assign a worker.",
            "नई बुकिंग {number}: {category}, {when}। सेवा मित्र तय करें।",
        ),
    },
    "BookingAssigned": {
        Party.CITIZEN: Said(
            "A sewa mitra was asked to take your booking {number}. You will hear from us.",
            "आपकी बुकिंग {number} के लिए एक सेवा मित्र से पूछा गया है। हम आपको सूचित करेंगे।",
        ),
        Party.WORKER: Said(
            "New job {number}: {category} on {when}. Accept or decline it in the app soon.",
            "नया काम {number}: {category}, {when}। ऐप में जल्दी स्वीकार या अस्वीकार करें।",
        ),
    },
    "BookingAccepted": {
        Party.CITIZEN: Said(
            "Your booking {number} ({category}) is confirmed for {when}.",
            "आपकी बुकिंग {number} ({category}) {when} के लिए पक्की है।",
        ),
        Party.WORKER: Said(
            "Job {number} ({category}) on {when} is yours.",
            "काम {number} ({category}), {when}, आपका है।",
        ),
        Party.PROVIDER: Said(
            "Booking {number} on {when} was accepted.",
            "बुकिंग {number} ({when}) स्वीकार हो गई है।",
        ),
    },
    "BookingDeclined": {Party.CITIZEN: SEARCHING, Party.PROVIDER: OPEN_AGAIN},
    "OfferExpired": {
        Party.CITIZEN: SEARCHING,
        Party.WORKER: NOT_YOURS,
        Party.PROVIDER: OPEN_AGAIN,
    },
    "BookingExpired": {
        Party.CITIZEN: Said(
            "We are sorry: nobody could be found for booking {number} ({category}, {when}). You"
            " owe nothing.",
            "क्षमा करें, बुकिंग {number} ({category}, {when}) के लिए कोई नहीं मिला। आपको कुछ नहीं देना है।",
        ),
        Party.WORKER: NOT_YOURS,
        Party.PROVIDER: Said(
            "Booking {number} on {when} has expired.",
            "बुकिंग {number} ({when}) की अवधि समाप्त हो गई है।",
        ),
    },
    "BookingReassigned": {
        Party.CITIZEN: SEARCHING,
        Party.WORKER: NOT_YOURS,
        Party.PROVIDER: OPEN_AGAIN,
    },
    "RescheduleProposed": dict.fromkeys(Party, PROPOSED),
    "RescheduleTurnedDown": dict.fromkeys(Party, STAYS),
    "BookingRescheduled": dict.fromkeys(Party, MOVED),
    "WorkerEnRoute": {
        Party.CITIZEN: Said(
            "The sewa mitra for booking {number} is on the way.",
            "बुकिंग {number} के सेवा मित्र रास्ते में हैं।",
        ),
    },
    "WorkerArrived": {
        Party.CITIZEN: Said(
            "The sewa mitra for booking {number} has arrived. Compare the photo before you open.",
            "बुकिंग {number} के सेवा मित्र आ गए हैं। दरवाज़ा खोलने से पहले फ़ोटो मिलाएँ।",
        ),
    },
    "ServiceStarted": {
        Party.CITIZEN: Said(
            "The work of booking {number} has begun.",
            "बुकिंग {number} का काम शुरू हो गया है।",
        ),
    },
    "QuoteRevised": {
        Party.CITIZEN: Said(
            "A new price is proposed for booking {number}. Approve or reject it in the app.",
            "बुकिंग {number} के लिए नई कीमत प्रस्तावित है। ऐप में मंज़ूर या नामंज़ूर करें।",
        ),
    },
    "QuoteApproved": {Party.WORKER: PRICE_APPROVED, Party.PROVIDER: PRICE_APPROVED},
    "QuoteRejected": {Party.WORKER: PRICE_REJECTED, Party.PROVIDER: PRICE_REJECTED},
    "ServiceCompleted": {
        Party.CITIZEN: Said(
            "Booking {number} ({category}) is done. Tell us in the app how it was.",
            "बुकिंग {number} ({category}) पूरी हुई। ऐप में बताएँ कि काम कैसा रहा।",
        ),
        Party.WORKER: Said(
            "Job {number} is recorded as done.",
            "काम {number} पूरा दर्ज हो गया है।",
        ),
        Party.PROVIDER: Said(
            "Booking {number} is done.",
            "बुकिंग {number} पूरी हुई।",
        ),
    },
    "BookingCancelled": dict.fromkeys(Party, CANCELLED),
    "NoShowRecorded": dict.fromkeys(Party, NOT_MET),
    "PaymentRecorded": dict.fromkeys(Party, PAID),
    "RefundIssued": {
        Party.CITIZEN: Said(
            "A refund for booking {number} was recorded.",
            "बुकिंग {number} की धन वापसी दर्ज हो गई है।",
        ),
    },
    "GrievanceOpened": {
        **complainant(
            Said(
                "Your complaint {ticket} has arrived. You will hear from us soon.",
                "आपकी शिकायत {ticket} दर्ज हो गई है। आपको शीघ्र उत्तर मिलेगा।",
            )
        ),
        Party.PROVIDER: Said(
            "There is a complaint {ticket}. Read and answer it in the app.",
            "एक शिकायत {ticket} आई है। ऐप में पढ़ें और उत्तर दें।",
        ),
    },
    "GrievanceAcknowledged": complainant(
        Said(
            "Your complaint {ticket} is being looked into.",
            "आपकी शिकायत {ticket} पर विचार हो रहा है।",
        )
    ),
    "GrievanceAnswered": complainant(
        Said(
            "There is an answer to your complaint {ticket}. Read it in the app.",
            "आपकी शिकायत {ticket} पर एक उत्तर आया है। ऐप में पढ़ें।",
        )
    ),
    "GrievanceReopened": {
        Party.PROVIDER: Said(
            "Complaint {ticket} was opened again. Read and answer it in the app.",
            "शिकायत {ticket} फिर खोली गई है। ऐप में पढ़ें और उत्तर दें।",
        ),
    },
    "GrievanceClosed": complainant(
        Said(
            "Your complaint {ticket} is closed.",
            "आपकी शिकायत {ticket} बंद हो गई है।",
        )
    ),
    "GrievanceEscalated": complainant(
        Said(
            "Your complaint {ticket} took too long and was passed to a higher office.",
            "आपकी शिकायत {ticket} में देर हुई, इसलिए उसे ऊपर के कार्यालय को भेजा गया है।",
        )
    ),
    "GrievanceResolved": complainant(
        Said(
            "Your complaint {ticket} is answered. Read the answer in the app; if it does not"
            " help, you can reopen it once.",
            "आपकी शिकायत {ticket} का उत्तर आ गया है। ऐप में पढ़ें; संतुष्ट न हों तो एक बार फिर खोल सकते हैं।",
        )
    ),
    "WorkerRegistered": {
        Party.WORKER: Said(
            "You are registered with Sewa Mitra. Sign in with this number to hand in what is"
            " still missing. Have the code on your registration slip at hand.",
            "आप सेवा मित्र में पंजीकृत हैं। बाकी काग़ज़ देने के लिए इसी नंबर से साइन इन करें।"
            " पंजीकरण पर्ची का कोड साथ रखें।",
        ),
    },
    "WorkerActivated": {
        Party.WORKER: Said(
            "Your registration is complete. You can be booked now.",
            "आपका पंजीकरण पूरा हुआ। अब आपको काम मिल सकता है।",
        ),
    },
    "WorkerSuspended": {
        Party.WORKER: Said(
            "You cannot be booked for now. Read why in the app.",
            "अभी आपको काम नहीं मिल सकता। कारण ऐप में पढ़ें।",
        ),
    },
    "WorkerChanged REJECTED": {
        Party.WORKER: Said(
            "Your registration was not accepted. Read why in the app.",
            "आपका पंजीकरण स्वीकार नहीं हुआ। कारण ऐप में पढ़ें।",
        ),
    },
    "VerificationRecorded REJECTED": {
        Party.WORKER: Said(
            "A check of your papers did not succeed. Read in the app what is missing.",
            "आपके काग़ज़ों की एक जाँच सफल नहीं हुई। ऐप में देखें कि क्या कमी है।",
        ),
    },
    "VerificationRecorded EXPIRED": {
        Party.WORKER: Said(
            "A check of your papers has run out. Renew it, so that you can be booked.",
            "आपके काग़ज़ों की एक जाँच की अवधि समाप्त हुई। काम मिलता रहे, इसलिए नवीनीकरण कराएँ।",
        ),
    },
    "ProviderEmpanelled": {
        Party.PROVIDER: Said(
            "Your agency is empanelled with Sewa Mitra.",
            "आपकी एजेंसी सेवा मित्र में सूचीबद्ध है।",
        ),
    },
    "ProviderSuspended": {
        Party.PROVIDER: Said(
            "Your agency is suspended. Read why in the app.",
            "आपकी एजेंसी निलंबित है। कारण ऐप में पढ़ें।",
        ),
    },
    "ProviderExpired": {
        Party.PROVIDER: Said(
            "Your agency's MOU has run out. Renew it, so that you can take bookings.",
            "आपकी एजेंसी के समझौते की अवधि समाप्त हुई। बुकिंग पाने के लिए नवीनीकरण कराएँ।",
        ),
    },
    "EngagementStarted": {
        Party.WORKER: Said(
            "An office has engaged you. See the dates in the app.",
            "एक कार्यालय ने आपको नियोजित किया है। तारीख़ें ऐप में देखें।",
        ),
    },
    "EngagementEnded": {
        Party.WORKER: Said(
            "Your engagement has ended. You can be booked again.",
            "आपका नियोजन समाप्त हुआ। अब फिर से आपको काम मिल सकता है।",
        ),
    },
}
"""By event, and where they differ by the status that it names, by both."""
