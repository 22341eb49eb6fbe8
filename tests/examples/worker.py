"""Registration, checks, providers, and when a worker goes how far."""

from datetime import timedelta
from typing import Any

from models.worker import WorkerStatus
from runtime import clock
from runtime.geography import day_of
from runtime.rights import Role
from runtime.viewer import Viewer
from tests.examples.scene import ANYONE, LUCKNOW_CODE, OFFICER, Scene, Sending, example
from tests.make import GOMTI_NAGAR, a_provider, a_worker

PHONE = "+910000700002"
DETAILS: dict[str, Any] = {
    "name": {"firstEn": "Asha", "firstHi": "आशा", "surnameEn": "Sharma", "surnameHi": "शर्मा"},
    "gender": "FEMALE",
    "birthDate": "1992-03-04",
    "languages": ["hi"],
    "districtCode": LUCKNOW_CODE,
    "home": {
        "latitude": GOMTI_NAGAR[0],
        "longitude": GOMTI_NAGAR[1],
        "address": "House 7, Gomti Nagar",
    },
    "trades": [{"categoryId": "ct_electrician", "yearsExperience": 6}],
}
AGENCY: dict[str, Any] = {
    "nameEn": "Awadh Services",
    "nameHi": "अवध सर्विसेज",
    "districtCodes": [LUCKNOW_CODE],
}


def in_days(days: int) -> str:
    return (day_of(clock.now()) + timedelta(days=days)).isoformat()


async def as_worker(scene: Scene, **columns: Any) -> Viewer:
    return Viewer(Role.WORKER, (await a_worker(scene.url, **columns)).id)


async def of_worker(scene: Scene, at: str = WorkerStatus.ACTIVE, /, **given: Any) -> Sending:
    """What an officer sends about a worker."""
    worker = await a_worker(scene.url, status=at)
    return Sending(OFFICER, {"workerId": worker.id, **given})


@example("registerAsWorker")
async def register_as_worker(scene: Scene) -> Sending:
    code = await scene.code(PHONE, "WORKER", purpose="REGISTRATION")
    return Sending(ANYONE, {"mobile": PHONE, "code": code, "details": DETAILS})


@example("enrolWorker")
async def enrol_worker(scene: Scene) -> Sending:
    provider = await a_provider(scene.url)
    viewer = Viewer(Role.PROVIDER, provider.id, provider_id=provider.id)
    return Sending(viewer, {"mobile": PHONE, "details": DETAILS})


@example("submitWorker")
async def submit_worker(scene: Scene) -> Sending:
    """On paper, whose birth date was missing."""
    enrolled = await scene.send(
        OFFICER,
        "enrolWorker",
        "... on Node { id }",
        mobile=PHONE,
        details=DETAILS | {"birthDate": None},
    )
    this = {"workerId": enrolled["id"]}
    await scene.send(OFFICER, "changeWorkerProfile", birthDate="1992-03-04", **this)
    return Sending(OFFICER, this)


@example("changeWorkerProfile")
async def change_worker_profile(scene: Scene) -> Sending:
    home = {"latitude": 27.18, "longitude": 78.02, "address": "Taj Ganj"}
    return Sending(await as_worker(scene), {"home": home, "districtCode": 118})


@example("changeContact")
async def change_contact(scene: Scene) -> Sending:
    return Sending(await as_worker(scene), {"alternateMobile": PHONE})


@example("takeUpVerification")
async def take_up_verification(scene: Scene) -> Sending:
    return await of_worker(scene, WorkerStatus.SUBMITTED)


@example("recordVerification")
async def record_verification(scene: Scene) -> Sending:
    """Of the identity, which leaves traces in the registration."""
    return await of_worker(
        scene,
        WorkerStatus.UNDER_VERIFICATION,
        kind="IDENTITY",
        status="VERIFIED",
        method="offline e-KYC",
        aadhaarLastFour="1234",
    )


@example("rejectWorker")
async def reject_worker(scene: Scene) -> Sending:
    return await of_worker(scene, WorkerStatus.UNDER_VERIFICATION, reason="Photo unclear")


@example("activateWorker")
async def activate_worker(scene: Scene) -> Sending:
    return await of_worker(scene, WorkerStatus.UNDER_VERIFICATION)


@example("suspendWorker")
async def suspend_worker(scene: Scene) -> Sending:
    return await of_worker(scene, reason="Complaints")


@example("deactivateWorker")
async def deactivate_worker(scene: Scene) -> Sending:
    return Sending(await as_worker(scene), {})


@example("reactivateWorker")
async def reactivate_worker(scene: Scene) -> Sending:
    return Sending(await as_worker(scene, status=WorkerStatus.INACTIVE), {})


@example("allotTablet")
async def allot_tablet(scene: Scene) -> Sending:
    return await of_worker(scene, serial="TB-1")


@example("returnTablet")
async def return_tablet(scene: Scene) -> Sending:
    worker = await a_worker(scene.url, tablet_serial="TB-1")
    return Sending(OFFICER, {"workerId": worker.id})


@example("applyAsProvider")
async def apply_as_provider(scene: Scene) -> Sending:
    code = await scene.code(PHONE, "PROVIDER", purpose="REGISTRATION")
    return Sending(ANYONE, {"mobile": PHONE, "code": code, "details": AGENCY})


@example("enrolProvider")
async def enrol_provider(scene: Scene) -> Sending:
    return Sending(OFFICER, {"mobile": PHONE, "details": AGENCY})


@example("empanelProvider")
async def empanel_provider(scene: Scene) -> Sending:
    """Which leaves one district for another."""
    provider = await a_provider(scene.url, status="APPLIED")
    viewer = Viewer(Role.STATE_OFFICER, "us_state")
    mou = {"mouReference": "MOU/7", "startsOn": in_days(0), "endsOn": in_days(400)}
    return Sending(viewer, {"providerId": provider.id, "districtCodes": [118], **mou})


@example("suspendProvider")
async def suspend_provider(scene: Scene) -> Sending:
    provider = await a_provider(scene.url)
    return Sending(OFFICER, {"providerId": provider.id, "reason": "Complaints"})


@example("requestDocumentUpload")
async def request_document_upload(scene: Scene) -> Sending:
    document = {"kind": "POLICE", "mediaType": "PDF", "bytes": 10, "sha256": "0" * 64}
    return Sending(await as_worker(scene), document)


@example("setAvailability")
async def set_availability(scene: Scene) -> Sending:
    """Hours that end and hours that begin."""
    hours = [{"weekday": 1, "fromTime": "10:00", "untilTime": "14:00"}]
    return Sending(await as_worker(scene), {"hours": hours, "validFrom": in_days(10)})


@example("addDayOff")
async def add_day_off(scene: Scene) -> Sending:
    return Sending(await as_worker(scene), {"day": in_days(3), "reason": "Wedding"})


@example("removeDayOff")
async def remove_day_off(scene: Scene) -> Sending:
    viewer, day = await as_worker(scene), in_days(3)
    await scene.send(viewer, "addDayOff", day=day)
    return Sending(viewer, {"day": day})


@example("setServiceArea")
async def set_service_area(scene: Scene) -> Sending:
    return Sending(await as_worker(scene), {"radiusKm": 12})
