"""The page about a day says what the gateway does."""

from tests.day import PAGE, comparable, lived, steps, written


async def test_every_step_of_the_day_is_answered_as_the_page_has_it(database_url: str) -> None:
    page = PAGE.read_text(encoding="utf-8")

    answers = await lived(database_url, page)

    told = list(steps(page))
    assert len(answers) == len(told) > 20
    for (speaker, document, answer), given in zip(told, answers, strict=True):
        assert comparable(given) == comparable(answer), f"{speaker}: {document}"


def test_another_answer_is_noticed() -> None:
    page = PAGE.read_text(encoding="utf-8")
    answers = [answer for _, _, answer in steps(page)]

    assert written(page, answers) == page
    assert comparable({"state": "ACCEPTED"}) != comparable({"state": "ASSIGNED"})
