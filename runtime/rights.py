"""Who may read what: the permission matrix, once, as data.

An area is a group of columns that the same people may see; models say which area a column
belongs to. A grant gives a role an area in some rows, which `rule` names and the tables spell
out in SQL. What depends on the role alone is known before an operation runs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    ANONYMOUS = "ANONYMOUS"
    CITIZEN = "CITIZEN"
    WORKER = "WORKER"
    PROVIDER = "PROVIDER"
    HELPLINE = "HELPLINE"
    DISTRICT_OFFICER = "DISTRICT_OFFICER"
    STATE_OFFICER = "STATE_OFFICER"
    DEPARTMENT = "DEPARTMENT"
    PARTNER = "PARTNER"
    MODERATOR = "MODERATOR"
    AUDITOR = "AUDITOR"


class Rule(StrEnum):
    """Which rows of a table a grant is about."""

    ALL = "all"
    OWN = "own"
    """About the viewer, or theirs."""
    DISTRICT = "district"
    """In the viewer's districts."""
    PROVIDER = "provider"
    """Of the viewer's provider."""
    OFFICE = "office"
    """Of the viewer's department: booked by it, or engaged by it."""
    COUNTERPART = "counterpart"
    """Of the other party of a booking, from its acceptance until a day after its end."""
    CONSENT = "consent"
    """In the client's districts, of people who agreed to one of its purposes."""
    CASE = "case"
    """Linked to an open case of moderation."""


@dataclass(frozen=True)
class Grant:
    rule: Rule
    masked: bool = False
    """Values that can be masked are; see `mask` in models/base.py."""
    reason: bool = False
    """Only where the request states why."""


class Area(StrEnum):
    WORKER_RECORD = "worker_record"
    WORKER_CONTACT = "worker_contact"
    WORKER_HOME = "worker_home"
    WORKER_KYC = "worker_kyc"
    VERIFICATION = "verification"
    ENGAGEMENT = "engagement"
    PROVIDER_RECORD = "provider_record"
    CITIZEN_RECORD = "citizen_record"
    CITIZEN_CONTACT = "citizen_contact"
    BOOKING = "booking"
    BOOKING_PLACE = "booking_place"
    BOOKING_PREFERENCE = "booking_preference"
    REVIEW_AUTHOR = "review_author"
    REVIEW_CASE = "review_case"
    ACCOUNT = "account"
    AUDIT = "audit"

    @property
    def flag(self) -> str:
        """The column of a row that says whether it shows the area."""
        return f"may_see_{self}"


def masked(rule: Rule) -> Grant:
    return Grant(rule, masked=True)


def reasoned(rule: Rule) -> Grant:
    return Grant(rule, reason=True)


WORKER_STAFF = {
    Role.WORKER: Grant(Rule.OWN),
    Role.PROVIDER: Grant(Rule.PROVIDER),
    Role.DISTRICT_OFFICER: Grant(Rule.DISTRICT),
    Role.STATE_OFFICER: Grant(Rule.ALL),
}
"""Those who register and edit workers read what they edit."""

