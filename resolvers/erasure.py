"""Forgetting people: the data protection officer decides; what is personal goes at once."""

from typing import Annotated

from loaders import account as load_account
from loaders import erasure as load
from loaders import place as load_place
from models.account import (
    BookingsUnderWay,
    Citizen,
    ComplaintsUnsettled,
    ErasureDecided,
    ErasureRequest,
    ErasureState,
)
from models.partner import PartnerClient
from models.worker import Worker, WorkerStatus
from resolvers.session import end_sessions
from runtime.faults import BadInput
from runtime.geography import cell_at, centre_of
from runtime.transaction import Transaction
from runtime.words import Words


async def decide_erasure(
    tx: Transaction,
    *,
    request_id: Annotated[str, "The request."],
    granted: Annotated[bool, "Whether they are forgotten."],
    answer: Annotated[
        Words | None, "Why not; of somebody who was forgotten no answer is kept."
    ] = None,
) -> str:
    """Refuses: ErasureDecided, BookingsUnderWay, ComplaintsUnsettled."""
    request: ErasureRequest = await tx.the(
        load_account.mine(ErasureRequest, tx.rule, request_id), "requestId"
    )
    if request.state != ErasureState.REQUESTED:
        raise ErasureDecided
    if not granted and answer is None:
        raise BadInput("Say in `answer` why the request is declined.", argument="answer")
    request.state = ErasureState.GRANTED if granted else ErasureState.DECLINED
    request.decided_at, request.decided_by = tx.now, tx.viewer.id
    if granted:
        await forget(tx, request)
    else:
        request.answer = answer
        await tx.emit("ErasureDeclined", request.subject_id, request=request.id)
    return request.id


async def forget(tx: Transaction, request: ErasureRequest) -> None:
    """Their sessions and whoever asked are locked first: nothing new can be begun with them, or by
    them, meanwhile."""
    id = request.subject_id
    await end_sessions(tx, id)
    person: Worker | Citizen = await tx.the(load.person(id), "requestId")
    if count := await tx.value(load.bookings_under_way(id)):
        raise BookingsUnderWay(count=count)
    if count := await tx.value(load.complaints_unsettled(id)):
        raise ComplaintsUnsettled(count=count)
    numbers = (person.mobile, person.unproven_mobile, getattr(person, "alternate_mobile", None))
    mobiles = [number for number in numbers if number is not None]
    if isinstance(person, Worker):
        await forget_worker(tx, person)
    else:
        forget_citizen(tx, person)
    touched = [row.id for row in await tx.rows(load.touched(id))]
    reviews = [row.id for row in await tx.rows(load.reviews(id))]
    for statement in load.forget(id, mobiles, tx.now):
        await tx.change(statement)
    event = "WorkerErased" if isinstance(person, Worker) else "CitizenErased"
    await tx.emit(event, id, request=request.id, touched=touched)
    for review in reviews:
        await tx.emit("ReviewCleared", review)


def forget_citizen(tx: Transaction, citizen: Citizen) -> None:
    citizen.first_name_en = citizen.first_name_hi = None
    citizen.surname_en = citizen.surname_hi = None
    citizen.gender = citizen.mobile = citizen.unproven_mobile = citizen.district_id = None
    citizen.erased_at = tx.now


async def forget_worker(tx: Transaction, worker: Worker) -> None:
    """The row keeps its code and district, for counts; it sets out from the headquarters now."""
    district = await tx.the(load_place.district_with_id(worker.district_id), "requestId")
    worker.cell = cell_at(district.latitude, district.longitude)
    worker.latitude, worker.longitude = centre_of(worker.cell)
    worker.status = WorkerStatus.ERASED
    worker.languages, worker.years_experience = [], 0
    for column in PERSONAL:
        setattr(worker, column, None)
    if not is_of_client(worker.enrolled_by):
        worker.enrolled_by = None
    for (sha256,) in await tx.rows(load.contents(worker.id)):
        await tx.later(tx.now, "remove_content", sha256=sha256)
    for statement in load.forget_work(worker.id):
        await tx.change(statement)


PERSONAL = (
    *("first_name_en", "first_name_hi", "initial_en", "initial_hi", "surname_en", "surname_hi"),
    *("status_reason", "photo_url", "gender", "birth_year", "birth_date", "eshram_uan"),
    *(
        "mobile",
        "unproven_mobile",
        "alternate_mobile",
        "email",
        "home_latitude",
        "home_longitude",
        "home_address",
    ),
    *("aadhaar_last4", "kyc_method", "bank_last4", "emergency_contact", "tablet_serial"),
    "provider_id",
)


def is_of_client(id: str | None) -> bool:
    """Whether the system of a partner enrolled them: it has a copy, and is told that they went."""
    return id is not None and id.startswith(f"{PartnerClient.prefix}_")
