"""Workers found by words, in either script, and never by what is not public."""

import pytest

from runtime.folding import fold, words
from tests.conftest import Ask
from tests.make import a_worker

SEARCH = "query ($text: String!) { searchWorkers(text: $text) { nodes { id } totalCount } }"

SAME = [
    ("पेन्टर", "पेंटर"),
    ("चाँद", "चांद"),
    ("फ़ैज़", "फैज"),
    ("बढ़ई", "बढई"),
    ("ANIL", "anil"),
    ("Élan", "elan"),
    ("सिंह\u200d", "सिंह"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_word_fold_to_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_vowel_signs_belong_to_their_word() -> None:
    assert words("अनिल, इलेक्ट्रीशियन (लखनऊ)!") == ["अनिल", "इलेक्ट्रीशियन", "लखनऊ"]


@pytest.mark.parametrize("text", ["Chand", "chan", "चाँद", "चांद", "चा electrician", "SM0"])
async def test_a_worker_is_found_by_name_trade_and_code_in_either_script(
    database_url: str, ask: Ask, text: str
) -> None:
    worker = await a_worker(database_url, first_name_en="Chand", first_name_hi="चाँद")

    found = (await ask(SEARCH, text=text))["searchWorkers"]

    assert found == {"nodes": [{"id": worker.id}], "totalCount": None}


@pytest.mark.parametrize("text", ["Yadav", "यादव", "chand plumber", "hand"])
async def test_surnames_other_trades_and_middles_of_words_find_nobody(
    database_url: str, ask: Ask, text: str
) -> None:
    await a_worker(database_url, first_name_en="Chand", first_name_hi="चाँद")

    assert (await ask(SEARCH, text=text))["searchWorkers"]["totalCount"] == 0


@pytest.mark.parametrize(
    "text", ["'", "\\", "a' & b:*", "!(a|b)", "a\\'b", "%_", "ा", "anil\u0000"]
)
async def test_hostile_text_is_just_text(database_url: str, ask_raw: Ask, text: str) -> None:
    await a_worker(database_url)

    answer = await ask_raw(SEARCH, text=text)

    codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
    assert codes <= {"BAD_INPUT"}


async def test_a_text_too_long_is_refused(ask_raw: Ask) -> None:
    answer = await ask_raw(SEARCH, text="a" * 101)

    assert answer["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
