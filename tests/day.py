"""The day that `docs/day.md` tells of, lived through the running gateway.

The page is its own script: each block marked ```graphql SPEAKER is sent as that person, with
the variables it declares taken from what is known so far, and the JSON behind it is the answer.

    python -m tests.day     writes today's answers into the page
"""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import httpx
from graphql import OperationDefinitionNode, parse

from data import reference
from models.account import DemoAccount
from runtime import clock
from runtime.geography import in_india
from runtime.migration import migrate
from runtime.process import process_of
from runtime.settings import Settings
from runtime.tokens import unverified
from server import create_app
from tests.asking import Inbox, as_sent, because
from tests.background import settle
from tests.conftest import CHECKOUT, a_server, client_of, database
from tests.make import GOMTI_NAGAR, LUCKNOW, a_provider, a_rate, a_worker, save

PAGE = CHECKOUT / "docs" / "day.md"
STEP = re.compile(r"```graphql (\w+)\n(.*?)```\n\n```json\n(.*?)```", re.DOTALL)
PHONES = {
    "citizen": "+910000800001",
    "worker": "+910000800002",
    "provider": "+910000800003",
}
"""Who signs in by phone, and with which."""
TOKEN = re.compile(r"\beyJ[\w.-]+|(?<![\w-])[\w-]{43}(?![\w-])")
"""Those that are random may begin or end with a dash."""
EVER_NEW = (
    (re.compile(r"\b([a-z]{2,3})_[0-9a-hjkmnp-tv-z]{26}\b"), r"\1_…"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.+Z]+"), "…T…"),
    (re.compile(r"\d{4}-\d\d\b"), "…"),
    (re.compile(r"\b(SM|GR)[0-9-]{4,}\b"), r"\1…"),
    (re.compile(r"\bwhsec_[\w+/=]+"), "whsec_…"),
    (TOKEN, "…"),
)
"""What is another each day: it is compared by its kind."""


@dataclass
class Day:
    """The people of the day, what they hold, and what they have learned."""

    client: httpx.AsyncClient
    inbox: Inbox
    known: dict[str, Any]
    tokens: dict[str, str] = field(default_factory=lambda: {"officer": "demo:officer"})

    async def said(self, speaker: str, document: str) -> Any:
        """What the gateway answers."""
        (operation,) = parse(document).definitions
        assert isinstance(operation, OperationDefinitionNode)
        names = [node.variable.name.value for node in operation.variable_definitions or ()]
        headers = {"accept-language": "en" if speaker == "officer" else "hi"}
        if token := self.tokens.get(speaker):
            headers["authorization"] = f"Bearer {token}"
        asked: dict[str, Any] = {
            "query": document,
            "variables": {name: self.worth(speaker, name) for name in names},
        }
        if speaker == "officer":
            citizen = unverified(self.tokens["citizen"], 1)["sub"]
            why = because("A citizen asked for help", citizen)
            asked["extensions"] = {"reason": as_sent(why)}
        response = await self.client.post("/graphql", json=asked, headers=headers)
        answer = response.json()
        self.learn(speaker, answer.get("data") or {})
        return answer

    def worth(self, speaker: str, name: str) -> Any:
        if name == "mobile":
            return PHONES[speaker]
        if name == "code":
            # Signing in takes the speaker's code; a visit takes what the citizen is told.
            return self.inbox.code(PHONES[speaker if speaker not in self.tokens else "citizen"])
        return self.known.get(name)

    def learn(self, speaker: str, data: dict[str, Any]) -> None:
        """The ids of what was made, by the name it was given in the document."""
        for name, value in data.items():
            if isinstance(value, dict) and "id" in value:
                self.known[name] = value["id"]
            if isinstance(value, dict) and "accessToken" in value:
                self.tokens[speaker] = value["accessToken"]


def steps(page: str) -> Iterator[tuple[str, str, Any]]:
    """Speaker, document and the answer written down."""
    for speaker, document, answer in STEP.findall(page):
        yield speaker, document, json.loads(answer) if answer.strip() else None


def comparable(answer: Any) -> str:
    text = json.dumps(answer, ensure_ascii=False, sort_keys=True)
    for pattern, kind in EVER_NEW:
        text = pattern.sub(kind, text)
    return text


async def lived(url: str, page: str) -> list[Any]:
    """The answers of the day, in its order."""
    inbox = Inbox()
    # Work that is agreed for tomorrow is done today, so that a day has one.
    settings = replace(Settings(database_url=url), travel_hours=48, finish_code_hours=48)
    provider = await a_provider(
        url,
        mobile=PHONES["provider"],
        mou_reference="MOU/2026/00001",
    )
    worker = await a_worker(url, mobile=PHONES["worker"], provider_id=provider.id)
    await a_rate(url, provider=provider)
    officer = DemoAccount(
        name="officer",
        role="DISTRICT_OFFICER",
        person_id="us_officer",
        district_ids=[LUCKNOW],
        purposes=[],
    )
    await save(url, officer)
    morning = in_india(clock.now()).replace(hour=10, minute=0, second=0, microsecond=0)
    tomorrow = morning + timedelta(days=1)
    known = {
        "provider": provider.id,
        "worker": worker.id,
        "service": "sv_electrician-fan-repair",
        "latitude": GOMTI_NAGAR[0],
        "longitude": GOMTI_NAGAR[1],
        "from": tomorrow.isoformat(),
    }
    answers = []
    async with client_of(create_app(settings, inbox)) as client, process_of(settings, inbox) as at:
        day = Day(client, inbox, known)
        for speaker, document, _ in steps(page):
            answers.append(await day.said(speaker, document))
            await settle(at)
    return answers


def written(page: str, answers: list[Any]) -> str:
    """The page with these answers."""
    given = iter(answers)

    def fill(found: re.Match[str]) -> str:
        answer = TOKEN.sub("…", json.dumps(next(given), ensure_ascii=False, indent=2))
        return f"```graphql {found[1]}\n{found[2]}```\n\n```json\n{answer}\n```"

    return STEP.sub(fill, page)


async def today(url: str, page: str) -> str:
    """The page with what an empty database answers today."""
    await migrate(url)
    await reference.load(url)
    return written(page, await lived(url, page))


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    with a_server() as server, database(server) as url:
        PAGE.write_text(asyncio.run(today(url, page)), encoding="utf-8")


if __name__ == "__main__":
    main()
