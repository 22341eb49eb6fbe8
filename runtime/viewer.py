"""Who is asking."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from runtime.language import Language
from runtime.reason import ANY, Reason
from runtime.rights import PRIVILEGES, READ, Area, Grant, Role, gates


@dataclass(frozen=True)
class Viewer:
    """Hashable: it is part of the identity of everything read on its behalf."""

    role: Role = Role.ANONYMOUS
    id: str | None = None
    districts: tuple[str, ...] = ()
    """The districts of an officer, or those a partner client may read."""
    provider_id: str | None = None
    department_id: str | None = None
    purposes: tuple[str, ...] = ()
    """What a partner client may use data for."""
    reason: Reason | None = None
    """Why this request asks for what needs a reason, and of whom."""
    contract: str | None = None
    """The version of what a partner client is shown; the newest, if none is named."""
    session_id: str | None = None
    language: Language | None = field(default=None, compare=False)
    """In which they are answered where a request does not say."""

    @property
    def scope(self) -> tuple[Role, bool]:
        """What decides which fields may be shown at all: one plan serves all who share it."""
        return self.role, self.reason is not None

    @property
    def alike(self) -> "Viewer":
        """Stands for all of that scope, and has nothing that tells them apart."""
        return Viewer(self.role, reason=None if self.reason is None else ANY)

    def grant(self, area: Area) -> Grant | None:
        """What the role has of the area, reason or not."""
        return READ[area].get(self.role)

    def named(self, id: str | None) -> bool:
        """Whether the request states a reason to look at it."""
        return self.reason is not None and id in self.reason.subjects

    def may_read(self, area: Area | None) -> bool:
        """Whether any row could show it; rows decide the rest. None is what is public."""
        if area is None:
            return True
        grant = self.grant(area)
        return grant is not None and (not grant.reason or self.reason is not None)

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """What the row rules of statements refer to."""
        return {
            "viewer_id": self.id,
            "viewer_districts": list(self.districts),
            "viewer_provider": self.provider_id,
            "viewer_department": self.department_id,
            "viewer_purposes": list(self.purposes),
            "viewer_subjects": list(self.reason.subjects) if self.reason is not None else [],
            **opened(self.role, self.reason is not None),
        }


@lru_cache
def opened(role: Role, reasoned: bool) -> dict[str, bool]:
    """Which gates stand open for the role; see `runtime.rights.gate`."""
    found = {name: role in roles for name, roles in PRIVILEGES.items()}
    for name, area, rule, masked in gates():
        grant = READ[area].get(role)
        found[name] = (
            grant is not None
            and (grant.rule, grant.masked) == (rule, masked)
            and (reasoned or not grant.reason)
        )
    return found


ANYONE = Viewer()
"""Whoever has not signed in."""
