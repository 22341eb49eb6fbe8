"""Being forgotten: nothing personal is left anywhere, and every count, amount and rating stays.

The tests find tables and columns in the database itself, and write a marker into every column
that takes any text: a new one that erasure forgets leaves its marker behind.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from loaders import erasure
from models.account import Citizen, ErasureRequest, OneTimeCode, Outbox, Session
from models.base import Row, new_id
from models.booking import (
    Assignment,
    AvailabilityException,
    Booking,
    Call,
    Payment,
    Quote,
    RescheduleProposal,
    ServiceArea,
    TimelineEntry,
    VisitCode,
)
from models.partner import PartnerClient
from models.review import Flag, Grievance, GrievanceEntry, Incident, ReviewReply
from models.skill import RateCard
from models.webhook import Webhook, WebhookAttempt, WebhookDelivery
from models.worker import Document, Engagement, Upload, Worker
from runtime.database import engine_for
from runtime.process import Process
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.asking import Inbox, a_process, answer, send
from tests.background import settle
from tests.make import (
    GOMTI_NAGAR,
    LUCKNOW,
    NOON,
    a_booking,
    a_citizen,
    a_department,
    a_provider,
    a_review,
    a_worker,
    save,
    scalar,
)

AUDITOR = Viewer(Role.AUDITOR, "us_dpo")
MARK = "zqx"
"""No word, id or hash holds it."""
SHA256 = "0" * 64
TELEPHONES = {
    "citizen": ["+919876500001", "+919876500003"],
    "worker": ["+919876500011", "+919876500012", "+919876500013"],
}

OF_PEOPLE = {
    "audit_detail",
    *("assignment", "booking", "call", "command_done", "consent_record", "erasure_request"),
    *("flag", "grievance", "grievance_entry", "incident", "one_time_code", "payment", "quote"),
    *("reschedule_proposal", "review", "review_reply", "session", "timeline_entry", "visit_code"),
}
OF = {
    "citizen": OF_PEOPLE | {"citizen", "address"},
    "worker": OF_PEOPLE
    | {"availability_exception", "availability_rule", "document", "engagement", "rate_card"}
    | {"service_area", "upload", "verification", "worker", "worker_place", "worker_skill"}
    | {"worker_words", "webhook_delivery", "webhook_attempt"},
}
"""For each kind of person, the tables that hold text about them or by them."""

OF_NOBODY = {
    "alembic_version": "no data",
    "audit_entry": "ids and names of fields: words are in `audit_detail`",
    "booking_line": "services and numbers",
    "booking_transition": "rules",
    "cancellation_policy": "rules",
    "change_log": "ids and facts about nobody",
    "demo_account": "of people who do not exist",
    "department": "offices",
    "district": "places",
    "division": "places",
    "export": "what systems asked for; who is named in it would be in their own text",
    "export_part": "files that are deleted after some days",
    "follower": "positions",
    "outbox": "ids and facts about nobody",
    "partner_client": "systems",
    "partner_usage": "numbers",
    "pin": "places",
    "procrastinate_events": "states of jobs",
    "procrastinate_jobs": "ids",
    "procrastinate_periodic_defers": "names of jobs",
    "procrastinate_workers": "processes",
    "provider": "agencies",
    "spent_call": "texts that gateways make up, for some minutes",
    "provider_district": "places",
    "quote_line": "services and amounts",
    "rating_summary": "sums",
    "record_change": "ids, and where they belonged: who had a copy is told that they are gone",
    "service": "the catalogue",
    "service_category": "the catalogue",
    "spent_assertion": "systems",
    "spent_token": "hashes of random tokens",
    "staff": "numbers",
    "webhook": "systems",
    "worker_time": "stands only while a promise does",
}

KEPT = {
    "command": "of the table of transitions",
    "code": "of a worker: the number that old papers carry",
    "number": "of a booking",
    "ticket_number": "of a complaint",
    "language": "a code",
    "languages": "codes",
    "role": "what somebody was to the service",
    "tags": "of a list",
    "notice_version": "of a fixed form",
    "refresh_hash": "of a random token",
    "mobile": "telephones are looked for by number",
    "alternate_mobile": "telephones are looked for by number",
    "unproven_mobile": "telephones are looked for by number",
    "assigned_to": "an id",
    "about": "ids",
    "event": "of a list",
    "error": "what we say of a connection",
    "lease": "a random number",
    "tag": "a random number",
}
"""Columns that take any text in the database, and never hold any."""
OF_OTHERS = {
    "citizen": set[str](),
    "worker": {"booking.address", "review.reviewer_name_en", "review.reviewer_name_hi"},
}
"""What belongs to the other party of a booking."""


async def all_of(url: str, statement: str) -> list[Any]:
    engine = engine_for(url)
    try:
        async with engine.connect() as connection:
            return list((await connection.execute(text(statement))).all())
    finally:
        await engine.dispose()


COLUMNS = """
    SELECT c.table_name, c.column_name, c.udt_name
      FROM information_schema.columns c
      JOIN information_schema.tables t USING (table_schema, table_name)
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
     ORDER BY 1, 2
