"""Workers, the providers they work through, and what has been verified of them."""

from datetime import date, datetime

from strawberry import ID

import resolvers.account as resolve_account
import resolvers.place as name_of
import resolvers.worker as resolve
from loaders import account as load_account
from loaders import place as load_place
from loaders import worker as load
from loaders.lifetimes import CARD, CATALOGUE
from models import account as account_model
from models import worker as model
from models.account import Gender
from runtime.privacy import Privacy
from runtime.rights import Act, Area
from schema.account import Department, Viewer
from schema.base import (
    Node,
    adds_to,
    command,
    criteria,
    entity,
    enum,
    field,
    mutation,
    outcome,
    query,
)
from schema.page import Connection
from schema.place import District, Point

enum(
    model.WorkerStatus,
    "Where a worker's registration stands.",
    DRAFT="Begun, not yet handed in.",
    SUBMITTED="Handed in.",
    UNDER_VERIFICATION="Being checked.",
    ACTIVE="Takes bookings.",
    SUSPENDED="Stopped by an officer.",
    INACTIVE="Takes no bookings for now.",
    REJECTED="Turned down.",
    ERASED="Left, and asked to be forgotten: only an anonymous card remains.",
)
enum(
    model.ProviderStatus,
    "Where a provider's empanelment stands.",
    APPLIED="Has applied.",
    EMPANELLED="Works under a valid MOU.",
    SUSPENDED="Stopped by the directorate.",
    EXPIRED="The MOU has run out.",
    TERMINATED="The MOU was ended.",
)
enum(
    model.RegistrationChannel,
    "How a worker came to be registered.",
    SELF="By themselves.",
    BLOCK_OFFICE="At a block office.",
    CSC="At a common service centre.",
    PROVIDER="By their provider.",
    IMPORT="Taken over from an older register.",
)
enum(
    model.VerificationKind,
    "What was checked.",
    IDENTITY="Who they are.",
    SKILL="That they know their trade.",
    POLICE="Their record with the police.",
    ADDRESS="Where they live.",
    LICENCE="A licence the trade asks for.",
)
enum(
    model.VerificationStatus,
    "How a check ended.",
    PENDING="Not finished.",
    VERIFIED="Passed.",
    REJECTED="Failed.",
    EXPIRED="Passed once, out of date now.",
)
enum(
    model.EngagementStatus,
    "Where an engagement stands.",
    ACTIVE="The worker is held.",
    ENDED="The worker is back in the pool.",
)
enum(
    load.WorkerOrder,
    "How a list of workers is ordered.",
    CODE="By worker code, oldest registration first.",
    EXPERIENCE="Most experienced first.",
)
criteria(load.WorkerFilter)
criteria(load.ProviderFilter)
criteria(load.RegistrationFilter)
criteria(resolve.PersonName)
criteria(resolve.Home)
criteria(resolve.ProviderDetails)


@entity(model.Verification, by_id=load.verification_by_id)
class Verification(Node):
    """One check of a worker. Everyone sees whether it stands; officers see the rest."""

    id: ID = field("Opaque and stable.")
    kind: model.VerificationKind = field("What was checked.")
    verified: bool = field("Whether the check stands today.")
    status: model.VerificationStatus | None = field("How the check ended.")
    method: str | None = field("How it was done.")
    verified_by: str | None = field("Who did it.")
    verified_at: datetime | None = field("When it was done.")
    valid_until: date | None = field("The first day it no longer stands.")
    evidence_reference: str | None = field("Where the evidence is filed.")


@entity(model.Provider, by_id=load.provider_by_id)
class Provider(Node):
    """An agency, empanelled by the Directorate, through which workers take bookings."""

    id: ID = field("Opaque and stable.")
    code: str = field("The number people know it by.")
    name: str = field("Its name.", "name_en name_hi", compute=name_of.name)
    status: model.ProviderStatus = field("Where its empanelment stands.")
    empanelled_from: date | None = field("The first day of its MOU.")
    empanelled_until: date | None = field("The first day after its MOU.")
    districts: Connection[District] = field(
        "The districts it serves, by English name.",
        "id",
        load=load.districts_by_provider,
        max_age=CARD,
    )
    workers: Connection["Worker"] = field(
        "Its active workers.", "id", load=load.workers_by_provider, max_age=CARD
    )
    team: Connection["Worker"] | None = field(
        "All its people, wherever their registration stands.",
        "id",
        load=load.team_by_provider,
        shows=Privacy.OWNER,
        area=Area.PROVIDER_TEAM,
    )
    status_reason: str | None = field("Why it was suspended.")
    mobile: str | None = field(
        "Its phone number.", "mobile unproven_mobile", compute=resolve_account.reached_at
    )
    mou_reference: str | None = field("The number of its MOU.")
    gstin: str | None = field("Its GST number.")
    pan_masked: str | None = field("Its PAN, all but the last four hidden.")


