"""The number that somebody signs in with: it changes with its owner and with nobody else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from loaders import account as load_account
from loaders import number as load
from models.account import MobileTaken, SignInAs
from models.code import CodePurpose
from models.number import NUMBER_TEXTS, NumberText
from resolvers.account import account_of, right_code, use_codes
from resolvers.session import end_sessions
from runtime.faults import BadInput
from runtime.jobs import job
from runtime.language import Language
from runtime.phone import checked_mobile
from runtime.transaction import Transaction, refused_as

CHANGED: Mapping[SignInAs, tuple[str, dict[str, Any]]] = {
    SignInAs.CITIZEN: ("CitizenChanged", {"changed": "NUMBER"}),
    SignInAs.WORKER: ("WorkerChanged", {"fields": ["contact"]}),
    SignInAs.PROVIDER: ("ProviderChanged", {"changed": "NUMBER"}),
}


@dataclass(frozen=True)
class NumberChanged:
    devices: int


async def change_number(
    tx: Transaction,
    *,
    mobile: Annotated[str, "Your new number, such as +919876543210."],
    old_code: Annotated[str, "The code that was sent to the number you have, as OLD_NUMBER."],
    new_code: Annotated[str, "The code that was sent to the new one, as NEW_NUMBER."],
) -> NumberChanged:
    """Refuses: CodeWrong, MobileTaken: whoever has proven that a number is theirs may know."""
    mobile, role = checked_mobile(mobile, tx.settings), SignInAs(tx.viewer.role)
    account = await tx.the(load.account_to_change(role, account_of(tx.viewer) or ""), "viewer")
    old = account.mobile
    if mobile == old:
        raise BadInput("`mobile` is your number already.", argument="mobile")
    # Both are compared before either is used: one slip costs one code.
    proofs = (
        await right_code(tx, old or "", role, old_code, CodePurpose.OLD_NUMBER, account.id),
        await right_code(tx, mobile, role, new_code, CodePurpose.NEW_NUMBER, account.id),
    )
    await use_codes(tx, *proofs)
    account.mobile, account.unproven_mobile = mobile, None
    account.mobile_used_at = tx.now
    with refused_as(f"{account.__tablename__}_mobile_unique", MobileTaken()):
        await tx.flush()
    devices = await end_sessions(tx, account.id)
    event, facts = CHANGED[role]
    await tx.emit(event, account.id, **facts)
    tell(tx, old or "", NumberText.LEFT)
    tell(tx, mobile, NumberText.TAKEN)
    return NumberChanged(devices)


async def written_down(tx: Transaction, role: SignInAs, account_id: str) -> None:
    """A number was written down for somebody else: whoever has proven that it is theirs hears of
    it. In a job, so that whoever wrote it learns nothing, from the time it takes either."""
    await tx.later(tx.now, "tell_owner", role=role, account_id=account_id)


@job("tell_owner")
async def tell_owner(tx: Transaction, *, role: str, account_id: str) -> None:
    person = await tx.find(load.account_to_change(SignInAs(role), account_id))
    if person is None or person.unproven_mobile is None:
        return
    for owner in await tx.rows(
        load_account.person_with_mobile(SignInAs(role), person.unproven_mobile)
    ):
        await tx.emit("NumberClaimed", account_id, owner=owner.id)
        tell(tx, owner.mobile, NumberText.CLAIMED, Language((owner.language or "hi").upper()))


def tell(tx: Transaction, mobile: str, text: NumberText, language: Language | None = None) -> None:
    """In the viewer's language, if no other is named."""
    said = NUMBER_TEXTS[text]
    tx.tell(mobile, language or tx.language, said.english, said.hindi)
