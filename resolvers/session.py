"""Sessions: a device that is signed in, for as long as it may be."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from loaders import account as load
from models.account import Session, SessionEnded, SignInAs, SpentToken
from models.base import new_id
from runtime.bearer import claims_of
from runtime.language import Language
from runtime.revoked import SESSIONS_ENDED
from runtime.rights import Role
from runtime.transaction import Transaction
from runtime.viewer import Viewer

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
    role, minutes = Role(session.role), tx.settings.access_minutes
    viewer = Viewer(
        role,
        session.person_id,
        provider_id=person.provider_id if role is Role.PROVIDER else None,
        session_id=session.id,
        language=Language(person.language.upper()) if person.language else None,
    )
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
    refresh_token: Annotated[str, "The one you were given last; it can be used once."],
) -> SignedIn:
    """Refuses: SessionEnded. A token that was used before ends its session, for one of the two
    who showed it is a thief."""
    old = digest(refresh_token)
    session = await tx.find(load.session_to_change(old))
    if session is None:
        for stolen in await tx.rows(load.session_of_spent(old)):
            await end_sessions(tx, stolen.person_id, stolen.id)
        raise SessionEnded
    people = await tx.rows(load.person_with_id(SignInAs(session.role), session.person_id))
    if session.ended_at is not None or session.expires_at <= tx.now or not people:
        raise SessionEnded
    new = secrets.token_urlsafe(32)
    await tx.add(SpentToken(hash=old, session_id=session.id))
    session.refresh_hash, session.used_at = digest(new), tx.now
    session.expires_at = tx.now + timedelta(days=tx.settings.refresh_days)
    await tx.flush()
    return signed_in(tx, session, people[0], new)


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
        await tx.emit(SESSIONS_ENDED, person_id, sessions=ended)
    return len(ended)
