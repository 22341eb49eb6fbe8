"""Becoming a worker and staying one: who may do what, what stands in the way, and what races."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import h3
import pytest
import pytest_asyncio
from sqlalchemy import func, select
from structlog.testing import capture_logs

import loaders.worker
from models.account import Outbox
from models.worker import (
    CHECKED,
    MANDATORY,
    ProviderDistrict,
    Verification,
    VerificationKind,
    Worker,
    WorkerStatus,
)
from runtime import clock
from runtime.jobs import carry_out
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import Inbox, a_process, answer, send
from tests.background import settle
from tests.conftest import Statements, run_sql_async
from tests.make import (
    GOMTI_NAGAR,
    LUCKNOW,
    a_citizen,
    a_provider,
    a_worker,
    scalar,
)

ANYONE = Viewer()
PHONE = "+910000710001"
LUCKNOW_CODE, AGRA_CODE = 162, 118
OFFICER = Viewer(Role.DISTRICT_OFFICER, "us_officer", districts=(LUCKNOW,))
FAR_OFFICER = replace(OFFICER, districts=("dt_118",))
STATE = Viewer(Role.STATE_OFFICER, "us_state")
HELPLINE = Viewer(Role.HELPLINE, "us_helpline")
NAME = {"firstEn": "Asha", "firstHi": "आशा", "surnameEn": "Sharma", "surnameHi": "श्रीवास्तव"}
HOME = {
    "latitude": GOMTI_NAGAR[0],
    "longitude": GOMTI_NAGAR[1],
    "address": "House 7, Gomti Nagar",
}
DETAILS: dict[str, Any] = {
    "name": NAME,
    "gender": "FEMALE",
    "birthDate": "1992-03-04",
    "languages": ["hi", "en"],
    "districtCode": LUCKNOW_CODE,
    "home": HOME,
    "trades": [
        {"categoryId": "ct_electrician", "yearsExperience": 6},
        {"categoryId": "ct_plumber", "yearsExperience": 2},
    ],
}
WORKER = "... on Worker { id code status }"


def me(worker: Worker) -> Viewer:
    return Viewer(Role.WORKER, worker.id)


def of_provider(id: str) -> Viewer:
    return Viewer(Role.PROVIDER, id, provider_id=id)


@pytest.fixture
def faults() -> Iterator[None]:
    """Where faults are expected: nobody waits for their tracebacks to be written out."""
    with capture_logs():
        yield


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox) as process:
        yield process


async def a_code(
    process: Process, inbox: Inbox, role: str = "WORKER", purpose: str = "REGISTRATION"
) -> str:
    await send(process, ANYONE, "requestCode", mobile=PHONE, role=role, purpose=purpose)
    return inbox.code(PHONE)


async def register(process: Process, inbox: Inbox, **changes: Any) -> Any:
    code = await a_code(process, inbox)
    return await send(
        process,
        ANYONE,
        "registerAsWorker",
        "... on SignedIn { accessToken role }",
        mobile=PHONE,
        code=code,
        details=DETAILS | changes,
    )


async def the_worker(url: str, mobile: str = PHONE) -> Any:
    statement = select(Worker.id).where(Worker.mobile == mobile)
    return await scalar(url, statement)


async def events(url: str, subject_id: str) -> list[str]:
    statement = select(func.array_agg(Outbox.event)).where(Outbox.subject_id == subject_id)
    return list(await scalar(url, statement) or [])


async def column(url: str, id: str, name: str) -> Any:
    return await scalar(url, select(getattr(Worker, name)).where(Worker.id == id))


async def seen(process: Process, viewer: Viewer, id: str, fields: str = "id status") -> Any:
    data, _ = await answer(process, viewer, f'{{ worker(id: "{id}") {{ {fields} }} }}')
    return data["worker"]


# Registration


async def test_anyone_registers_with_a_proven_phone_and_is_signed_in(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    signed_in = await register(process, inbox)

    assert (signed_in["__typename"], signed_in["role"]) == ("SignedIn", "WORKER")
    claims = process.keys.claims(signed_in["accessToken"])
    worker_id = await the_worker(database_url)
    assert (claims["sub"], claims["role"]) == (worker_id, "WORKER")
    assert await column(database_url, worker_id, "status") == "SUBMITTED"
    assert await events(database_url, worker_id) == ["WorkerRegistered", "WorkerSubmitted"]
    fields = "code displayName yearsExperience skills { verified category { slug } position }"
    assert await seen(process, Viewer(Role.WORKER, worker_id), worker_id, fields) == {
        "code": "SM5000001",
        "displayName": "Asha S.",
        "yearsExperience": 6,
        "skills": [
            {"verified": False, "category": {"slug": "electrician"}, "position": 0},
            {"verified": False, "category": {"slug": "plumber"}, "position": 1},
        ],
    }
    assert await column(database_url, worker_id, "initial_hi") == "श्री"


async def test_a_code_never_meets_one_of_demo_data(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await a_worker(database_url, code="SM0000001")
    await a_worker(database_url, code="SM2000000")

    assert (await register(process, inbox))["__typename"] == "SignedIn"


async def test_without_the_right_code_nobody_is_registered(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    code = await a_code(process, inbox)
    wrong = "000000" if code != "000000" else "000001"

    refused = await send(
        process, ANYONE, "registerAsWorker", mobile=PHONE, code=wrong, details=DETAILS
    )

    assert refused["__typename"] == "CodeWrong"
    assert await the_worker(database_url) is None


async def test_a_code_for_a_citizen_registers_no_worker(process: Process, inbox: Inbox) -> None:
    code = await a_code(process, inbox, "CITIZEN", "SIGN_IN")

    refused = await send(
        process, ANYONE, "registerAsWorker", mobile=PHONE, code=code, details=DETAILS
    )

    assert refused["__typename"] == "CodeWrong"


async def test_a_number_that_is_registered_is_refused(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await a_worker(database_url, mobile=PHONE)

    assert (await register(process, inbox))["__typename"] == "MobileTaken"


async def test_somebody_under_age_is_refused(process: Process, inbox: Inbox) -> None:
    today = clock.now().date()
    almost = today.replace(year=today.year - 18) + timedelta(days=2)

    refused = await register(process, inbox, birthDate=almost.isoformat())

    assert refused["__typename"] == "TooYoung"


async def test_a_home_in_another_part_of_the_state_is_refused(
    process: Process, inbox: Inbox
) -> None:
    refused = await register(process, inbox, districtCode=AGRA_CODE)

    assert refused["__typename"] == "PlaceOutsideDistrict"


async def test_a_name_holds_letters_of_its_script_only(process: Process, inbox: Inbox) -> None:
    for name in ({"firstEn": "Asha 9876543210"}, {"firstHi": "Asha"}, {"firstEn": "आशा"}):
        assert await register(process, inbox, name=NAME | name) == ["BAD_INPUT"]


async def test_an_aadhaar_number_in_the_address_is_refused(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    home = HOME | {"address": "House 7, 2345 6789 0124"}

    refused = await register(process, inbox, home=home)

    assert refused["__typename"] == "AadhaarInText"
    assert await the_worker(database_url) is None


async def test_a_trade_that_is_not_offered_is_refused(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await run_sql_async(
        database_url, "UPDATE service_category SET active = false WHERE id = 'ct_plumber'"
    )

    assert (await register(process, inbox))["__typename"] == "CategoryRetired"
    unknown = [{"categoryId": "ct_nothing", "yearsExperience": 1}]
    assert await register(process, inbox, trades=unknown) == ["NOT_FOUND"]


async def test_a_trade_told_twice_is_refused(process: Process, inbox: Inbox) -> None:
    refused = await register(process, inbox, trades=DETAILS["trades"][:1] * 2)

    assert refused["__typename"] == "SkillExists"


async def test_what_is_incomplete_is_a_draft_until_it_is_handed_in(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await register(process, inbox, home=None, languages=None)
    worker = await the_worker(database_url)
    viewer = Viewer(Role.WORKER, worker)
    assert await column(database_url, worker, "status") == "DRAFT"

    lacking = "... on RegistrationIncomplete { missing }"
    refused = await send(process, viewer, "submitWorker", lacking, workerId=None)
    assert refused["missing"] == ["languages", "home"]
    assert refused["message"] == "Fill in first: languages, home address."

    await send(process, viewer, "changeWorkerProfile", home=HOME, languages=["hi"])
    submitted = await send(process, viewer, "submitWorker", WORKER, workerId=None)
    assert submitted["status"] == "SUBMITTED"
    again = await send(process, viewer, "submitWorker", workerId=None)
    assert again["__typename"] == "NotAtThisStage"


async def test_the_public_point_is_the_centre_of_a_cell_and_never_home(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await register(process, inbox)
    worker = await the_worker(database_url)
    await run_sql_async(database_url, "UPDATE worker SET status = 'ACTIVE'")

    data, errors = await answer(
        process,
        ANYONE,
        f'{{ worker(id: "{worker}") {{ location {{ latitude longitude }}'
        " homePoint { latitude } homeAddress } }",
    )

    point = data["worker"]["location"]
    assert (point["latitude"], point["longitude"]) == h3.cell_to_latlng(
        h3.latlng_to_cell(*GOMTI_NAGAR, 7)
    )
    assert (point["latitude"], point["longitude"]) != GOMTI_NAGAR
    assert {error["extensions"]["code"] for error in errors} == {"FORBIDDEN"}
    assert data["worker"]["homePoint"] is data["worker"]["homeAddress"] is None


async def test_a_registration_under_way_exists_for_those_who_handle_it_only(
    process: Process, database_url: str
) -> None:
    provider = await a_provider(database_url)
    for status in ("DRAFT", "SUBMITTED", "UNDER_VERIFICATION", "REJECTED"):
        worker = await a_worker(database_url, status=status, provider_id=provider.id)
        for viewer in (me(worker), of_provider(provider.id), OFFICER, STATE, HELPLINE):
            assert await seen(process, viewer, worker.id) == {"id": worker.id, "status": status}
        stranger = await a_worker(database_url)
        citizen = await a_citizen(database_url)
        for viewer in (
            ANYONE,
            me(stranger),
            Viewer(Role.CITIZEN, citizen.id),
            of_provider("pv_other"),
            FAR_OFFICER,
            Viewer(Role.DEPARTMENT, "us_1", department_id="dp_1"),
            Viewer(Role.PARTNER, "pc_1", districts=(LUCKNOW,), purposes=("JOB_MATCHING",)),
            Viewer(Role.MODERATOR, "us_2"),
            Viewer(Role.AUDITOR, "us_3"),
        ):
            assert await seen(process, viewer, worker.id) is None, viewer.role
            verification = await scalar(
                database_url, select(Verification.id).where(Verification.worker_id == worker.id)
            )
            data, _ = await answer(process, viewer, f'{{ node(id: "{verification}") {{ id }} }}')
            assert data["node"] is None


async def test_who_enrols_is_not_told_whose_number_it_is(
    process: Process, database_url: str, statements: Statements
) -> None:
    """The same answer, by as many statements; even of five at once."""
    await a_worker(database_url, mobile=PHONE)
    await enrol(process, OFFICER, "+910000710008")
    counts = []
    for mobile in (PHONE, "+910000710009"):
        with statements(at_most=60) as sent:
            enrolled = await enrol(process, OFFICER, mobile)
        assert (enrolled["__typename"], enrolled["status"]) == ("Worker", "SUBMITTED")
        counts.append(len(sent))
    assert counts[0] == counts[1]

    came = await asyncio.gather(*(enrol(process, OFFICER, PHONE) for _ in range(5)))
    assert {one["__typename"] for one in came} == {"Worker"}
    proven = select(func.count()).select_from(Worker).where(Worker.mobile == PHONE)
    assert await scalar(database_url, proven) == 1


async def enrol(process: Process, viewer: Viewer, mobile: str | None, **changes: Any) -> Any:
    return await send(
        process, viewer, "enrolWorker", WORKER, mobile=mobile, details=DETAILS | changes
    )


# Enrolment by others


async def test_a_provider_enrols_its_own_people(process: Process, database_url: str) -> None:
    provider = await a_provider(database_url)

    enrolled = await enrol(process, of_provider(provider.id), PHONE)

    assert enrolled["status"] == "SUBMITTED"
    assert await column(database_url, enrolled["id"], "provider_id") == provider.id
    assert await column(database_url, enrolled["id"], "channel") == "PROVIDER"


@pytest.mark.parametrize(
    ("viewer", "channel"), [(OFFICER, "BLOCK_OFFICE"), (STATE, "BLOCK_OFFICE"), (HELPLINE, "SELF")]
)
async def test_the_office_and_the_helpline_enrol_whoever_comes(
    process: Process, database_url: str, viewer: Viewer, channel: str
) -> None:
    enrolled = await enrol(process, viewer, None)

    assert enrolled["status"] == "DRAFT"
    assert await column(database_url, enrolled["id"], "channel") == channel


async def test_a_provider_enrols_nobody_while_it_is_not_empanelled(
    process: Process, database_url: str
) -> None:
    suspended = await a_provider(database_url, status="SUSPENDED")
    over = await a_provider(database_url, empanelled_until=date(2020, 1, 1))

    assert await enrol(process, of_provider(suspended.id), PHONE) == ["SUSPENDED"]
    refused = await enrol(process, of_provider(over.id), PHONE)
    assert refused["__typename"] == "NotEmpanelled"


async def test_a_provider_enrols_nobody_where_it_does_not_serve(
    process: Process, database_url: str
) -> None:
    provider = await a_provider(database_url, districts=("dt_118",))

    refused = await enrol(process, of_provider(provider.id), PHONE)

    assert refused["__typename"] == "DistrictNotServed"


async def test_an_officer_enrols_in_their_own_district_only(process: Process) -> None:
    assert await enrol(process, FAR_OFFICER, PHONE) == ["NOT_FOUND"]


async def test_a_partner_pushes_drafts_into_its_districts_and_reads_what_it_pushed(
    process: Process, database_url: str
) -> None:
    partner = Viewer(Role.PARTNER, "pc_1", districts=(LUCKNOW,), purposes=("JOB_MATCHING",))

    enrolled = await enrol(process, partner, PHONE)

    assert enrolled["status"] == "DRAFT"
    assert await seen(process, replace(partner, id="pc_2"), enrolled["id"]) is None
    await run_sql_async(database_url, "UPDATE worker SET status = 'SUBMITTED'")
    assert await seen(process, partner, enrolled["id"]) is None
    far = replace(partner, districts=("dt_118",))
    assert await enrol(process, far, "+910000710002") == ["NOT_FOUND"]


async def test_others_enrol_and_register_nobody(process: Process, database_url: str) -> None:
    worker = await a_worker(database_url)
    citizen = Viewer(Role.CITIZEN, (await a_citizen(database_url)).id)
    assert await enrol(process, ANYONE, PHONE) == ["UNAUTHENTICATED"]
    for viewer in (me(worker), citizen, Viewer(Role.AUDITOR, "us_1")):
        assert await enrol(process, viewer, PHONE) == ["FORBIDDEN"]
    given: dict[str, Any] = {"mobile": PHONE, "code": "000000", "details": DETAILS}
    for viewer in (me(worker), OFFICER, of_provider("pv_1")):
        assert await send(process, viewer, "registerAsWorker", **given) == ["FORBIDDEN"]


# Profile and contact


async def test_a_worker_changes_their_profile_until_it_is_verified(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url, verified=False)
    name = {"name": NAME}

    changed = await send(process, me(worker), "changeWorkerProfile", WORKER, **name)
    assert changed["__typename"] == "Worker"
    assert await column(database_url, worker.id, "surname_en") == "Sharma"
    assert await events(database_url, worker.id) == ["WorkerChanged"]

    await run_sql_async(database_url, "UPDATE verification SET verified = true")
    for change in (name, {"gender": "OTHER"}, {"birthDate": "1990-01-01"}):
        refused = await send(process, me(worker), "changeWorkerProfile", **change)
        assert refused["__typename"] == "IdentityVerified"
    assert (await send(process, me(worker), "changeWorkerProfile", languages=["hi", "ur"]))[
        "__typename"
    ] == "Worker"
    by_officer = await send(
        process, OFFICER, "changeWorkerProfile", workerId=worker.id, birthDate="1991-01-01"
    )
    assert by_officer["__typename"] == "Worker"
    assert await column(database_url, worker.id, "birth_year") == 1991


async def test_whoever_moves_has_another_public_point(process: Process, database_url: str) -> None:
    worker = await a_worker(database_url)
    agra = {"latitude": 27.18, "longitude": 78.02, "address": "Taj Ganj"}

    refused = await send(process, me(worker), "changeWorkerProfile", home=agra)
    assert refused["__typename"] == "PlaceOutsideDistrict"
    moved = await send(
        process, me(worker), "changeWorkerProfile", home=agra, districtCode=AGRA_CODE
    )
    assert moved["__typename"] == "Worker"
    assert await column(database_url, worker.id, "district_id") == "dt_118"
    assert await column(database_url, worker.id, "cell") == h3.latlng_to_cell(27.18, 78.02, 7)
    assert await send(process, me(worker), "changeWorkerProfile", districtCode=162) == ["BAD_INPUT"]


async def test_a_provider_moves_nobody_to_where_it_does_not_serve(
    process: Process, database_url: str
) -> None:
    provider = await a_provider(database_url)
    worker = await a_worker(database_url, provider_id=provider.id)
    agra = {"latitude": 27.18, "longitude": 78.02, "address": "Taj Ganj"}

    refused = await send(
        process,
        of_provider(provider.id),
        "changeWorkerProfile",
        workerId=worker.id,
        home=agra,
        districtCode=AGRA_CODE,
    )

    assert refused["__typename"] == "DistrictNotServed"


async def test_an_e_shram_number_belongs_to_one(process: Process, database_url: str) -> None:
    await a_worker(database_url, eshram_uan="100000000001")
    worker = await a_worker(database_url)

    refused = await send(process, me(worker), "changeWorkerProfile", eshramUan="100000000001")

    assert refused["__typename"] == "EshramTaken"


async def test_no_contact_that_is_changed_is_what_they_sign_in_with(
    process: Process, database_url: str
) -> None:
    provider = await a_provider(database_url)
    worker = await a_worker(database_url, provider_id=provider.id)

    for viewer in (me(worker), of_provider(provider.id), OFFICER, STATE):
        given = {"workerId": worker.id, "alternateMobile": PHONE}
        changed = await send(process, viewer, "changeContact", **given)
        assert changed["__typename"] == "Worker"
    assert await column(database_url, worker.id, "mobile") == worker.mobile
    assert await column(database_url, worker.id, "alternate_mobile") == PHONE


EDITS: dict[str, dict[str, Any]] = {
    "changeWorkerProfile": {"languages": ["hi"]},
    "changeContact": {"email": "asha@example.org"},
    "submitWorker": {},
    "setServiceArea": {"radiusKm": 5},
    "setAvailability": {"hours": []},
    "addDayOff": {"day": "2030-01-07"},
    "removeDayOff": {"day": "2030-01-07"},
    "addSkill": {"categoryId": "ct_plumber", "yearsExperience": 1},
    "requestDocumentUpload": {
        "kind": "POLICE",
        "mediaType": "PDF",
        "bytes": 10,
        "sha256": "0" * 64,
    },
}
CHECKS: dict[str, dict[str, Any]] = {
    "takeUpVerification": {},
    "recordVerification": {"kind": "POLICE", "status": "VERIFIED", "method": "certificate"},
    "activateWorker": {},
    "rejectWorker": {"reason": "No papers"},
    "allotTablet": {"serial": "TB-1"},
    "returnTablet": {},
}


async def test_others_than_the_worker_their_provider_and_officers_edit_nothing(
    process: Process, database_url: str
) -> None:
    worker, stranger = await a_worker(database_url), await a_worker(database_url)

    for command, told in EDITS.items():
        given = told | {"workerId": worker.id}
        assert await send(process, ANYONE, command, **given) == ["UNAUTHENTICATED"], command
        for viewer in (Viewer(Role.CITIZEN, "cz_1"), HELPLINE, Viewer(Role.AUDITOR, "us_1")):
            assert await send(process, viewer, command, **given) == ["FORBIDDEN"], command
        for viewer in (me(stranger), of_provider("pv_other"), FAR_OFFICER):
            assert await send(process, viewer, command, **given) == ["NOT_FOUND"], command


async def test_others_than_officers_of_the_district_check_nothing(
    process: Process, database_url: str
) -> None:
    provider = await a_provider(database_url)
    worker = await a_worker(database_url, provider_id=provider.id)

    for command, told in CHECKS.items():
        given = told | {"workerId": worker.id}
        for viewer in (me(worker), of_provider(provider.id), HELPLINE):
            assert await send(process, viewer, command, **given) == ["FORBIDDEN"], command
        assert await send(process, FAR_OFFICER, command, **given) == ["NOT_FOUND"], command


async def test_whoever_was_erased_stays_so(process: Process, database_url: str) -> None:
    worker = await a_worker(database_url, status="ERASED", mobile=None)

    for command, told in (EDITS | CHECKS).items():
        given = told | {"workerId": worker.id}
        assert await send(process, STATE, command, **given) == ["NOT_FOUND"], command


# Verification


async def test_a_registration_goes_from_the_form_to_the_first_booking(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await register(process, inbox)
    worker = await the_worker(database_url)
    this = {"workerId": worker}

    early = await send(process, OFFICER, "activateWorker", **this)
    assert early["__typename"] == "NotAtThisStage"
    taken = await send(process, OFFICER, "takeUpVerification", WORKER, **this)
    assert taken["status"] == "UNDER_VERIFICATION"

    missing = "... on MissingVerifications { missing }"
    refused = await send(process, OFFICER, "activateWorker", missing, **this)
    assert refused["missing"] == ["IDENTITY", "POLICE", "SKILL"]
    assert refused["message"] == (
        "Not verified, or out of date: identity, police verification, a skill."
    )
    await record(process, worker, "IDENTITY", aadhaarLastFour="1234")
    await record(process, worker, "POLICE", validUntil="2031-01-01")
    refused = await send(process, OFFICER, "activateWorker", missing, **this)
    assert refused["missing"] == ["SKILL"]
    await run_sql_async(database_url, "UPDATE worker_skill SET verified = true WHERE position = 0")

    nearby = (
        '{ nearbyWorkers(categorySlug: "electrician", latitude: 26.85, longitude: 81.0)'
        " { nodes { id } } }"
    )
    await settle(process)
    data, _ = await answer(process, ANYONE, nearby)
    assert data["nearbyWorkers"]["nodes"] == []

    active = await send(process, OFFICER, "activateWorker", WORKER, **this)
    assert active["status"] == "ACTIVE"
    assert await events(database_url, worker) == ["WorkerActivated"]
    await settle(process)
    data, _ = await answer(process, ANYONE, nearby)
    assert data["nearbyWorkers"]["nodes"] == [{"id": worker}]
    assert (await seen(process, ANYONE, worker))["status"] == "ACTIVE"
    assert await column(database_url, worker, "aadhaar_last4") == "1234"
    assert await column(database_url, worker, "kyc_method") == "certificate"


async def record(process: Process, worker_id: str, kind: str, **given: Any) -> Any:
    told = {"status": "VERIFIED", "method": "certificate"} | given
    selection = "... on Verification { id verified status }"
    return await send(
        process, OFFICER, "recordVerification", selection, workerId=worker_id, kind=kind, **told
    )


async def test_a_check_done_again_takes_the_place_of_the_last(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url)

    first = await record(process, worker.id, "ADDRESS")
    second = await record(process, worker.id, "ADDRESS", status="REJECTED")

    assert (first["verified"], second["verified"]) == (True, False)
    assert first["id"] == second["id"]
    assert await events(database_url, first["id"]) == ["VerificationRecorded"] * 2


async def test_checks_at_once_leave_one(process: Process, database_url: str) -> None:
    worker = await a_worker(database_url)

    recorded = await asyncio.gather(*(record(process, worker.id, "ADDRESS") for _ in range(5)))

    assert len({one["id"] for one in recorded}) == 1


@pytest.mark.usefixtures("faults")
async def test_unless_the_worker_is_locked_checks_at_once_collide(
    process: Process, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loaders.worker, "worker_to_change", unlocked)

    for _ in range(20):  # Whether they meet is for chance to say.
        worker = await a_worker(database_url)
        recorded = await asyncio.gather(*(record(process, worker.id, "ADDRESS") for _ in range(5)))
        if ["INTERNAL"] in recorded:
            break

    assert ["INTERNAL"] in recorded


def unlocked(_: Any, id: str) -> Any:
    return select(Worker).where(Worker.id == id)


async def test_what_is_no_check_is_not_recorded(process: Process, database_url: str) -> None:
    worker = await a_worker(database_url)
    bad: list[dict[str, Any]] = [
        {"status": "EXPIRED"},
        {"validUntil": "2020-01-01"},
        {"aadhaarLastFour": "1234"},
    ]
    for given in bad:
        assert await record(process, worker.id, "POLICE", **given) == ["BAD_INPUT"]
    assert await record(process, worker.id, "IDENTITY", aadhaarLastFour="12345") == ["BAD_INPUT"]
    number = await record(process, worker.id, "IDENTITY", method="Aadhaar 2345 6789 0124")
    assert number["__typename"] == "AadhaarInText"
    draft = await a_worker(database_url, status="DRAFT")
    assert (await record(process, draft.id, "POLICE"))["__typename"] == "NotAtThisStage"


async def test_a_check_ends_by_itself(process: Process, database_url: str) -> None:
    worker = await a_worker(database_url, category="electrician")
    tomorrow = clock.now() + timedelta(days=2)
    recorded = await record(process, worker.id, "POLICE", validUntil=tomorrow.date().isoformat())

    await carry_out(process, "expire_verifications", {}, clock.now())
    standing = select(Verification.status).where(Verification.id == recorded["id"])
    assert await scalar(database_url, standing) == "VERIFIED"
    await carry_out(process, "expire_verifications", {}, tomorrow + timedelta(hours=12))
    assert await scalar(database_url, standing) == "EXPIRED"
    assert await events(database_url, recorded["id"]) == ["VerificationRecorded"] * 2


async def test_a_pause_ends_only_while_the_checks_stand(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url)

    paused = await send(process, me(worker), "deactivateWorker", WORKER, idempotencyKey="a")
    assert paused["status"] == "INACTIVE"
    again = await send(process, me(worker), "deactivateWorker", idempotencyKey="b")
    assert again["__typename"] == "NotAtThisStage"

    await run_sql_async(
        database_url, "UPDATE verification SET valid_until = '2020-01-01' WHERE kind = 'POLICE'"
    )
    missing = "... on MissingVerifications { missing }"
    refused = await send(process, me(worker), "reactivateWorker", missing, idempotencyKey="c")
    assert refused["missing"] == ["POLICE"]
    await run_sql_async(database_url, "UPDATE verification SET valid_until = NULL")
    back = await send(process, me(worker), "reactivateWorker", WORKER, idempotencyKey="d")
    assert back["status"] == "ACTIVE"
    for command in ("deactivateWorker", "reactivateWorker"):
        assert await send(process, OFFICER, command, idempotencyKey="e") == ["FORBIDDEN"]


async def test_a_rejected_registration_says_why_and_can_be_handed_in_again(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    await register(process, inbox)
    worker = await the_worker(database_url)
    viewer = Viewer(Role.WORKER, worker)

    await send(process, OFFICER, "rejectWorker", workerId=worker, reason="Photo unclear")

    told = await seen(process, viewer, worker, "status statusReason")
    assert told == {"status": "REJECTED", "statusReason": "Photo unclear"}
    submitted = await send(process, viewer, "submitWorker", WORKER, workerId=None)
    assert submitted["status"] == "SUBMITTED"
    assert await column(database_url, worker, "status_reason") is None
    active = await a_worker(database_url)
    refused = await send(process, OFFICER, "rejectWorker", workerId=active.id, reason="Late")
    assert refused["__typename"] == "NotAtThisStage"


# Tablets


async def test_a_tablet_is_with_one_worker_until_it_is_returned(
    process: Process, database_url: str
) -> None:
    first, second = await a_worker(database_url), await a_worker(database_url)

    async def allot(worker: Worker, serial: str) -> Any:
        return await send(process, OFFICER, "allotTablet", workerId=worker.id, serial=serial)

    assert (await allot(first, "TB-1"))["__typename"] == "Worker"
    assert (await allot(first, "TB-2"))["__typename"] == "HasTablet"
    assert (await allot(second, "TB-1"))["__typename"] == "TabletTaken"
    assert (await send(process, OFFICER, "returnTablet", workerId=first.id))[
        "__typename"
    ] == "Worker"
    assert (await send(process, OFFICER, "returnTablet", workerId=first.id))[
        "__typename"
    ] == "HasNoTablet"
    assert (await allot(second, "TB-1"))["__typename"] == "Worker"
    assert await events(database_url, first.id) == ["TabletAllotted", "TabletReturned"]
    draft = await a_worker(database_url, status="DRAFT")
    assert (await allot(draft, "TB-3"))["__typename"] == "NotAtThisStage"


async def tablets_at_once(process: Process, url: str) -> list[str]:
    workers = [await a_worker(url) for _ in range(4)]
    allotting = (
        send(process, OFFICER, "allotTablet", workerId=worker.id, serial="TB-1")
        for worker in workers
    )
    return sorted(one["__typename"] for one in await asyncio.gather(*allotting))


async def test_of_four_who_are_given_one_tablet_one_has_it(
    process: Process, database_url: str
) -> None:
    assert await tablets_at_once(process, database_url) == ["TabletTaken"] * 3 + ["Worker"]


async def test_without_the_constraint_four_have_one_tablet(
    process: Process, database_url: str
) -> None:
    await run_sql_async(
        database_url, "ALTER TABLE worker DROP CONSTRAINT worker_tablet_serial_unique"
    )

    assert await tablets_at_once(process, database_url) == ["Worker"] * 4


# Providers

PROVIDER: dict[str, Any] = {
    "nameEn": "Awadh Services",
    "nameHi": "अवध सर्विसेज",
    "districtCodes": [LUCKNOW_CODE],
    "gstin": "09AAACH7409R1Z5",
    "panLastFour": "409R",
}
MOU = {"mouReference": "MOU/2026/7", "startsOn": "2026-01-01", "endsOn": "2032-01-01"}


async def test_a_provider_applies_and_is_empanelled(
    process: Process, inbox: Inbox, database_url: str
) -> None:
    code = await a_code(process, inbox, "PROVIDER")
    applied = await send(
        process,
        ANYONE,
        "applyAsProvider",
        "... on Application { code }",
        mobile=PHONE,
        code=code,
        details=PROVIDER,
    )
    assert applied["code"] == "SP50001"

    listed = "{ providerApplications { nodes { id code status name } } }"
    for viewer, sees in ((OFFICER, 1), (STATE, 1), (FAR_OFFICER, 0), (ANYONE, 0)):
        data, _ = await answer(process, viewer, listed)
        assert len(data["providerApplications"]["nodes"]) == sees, viewer.role
    data, _ = await answer(process, OFFICER, listed)
    (provider,) = data["providerApplications"]["nodes"]

    this = {"providerId": provider["id"]} | MOU
    selection = "... on Provider { status empanelledUntil }"
    for viewer in (of_provider(provider["id"]), HELPLINE):
        assert await send(process, viewer, "empanelProvider", selection, **this) == ["FORBIDDEN"]
    assert await send(process, FAR_OFFICER, "empanelProvider", selection, **this) == ["NOT_FOUND"]
    done = await send(process, OFFICER, "empanelProvider", selection, **this)
    assert (done["status"], done["empanelledUntil"]) == ("EMPANELLED", "2032-01-01")
    assert await events(database_url, provider["id"]) == ["ProviderApplied", "ProviderEmpanelled"]

    signing_in = await a_code(process, inbox, "PROVIDER", "SIGN_IN")
    signed_in = await send(
        process, ANYONE, "signIn", mobile=PHONE, role="PROVIDER", code=signing_in
    )
    assert signed_in["__typename"] == "SignedIn"


async def test_a_provider_is_entered_by_an_officer_of_all_its_districts(
    process: Process, database_url: str
) -> None:
    async def entered(viewer: Viewer, mobile: str, codes: list[int]) -> Any:
        return await send(
            process,
            viewer,
            "enrolProvider",
            mobile=mobile,
            details=PROVIDER | {"districtCodes": codes},
        )

    assert await entered(OFFICER, PHONE, [LUCKNOW_CODE, AGRA_CODE]) == ["NOT_FOUND"]
    assert await entered(OFFICER, PHONE, []) == ["BAD_INPUT"]
    assert (await entered(OFFICER, PHONE, [LUCKNOW_CODE]))["__typename"] == "Provider"
    assert (await entered(STATE, PHONE, [AGRA_CODE]))["__typename"] == "Provider"


async def test_an_officer_leaves_the_districts_of_others_alone(
    process: Process, database_url: str
) -> None:
    provider = await a_provider(database_url, districts=("dt_118", LUCKNOW))
    two = replace(OFFICER, districts=(LUCKNOW, "dt_119"))
    served = select(func.array_agg(ProviderDistrict.district_id)).where(
        ProviderDistrict.provider_id == provider.id
    )

    await send(process, two, "empanelProvider", providerId=provider.id, **MOU, districtCodes=[119])

    assert set(await scalar(database_url, served)) == {"dt_118", "dt_119"}
    beyond = await send(
        process, two, "empanelProvider", providerId=provider.id, **MOU, districtCodes=[118]
    )
    assert beyond == ["NOT_FOUND"]
    past = MOU | {"endsOn": "2026-01-01"}
    assert await send(process, STATE, "empanelProvider", providerId=provider.id, **past) == [
        "BAD_INPUT"
    ]


async def test_a_suspended_provider_keeps_its_people_and_its_reason(
    process: Process, database_url: str
) -> None:
    provider = await a_provider(database_url)
    worker = await a_worker(database_url, provider_id=provider.id)
    given = {"providerId": provider.id, "reason": "Complaints"}

    assert await send(process, FAR_OFFICER, "suspendProvider", **given) == ["NOT_FOUND"]
    suspended = await send(
        process, OFFICER, "suspendProvider", "... on Provider { status statusReason }", **given
    )
    assert (suspended["status"], suspended["statusReason"]) == ("SUSPENDED", "Complaints")
    again = await send(process, OFFICER, "suspendProvider", **given)
    assert again["__typename"] == "NotEmpanelled"
    assert await column(database_url, worker.id, "status") == "ACTIVE"
    assert await column(database_url, worker.id, "provider_id") == provider.id
    assert await events(database_url, provider.id) == ["ProviderSuspended"]


async def test_an_empanelment_ends_by_itself(process: Process, database_url: str) -> None:
    provider = await a_provider(database_url, empanelled_until=date(2026, 1, 1))

    await carry_out(process, "expire_empanelments", {})

    assert await events(database_url, provider.id) == ["ProviderExpired"]
    await settle(process)


# Lists


async def test_a_provider_lists_its_team_whatever_their_status(
    process: Process, database_url: str
) -> None:
    provider = await a_provider(database_url)
    for status in WorkerStatus:
        await a_worker(database_url, status=status, provider_id=provider.id, mobile=None)
    other = await a_worker(database_url)

    async def team(viewer: Viewer, arguments: str = "") -> Any:
        query = (
            f'{{ provider(id: "{provider.id}") {{ team{arguments} {{ nodes {{ status }} }} }} }}'
        )
        data, errors = await answer(process, viewer, query)
        if errors:
            return [error["extensions"]["code"] for error in errors]
        return {node["status"] for node in data["provider"]["team"]["nodes"]}

    everybody = set(map(str, WorkerStatus)) - {"ERASED"}
    assert await team(of_provider(provider.id)) == everybody
    assert await team(OFFICER) == everybody
    assert await team(OFFICER, "(status: DRAFT)") == {"DRAFT"}
    for viewer in (ANYONE, me(other), HELPLINE, of_provider("pv_other"), FAR_OFFICER):
        assert await team(viewer) == ["FORBIDDEN"], viewer.role
    of_both = await a_provider(database_url, districts=(LUCKNOW, "dt_118"))
    await a_worker(database_url, provider_id=of_both.id)
    data, _ = await answer(
        process, FAR_OFFICER, f'{{ provider(id: "{of_both.id}") {{ team {{ totalCount }} }} }}'
    )
    assert data["provider"]["team"]["totalCount"] == 0


async def test_an_officer_lists_the_registrations_of_their_district(
    process: Process, database_url: str
) -> None:
    submitted = await a_worker(database_url, status="SUBMITTED")
    draft = await a_worker(database_url, status="DRAFT")
    await a_worker(database_url, status="SUBMITTED", district_id="dt_118")
    await a_worker(database_url)

    async def listed(viewer: Viewer, arguments: str = "") -> list[str]:
        query = f"{{ registrations{arguments} {{ nodes {{ id }} }} }}"
        data, errors = await answer(process, viewer, query)
        assert not errors
        return [node["id"] for node in data["registrations"]["nodes"]]

    assert await listed(OFFICER) == [submitted.id]
    assert await listed(OFFICER, "(filter: {status: DRAFT})") == [draft.id]
    assert len(await listed(STATE)) == 2
    assert len(await listed(STATE, "(filter: {districtCode: 118})")) == 1
    assert await listed(me(draft), "(filter: {status: DRAFT})") == [draft.id]
    for viewer in (ANYONE, Viewer(Role.CITIZEN, "cz_1"), of_provider("pv_1")):
        assert await listed(viewer) == []


async def test_a_viewer_finds_themselves_at_work(process: Process, database_url: str) -> None:
    provider = await a_provider(database_url)
    worker = await a_worker(database_url, status="DRAFT")
    query = "{ viewer { worker { id } provider { id } } }"

    data, _ = await answer(process, me(worker), query)
    assert data["viewer"] == {"worker": {"id": worker.id}, "provider": None}
    data, _ = await answer(process, of_provider(provider.id), query)
    assert data["viewer"]["provider"] == {"id": provider.id}
    data, _ = await answer(process, ANYONE, query)
    assert data["viewer"] == {"worker": None, "provider": None}


# When and how far


async def test_weekly_hours_take_the_place_of_the_last_from_their_first_day(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url)
    today = clock.now().date()
    start = today + timedelta(days=10)
    hours = [{"weekday": day, "fromTime": "10:00", "untilTime": "14:00"} for day in (1, 2)]
    rules = "availability { weekday fromTime validFrom validUntil }"

    later = await send(
        process,
        me(worker),
        "setAvailability",
        rules,
        hours=hours,
        validFrom=start.isoformat(),
    )
    old = [rule for rule in later["availability"] if rule["fromTime"] == "09:00:00"]
    new = [rule for rule in later["availability"] if rule["fromTime"] == "10:00:00"]
    assert {rule["validUntil"] for rule in old} == {start.isoformat()}
    assert [rule["weekday"] for rule in new] == [1, 2]
    assert {rule["validFrom"] for rule in new} == {start.isoformat()}

    sooner = await send(
        process,
        me(worker),
        "setAvailability",
        rules,
        hours=[],
        validFrom=(start - timedelta(days=1)).isoformat(),
    )
    assert len(sooner["availability"]) == 7
    assert await events(database_url, worker.id) == ["AvailabilityChanged"] * 2


async def test_hours_that_make_no_week_are_refused(process: Process, database_url: str) -> None:
    worker = await a_worker(database_url)

    def stretch(weekday: int, start: str, end: str) -> dict[str, Any]:
        return {"weekday": weekday, "fromTime": start, "untilTime": end}

    for hours in (
        [stretch(8, "09:00", "10:00")],
        [stretch(1, "10:00", "10:00")],
        [stretch(1, "09:00", "12:00"), stretch(1, "11:00", "13:00")],
        [stretch(1, f"{hour:02}:00", f"{hour:02}:30") for hour in range(24)] * 2,
        [stretch(1, "09:00Z", "10:00")],
    ):
        for more in ({}, {"idempotencyKey": "k"}):
            given: dict[str, Any] = {"hours": hours, **more}
            assert await send(process, me(worker), "setAvailability", **given) == ["BAD_INPUT"]
    past = await send(process, me(worker), "setAvailability", hours=[], validFrom="2020-01-01")
    assert past == ["BAD_INPUT"]


async def test_a_day_off_is_kept_free_until_it_is_taken_back(
    process: Process, database_url: str
) -> None:
    worker = await a_worker(database_url)
    day = (clock.now() + timedelta(days=3)).date().isoformat()
    off = "... on Worker { daysOff { day reason } }"

    await send(process, me(worker), "addDayOff", day=day, reason="Fair")
    kept = await send(process, me(worker), "addDayOff", off, day=day, reason="Wedding")
    assert kept["daysOff"] == [{"day": day, "reason": "Wedding"}]
    gone = await send(process, me(worker), "removeDayOff", "daysOff { day }", day=day)
    assert gone["daysOff"] == []
    assert await send(process, me(worker), "removeDayOff", day=day) == ["NOT_FOUND"]
    assert await send(process, me(worker), "addDayOff", day="2020-01-01") == ["BAD_INPUT"]


async def test_a_worker_says_how_far_they_go(process: Process, database_url: str) -> None:
    worker = await a_worker(database_url)

    for radius in (5, 12):
        area = await send(
            process, me(worker), "setServiceArea", "serviceArea { radiusKm }", radiusKm=radius
        )
        assert area["serviceArea"] == {"radiusKm": radius}
    for radius in (0, 51):
        assert await send(process, me(worker), "setServiceArea", radiusKm=radius) == ["BAD_INPUT"]


def test_only_what_can_be_verified_is_asked_for() -> None:
    assert set(CHECKED) == {*MANDATORY, VerificationKind.SKILL}
