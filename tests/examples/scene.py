"""Where examples are prepared, and how they are found."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLObjectType

from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import SCHEMA, Inbox, send
from tests.make import LUCKNOW

ANYONE = Viewer()
OFFICER = Viewer(Role.DISTRICT_OFFICER, "us_officer", districts=(LUCKNOW,))
STATE = Viewer(Role.STATE_OFFICER, "us_state")
LUCKNOW_CODE = 162


@dataclass(frozen=True)
class Scene:
    """A database with reference data and nobody in it."""

    process: Process
    url: str
    inbox: Inbox

    async def send(self, viewer: Viewer, command: str, selection: str = "", /, **given: Any) -> Any:
        """What has to come before, and succeed."""
        came = await send(self.process, viewer, command, selection, **given)
        assert succeeded(came), f"{command}: {came}"
        return came

    async def code(self, mobile: str, role: str, viewer: Viewer = ANYONE, **given: Any) -> str:
        """That the phone was sent; to sign in with, if nothing is said of what it is for."""
        await self.send(viewer, "requestCode", mobile=mobile, role=role, **given)
        return self.inbox.code(mobile)


def succeeded(came: Any) -> bool:
    if came is None:
        # Done, and no longer theirs to see.
        return True
    if not isinstance(came, dict):
        return False
    kind = SCHEMA.type_map[came["__typename"]]
    assert isinstance(kind, GraphQLObjectType)
    return "Refusal" not in [interface.name for interface in kind.interfaces]


@dataclass(frozen=True)
class Sending:
    """What is left to do once everything is prepared."""

    viewer: Viewer
    given: dict[str, Any]


Example = Callable[[Scene], Awaitable[Sending]]
EXAMPLES: dict[str, Example] = {}


def example(command: str) -> Callable[[Example], Example]:
    def register(prepare: Example) -> Example:
        assert command not in EXAMPLES, f"{command} has two examples"
        EXAMPLES[command] = prepare
        return prepare

    return register
