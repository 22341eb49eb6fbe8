"""Bearers of our own tokens: what a token says of its viewer, and that it says so truly."""

from collections import OrderedDict
from typing import Any

from runtime import clock
from runtime.language import Language
from runtime.rights import Role
from runtime.tokens import Keys
from runtime.viewer import Viewer

REMEMBERED = 10_000
"""Tokens: more than are used at once by whom one process serves."""


class Bearers:
    """Remembers the tokens it found good, as clients send theirs with every request and checking a
    signature costs more than answering a small one. One is good until it ends, or until the keys
    have changed for a second: what else decides about a viewer is not to be kept here."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._known: OrderedDict[str, tuple[Viewer, float]] = OrderedDict()
        self._under = keys.current

    def known(self, token: str) -> Viewer | None:
        """The viewer of a token that was found good, and still is."""
        keys = self._keys.recent
        if keys is not self._under:
            self._known.clear()
            self._under = keys
        viewer, ends_at = self._known.get(token, (None, 0.0))
        return viewer if clock.timestamp() < ends_at else None

    def viewer(self, token: str) -> Viewer:
        """Raises InvalidToken."""
        claims = self._keys.claims(token)
        viewer = viewer_from(claims)
        self._known[token] = viewer, claims["exp"]
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return viewer


def claims_of(viewer: Viewer) -> dict[str, Any]:
    """What our own tokens say of a viewer; what does not apply is left out."""
    said = {
        "sub": viewer.id,
        "role": viewer.role.value,
        "sid": viewer.session_id,
        "districts": list(viewer.districts),
        "provider": viewer.provider_id,
        "department": viewer.department_id,
        "purposes": list(viewer.purposes),
        "contract": viewer.contract,
        "language": viewer.language,
        "client_id": viewer.id if viewer.role is Role.PARTNER else None,
    }
    return {name: value for name, value in said.items() if value}


def viewer_from(claims: dict[str, Any]) -> Viewer:
    return Viewer(
        role=Role(claims["role"]),
        id=claims["sub"],
        districts=tuple(claims.get("districts", ())),
        provider_id=claims.get("provider"),
        department_id=claims.get("department"),
        purposes=tuple(claims.get("purposes", ())),
        contract=claims.get("contract"),
        session_id=claims.get("sid"),
        language=Language(claims["language"]) if "language" in claims else None,
    )