@entity(model.Engagement, by_id=load.engagement_by_id)
class Engagement(Node):
    """A department or firm holds a worker from date to date."""

    id: ID = field("Opaque and stable.", shows=Privacy.PUBLIC)
    department: Department | None = field(
        "The department.", "department_id", load=load_account.department_by_id
    )
    purpose: str | None = field("What the worker is held for.")
    starts_on: date | None = field("The first day.")
    ends_on: date | None = field("The first day after.")
    status: model.EngagementStatus | None = field("Where it stands.")


@entity(model.Worker, by_id=load.worker_by_id)
class Worker(Node):
    """A sewa mitra (सेवा मित्र): someone who comes to you and does the work."""

    id: ID = field("Opaque and stable.")
    code: str = field("The number people know them by.")
    status: model.WorkerStatus = field("Where their registration stands.")
    first_name: str | None = field(
        "Their given name; null once they asked to be forgotten.",
        "first_name_en first_name_hi",
        compute=resolve.first_name,
    )
    initial: str | None = field(
        "The first letter of their surname.", "initial_en initial_hi", compute=resolve.initial
    )
    display_name: str = field(
        "What to call them on a card: given name and initial.",
        "first_name_en first_name_hi initial_en initial_hi",
        compute=resolve.display_name,
    )
    languages: list[str] = field("The languages they speak, as codes such as `hi`.")
    years_experience: int = field("How many years they have been at work.")
    photo_url: str | None = field("Their photo, if they agreed to show one.")
    location: Point = field(
        "The centre of the area of about 5 km² they set out from: never their home.",
        "latitude longitude",
        compute=resolve.public_point,
    )
    district: District | None = field(
        "The district they work in.",
        "district_id",
        load=load_place.district_by_id,
        max_age=CATALOGUE,
    )
    provider: Provider | None = field(
        "The provider they work through; null if through none.",
        "provider_id",
        load=load.provider_by_id,
        max_age=CARD,
    )
    verifications: list[Verification] = field(
        "What has been checked: show these as badges.",
        "id",
        load=load.verifications_by_worker,
        size=5,
        max_age=CARD,
    )

    full_name: str | None = field(
        "Given name and surname.",
        "first_name_en first_name_hi surname_en surname_hi",
        compute=resolve.full_name,
    )
    gender: Gender | None = field("Their gender.")
    birth_year: int | None = field("The year they were born.")
    registered_at: datetime | None = field("When they registered.")
    eshram_uan: str | None = field("Their number in the e-Shram register.")

    mobile: str | None = field(
        "Their phone number, as +91XXXXXXXXXX.",
        "mobile unproven_mobile",
        compute=resolve_account.reached_at,
    )
    alternate_mobile: str | None = field("Another phone number.")
    email: str | None = field("Their email address.")
    home_point: Point | None = field(
        "Where they live.", "home_latitude home_longitude", compute=resolve.home_point
    )

    status_reason: str | None = field("Why it was turned down, or they were suspended.")
    channel: model.RegistrationChannel | None = field("How they came to be registered.")
    birth_date: date | None = field("The day they were born.")
    home_address: str | None = field("Their address.")
    aadhaar_last4: str | None = field(
        "The last four digits of their Aadhaar; no more is kept. `XX34` to them and to auditors."
    )
    kyc_method: str | None = field("How their identity was checked.")
    bank_last4: str | None = field(
        "The last four digits of their bank account; `XX34` to them and to auditors."
    )
    emergency_contact: str | None = field("Whom to call when something happens to them.")
    tablet_serial: str | None = field("The tablet they were given.")
    engagements: Connection[Engagement] | None = field(
        "Departments that hold or held them, latest first.",
        "id",
        load=load.engagements_by_worker,
        shows=Privacy.OWNER,
        area=Area.ENGAGEMENT,
    )