"""
MARKED = {
    "text": "'{mark}' || md5(ctid::text)",
    "varchar": "'{mark}' || md5(ctid::text)",
    "_text": "ARRAY['{mark}' || md5(ctid::text)]",
    "_varchar": "ARRAY['{mark}' || md5(ctid::text)]",
    "json": "to_json('{mark}'::text)",
    "jsonb": "to_jsonb('{mark}'::text)",
    "tsvector": "array_to_tsvector(ARRAY['{mark}'])",
}
"""How a marker is written in a column of the type; unique in each row."""


def is_reference(column: str) -> bool:
    return column == "id" or column.endswith(("_id", "_by"))


async def tables(url: str) -> set[str]:
    return {table for table, _, _ in await all_of(url, COLUMNS)}


async def plant(url: str, kind: str) -> dict[str, str]:
    """Write markers into whatever takes any text; which column has which marker."""
    planted: dict[str, str] = {}
    engine = engine_for(url)
    async with engine.begin() as connection:
        for table, column, type_ in (await connection.execute(text(COLUMNS))).all():
            name = f"{table}.{column}"
            skipped = column in KEPT or is_reference(column) or name in OF_OTHERS[kind]
            if table not in OF[kind] or type_ not in MARKED or skipped:
                continue
            mark = f"{MARK}{len(planted)}q"
            change = f'UPDATE "{table}" SET "{column}" = {MARKED[type_].format(mark=mark)}'
            try:
                async with connection.begin_nested():
                    touched = (await connection.execute(text(change))).rowcount
            except DBAPIError:
                continue  # The database keeps it to a list or a form, or to another table's ids.
            assert touched, f"nobody has a row of {table}: {name} goes untried"
            planted[mark] = name
    await engine.dispose()
    return planted


async def left(url: str, planted: dict[str, str], telephones: list[str]) -> list[str]:
    """Where something of the person is still to be found."""
    found: list[str] = []
    engine = engine_for(url)
    async with engine.connect() as connection:
        for table in sorted(await tables(url)):
            rows = (await connection.execute(text(f'SELECT t::text FROM "{table}" t'))).scalars()
            for row in rows:
                found += [f"{table}: {name}" for mark, name in planted.items() if mark in row]
                found += [f"{table}: {number}" for number in telephones if number in row]
    await engine.dispose()
    return found


FIGURES = """
    SELECT jsonb_build_object(
      'bookings', (SELECT jsonb_object_agg(state, n) FROM
                     (SELECT state, count(*) n FROM booking GROUP BY state) x),
      'quotes', (SELECT jsonb_build_array(count(*), sum(total_paise)) FROM quote),
      'lines', (SELECT jsonb_build_array(count(*), sum(amount_paise)) FROM quote_line),
      'payments', (SELECT jsonb_agg(to_jsonb(p) - 'reference' - 'reason' ORDER BY id)
                     FROM payment p),
      'ratings', (SELECT jsonb_agg(to_jsonb(r) ORDER BY subject_id) FROM rating_summary r),
      'reviews', (SELECT jsonb_agg(jsonb_build_array(id, stars, tags, state, published_month)
                                   ORDER BY id) FROM review),
      'recounted', (SELECT jsonb_build_array(count(*), sum(stars)) FROM review
                     WHERE state IN ('PUBLISHED', 'RESTORED')),
      'replies', (SELECT count(*) FROM review_reply),
      'flags', (SELECT count(*) FROM flag),
      'grievances', (SELECT jsonb_agg(jsonb_build_array(id, state) ORDER BY id) FROM grievance),
      'steps', (SELECT count(*) FROM timeline_entry),
      'offers', (SELECT jsonb_agg(jsonb_build_array(booking_id, outcome)) FROM assignment),
      'calls', (SELECT count(*) FROM call),
      'incidents', (SELECT count(*) FROM incident),
      'engagements', (SELECT count(*) FROM engagement),
      'citizens', (SELECT count(*) FROM citizen),
      'workers', (SELECT count(*) FROM worker)
    )
