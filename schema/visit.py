"""The visit and what is paid for it."""

from datetime import datetime

import resolvers.payment as resolve_payment
import resolvers.price as resolve_price
import resolvers.visit as resolve
from loaders import payment as load_payment
from loaders import visit as load
from models import booking as model
from models import visit as refuse
from models.account import CodeWrong, TooManyCodes
from runtime.privacy import Privacy
from runtime.rights import Act
from schema.base import adds_to, command, criteria, enum, field, mutation, outcome, part
from schema.booking import Booking
from schema.skill import Money

enum(
    model.PaymentKind,
    "What a payment is for.",
    SERVICE="The work, at the price agreed last.",
    CANCELLATION="Calling the booking off late.",
)
enum(
    model.PaymentMode,
    "How a payment is made.",
    CASH="In cash, to the worker.",
    UPI="By UPI, to the worker or the provider.",
    WALLET="From a wallet.",
    TREASURY="By the treasury, for a government office.",
)
enum(
    model.PaymentState,
    "Where a payment stands.",
    DUE="Owed.",
    PAID="Paid.",
    REFUND_DUE="To be given back.",
    REFUNDED="Given back.",
)
criteria(resolve_price.NewPriceLine)


@part(model.Payment)
class Payment:
    """What is owed for a booking and how it was paid. The service itself moves no money."""

    kind: model.PaymentKind | None = field("What it is for.")
    state: model.PaymentState | None = field("Where it stands.")
    amount: Money | None = field("The whole of it.", "amount_paise", compute=resolve_payment.amount)
    mode: model.PaymentMode | None = field("How it was paid; null while it is due.")
    reference: str | None = field("The UPI reference or voucher; null for cash.")
    reason: str | None = field("Why it is given back.")
    changed_at: datetime | None = field("Since when it stands so.")


@part(model.Call)
class Call:
    """A call from one party to the other."""

    caller: model.Actor | None = field("Who called.")
    called_at: datetime | None = field("When.")


@adds_to(Booking)
class BookingVisit:
    """How the visit goes, and what is paid."""

    call_id: str | None = field(
        "What connects a call to the other party without telling their number; from acceptance"
        " until a day after the end."
    )
    calls: list[Call] | None = field(
        "Calls between the parties, in order.",
        "id",
        load=load.calls_by_booking,
        size=30,
        shows=Privacy.OWNER,
    )
    payments: list[Payment] | None = field(
        "What is owed or was paid.",
        "id",
        load=load_payment.payments_by_booking,
        size=5,
        shows=Privacy.OWNER,
    )


@outcome(resolve.VisitCodeSent)
class VisitCodeSent:
    """The code is on its way to whoever booked."""

    expires_at: datetime = field("Until when it holds.")
    code: str | None = field(
        "The code itself, for a department alone: it has no phone to be sent it."
    )


@mutation
class Mutation:
    start_travel = command(
        "Set out for the booking; some hours before it at the earliest.",
        resolve.start_travel,
        may=Act.ATTEND,
        gives=Booking,
        refuses=(model.WrongState, refuse.TooEarly),
    )
    mark_arrived = command(
        "Be there. A worker says where they are; a provider says why it speaks for the worker."
        " Whoever booked is sent the code to begin with.",
        resolve.mark_arrived,
        may=Act.ARRIVE,
        gives=Booking,
        refuses=(model.WrongState, refuse.NotThere),
    )
    issue_code = command(
        "Have a new code sent to whoever booked: the one that the booking waits for.",
        resolve.issue_code,
        may=Act.ISSUE_CODE,
        gives=VisitCodeSent,
        refuses=(model.WrongState, TooManyCodes),
        vital=True,
        suspended=True,
    )
    start_service = command(
        "Begin the work, with the code that whoever booked was sent.",
        resolve.start_service,
        may=Act.ATTEND,
        gives=Booking,
        refuses=(model.WrongState, CodeWrong),
    )
    revise_quote = command(
        "Put another price, while the work is being done: whoever booked decides.",
        resolve_price.revise_quote,
        may=Act.REVISE_QUOTE,
        gives=Booking,
        refuses=(model.WrongState, refuse.ReworkIsFree, model.PriceTooHigh),
        suspended=True,
    )
    approve_quote = command(
        "Agree to the revised price.",
        resolve_price.approve_quote,
        may=Act.ANSWER_QUOTE,
        gives=Booking,
        refuses=(model.WrongState, refuse.QuoteExpired),
    )
    reject_quote = command(
        "Turn the revised price down: the old price and scope stand.",
        resolve_price.reject_quote,
        may=Act.ANSWER_QUOTE,
        gives=Booking,
        refuses=(model.WrongState,),
    )
    complete_service = command(
        "End the work: with the code, or by an officer who says why. The price agreed last is"
        " then due.",
        resolve.complete_service,
        may=Act.COMPLETE,
        gives=Booking,
        refuses=(model.WrongState, CodeWrong),
        suspended=True,
    )
    log_call = command(
        "Put on record that you called the other party.",
        resolve.log_call,
        may=Act.CALL,
        gives=Booking,
        refuses=(refuse.NotInContact,),
        suspended=True,
    )
    record_no_show = command(
        "Say that the other side did not turn up: the citizen, once the worker has waited at the"
        " door and called; the worker, some time after the start.",
        resolve.record_no_show,
        may=Act.RECORD_NO_SHOW,
        gives=Booking,
        refuses=(model.WrongState, refuse.TooEarly, refuse.WaitLonger, refuse.CallFirst),
        suspended=True,
    )
    replace_booking = command(
        "Book again after the worker did not come: at the same price, before others.",
        resolve.replace_booking,
        may=Act.ASK_REWORK,
        gives=Booking,
        refuses=(refuse.NobodyAbsent, refuse.ReplacedAlready, refuse.SlotPast),
    )
    ask_rework = command(
        "Have poor work put right by the same provider, without charge.",
        resolve.ask_rework,
        may=Act.ASK_REWORK,
        gives=Booking,
        refuses=(
            refuse.NotCompleted,
            refuse.ReworkTooLate,
            refuse.ReworkUnderWay,
            refuse.SlotPast,
        ),
    )
    record_payment = command(
        "Put on record that what was due has been paid.",
        resolve_payment.record_payment,
        may=Act.RECORD_PAYMENT,
        gives=Booking,
        refuses=(refuse.NothingDue, refuse.PaymentSettled),
        suspended=True,
    )
    grant_refund = command(
        "Decide that a payment is given back.",
        resolve_payment.grant_refund,
        may=Act.REFUND,
        gives=Booking,
        refuses=(refuse.NothingDue, refuse.PaymentSettled),
    )
    refund_payment = command(
        "Put on record that a payment was given back.",
        resolve_payment.refund_payment,
        may=Act.REFUND,
        gives=Booking,
        refuses=(refuse.NothingDue, refuse.PaymentSettled),
        suspended=True,
    )
