"""What reviewers and providers write, put together from halves so that few two are alike."""

from random import Random

OPENINGS = {
    ("en", True): [
        "Came on time and got to work at once.",
        "Very polite, and explained what was wrong before starting.",
        "Second time we called them, and just as good.",
        "Reached ten minutes early.",
        "Booked in the morning, the work was done by the afternoon.",
        "My mother was alone at home and felt quite safe.",
        "Honest person, showed me the old part as well.",
        "Clean work, swept the floor before leaving.",
    ],
    ("en", False): [
        "Came an hour late and did not call.",
        "Had to explain the problem twice.",
        "The work is only half done.",
        "Forgot the tools and went back to fetch them.",
        "Polite, but in a hurry to leave.",
    ],
    ("hi", True): [
        "समय पर आए और तुरंत काम शुरू किया।",
        "बहुत अच्छे से बात की और पहले खराबी समझाई।",
        "दूसरी बार बुलाया, इस बार भी बढ़िया काम किया।",
        "सुबह बुकिंग की थी, दोपहर तक काम हो गया।",
        "घर में केवल माँ थीं, उन्हें कोई परेशानी नहीं हुई।",
        "पुराना सामान भी दिखाया, पूरी ईमानदारी से काम किया।",
        "काम के बाद सफ़ाई भी कर दी।",
        "स्वभाव बहुत अच्छा है और काम पक्का है।",
    ],
    ("hi", False): [
        "एक घंटा देर से आए और फ़ोन भी नहीं किया।",
        "बात दो बार समझानी पड़ी।",
        "काम अधूरा छोड़ गए।",
        "औज़ार भूल आए थे, वापस लेने गए।",
        "बात ठीक से की पर जल्दी में थे।",
    ],
}

CLOSINGS = {
    ("en", True): [
        "The {service} is perfect now.",
        "Will call again for {service}.",
        "Charged exactly what the app said.",
        "I have given the name to my neighbours.",
        "Good value for {service}.",
        "Recommended.",
    ],
    ("en", False): [
        "The {service} had to be done again.",
        "The rate was right at least.",
        "Hope the next visit is better.",
        "I expected more for {service}.",
    ],
    ("hi", True): [
        "{service} अब बिल्कुल ठीक है।",
        "{service} के लिए फिर बुलाएँगे।",
        "ऐप में जो दाम था वही लिया।",
        "पड़ोसियों को भी नाम बताया है।",
        "पैसे वसूल काम।",
        "सबको सलाह दूँगा।",
    ],
    ("hi", False): [
        "{service} दोबारा करवाना पड़ा।",
        "दाम ज़रूर सही लिया।",
        "अगली बार बेहतर की उम्मीद है।",
        "{service} में और ध्यान देना चाहिए था।",
    ],
}

REPLIES = {
    "en": [
        "Thank you for telling us. We have passed it on.",
        "We are glad it went well.",
        "Sorry for the trouble; please write to us and we will put it right.",
    ],
    "hi": [
        "बताने के लिए धन्यवाद। हमने साथी तक बात पहुँचा दी है।",
        "आपका काम अच्छा हुआ, यह जानकर खुशी हुई।",
        "असुविधा के लिए खेद है, हम इसे ठीक करेंगे।",
    ],
}

TAGS = {
    True: ["on-time", "polite", "clean-work", "fair-price", "skilled"],
    False: ["late", "unfinished", "rushed"],
}


def a_review(random: Random, language: str, good: bool, service: str) -> str:
    opening = random.choice(OPENINGS[language, good])
    closing = random.choice(CLOSINGS[language, good]).format(service=service)
    return f"{opening} {closing}"
