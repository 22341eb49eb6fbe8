"""Sessions: a device that is signed in, for as long as it may be."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from loaders import account as load
from models.account import Session, SessionEnded, SignInAs, SpentToken
from models.base import new_id
from runtime.audit import Author
from runtime.bearer import claims_of
from runtime.language import Language
from runtime.lost import opened, sealed
from runtime.rights import Role
from runtime.transaction import Transaction
from runtime.viewer import Viewer
from runtime.words import Exact

Device = Annotated[str | None, "What to call this device in the list of sessions."]


@dataclass(frozen=True)
class SignedIn:
    access_token: str
    refresh_token: str
    expires_at: datetime
    role: Role


@dataclass(frozen=True)
class SignedOut:
    devices: int


async def begin_session(
    tx: Transaction, role: SignInAs, person_id: str, device: str | None
) -> SignedIn:
    (person,) = await tx.rows(load.person_with_id(role, person_id))
    refresh_token = secrets.token_urlsafe(32)
    session = Session(
        id=new_id(Session.prefix),
        person_id=person_id,
        role=role,
        device=device[:100] if device else None,
        refresh_hash=digest(refresh_token),
        expires_at=tx.now + timedelta(days=tx.settings.refresh_days),
    )
    await tx.add(session)
    return signed_in(tx, session, person, refresh_token)


def signed_in(tx: Transaction, session: Session, person: Any, refresh_token: str) -> SignedIn:
    """What the device is given. From here on it is this person who sent the command."""
    role, minutes = Role(session.role), tx.settings.access_minutes
    viewer = Viewer(
        role,
        session.person_id,
        provider_id=person.provider_id if role is Role.PROVIDER else None,
        session_id=session.id,
        language=Language(person.language.upper()) if person.language else None,
    )
    tx.author = Author.of(viewer)
    return SignedIn(
        access_token=tx.process.keys.sign(minutes, **claims_of(viewer)),
        refresh_token=refresh_token,
        expires_at=tx.now + timedelta(minutes=minutes),
        role=role,
    )


def digest(token: str) -> str:
    """Of a token that is random: nothing slower is needed to keep it from being guessed."""
    return hashlib.sha256(token.encode()).hexdigest()


async def refresh_session(
    tx: Transaction,
    *,
    refresh_token: Annotated[
        Exact, "The one you were given last. Sent again within a minute it is answered the same."
    ],
) -> SignedIn:
    """Refuses: SessionEnded. A token that was used before ends its session, for one of the two
    who showed it is a thief; unless it is the last of those, and its answer may have been lost."""
    shown = digest(refresh_token)
    session = await tx.find(load.session_to_change(shown))
    if session is None:
        return await answered_before(tx, refresh_token, shown)
    person = await holder(tx, session)
    new = secrets.token_urlsafe(32)
    session.refresh_hash, session.used_at = digest(new), tx.now
    session.expires_at = tx.now + timedelta(days=tx.settings.refresh_days)
    answer = signed_in(tx, session, person, new)
    await tx.change(load.drop_answers(session.id))
    await tx.add(
        SpentToken(
            hash=shown,
            session_id=session.id,
            spent_at=tx.now,
            answer=sealed(answer, refresh_token),
        )
    )
    return answer


async def answered_before(tx: Transaction, token: str, hash: str) -> SignedIn:
    """What a token that is used up was answered. Refuses: SessionEnded."""
    session = await tx.find(load.session_of_spent(hash))
    if session is None:
        raise SessionEnded
    await holder(tx, session)
    # Two who show it at once wait for each other here, so the second finds what the first was told.
    grace = timedelta(seconds=tx.settings.refresh_grace_seconds)
    kept = await tx.value(load.answer_to_spent(hash, tx.now - grace))
    answer = None if kept is None else told_again(kept, token)
    if answer is None:
        await end_sessions(tx, session.person_id, session.id)
        raise SessionEnded
    return answer


async def holder(tx: Transaction, session: Session) -> Any:
    """The person whose session it is. Refuses: SessionEnded."""
    people = await tx.rows(load.person_with_id(SignInAs(session.role), session.person_id))
    if session.ended_at is not None or session.expires_at <= tx.now or not people:
        raise SessionEnded
    return people[0]


def told_again(kept: str, secret: str) -> SignedIn | None:
    """None where it was told to whoever has another secret."""
    told = opened(kept, secret)
    if told is None:
        return None
    ends = datetime.fromisoformat(told.pop("expires_at"))
    return SignedIn(**told | {"expires_at": ends, "role": Role(told["role"])})


async def sign_out(
    tx: Transaction,
    *,
    session_id: Annotated[str | None, "Which device; the one you ask from if left out."] = None,
) -> SignedOut:
    chosen = session_id or tx.viewer.session_id or ""
    return SignedOut(await end_sessions(tx, tx.viewer.id or "", chosen))


async def sign_out_everywhere(tx: Transaction) -> SignedOut:
    return SignedOut(await end_sessions(tx, tx.viewer.id or ""))


async def end_sessions(tx: Transaction, person_id: str, session_id: str | None = None) -> int:
    """One of somebody's sessions, or all of them; how many there were. Commands that their own
    sessions have begun are through, or find it ended: so this comes before other locks."""
    ended = [id for (id,) in await tx.rows(load.end_sessions(person_id, session_id, tx.now))]
    if ended:
        await tx.emit("SessionsEnded", person_id, sessions=ended)
    return len(ended)
