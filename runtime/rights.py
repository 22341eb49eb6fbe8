"""Who may read and do what: the permission matrix, once, as data.

An area is a group of columns that the same people may see; models say which area a column
belongs to. An act is a group of commands that the same people may send. A grant gives a role
an area or an act in some rows, which `rule` names and the tables spell out in SQL. What depends
on the role alone is known before an operation runs.
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


STAFF = frozenset(
    {
        Role.PROVIDER,
        Role.HELPLINE,
        Role.DISTRICT_OFFICER,
        Role.STATE_OFFICER,
        Role.DEPARTMENT,
        Role.MODERATOR,
        Role.AUDITOR,
    }
)
"""Those who act for an office or a firm: people are told which, and a number."""


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
    IDENTITY_CONSENT = "identity_consent"
    CONTACT_CONSENT = "contact_consent"
    LABOUR_CONSENT = "labour_consent"
    """The same, of those purposes that `CONSENTS` names."""
    CASE = "case"
    """Linked to an open case of moderation."""


PURPOSES = frozenset({"JOB_MATCHING", "SKILL_RECORDS", "SOCIAL_SECURITY", "RESEARCH"})
"""What the system of a partner may want to know of people for."""
CONSENTS: Mapping[Rule, frozenset[str]] = {
    Rule.CONSENT: PURPOSES,
    # Whoever studies people need not know who they are.
    Rule.IDENTITY_CONSENT: PURPOSES - {"RESEARCH"},
    Rule.CONTACT_CONSENT: frozenset({"JOB_MATCHING", "SOCIAL_SECURITY"}),
    Rule.LABOUR_CONSENT: frozenset({"SOCIAL_SECURITY"}),
}
"""The purposes that each of these rules is about: people agreed to one of them, and the client is
there for it."""


@dataclass(frozen=True)
class Grant:
    rule: Rule
    masked: bool = False
    """Values that can be masked are; see `mask` in models/base.py."""
    reason: bool = False
    """Only where the request states why, and in the rows that it names."""


class Area(StrEnum):
    WORKER_RECORD = "worker_record"
    WORKER_IDENTITY = "worker_identity"
    """What tells who they are."""
    WORKER_REGISTER = "worker_register"
    """Where the registers of social security have them."""
    WORKER_CONTACT = "worker_contact"
    WORKER_HOME = "worker_home"
    WORKER_KYC = "worker_kyc"
    WORKER_STANDING = "worker_standing"
    VERIFICATION = "verification"
    ENGAGEMENT = "engagement"
    PROVIDER_RECORD = "provider_record"
    PROVIDER_TEAM = "provider_team"
    RATE_PROPOSAL = "rate_proposal"
    CITIZEN_RECORD = "citizen_record"
    CITIZEN_CONTACT = "citizen_contact"
    BOOKING = "booking"
    BOOKING_PLACE = "booking_place"
    BOOKING_PREFERENCE = "booking_preference"
    CALL = "call"
    REVIEW_AUTHOR = "review_author"
    REVIEW_CASE = "review_case"
    GRIEVANCE = "grievance"
    INCIDENT = "incident"
    INCIDENT_NOTICE = "incident_notice"
    """That there was one. What it was, officers see for a reason."""
    ACCOUNT = "account"
    SESSION = "session"
    ADDRESS = "address"
    CLIENT = "client"
    """The systems of partners, and what they have used."""
    DOCUMENTS = "documents"
    AUDIT = "audit"
    ACCESS = "access"
    """Of the audit, what the person is told whom it is about: no ids of staff or of others."""
    EXPORT = "export"
    EXPORT_FILES = "export_files"
    """Where what it has of people can be fetched."""
    WEBHOOK = "webhook"
    WEBHOOK_CONTENT = "webhook_content"
    """What was sent and answered: there are people in it, of whom others may know less."""

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
WORKER_READERS = {
    **WORKER_STAFF,
    Role.HELPLINE: Grant(Rule.ALL),
    Role.DEPARTMENT: Grant(Rule.OFFICE),
}
SYSTEM_READERS = {
    Role.STATE_OFFICER: Grant(Rule.ALL),
    Role.PARTNER: Grant(Rule.OWN),
    Role.AUDITOR: Grant(Rule.ALL),
}
"""Who sees what a system of a partner is and does."""

READ: Mapping[Area, Mapping[Role, Grant]] = {
    Area.WORKER_RECORD: {**WORKER_READERS, Role.PARTNER: Grant(Rule.CONSENT)},
    Area.WORKER_IDENTITY: {**WORKER_READERS, Role.PARTNER: Grant(Rule.IDENTITY_CONSENT)},
    Area.WORKER_REGISTER: {**WORKER_READERS, Role.PARTNER: Grant(Rule.LABOUR_CONSENT)},
    Area.WORKER_CONTACT: {
        Role.CITIZEN: masked(Rule.COUNTERPART),
        Role.WORKER: Grant(Rule.OWN),
        Role.PROVIDER: Grant(Rule.PROVIDER),
        Role.HELPLINE: masked(Rule.ALL),
        Role.DISTRICT_OFFICER: reasoned(Rule.DISTRICT),
        Role.STATE_OFFICER: reasoned(Rule.ALL),
        Role.DEPARTMENT: Grant(Rule.OFFICE),
        Role.PARTNER: masked(Rule.CONTACT_CONSENT),
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
    Area.WORKER_STANDING: WORKER_STAFF,
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
    Area.PROVIDER_TEAM: {
        Role.PROVIDER: Grant(Rule.PROVIDER),
        Role.DISTRICT_OFFICER: Grant(Rule.DISTRICT),
        Role.STATE_OFFICER: Grant(Rule.ALL),
    },
    Area.RATE_PROPOSAL: WORKER_STAFF,
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
    Area.CALL: {
        Role.CITIZEN: Grant(Rule.COUNTERPART),
        Role.WORKER: Grant(Rule.COUNTERPART),
        Role.DEPARTMENT: Grant(Rule.COUNTERPART),
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
    Area.GRIEVANCE: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.WORKER: Grant(Rule.OWN),
        Role.PROVIDER: Grant(Rule.PROVIDER),
        Role.HELPLINE: Grant(Rule.ALL),
        Role.DISTRICT_OFFICER: Grant(Rule.DISTRICT),
        Role.STATE_OFFICER: Grant(Rule.ALL),
        Role.DEPARTMENT: Grant(Rule.OFFICE),
        Role.MODERATOR: Grant(Rule.CASE),
        Role.AUDITOR: Grant(Rule.ALL),
    },
    Area.INCIDENT: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.WORKER: Grant(Rule.OWN),
        Role.DISTRICT_OFFICER: reasoned(Rule.DISTRICT),
        Role.STATE_OFFICER: reasoned(Rule.ALL),
    },
    Area.INCIDENT_NOTICE: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.WORKER: Grant(Rule.OWN),
        Role.DISTRICT_OFFICER: Grant(Rule.DISTRICT),
        Role.STATE_OFFICER: Grant(Rule.ALL),
    },
    Area.ACCOUNT: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.WORKER: Grant(Rule.OWN),
        Role.STATE_OFFICER: Grant(Rule.ALL),
        Role.AUDITOR: Grant(Rule.ALL),
    },
    Area.SESSION: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.WORKER: Grant(Rule.OWN),
        Role.PROVIDER: Grant(Rule.OWN),
    },
    Area.ADDRESS: {Role.CITIZEN: Grant(Rule.OWN)},
    Area.CLIENT: SYSTEM_READERS,
    Area.DOCUMENTS: {
        Role.WORKER: Grant(Rule.OWN),
        Role.DISTRICT_OFFICER: reasoned(Rule.DISTRICT),
        Role.STATE_OFFICER: reasoned(Rule.ALL),
    },
    Area.AUDIT: SYSTEM_READERS,
    Area.ACCESS: {
        Role.CITIZEN: Grant(Rule.OWN),
        Role.WORKER: Grant(Rule.OWN),
        Role.STATE_OFFICER: Grant(Rule.ALL),
        Role.PARTNER: Grant(Rule.OWN),
        Role.AUDITOR: Grant(Rule.ALL),
    },
    Area.EXPORT: SYSTEM_READERS,
    Area.WEBHOOK: SYSTEM_READERS,
    Area.EXPORT_FILES: {Role.PARTNER: Grant(Rule.OWN)},
    Area.WEBHOOK_CONTENT: {Role.PARTNER: Grant(Rule.OWN)},
}


class Act(StrEnum):
    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    CHANGE_NUMBER = "change_number"
    KEEP_PROFILE = "keep_profile"
    CONSENT = "consent"
    ASK_ERASURE = "ask_erasure"
    DECIDE_ERASURE = "decide_erasure"
    REGISTER_WORKER = "register_worker"
    ENROL_WORKER = "enrol_worker"
    EDIT_WORKER = "edit_worker"
    PAUSE_WORK = "pause_work"
    VERIFY_WORKER = "verify_worker"
    ALLOT_TABLET = "allot_tablet"
    APPLY_AS_PROVIDER = "apply_as_provider"
    EMPANEL = "empanel"
    EDIT_CATALOGUE = "edit_catalogue"
    PUBLISH_RATE = "publish_rate"
    APPROVE_RATE = "approve_rate"
    ENGAGE = "engage"
    BOOK = "book"
    ASSIGN = "assign"
    ACCEPT = "accept"
    DECLINE = "decline"
    ATTEND = "attend"
    ARRIVE = "arrive"
    ISSUE_CODE = "issue_code"
    REVISE_QUOTE = "revise_quote"
    ANSWER_QUOTE = "answer_quote"
    COMPLETE = "complete"
    CANCEL = "cancel"
    RECORD_NO_SHOW = "record_no_show"
    REASSIGN = "reassign"
    RESCHEDULE = "reschedule"
    CALL = "call"
    ASK_REWORK = "ask_rework"
    RECORD_PAYMENT = "record_payment"
    REFUND = "refund"
    REVIEW = "review"
    REPLY = "reply"
    FLAG = "flag"
    MODERATE = "moderate"
    COMPLAIN = "complain"
    ANSWER_COMPLAINT = "answer_complaint"
    HANDLE_COMPLAINT = "handle_complaint"
    CLOSE_COMPLAINT = "close_complaint"
    CALL_FOR_HELP = "call_for_help"
    KEEP_CLIENTS = "keep_clients"
    EXPORT = "export"
    KEEP_WEBHOOKS = "keep_webhooks"


BOOKER = {Role.CITIZEN: Grant(Rule.OWN), Role.DEPARTMENT: Grant(Rule.OFFICE)}
"""Whoever the booking is for: in the state machine, the citizen."""
OFFICERS = {
    Role.DISTRICT_OFFICER: Grant(Rule.DISTRICT),
    Role.STATE_OFFICER: Grant(Rule.ALL),
}
NEWCOMER = {Role.ANONYMOUS: Grant(Rule.OWN), Role.CITIZEN: Grant(Rule.OWN)}
"""Whoever is not at work here yet."""
PERSON = {Role.CITIZEN: Grant(Rule.OWN), Role.WORKER: Grant(Rule.OWN)}
OWN_PROVIDER = {Role.PROVIDER: Grant(Rule.PROVIDER)}
FOR_CALLER = {Role.HELPLINE: Grant(Rule.ALL)}
AT_WORK = {Role.WORKER: Grant(Rule.OWN)}

WRITE: Mapping[Act, Mapping[Role, Grant]] = {
    Act.SIGN_IN: {role: Grant(Rule.ALL) for role in Role},
    Act.SIGN_OUT: {**PERSON, Role.PROVIDER: Grant(Rule.OWN)},
    Act.CHANGE_NUMBER: {**PERSON, Role.PROVIDER: Grant(Rule.PROVIDER)},
    Act.KEEP_PROFILE: {Role.CITIZEN: Grant(Rule.OWN)},
    Act.CONSENT: PERSON,
    Act.ASK_ERASURE: PERSON,
    Act.DECIDE_ERASURE: {Role.AUDITOR: Grant(Rule.ALL)},
    Act.REGISTER_WORKER: NEWCOMER,
    Act.ENROL_WORKER: {
        **FOR_CALLER,
        **OWN_PROVIDER,
        **OFFICERS,
        Role.PARTNER: Grant(Rule.DISTRICT),
    },
    Act.EDIT_WORKER: {**AT_WORK, **OWN_PROVIDER, **OFFICERS},
    Act.PAUSE_WORK: AT_WORK,
    Act.VERIFY_WORKER: OFFICERS,
    Act.ALLOT_TABLET: OFFICERS,
    Act.APPLY_AS_PROVIDER: NEWCOMER,
    Act.EMPANEL: OFFICERS,
    Act.EDIT_CATALOGUE: {Role.STATE_OFFICER: Grant(Rule.ALL)},
    Act.PUBLISH_RATE: {**AT_WORK, **OWN_PROVIDER},
    Act.APPROVE_RATE: OFFICERS,
    Act.ENGAGE: {Role.DEPARTMENT: Grant(Rule.OFFICE)},
    Act.BOOK: {**BOOKER, **OWN_PROVIDER, **FOR_CALLER},
    Act.ASSIGN: {**OWN_PROVIDER, **OFFICERS},
    Act.ACCEPT: {**AT_WORK, **OWN_PROVIDER},
    Act.DECLINE: AT_WORK,
    Act.ATTEND: AT_WORK,
    Act.ARRIVE: {**AT_WORK, **OWN_PROVIDER},
    Act.ISSUE_CODE: {**BOOKER, **AT_WORK, **FOR_CALLER},
    Act.REVISE_QUOTE: {**AT_WORK, **OWN_PROVIDER},
    Act.ANSWER_QUOTE: BOOKER,
    Act.COMPLETE: {**AT_WORK, **OFFICERS},
    Act.CANCEL: {**BOOKER, **OWN_PROVIDER, **OFFICERS, **FOR_CALLER},
    Act.RECORD_NO_SHOW: {**AT_WORK, **BOOKER, **FOR_CALLER},
    Act.REASSIGN: {**OWN_PROVIDER, **OFFICERS, **FOR_CALLER},
    Act.RESCHEDULE: {**BOOKER, **AT_WORK, **OWN_PROVIDER, **FOR_CALLER},
    Act.CALL: {**BOOKER, **AT_WORK},
    Act.ASK_REWORK: {**BOOKER, **FOR_CALLER},
    Act.RECORD_PAYMENT: {
        **AT_WORK,
        **OWN_PROVIDER,
        Role.DEPARTMENT: Grant(Rule.OFFICE),
        Role.STATE_OFFICER: Grant(Rule.ALL),
    },
    Act.REFUND: {**OWN_PROVIDER, Role.STATE_OFFICER: Grant(Rule.ALL)},
    Act.REVIEW: BOOKER,
    Act.REPLY: OWN_PROVIDER,
    Act.FLAG: {
        role: Grant(Rule.ALL)
        for role in (
            Role.CITIZEN,
            Role.WORKER,
            Role.PROVIDER,
            Role.HELPLINE,
            Role.DISTRICT_OFFICER,
            Role.STATE_OFFICER,
            Role.MODERATOR,
        )
    },
    Act.MODERATE: {Role.STATE_OFFICER: Grant(Rule.ALL), Role.MODERATOR: Grant(Rule.ALL)},
    Act.COMPLAIN: {**BOOKER, **AT_WORK, **FOR_CALLER, **OFFICERS},
    Act.ANSWER_COMPLAINT: OWN_PROVIDER,
    Act.HANDLE_COMPLAINT: {**FOR_CALLER, **OFFICERS},
    Act.CLOSE_COMPLAINT: {**BOOKER, **AT_WORK},
    Act.CALL_FOR_HELP: PERSON,
    Act.KEEP_CLIENTS: {Role.STATE_OFFICER: Grant(Rule.ALL)},
    Act.EXPORT: {Role.PARTNER: Grant(Rule.OWN)},
    Act.KEEP_WEBHOOKS: {Role.PARTNER: Grant(Rule.OWN)},
}

SIGNED_IN = "signed_in"
EXACT = "exact"
PRIVILEGES: Mapping[str, frozenset[Role]] = {
    SIGNED_IN: frozenset(Role) - {Role.ANONYMOUS},
    # Who reads statistics whole.
    EXACT: frozenset(
        {
            *(Role.DISTRICT_OFFICER, Role.STATE_OFFICER, Role.DEPARTMENT),
            *(Role.PARTNER, Role.AUDITOR),
        }
    ),
}
"""What more a role is told of what anybody may ask. They are known to statements as gates are; for
the anonymous, they are all closed."""

FLAGS = {area.flag: area for area in Area}


def gate(area: Area, rule: Rule, *, masked: bool) -> str:
    """The name, in statements, of whether the viewer's role has the grant."""
    return f"{area}_{rule}_masked" if masked else f"{area}_{rule}"


def rules(area: Area, *, masked: bool) -> list[Rule]:
    """The rules of the area's grants, of all roles together."""
    return sorted({grant.rule for grant in READ[area].values() if grant.masked is masked})


def is_reasoned(area: Area, rule: Rule, *, masked: bool) -> bool:
    """Whether the grants of the gate are for a stated reason: all of them are, or none."""
    found = [grant for grant in READ[area].values() if (grant.rule, grant.masked) == (rule, masked)]
    return any(grant.reason for grant in found)


def gates() -> Iterator[tuple[str, Area, Rule, bool]]:
    for area in READ:
        for masked in (False, True):
            for rule in rules(area, masked=masked):
                yield gate(area, rule, masked=masked), area, rule, masked
