"""Every role, every command: whom the rules let do it may try, everyone else is stopped.

The lines `Mutation.…` of `expected_rights.csv` were written down from the rules of the service,
not from this code. A cell names in whose rows a role may do it.
"""

from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    is_required_input_field,
)
from sqlalchemy import func, select

from models.account import AuditEntry, Outbox
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import SCHEMA, a_process, send
from tests.make import scalar
from tests.test_rights import World, a_world, lines

COMMANDS = SCHEMA.mutation_type
assert COMMANDS is not None
NOT_ALLOWED = (["FORBIDDEN"], ["UNAUTHENTICATED"])
VALUES = {
    "Int": 1,
    "Float": 26.8,
    "Boolean": True,
    "Date": "2031-01-07",
    "DateTime": "2031-01-07T10:00:00+05:30",
    "Time": "10:00",
    "String": "as it should be",
}
KNOWN = {"mobile": "+910000999999", "code": "000000", "fromSequence": "1"}
OF_THEIR_OWN = {"requestQuote", "requestBooking"}
"""What is made of nobody's rows: there is no stranger's to keep away from."""


def expected() -> dict[str, dict[Role, str]]:
    return {
        field.partition(".")[2]: cells
        for field, cells in lines().items()
        if field.startswith("Mutation.")
    }


def test_every_command_has_its_line() -> None:
    assert COMMANDS is not None
    assert set(expected()) == set(COMMANDS.fields)


def filled(kind: GraphQLInputType, name: str, world: World | None) -> Any:
    """Something that the type takes: the world's rows where it asks for ids."""
    if isinstance(kind, GraphQLNonNull):
        return filled(kind.of_type, name, world)
    if isinstance(kind, GraphQLList):
        return [filled(kind.of_type, name, world)]
    if isinstance(kind, GraphQLInputObjectType):
        return {
            key: filled(inner.type, key, world)
            for key, inner in kind.fields.items()
            if is_required_input_field(inner)
        }
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    if kind.name == "ID":
        ids = world.ids if world else {}
        return ids.get(name.removesuffix("Id"), "xx_unknown")
    return KNOWN.get(name, VALUES[kind.name])


async def tried(process: Process, viewer: Viewer, command: str, world: World | None) -> Any:
    """What comes of it: the codes of errors, or the name of what it gave; None where the sender
    may not look at that."""
    assert COMMANDS is not None
    asked = COMMANDS.fields[command].args.get("input")
    result = await send(
        process, viewer, command, **(filled(asked.type, "input", world) if asked else {})
    )
    return result["__typename"] if isinstance(result, dict) else result


def a_viewer(role: Role) -> Viewer:
    return Viewer() if role is Role.ANONYMOUS else Viewer(role, f"us_{role.lower()}")


async def differences(
    process: Process, role: Role, rights: dict[str, dict[Role, str]]
) -> list[str]:
    """Where who is stopped is not who should be."""
    stopped = ["UNAUTHENTICATED"] if role is Role.ANONYMOUS else ["FORBIDDEN"]
    found = []
    for command, cells in rights.items():
        came = await tried(process, a_viewer(role), command, None)
        if (came in NOT_ALLOWED) is not (cells[role] == "-") or (
            came in NOT_ALLOWED and came != stopped
        ):
            found.append(f"{command} by {role}, {cells[role]}: {came}")
    return found


@pytest.mark.parametrize("role", Role)
async def test_a_role_may_try_what_it_is_promised_and_nothing_else(
    database_url: str, role: Role
) -> None:
    async with a_process(database_url) as process:
        assert await differences(process, role, expected()) == []
        refused = select(func.count()).where(AuditEntry.refused, AuditEntry.type == "Mutation")
        stopped = sum(cells[role] == "-" for cells in expected().values())
        assert await scalar(database_url, refused) == stopped


async def test_a_changed_cell_is_noticed(database_url: str) -> None:
    changed = expected()
    changed["cancelBooking"][Role.CITIZEN] = "-"
    async with a_process(database_url) as process:
        assert len(await differences(process, Role.CITIZEN, changed)) == 1


def about_a_row(command: str) -> bool:
    assert COMMANDS is not None
    asked = COMMANDS.fields[command].args.get("input")
    if asked is None or command in OF_THEIR_OWN:
        return False
    shape = asked.type.of_type if isinstance(asked.type, GraphQLNonNull) else asked.type
    assert isinstance(shape, GraphQLInputObjectType)
    known = {"workerId", "bookingId", "providerId", "reviewId", "engagementId", "grievanceId"}
    known |= {"webhookId"}
    return any(name in known for name, f in shape.fields.items() if is_required_input_field(f))


@pytest.mark.parametrize("role", Role)
async def test_a_stranger_of_the_right_role_finds_nothing_and_changes_nothing(
    database_url: str, role: Role
) -> None:
    """Where the role may do it in some rows only, and these are others'."""
    world, tries, found = await a_world(database_url), 0, []
    async with a_process(database_url) as process:
        for command, cells in expected().items():
            if cells[role] in ("-", "all", "new") or not about_a_row(command):
                continue
            tries += 1
            came = await tried(process, world.far(role), command, world)
            if came != ["NOT_FOUND"]:
                found.append(f"{command} by {role}, {cells[role]}: {came}")
        assert found == []
        if tries:
            assert await scalar(database_url, select(func.count()).select_from(Outbox)) == 0


def test_commands_are_the_only_mutations() -> None:
    assert isinstance(COMMANDS, GraphQLObjectType)
    assert all(made.args.keys() <= {"input"} for made in COMMANDS.fields.values())