"""


async def figures(process: Process, url: str) -> Any:
    ((counted,),) = await all_of(url, FIGURES)
    published = "{ statistics { servicesDelivered byCategory { servicesDelivered } } }"
    return counted, (await answer(process, Viewer(), published))[0]


@dataclass
class History:
    """A citizen and a worker who did everything that leaves a trace, with each other."""

    url: str
    citizen: Citizen
    worker: Worker
    booking: Booking

    def of(self, kind: str) -> Viewer:
        if kind == "citizen":
            return Viewer(Role.CITIZEN, self.citizen.id)
        return Viewer(Role.WORKER, self.worker.id)


async def a_history(process: Process, url: str, kind: str) -> History:
    """Rows of `kind` are theirs where they could be either party's."""
    provider = await a_provider(url)
    department = await a_department(url)
    numbers = {"mobile": "+919876500001", "unproven_mobile": "+919876500003"}
    citizen = await a_citizen(url, **numbers)
    worker = await a_worker(
        url,
        provider_id=provider.id,
        mobile="+919876500011",
        unproven_mobile="+919876500013",
        alternate_mobile="+919876500012",
        email="anil@example.org",
        eshram_uan="999941057058",
        birth_year=1990,
        aadhaar_last4="8642",
        bank_last4="9753",
        home_address="House 12",
        photo_url="https://photos.example/1.jpg",
    )
    history = History(
        url,
        citizen,
        worker,
        await a_booking(
            url,
            worker=worker,
            citizen=citizen,
            state="COMPLETED",
            latitude=GOMTI_NAGAR[0],
            longitude=GOMTI_NAGAR[1],
            preferred_worker_gender="FEMALE",
        ),
    )
    review = await a_review(url, booking=history.booking, moderation_reason="Names someone")
    words = [
        ReviewReply(
            review_id=review.id,
            provider_id=provider.id,
            text="Thank you",
            replied_month=NOON.date().replace(day=1),
            replied_at=NOON,
        ),
        Flag(
            id=new_id("fl"),
            review_id=review.id,
            flagged_by=history.of(kind).id,
            role=kind.upper(),
            reason="Untrue",
            flagged_at=NOON,
        ),
    ]
    await save(url, *words, *traces(history, kind, department.id), *deliveries(worker))
    await commands(process, history.of(kind), kind)
    await settle(process)
    return history


def deliveries(worker: Worker) -> list[Row]:
    """Of what a partner's system was told of the worker."""
    client = PartnerClient(
        id=new_id("pc"), name="Skill Mission", purposes=["RESEARCH"], district_ids=[LUCKNOW]
    )
    webhook = Webhook(
        id=new_id("wh"),
        client_id=client.id,
        url="https://partner.example/events",
        events=["worker.activated"],
        selection="{ worker { displayName } }",
        contract="2026-11",
        created_at=NOON,
        seed="seed",
    )
    delivery = WebhookDelivery(
        id=new_id("wd"),
        webhook_id=webhook.id,
        sequence=1,
        event="worker.activated",
        state="DELIVERED",
        body="{}",
        about=[worker.id],
    )
    attempt = WebhookAttempt(delivery_id=delivery.id, began_at=NOON, seconds=0.1, response="Thanks")
    return [client, webhook, delivery, attempt]


