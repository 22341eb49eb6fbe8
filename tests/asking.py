"""Asking the gateway as a given viewer, without HTTP; and the text messages that come of it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from engine.contracts import Contracts
from engine.cost import Limits
from engine.engine import Engine
from runtime.context import Context
from runtime.faults import formatted
from runtime.language import Language
from runtime.process import Process, process_of
from runtime.reason import Reason, ReasonCategory
from runtime.settings import Settings
from runtime.sms import Sms
from runtime.viewer import Viewer
from schema.contract import contract
from schema.graph import gateway

SCHEMA = gateway().schema
ENGINE = Engine(SCHEMA, limits=Limits())
CONTRACTS = Contracts(contract, lambda schema: Engine(schema, limits=Limits(), named=True))
REQUEST_ID = "request-1"


def because(text: str, *subjects: str) -> Reason:
    return Reason(ReasonCategory.COMPLAINT, text, tuple(dict.fromkeys(subjects)))


def as_sent(reason: Reason) -> dict[str, Any]:
    """As `extensions.reason` has it."""
    return {"category": reason.category, "text": reason.text, "subjects": list(reason.subjects)}


@dataclass
class Inbox:
    """The phones of everybody: what was sent, in order."""

    sent: list[tuple[str, str]] = field(default_factory=list)

    async def send(self, mobile: str, text: str) -> None:
        self.sent.append((mobile, text))

    def code(self, mobile: str) -> str:
        """The latest code that the phone was sent."""
        for to, text in reversed(self.sent):
            if to == mobile and (found := re.search(r"\b\d{4,6}\b", text)):
                return found[0]
        raise LookupError(f"no code was sent to {mobile}")


@asynccontextmanager
async def a_process(url: str, inbox: Sms | None = None, **settings: Any) -> AsyncIterator[Process]:
    """What requests share, over the database."""
    chosen = replace(Settings(database_url=url, pool_size=5), **settings)
    async with process_of(chosen, inbox or Inbox(), CONTRACTS.engine_for) as process:
        yield process


async def answer(
    process: Process, viewer: Viewer, query: str, *, engine: Engine = ENGINE, **variables: Any
) -> tuple[Any, list[dict[str, Any]]]:
    """The data and the errors, as a response carries them."""
    context = Context(viewer, Language.EN, process, REQUEST_ID, "127.0.0.1")
    result = await engine.execute(query, variables, context)
    return result.data, formatted(result.errors or [], REQUEST_ID)


async def send(
    process: Process, viewer: Viewer, command: str, selection: str = "", /, **given: Any
) -> Any:
    """What comes of a command: its fields (`selection` adds to them), or the errors' codes.

    A refusal has its `message`.
    """
    kind = command[0].upper() + command[1:]
    asks = (f"($input: {kind}Input!)", "(input: $input)") if given else ("", "")
    told = "... on Refusal { message }" if f"{kind}Result" in SCHEMA.type_map else ""
    query = f"mutation {asks[0]} {{ {command}{asks[1]} {{ __typename {told} {selection} }} }}"
    variables: dict[str, Any] = {"input": given} if given else {}
    data, errors = await answer(process, viewer, query, **variables)
    if errors and (data is None or data[command] is None):
        return [error["extensions"]["code"] for error in errors]
    assert not errors, errors
    return data[command]
