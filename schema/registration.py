"""Becoming a worker."""

import resolvers.registration as resolve
from models import account as account_model
from models import skill as skill_model
from models import worker as model
from runtime.rights import Act
from schema.account import SignedIn
from schema.base import command, criteria, mutation
from schema.worker import Worker

criteria(resolve.TradeKnown)
criteria(resolve.WorkerDetails)

DETAILS_REFUSED = (
    model.TooYoung,
    model.EshramTaken,
    account_model.PlaceOutsideDistrict,
    skill_model.CategoryRetired,
    skill_model.SkillExists,
)


@mutation
class Mutation:
    register_as_worker = command(
        "Register yourself as a worker, with a code sent to your phone; you are signed in then.",
        resolve.register_as_worker,
        may=Act.REGISTER_WORKER,
        gives=SignedIn,
        refuses=(account_model.CodeWrong, account_model.MobileTaken, *DETAILS_REFUSED),
    )
    enrol_worker = command(
        "Register somebody else: a provider its own people, an office or the helpline whoever"
        " comes, a partner system as a draft.",
        resolve.enrol_worker,
        may=Act.ENROL_WORKER,
        gives=Worker,
        # Nobody is told MobileTaken any more; the contract of 2026-11 has it in the union.
        refuses=(
            account_model.MobileTaken,
            *DETAILS_REFUSED,
            model.NotEmpanelled,
            model.DistrictNotServed,
        ),
    )
    submit_worker = command(
        "Hand a registration in, for the first time or after it was turned down.",
        resolve.submit_worker,
        may=Act.EDIT_WORKER,
        gives=Worker,
        refuses=(model.NotAtThisStage, model.RegistrationIncomplete),
    )
    activate_worker = command(
        "Let a worker take bookings: identity, police record and a skill are verified.",
        resolve.activate_worker,
        may=Act.VERIFY_WORKER,
        gives=Worker,
        refuses=(model.NotAtThisStage, model.MissingVerifications),
    )
    reactivate_worker = command(
        "Take bookings again after a pause.",
        resolve.reactivate_worker,
        may=Act.PAUSE_WORK,
        gives=Worker,
        refuses=(model.NotAtThisStage, model.MissingVerifications),
    )