READ: Mapping[Area, Mapping[Role, Grant]] = {
    Area.WORKER_RECORD: {
        **WORKER_STAFF,
        Role.HELPLINE: Grant(Rule.ALL),
        Role.DEPARTMENT: Grant(Rule.OFFICE),
        Role.PARTNER: Grant(Rule.CONSENT),
    },
    Area.WORKER_CONTACT: {
        Role.CITIZEN: masked(Rule.COUNTERPART),
        Role.WORKER: Grant(Rule.OWN),
        Role.PROVIDER: Grant(Rule.PROVIDER),
        Role.HELPLINE: masked(Rule.ALL),
        Role.DISTRICT_OFFICER: reasoned(Rule.DISTRICT),
        Role.STATE_OFFICER: reasoned(Rule.ALL),
        Role.DEPARTMENT: Grant(Rule.OFFICE),
        Role.PARTNER: masked(Rule.CONSENT),
    },
    Area.WORKER_HOME: {
        Role.WORKER: Grant(Rule.OWN),
        Role.DISTRICT_OFFICER: reasoned(Rule.DISTRICT),
        Role.STATE_OFFICER: reasoned(Rule.ALL),
    },
    Area.WORKER_KYC: {
        Role.WORKER: masked(Rule.OWN),
        Role.DISTRICT_OFFICER: reasoned(Rule.DISTRICT),
        Role.STATE_OFFICER: reasoned(Rule.ALL),
        Role.AUDITOR: masked(Rule.ALL),
    },
    Area.VERIFICATION: {
        **WORKER_STAFF,
        Role.HELPLINE: Grant(Rule.ALL),
        Role.DEPARTMENT: Grant(Rule.OFFICE),
        Role.PARTNER: Grant(Rule.CONSENT),
        Role.AUDITOR: Grant(Rule.ALL),
    },
    Area.ENGAGEMENT: {**WORKER_STAFF, Role.DEPARTMENT: Grant(Rule.OFFICE)},
    Area.PROVIDER_RECORD: {
        Role.PROVIDER: Grant(Rule.PROVIDER),
        Role.DISTRICT_OFFICER: reasoned(Rule.DISTRICT),
        Role.STATE_OFFICER: reasoned(Rule.ALL),
        Role.AUDITOR: masked(Rule.ALL),
    },
    Area.CITIZEN_RECORD: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.HELPLINE: Grant(Rule.ALL),
        Role.DISTRICT_OFFICER: Grant(Rule.DISTRICT),
        Role.STATE_OFFICER: Grant(Rule.ALL),
    },
    Area.CITIZEN_CONTACT: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.WORKER: masked(Rule.COUNTERPART),
        Role.HELPLINE: masked(Rule.ALL),
        Role.DISTRICT_OFFICER: reasoned(Rule.DISTRICT),
        Role.STATE_OFFICER: reasoned(Rule.ALL),
    },
    Area.BOOKING: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.WORKER: Grant(Rule.OWN),
        Role.PROVIDER: Grant(Rule.PROVIDER),
        Role.HELPLINE: masked(Rule.ALL),
        Role.DISTRICT_OFFICER: Grant(Rule.DISTRICT),
        Role.STATE_OFFICER: Grant(Rule.ALL),
        Role.DEPARTMENT: Grant(Rule.OFFICE),
        Role.PARTNER: Grant(Rule.OWN),
        Role.MODERATOR: Grant(Rule.CASE),
        Role.AUDITOR: masked(Rule.ALL),
    },
    Area.BOOKING_PLACE: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.WORKER: Grant(Rule.COUNTERPART),
        Role.DISTRICT_OFFICER: reasoned(Rule.DISTRICT),
        Role.STATE_OFFICER: reasoned(Rule.ALL),
        Role.DEPARTMENT: Grant(Rule.OFFICE),
    },
    Area.BOOKING_PREFERENCE: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.DISTRICT_OFFICER: reasoned(Rule.DISTRICT),
        Role.STATE_OFFICER: reasoned(Rule.ALL),
        Role.DEPARTMENT: Grant(Rule.OFFICE),
    },
    Area.REVIEW_AUTHOR: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.DISTRICT_OFFICER: Grant(Rule.DISTRICT),
        Role.STATE_OFFICER: Grant(Rule.ALL),
        Role.DEPARTMENT: Grant(Rule.OFFICE),
        Role.MODERATOR: Grant(Rule.CASE),
    },
    Area.REVIEW_CASE: {
        Role.DISTRICT_OFFICER: Grant(Rule.DISTRICT),
        Role.STATE_OFFICER: Grant(Rule.ALL),
        Role.MODERATOR: Grant(Rule.ALL),
        Role.AUDITOR: Grant(Rule.ALL),
    },
    Area.ACCOUNT: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.WORKER: Grant(Rule.OWN),
        Role.STATE_OFFICER: Grant(Rule.ALL),
        Role.AUDITOR: Grant(Rule.ALL),
    },
    Area.AUDIT: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.WORKER: Grant(Rule.OWN),
        Role.STATE_OFFICER: Grant(Rule.ALL),
        Role.PARTNER: Grant(Rule.OWN),
        Role.AUDITOR: Grant(Rule.ALL),
    },
}

FLAGS = {area.flag: area for area in Area}


def gate(area: Area, rule: Rule, *, masked: bool) -> str:
    """The name, in statements, of whether the viewer's role has the grant."""
    return f"{area}_{rule}_masked" if masked else f"{area}_{rule}"


def rules(area: Area, *, masked: bool) -> list[Rule]:
    """The rules of the area's grants, of all roles together."""
    return sorted({grant.rule for grant in READ[area].values() if grant.masked is masked})


def gates() -> Iterator[tuple[str, Area, Rule, bool]]:
    for area in READ:
        for masked in (False, True):
            for rule in rules(area, masked=masked):
                yield gate(area, rule, masked=masked), area, rule, masked
