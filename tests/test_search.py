"""Workers found by words, in either script, and never by what is not public."""

import asyncpg
import pytest

from loaders.discovery import workers_by_text
from loaders.page import Usual
from runtime.batch import ROOT
from runtime.folding import fold, words
from runtime.page import Window
from tests.activity import plain
from tests.conftest import Ask, run_sql_async
from tests.make import a_worker

WINDOW = Window(size=20)
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


@pytest.mark.parametrize("text", ["s", "sm", "SM0", "sm01", "sm01 s", "sm01 anil", "a", "sm0123"])
async def test_the_best_rated_are_found_whichever_way_is_taken(
    database_url: str, ask: Ask, text: str
) -> None:
    """A word that very many have is looked for along the best, others by an index of words."""
    workers = [
        await a_worker(database_url, first_name_en="Anil", code=f"SM0123{n}") for n in range(5)
    ]
    await run_sql_async(
        database_url,
        *(
            f"UPDATE worker_words SET score = {score} WHERE worker_id = '{worker.id}'"
            for worker, score in zip(workers, (2, 5, 1, 4, 3), strict=True)
        ),
    )

    found = (await ask(SEARCH, text=text))["searchWorkers"]["nodes"]

    best = [workers[n].id for n in (1, 3, 4, 0, 2)]
    assert found == [{"id": id} for id in best]


async def test_what_very_many_have_is_not_sorted(database_url: str) -> None:
    """With as many workers as PostgreSQL needs to take the trouble of choosing."""
    await a_worker(database_url)
    connection = await asyncpg.connect(plain(database_url))
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(
            "INSERT INTO worker_words SELECT 'wk_' || n, array_to_tsvector(ARRAY['sm' || n,"
            " 'n' || n % 3000, 'anil']), random() FROM generate_series(100000, 120000) n"
        )
        await connection.execute("ANALYZE worker_words")
        for text in ("a", "anil"):
            batch = workers_by_text.run(text=text, window=WINDOW, sort=Usual.USUAL)
            query, values = batch.query(("id",))
            bound = query.bound({**values, "keys": [ROOT]})
            rows = await connection.fetch(f"EXPLAIN {query.sql}", *bound)
            plan = "\n".join(row[0] for row in rows)
            assert "worker_words_best" in plan, f"{text}:\n{plan}"
    finally:
        await connection.close()


async def test_a_text_too_long_is_refused(ask_raw: Ask) -> None:
    answer = await ask_raw(SEARCH, text="a" * 101)

    assert answer["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