def traces(history: History, kind: str, department_id: str) -> list[Row]:
    booking, worker = history.booking, history.worker
    person_id = history.of(kind).id
    quotes = [
        Quote(
            id=new_id("qt"),
            **of,
            revision=1,
            total_paise=45_000,
            offered_at=NOON,
            expires_at=NOON + timedelta(days=1),
        )
        for of in (
            {"booking_id": booking.id, "status": "ACCEPTED"},
            {"asked_by": person_id, "status": "ESTIMATE"},
        )
    ]
    grievance = Grievance(
        id=new_id("gr"),
        ticket_number="GR26-1",
        booking_id=booking.id,
        opened_by=person_id,
        severity="NORMAL",
        state="CLOSED",
        opened_at=NOON,
        acknowledge_by=NOON,
        resolve_by=NOON,
    )
    return [
        *quotes,
        grievance,
        GrievanceEntry(grievance_id=grievance.id, position=0, to_state="CLOSED", happened_at=NOON),
        TimelineEntry(
            booking_id=booking.id,
            position=0,
            command="completeService",
            from_state="IN_PROGRESS",
            to_state="COMPLETED",
            actor="WORKER",
            happened_at=NOON,
        ),
        Assignment(
            booking_id=booking.id,
            position=0,
            worker_id=worker.id,
            offered_at=NOON,
            expires_at=NOON + timedelta(hours=1),
            outcome="ACCEPTED",
        ),
        Payment(
            id=new_id("py"),
            booking_id=booking.id,
            kind="SERVICE",
            state="PAID",
            mode="UPI",
            amount_paise=45_000,
            changed_at=NOON,
        ),
        VisitCode(booking_id=booking.id, kind="START", hash="x", issued_at=NOON, expires_at=NOON),
        Call(id=new_id("ca"), booking_id=booking.id, caller="WORKER", called_at=NOON),
        RescheduleProposal(
            id=new_id("rp"),
            booking_id=booking.id,
            proposed_by="CITIZEN",
            starts_at=NOON,
            ends_at=NOON + timedelta(hours=1),
            proposed_at=NOON,
            outcome="AGREED",
        ),
        Incident(
            id=new_id("sos"),
            booking_id=booking.id,
            district_id=LUCKNOW,
            raised_by=person_id,
            role=kind.upper(),
            latitude=26.8,
            longitude=81.0,
            raised_at=NOON,
        ),
        Session(
            id=new_id("ss"),
            person_id=person_id,
            role=kind.upper(),
            refresh_hash=new_id("hash"),
            expires_at=NOON,
        ),
        ErasureRequest(
            id=new_id("er"),
            subject_id=person_id,
            state="DECLINED",
            requested_at=NOON,
            decided_at=NOON,
        ),
        # Of a worker:
        AvailabilityException(worker_id=worker.id, day=NOON.date()),
        ServiceArea(worker_id=worker.id, radius_km=10),
        Document(
            id=new_id("dc"),
            worker_id=worker.id,
            kind="IDENTITY",
            media_type="application/pdf",
            bytes=1,
            sha256=SHA256,
            submitted_at=NOON,
        ),
        Upload(
            ticket_hash=new_id("hash"),
            worker_id=worker.id,
            kind="IDENTITY",
            media_type="application/pdf",
            bytes=1,
            sha256="1" * 64,
            requested_by=worker.id,
            expires_at=NOON,
        ),
        Engagement(
            id=new_id("en"),
            worker_id=worker.id,
            department_id=department_id,
            purpose="Offices",
            starts_on=NOON.date(),
            ends_on=NOON.date() + timedelta(days=10),
            status="ENDED",
        ),
        RateCard(
            id=new_id("rc"),
            worker_id=worker.id,
            service_id="sv_electrician-fan-repair",
            district_id=LUCKNOW,
            amount_paise=100,
            visit_charge_paise=0,
            valid_from=NOON.date(),
            version=1,
        ),
    ]


async def commands(process: Process, viewer: Viewer, kind: str) -> None:
    """What they did themselves, for its events and keys to be looked through too."""
    keyed = {"idempotencyKey": f"{MARK}key"}
    given = {"purpose": "SKILL_RECORDS", "noticeVersion": "1", "language": "HI", "channel": "APP"}
    await send(process, viewer, "giveConsent", **given, **keyed)
    for mobile in TELEPHONES[kind]:
        await send(process, Viewer(), "requestCode", mobile=mobile, role=kind.upper())
    if kind == "citizen":
        await send(process, viewer, "changeProfile", firstNameEn=MARK, surnameHi="क")
        await send(
            process,
            viewer,
            "addAddress",
            label=MARK,
            line=MARK,
            districtLgdCode=162,
            latitude=26.85,
            longitude=81.0,
        )


