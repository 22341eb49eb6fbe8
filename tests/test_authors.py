"""Every success of every command names its author, in the transaction of what was done.

Each command is sent once, as `examples/` has it.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import func, select, text

from models.account import Address, AuditDetail, AuditEntry, Staff
from runtime.database import engine_for
from runtime.jobs import carry_out
from runtime.rights import STAFF, Role
from runtime.transaction import Transaction
from runtime.viewer import Viewer
from tests.asking import REQUEST_ID, Inbox, a_process, answer, because, send
from tests.conftest import run_sql_async
from tests.examples import EXAMPLES, Scene, succeeded
from tests.examples.scene import LUCKNOW_CODE
from tests.make import GOMTI_NAGAR, LUCKNOW, NOON, a_booking, a_citizen, a_worker

NOBODY_KNOWN = {"requestCode"}
"""Commands of people of whom only the address is known."""
ABOUT_NOTHING = {"requestCode"}
"""Commands that change nothing but whether their author is signed in."""

AS_AN_OFFICE = {"acknowledgeGrievance", "takeUpGrievance", "resolveGrievance"}
"""Commands of the helpline that nobody calls for."""


@pytest_asyncio.fixture
async def scene(database_url: str, inbox: Inbox, tmp_path: Any) -> AsyncIterator[Scene]:
    async with a_process(database_url, inbox, storage_dir=str(tmp_path)) as process:
        yield Scene(process, database_url, inbox)


async def commands_since(url: str, position: int) -> list[Any]:
    entry, detail = AuditEntry.__table__, AuditDetail.__table__
    found = (
        select(entry, detail.c.reason, detail.c.address, detail.c.program)
        .select_from(entry.outerjoin(detail, detail.c.id == entry.c.detail_id))
        .where(entry.c.type == "Mutation", ~entry.c.refused, entry.c.position > position)
    )
    engine = engine_for(url)
    async with engine.connect() as connection:
        rows = list(await connection.execute(found.order_by(entry.c.position)))
    await engine.dispose()
    return rows


async def scalar(url: str, query: Any) -> Any:
    engine = engine_for(url)
    async with engine.connect() as connection:
        found = await connection.scalar(query)
    await engine.dispose()
    return found


async def sent(scene: Scene, command: str) -> tuple[Viewer, list[Any]]:
    """By whom, and the entries that it left."""
    sending = await EXAMPLES[command](scene)
    last = await scalar(scene.url, select(func.coalesce(func.max(AuditEntry.position), 0)))
    came = await send(scene.process, sending.viewer, command, **sending.given)
    assert succeeded(came), f"the example of {command} does not succeed: {came}"
    return sending.viewer, await commands_since(scene.url, last)


@pytest.mark.parametrize("command", EXAMPLES)
async def test_every_success_of_every_command_names_its_author(scene: Scene, command: str) -> None:
    viewer, entries = await sent(scene, command)

    (entry,) = entries
    assert entry.fields == [command]
    assert (entry.request_id, entry.address) == (REQUEST_ID, "127.0.0.1")
    if viewer.id is not None:
        assert (entry.actor_id, entry.role) == (viewer.id, viewer.role)
        assert entry.session_id == viewer.session_id
        assert (entry.staff_number is not None) is (viewer.role in STAFF)
    else:
        assert (entry.actor_id is None) is (command in NOBODY_KNOWN)
        assert (entry.role == Role.ANONYMOUS) is (command in NOBODY_KNOWN)
    assert bool(entry.subject_ids) is (command not in ABOUT_NOTHING)
    if viewer.role is Role.HELPLINE and command not in AS_AN_OFFICE:
        assert entry.on_behalf_of in entry.subject_ids


async def test_a_command_that_nobody_signs_is_noticed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unsigned(*_: Any, **__: Any) -> None: ...

    monkeypatch.setattr(Transaction, "sign", unsigned)

    assert (await sent(scene, "suspendWorker"))[1] == []


async def test_without_its_author_nothing_is_done(scene: Scene) -> None:
    sending = await EXAMPLES["addAddress"](scene)
    await run_sql_async(scene.url, "ALTER TABLE audit_entry RENAME TO elsewhere")

    assert await send(scene.process, sending.viewer, "addAddress", **sending.given) == ["INTERNAL"]

    assert await scalar(scene.url, select(func.count()).select_from(Address)) == 0


async def test_sent_again_under_its_key_it_has_one_author(scene: Scene) -> None:
    sending = await EXAMPLES["addAddress"](scene)
    given = sending.given | {"idempotencyKey": "k"}

    for _ in range(3):
        await send(scene.process, sending.viewer, "addAddress", **given)

    assert len(await commands_since(scene.url, 0)) == 1


async def test_a_job_is_named_for_what_it_changes_and_for_nothing_else(scene: Scene) -> None:
    worker = await a_worker(scene.url)
    booking = await a_booking(scene.url, worker=worker, state="REQUESTED", starts_at=NOON)

    for _ in range(2):
        await carry_out(scene.process, "expire_booking", {"booking_id": booking.id}, NOON)

    entry = AuditEntry.__table__
    engine = engine_for(scene.url)
    async with engine.connect() as connection:
        (found,) = await connection.execute(select(entry))
    await engine.dispose()
    assert (found.actor_id, found.role) == ("system:expire_booking", "SYSTEM")
    assert booking.id in found.subject_ids
    auditor = Viewer(Role.AUDITOR, "us_auditor")
    data, errors = await answer(scene.process, auditor, "{ audit { nodes { role actorId } } }")
    assert errors == []
    assert data["audit"]["nodes"] == [{"role": None, "actorId": "system:expire_booking"}]


async def test_people_see_who_changed_their_data_by_office_and_number(scene: Scene) -> None:
    viewer, _ = await sent(scene, "suspendWorker")
    worker_id = await scalar(
        scene.url, text("SELECT subject_id FROM outbox WHERE event = 'WorkerSuspended'")
    )
    number = await scalar(scene.url, select(Staff.number).where(Staff.id == viewer.id))
    query = """{ viewer { accesses(first: 1) { nodes {
        role staffNumber district { lgdCode } type fields
    } } } }"""

    data, errors = await answer(scene.process, Viewer(Role.WORKER, worker_id), query)

    assert errors == []
    assert data["viewer"]["accesses"]["nodes"] == [
        {
            "role": "DISTRICT_OFFICER",
            "staffNumber": number,
            "district": {"lgdCode": LUCKNOW_CODE},
            "type": "Mutation",
            "fields": ["suspendWorker"],
        }
    ]


@pytest.mark.parametrize("field", ["actorId", "subjectIds", "onBehalfOf", "sessionId", "address"])
async def test_people_are_not_told_ids_of_staff_or_of_others(scene: Scene, field: str) -> None:
    viewer, _ = await sent(scene, "suspendWorker")
    worker_id = await scalar(
        scene.url, text("SELECT subject_id FROM outbox WHERE event = 'WorkerSuspended'")
    )
    worker = Viewer(Role.WORKER, worker_id)

    data, errors = await answer(scene.process, worker, f"{{ audit {{ nodes {{ {field} }} }} }}")

    assert {error["extensions"]["code"] for error in errors} == {"FORBIDDEN"}
    assert all(node[field] is None for node in data["audit"]["nodes"])
    query = "query ($by: ID) { audit(actorId: $by) { totalCount } }"
    data, _ = await answer(scene.process, worker, query, by=viewer.id)
    assert data["audit"]["totalCount"] == 0


async def test_a_citizen_sees_who_changed_their_booking(scene: Scene) -> None:
    citizen = await a_citizen(scene.url)
    booking = await a_booking(
        scene.url,
        worker=await a_worker(scene.url),
        citizen=citizen,
        state="ASSIGNED",
        starts_at=NOON,
    )
    officer = Viewer(Role.DISTRICT_OFFICER, "us_1", districts=(LUCKNOW,))
    await scene.send(officer, "cancelBooking", bookingId=booking.id, reason="OTHER")

    query = "{ viewer { accesses { nodes { role fields } } } }"
    data, _ = await answer(scene.process, Viewer(Role.CITIZEN, citizen.id), query)

    entry = {"role": "DISTRICT_OFFICER", "fields": ["cancelBooking"]}
    assert data["viewer"]["accesses"]["nodes"] == [entry]


async def test_an_auditor_finds_commands_by_name_subject_and_number(scene: Scene) -> None:
    _, (entry,) = await sent(scene, "suspendWorker")
    auditor = Viewer(Role.AUDITOR, "us_auditor")
    query = """query ($command: String, $of: ID, $number: Int, $changes: Boolean) {
      audit(command: $command, subjectId: $of, staffNumber: $number, changes: $changes) {
        nodes { actorId fields address program }
      }
    }"""

    async def found(**given: Any) -> list[Any]:
        data, errors = await answer(scene.process, auditor, query, **given)
        assert errors == []
        return [node["fields"] for node in data["audit"]["nodes"]]

    assert await found(command="suspendWorker") == [["suspendWorker"]]
    assert await found(command="activateWorker") == []
    assert ["suspendWorker"] in await found(of=entry.subject_ids[0], changes=True)
    assert ["suspendWorker"] not in await found(changes=False)
    assert await found(number=entry.staff_number, command="suspendWorker") == [["suspendWorker"]]
    assert await found(number=entry.staff_number + 1, command="suspendWorker") == []


@pytest.mark.parametrize(
    ("change", "stands"),
    [
        ("UPDATE audit_detail SET address = NULL, program = NULL, reason = NULL", True),
        ("UPDATE audit_detail SET address = '192.0.2.1'", False),
        ("DELETE FROM audit_detail", False),
        ("TRUNCATE audit_detail", False),
    ],
)
async def test_words_and_addresses_can_be_emptied_and_not_changed(
    scene: Scene, change: str, stands: bool
) -> None:
    await sent(scene, "addAddress")

    if stands:
        await run_sql_async(scene.url, change)
    else:
        with pytest.raises(Exception, match="audit_detail is append-only"):
            await run_sql_async(scene.url, change)

    filled = select(func.count()).where(AuditDetail.address.is_not(None))
    assert (await scalar(scene.url, filled) == 0) is stands


async def test_a_command_costs_one_statement_more_for_its_author(
    scene: Scene, statements: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    citizen = Viewer(Role.CITIZEN, (await a_citizen(scene.url)).id)
    given = {
        "label": "Home",
        "line": "Flat 3",
        "districtLgdCode": LUCKNOW_CODE,
        "latitude": GOMTI_NAGAR[0],
        "longitude": GOMTI_NAGAR[1],
    }
    with statements(at_most=50) as signed:
        await send(scene.process, citizen, "addAddress", **given)

    async def unsigned(*_: Any, **__: Any) -> None: ...

    monkeypatch.setattr(Transaction, "sign", unsigned)
    with statements(at_most=50) as bare:
        await send(scene.process, citizen, "addAddress", **given)
    assert len(signed) == len(bare) + 1


async def test_who_is_forgotten_leaves_no_address_and_no_reason(scene: Scene) -> None:
    sending = await EXAMPLES["decideErasure"](scene)
    asked = await commands_since(scene.url, 0)
    (own,) = [entry for entry in asked if entry.fields == ["requestErasure"]]
    why = because("Ticket of Asha Devi", own.actor_id)
    officer = Viewer(Role.DISTRICT_OFFICER, "us_1", districts=(LUCKNOW,), reason=why)
    home = "query ($id: ID!) { worker(id: $id) { homeAddress } }"
    await answer(scene.process, officer, home, id=own.actor_id)
    told = {"of": own.actor_id, "by": "us_1"}
    kept = text(
        "SELECT string_agg(concat_ws(',', d.reason, d.address), ';') FROM audit_entry"
        " JOIN audit_detail d ON d.id = detail_id WHERE actor_id IN (:of, :by)"
    ).bindparams(**told)
    assert await scalar(scene.url, kept) == "127.0.0.1;Ticket of Asha Devi,127.0.0.1"

    await scene.send(sending.viewer, "decideErasure", **sending.given)

    assert await scalar(scene.url, kept) == ";127.0.0.1"
    (entry,) = [e for e in await commands_since(scene.url, 0) if e.fields == ["requestErasure"]]
    assert (entry.actor_id, entry.address) == (own.actor_id, None)