@adds_to(District)
class DistrictWorkers:
    """What the people of a district add to it."""

    workers: Connection[Worker] | None = field(
        "The active workers of the district.", "id", load=load.workers_by_district, max_age=CARD
    )
    providers: Connection[Provider] | None = field(
        "The providers that serve the district.",
        "id",
        load=load.providers_by_district,
        max_age=CARD,
    )


@adds_to(Viewer)
class ViewerAtWork:
    """Who the viewer is at work."""

    worker: Worker | None = field("You, as a worker.", "id", load=load.worker_by_id)
    provider: Provider | None = field(
        "The provider you act for.", "provider_id", load=load.provider_by_id
    )


@query
class Query:
    worker: Worker | None = field(
        "A worker's card, by id.", load=load.worker_by_id, by="id", kind=ID, max_age=CARD
    )
    workers: Connection[Worker] = field("The active workers.", load=load.workers, max_age=CARD)
    provider: Provider | None = field(
        "A provider, by id.", load=load.provider_by_id, by="id", kind=ID, max_age=CARD
    )
    providers: Connection[Provider] = field(
        "The empanelled providers.", load=load.providers, max_age=CARD
    )
    registrations: Connection[Worker] = field(
        "Registrations under way that you handle, the oldest first.", load=load.registrations
    )
    provider_applications: Connection[Provider] = field(
        "Providers who have applied, in districts that are yours.",
        load=load.provider_applications,
    )


@outcome(resolve.Application)
class Application:
    """The application is in. The office will call."""

    code: str = field("The number to ask after it with.")


@mutation
class Mutation:
    change_worker_profile = command(
        "Change who a worker is and where they live. What was verified, officers change.",
        resolve.change_worker_profile,
        may=Act.EDIT_WORKER,
        gives=Worker,
        refuses=(
            model.IdentityVerified,
            model.TooYoung,
            model.EshramTaken,
            account_model.PlaceOutsideDistrict,
            model.NotEmpanelled,
            model.DistrictNotServed,
        ),
    )
    change_contact = command(
        "Change how a worker is reached, beside the number that they sign in with.",
        resolve.change_contact,
        may=Act.EDIT_WORKER,
        gives=Worker,
    )
    take_up_verification = command(
        "Begin to check a registration that was handed in.",
        resolve.take_up_verification,
        may=Act.VERIFY_WORKER,
        gives=Worker,
        refuses=(model.NotAtThisStage,),
    )
    record_verification = command(
        "Record how a check of a worker ended.",
        resolve.record_verification,
        may=Act.VERIFY_WORKER,
        gives=Verification,
        refuses=(model.NotAtThisStage,),
    )
    reject_worker = command(
        "Turn a registration down. It can be mended and handed in again.",
        resolve.reject_worker,
        may=Act.VERIFY_WORKER,
        gives=Worker,
        refuses=(model.NotAtThisStage,),
    )
    deactivate_worker = command(
        "Take no new bookings for now. What you accepted stands.",
        resolve.deactivate_worker,
        may=Act.PAUSE_WORK,
        gives=Worker,
        refuses=(model.NotAtThisStage,),
    )
    allot_tablet = command(
        "Hand a tablet to a worker.",
        resolve.allot_tablet,
        may=Act.ALLOT_TABLET,
        gives=Worker,
        refuses=(model.NotAtThisStage, model.HasTablet, model.TabletTaken),
    )
    return_tablet = command(
        "Take a worker's tablet back.",
        resolve.return_tablet,
        may=Act.ALLOT_TABLET,
        gives=Worker,
        refuses=(model.HasNoTablet,),
    )
    apply_as_provider = command(
        "Apply to become a provider, with a code sent to its phone.",
        resolve.apply_as_provider,
        may=Act.APPLY_AS_PROVIDER,
        gives=Application,
        refuses=(account_model.CodeWrong, account_model.MobileTaken),
    )
    enrol_provider = command(
        "Enter a provider's application that came on paper.",
        resolve.enrol_provider,
        may=Act.EMPANEL,
        gives=Provider,
    )
    empanel_provider = command(
        "Empanel a provider under its MOU: for the first time, again, or for longer.",
        resolve.empanel_provider,
        may=Act.EMPANEL,
        gives=Provider,
    )
    suspend_provider = command(
        "Stop a provider. Its workers stay registered and take no new bookings.",
        resolve.suspend_provider,
        may=Act.EMPANEL,
        gives=Provider,
        refuses=(model.NotEmpanelled,),
    )