@pytest_asyncio.fixture
async def process(database_url: str, inbox: Inbox, tmp_path: Path) -> AsyncIterator[Process]:
    async with a_process(database_url, inbox, storage_dir=str(tmp_path)) as process:
        yield process


async def ask_and_decide(
    process: Process, viewer: Viewer, *, granted: bool = True, **given: Any
) -> Any:
    asked = await send(process, viewer, "requestErasure", "... on Node { id }")
    selection = "... on ErasureRequest { state answer decidedAt }"
    selection += " ... on BookingsUnderWay { count } ... on ComplaintsUnsettled { count }"
    return await send(
        process,
        AUDITOR,
        "decideErasure",
        selection,
        requestId=asked["id"],
        granted=granted,
        **given,
    )


async def test_every_table_is_of_people_or_of_nobody(database_url: str) -> None:
    known = OF["citizen"] | OF["worker"] | set(OF_NOBODY)

    assert await tables(database_url) == known
    assert not (OF["citizen"] | OF["worker"]) & set(OF_NOBODY)


@pytest.mark.parametrize("kind", OF)
async def test_nothing_is_left_of_whoever_was_forgotten_and_every_figure_stays(
    process: Process, database_url: str, kind: str
) -> None:
    history = await a_history(process, database_url, kind)
    planted = await plant(database_url, kind)
    assert len(planted) > 20
    telephones = TELEPHONES[kind]
    before = await left(database_url, planted, telephones)
    assert {place.partition(": ")[2] for place in before} == {*planted.values(), *telephones}
    counted = await figures(process, database_url)

    decided = await ask_and_decide(process, history.of(kind))
    await settle(process)

    assert (decided["__typename"], decided["state"]) == ("ErasureRequest", "GRANTED")
    assert await left(database_url, planted | {MARK: "commands"}, telephones) == []
    assert await figures(process, database_url) == counted


