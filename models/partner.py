"""The systems of partner departments: what each may read, and what it has."""

from datetime import date
from typing import Annotated, Any, ClassVar

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from models.base import Row, RowRule, at_least, datetime, never, now, owner, public
from runtime.batch import VIEWER
from runtime.privacy import Privacy
from runtime.refusal import Refusal
from runtime.rights import Area, Rule


class PartnerClient(Row):
    """The system of a partner department: what it may read, for which purposes, and where."""

    __tablename__ = "partner_client"
    __table_args__ = tuple(
        at_least(name, 1)
        for name in ("points_per_minute", "points_per_day", "rows_per_minute", "rows_per_day")
    )
    prefix: ClassVar[str] = "pc"
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.CLIENT}
    rules: ClassVar[dict[Rule, RowRule]] = {Rule.OWN: lambda: PartnerClient.id == VIEWER}

    id: Mapped[str] = public(primary_key=True)
    name: Mapped[str] = owner()
    contact: Mapped[str | None] = owner()
    """Where the people who run it are told of things: an office, never one person."""
    secret_hash: Mapped[str | None] = never()
    previous_secret_hash: Mapped[str | None] = never()
    previous_secret_until: Mapped[datetime | None] = owner()
    public_keys: Mapped[dict[str, Any] | None] = never(JSONB())
    """A JWK set, for clients that sign instead of sending a secret."""
    purposes: Mapped[list[str]] = owner()
    district_ids: Mapped[list[str]] = owner()
    contract_version: Mapped[str | None] = owner()
    """What it is shown unless a token names another; the newest, if null."""
    points_per_minute: Mapped[int] = owner(BigInteger, server_default="240000")
    points_per_day: Mapped[int] = owner(BigInteger, server_default="20000000")
    rows_per_minute: Mapped[int] = owner(BigInteger, server_default="1000000")
    rows_per_day: Mapped[int] = owner(BigInteger, server_default="50000000")
    registered_at: Mapped[datetime] = owner(default=now)
    """Of what was no more by then it never learns."""
    expires_at: Mapped[datetime | None] = owner()
    suspended_at: Mapped[datetime | None] = owner()
    reason: Mapped[str | None] = owner()
    """Why it was suspended or ended, for those who run it to read."""
    revoked_at: Mapped[datetime | None] = owner()


class PartnerUsage(Row):
    """What a client has asked for on one day, and in the latest minute that it asked in."""

    __tablename__ = "partner_usage"
    part_of = ("client_id", PartnerClient)
    areas: ClassVar[dict[Privacy, Area]] = {Privacy.OWNER: Area.CLIENT}

    client_id: Mapped[str] = owner(ForeignKey("partner_client.id"), primary_key=True)
    day: Mapped[date] = owner(primary_key=True)
    """In India."""
    requests: Mapped[int] = owner(BigInteger, server_default="0")
    refused: Mapped[int] = owner(BigInteger, server_default="0")
    """Those that were beyond a quota."""
    points: Mapped[int] = owner(BigInteger, server_default="0")
    rows_read: Mapped[int] = owner(BigInteger, server_default="0")
    minute: Mapped[datetime] = never()
    minute_points: Mapped[int] = never(BigInteger, server_default="0")
    minute_rows: Mapped[int] = never(BigInteger, server_default="0")
    warned_at: Mapped[datetime | None] = owner()
    """When four fifths of what the day allows were used up."""


class SpentAssertion(Row):
    """A signed assertion that a client has shown: it may not be shown twice."""

    __tablename__ = "spent_assertion"

    client_id: Mapped[str] = never(ForeignKey("partner_client.id"), primary_key=True)
    jti: Mapped[str] = never(primary_key=True)
    expires_at: Mapped[datetime] = never(index=True)


class AccessEnded(Refusal):
    """The client was revoked, which is for good: register another."""

    english = "The access of this system was ended for good. Register it anew."
    hindi = "इस प्रणाली की पहुँच स्थायी रूप से समाप्त कर दी गई है। इसे नए सिरे से पंजीकृत करें।"


class SignsItself(Refusal):
    """The client signs with keys of its own and has no secret."""

    english = "This system signs with keys of its own: there is no secret to rotate."
    hindi = "यह प्रणाली अपनी कुंजियों से हस्ताक्षर करती है: बदलने के लिए कोई गुप्त कुंजी नहीं है।"


class ContractEnds(Refusal):
    """The version of the contract is not served, or not much longer."""

    english = "There is no version {version} of the contract. Choose of {versions}."
    hindi = "अनुबंध का संस्करण {version} उपलब्ध नहीं है। {versions} में से चुनें।"
    version: Annotated[str, "The version that was asked for."]
    versions: Annotated[str, "Those there are."]
