"""Who is asking."""

from dataclasses import dataclass
from enum import StrEnum

from runtime.privacy import Privacy


class Role(StrEnum):
    ANONYMOUS = "ANONYMOUS"
    CITIZEN = "CITIZEN"
    WORKER = "WORKER"


@dataclass(frozen=True)
class Viewer:
    """Hashable: it is part of the identity of everything read on its behalf."""

    role: Role = Role.ANONYMOUS
    id: str | None = None

    def may_ask_for(self, shows: Privacy) -> bool:
        """Whether any row could show this viewer a value of the class; rows decide the rest."""
        if shows is Privacy.PUBLIC:
            return True
        return shows is Privacy.OWNER and self.role is not Role.ANONYMOUS