async def test_a_statement_that_were_missing_would_be_noticed(
    process: Process, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = await a_history(process, database_url, "citizen")
    planted = await plant(database_url, "citizen")
    forget = erasure.forget

    def forgetful(*given: Any) -> Any:
        return [each for each in forget(*given) if "review_reply" not in str(each)]

    monkeypatch.setattr(erasure, "forget", forgetful)
    await ask_and_decide(process, history.of("citizen"))

    assert await left(database_url, planted, []) == ["review_reply: review_reply.text"]


REMAINS = {
    "citizen": {"id", "language", "registered_at", "erased_at"},
    "worker": {"id", "code", "status", "years_experience", "district_id", "cell", "latitude"}
    | {"longitude", "registered_at", "channel", "languages"},
}


@pytest.mark.parametrize("kind", OF)
async def test_the_row_that_remains_says_nothing(
    process: Process, database_url: str, kind: str
) -> None:
    history = await a_history(process, database_url, kind)
    await ask_and_decide(process, history.of(kind))

    ((row,),) = await all_of(
        database_url,
        f"SELECT jsonb_strip_nulls(to_jsonb(t)) FROM {kind} t WHERE id = '{history.of(kind).id}'",
    )
    assert set(row) == REMAINS[kind]
    if kind == "worker":
        assert (row["status"], row["languages"], row["years_experience"]) == ("ERASED", [], 0)
        assert row["cell"] != history.worker.cell
    ((booking,),) = await all_of(database_url, "SELECT to_jsonb(booking) FROM booking")
    place = [booking[column] for column in ("latitude", "longitude", "preferred_worker_gender")]
    assert place == [None] * 3 if kind == "citizen" else None not in place


async def test_what_belongs_to_the_other_party_stays(process: Process, database_url: str) -> None:
    history = await a_history(process, database_url, "citizen")
    other = await a_citizen(database_url)
    theirs = await a_booking(
        database_url,
        worker=history.worker,
        citizen=other,
        state="COMPLETED",
        starts_at=NOON + timedelta(days=1),
    )
    await a_review(database_url, booking=theirs, text="Very good")

    await ask_and_decide(process, history.of("citizen"))

    assert await scalar(
        database_url, select(Worker.first_name_en).where(Worker.id == history.worker.id)
    )
    assert await scalar(database_url, select(Booking.address).where(Booking.id == theirs.id))
    data, _ = await answer(process, Viewer(), "{ reviews { nodes { text } totalCount } }")
    shown = sorted(review["text"] or "" for review in data["reviews"]["nodes"])
    assert shown == ["", "Very good"]


async def test_a_forgotten_worker_is_found_nowhere_and_signs_in_no_more(
    process: Process, database_url: str, inbox: Inbox
) -> None:
    history = await a_history(process, database_url, "worker")
    viewer = history.of("worker")
    selection = "... on SignedIn { refreshToken }"
    phone = {"mobile": "+919876500011", "role": "WORKER"}
    signed_in = await send(
        process, Viewer(), "signIn", selection, **phone, code=inbox.code(phone["mobile"])
    )
    client = Viewer(Role.PARTNER, "pc_1", districts=(LUCKNOW,), purposes=("SKILL_RECORDS",))
    query = f"""{{
      worker(id: "{viewer.id}") {{ displayName photoUrl fullName verifications {{ kind }} }}
      searchWorkers(text: "anil") {{ totalCount }}
      nearbyWorkers(categorySlug: "electrician", latitude: 26.85, longitude: 81.0) {{ totalCount }}
    }}"""
    data, _ = await answer(process, client, query)
    assert (data["worker"]["fullName"], data["searchWorkers"]["totalCount"]) == ("Anil Yadav", 1)

    await ask_and_decide(process, viewer)

    data, _ = await answer(process, client, query)
    assert data["worker"] is None or data["worker"]["displayName"] == "Former worker"
    assert data["searchWorkers"]["totalCount"] == data["nearbyWorkers"]["totalCount"] == 0
    refreshed = await send(
        process, Viewer(), "refreshSession", refreshToken=signed_in["refreshToken"]
    )
    assert refreshed["__typename"] == "SessionEnded"
    await send(process, Viewer(), "requestCode", **phone)
    again = await send(process, Viewer(), "signIn", **phone, code=inbox.code(phone["mobile"]))
    assert again["__typename"] == "NotRegistered"


async def test_a_forgotten_citizen_may_begin_anew(
    process: Process, database_url: str, inbox: Inbox
) -> None:
    history = await a_history(process, database_url, "citizen")
    await ask_and_decide(process, history.of("citizen"))

    phone = {"mobile": "+919876500001", "role": "CITIZEN"}
    await send(process, Viewer(), "requestCode", **phone)
    await send(process, Viewer(), "signIn", **phone, code=inbox.code(phone["mobile"]))

    anew = await scalar(database_url, select(Citizen.id).where(Citizen.mobile == phone["mobile"]))
    assert anew not in (None, history.citizen.id)
    data, _ = await answer(
        process, Viewer(Role.CITIZEN, anew), "{ viewer { citizen { firstName } addresses { id } } }"
    )
    assert data["viewer"] == {"citizen": {"firstName": None}, "addresses": []}


async def test_papers_leave_storage_unless_somebody_else_handed_in_the_same(
    process: Process, database_url: str
) -> None:
    history = await a_history(process, database_url, "worker")
    other = await a_worker(database_url)
    shared, own = [await process.storage.put(content) for content in (b"shared", b"own")]
    papers = [
        Document(
            id=new_id("dc"),
            worker_id=worker_id,
            kind="IDENTITY",
            media_type="application/pdf",
            bytes=1,
            sha256=sha256,
            submitted_at=NOON,
        )
        for worker_id, sha256 in (
            (history.worker.id, shared),
            (history.worker.id, own),
            (other.id, shared),
        )
    ]
    await save(database_url, *papers)

    await ask_and_decide(process, history.of("worker"))
    await settle(process)

    assert await process.storage.get(shared) == b"shared"
    with pytest.raises(FileNotFoundError):
        await process.storage.get(own)


@pytest.mark.parametrize("kind", OF)
@pytest.mark.parametrize("state", ["ASSIGNED", "ACCEPTED", "IN_PROGRESS"])
async def test_nobody_is_forgotten_while_a_booking_is_under_way(
    process: Process, database_url: str, kind: str, state: str
) -> None:
    history = await a_history(process, database_url, kind)
    await a_booking(
        database_url,
        worker=history.worker,
        citizen=history.citizen,
        state=state,
        starts_at=NOON + timedelta(days=1),
    )

    refused = await ask_and_decide(process, history.of(kind))

    assert (refused["__typename"], refused["count"]) == ("BookingsUnderWay", 1)
    state_of = select(ErasureRequest.state).where(ErasureRequest.decided_at.is_(None))
    assert await scalar(database_url, state_of) == "REQUESTED"


async def test_nobody_is_forgotten_while_engaged(process: Process, database_url: str) -> None:
    history = await a_history(process, database_url, "worker")
    engine = engine_for(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE engagement SET status = 'ACTIVE'"))
    await engine.dispose()

    refused = await ask_and_decide(process, history.of("worker"))

    assert (refused["__typename"], refused["count"]) == ("BookingsUnderWay", 1)


@pytest.mark.parametrize("kind", OF)
async def test_nobody_is_forgotten_while_a_complaint_is_unsettled(
    process: Process, database_url: str, kind: str
) -> None:
    """Not even by asking to be forgotten when somebody complains of them."""
    history = await a_history(process, database_url, "citizen")
    engine = engine_for(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE grievance SET state = 'ACKNOWLEDGED'"))
    await engine.dispose()

    refused = await ask_and_decide(process, history.of(kind))

    assert (refused["__typename"], refused["count"]) == ("ComplaintsUnsettled", 1)


async def test_a_declined_request_says_why_and_changes_nothing(
    process: Process, database_url: str
) -> None:
    citizen = await a_citizen(database_url)
    viewer = Viewer(Role.CITIZEN, citizen.id)

    assert await ask_and_decide(process, viewer, granted=False) == ["BAD_INPUT"]
    waiting = "{ erasureRequests { nodes { id subjectId state } } }"
    data, _ = await answer(process, AUDITOR, waiting)
    (request,) = data["erasureRequests"]["nodes"]
    assert (request["subjectId"], request["state"]) == (citizen.id, "REQUESTED")
    declining = {"requestId": request["id"], "granted": False, "answer": "You owe for a visit"}
    declined = await send(
        process, AUDITOR, "decideErasure", "... on ErasureRequest { state answer }", **declining
    )

    assert (declined["state"], declined["answer"]) == ("DECLINED", "You owe for a visit")
    assert await scalar(database_url, select(Citizen.mobile).where(Citizen.id == citizen.id))
    again = await send(process, AUDITOR, "decideErasure", **declining)
    assert again["__typename"] == "ErasureDecided"
    data, _ = await answer(process, AUDITOR, waiting)
    assert data["erasureRequests"]["nodes"] == []


async def test_of_two_decisions_at_once_one_is_made(process: Process, database_url: str) -> None:
    viewer = Viewer(Role.CITIZEN, (await a_citizen(database_url)).id)
    asked = await send(process, viewer, "requestErasure", "... on Node { id }")
    granting = {"requestId": asked["id"], "granted": True}

    came = await asyncio.gather(
        *(send(process, AUDITOR, "decideErasure", **granting) for _ in range(4))
    )

    kinds = sorted(one["__typename"] for one in came)
    assert kinds == ["ErasureDecided"] * 3 + ["ErasureRequest"]
    events = select(Outbox.event).where(Outbox.event == "CitizenErased")
    assert await scalar(database_url, events) == "CitizenErased"


async def test_codes_sent_to_others_stay(process: Process, database_url: str) -> None:
    viewer = Viewer(Role.CITIZEN, (await a_citizen(database_url, mobile="+919876500001")).id)
    for mobile in ("+919876500001", "+919876500002"):
        await send(process, Viewer(), "requestCode", mobile=mobile, role="CITIZEN")

    await ask_and_decide(process, viewer)

    assert await scalar(database_url, select(OneTimeCode.mobile)) == "+919876500002"
