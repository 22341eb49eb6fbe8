"""What has served its time and is not kept."""

from datetime import datetime, timedelta

from sqlalchemy import Delete, Update, delete, or_, select, update

from models.account import CommandDone, OneTimeCode, Session, SpentCall, SpentToken
from models.booking import Quote, QuoteLine, QuoteStatus
from models.partner import SpentAssertion
from models.worker import Upload

REPLAYED_FOR = timedelta(hours=24)
"""A command sent again under its key is answered as the first time."""
CODES_FOR = timedelta(days=1)
"""Longer than any limit on codes looks back."""
SESSIONS_FOR = timedelta(days=30)
"""A token that was stolen is still known as such when its session is over."""
SPENT_CALLS_FOR = timedelta(hours=1)
ESTIMATES_FOR = timedelta(days=1)
ANSWERS_FOR = timedelta(minutes=15)
"""Longer than a lost answer is asked for again."""


def outlived(now: datetime) -> list[Delete | Update]:
    """In an order that references allow."""
    over = now - SESSIONS_FOR
    sessions = or_(Session.ended_at < over, Session.expires_at < over)
    estimates = (Quote.status == QuoteStatus.ESTIMATE) & (Quote.expires_at < now - ESTIMATES_FOR)
    return [
        delete(OneTimeCode).where(OneTimeCode.sent_at < now - CODES_FOR),
        *(
            update(kept).where(kept.answer.is_not(None), at < now - ANSWERS_FOR).values(answer=None)
            for kept, at in ((OneTimeCode, OneTimeCode.used_at), (SpentToken, SpentToken.spent_at))
        ),
        delete(Upload).where(Upload.expires_at < now),
        delete(SpentAssertion).where(SpentAssertion.expires_at < now),
        # Clocks may differ, and until a little later it is refused for its age alone.
        delete(SpentCall).where(SpentCall.expires_at < now - SPENT_CALLS_FOR),
        delete(CommandDone).where(CommandDone.done_at < now - REPLAYED_FOR),
        delete(SpentToken).where(SpentToken.session_id.in_(select(Session.id).where(sessions))),
        delete(Session).where(sessions),
        delete(QuoteLine).where(QuoteLine.quote_id.in_(select(Quote.id).where(estimates))),
        delete(Quote).where(estimates),
    ]
