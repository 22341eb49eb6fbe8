"""What has changed lately, for whoever keeps what was read before.

Whatever is kept holds the position of the log that this process had followed to before it was
read. A change that the reading has not seen is committed later than that, so its position is
higher: what is kept still stands if nothing it shows has changed behind its position. So nothing
need be dropped when something changes, and what was read before a change and is kept after it is
old by its position.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

from runtime.feed import Change

REMEMBERED = 20_000
"""How many of what has changed last are known by their ids."""
PLACES = frozenset(("district", "category"))
"""Facts that tell where something happened: nothing happened to those."""


class Recent:
    def __init__(self, position: int, remembered: int = REMEMBERED) -> None:
        """`position` is of the latest change there has been."""
        self.position = position
        """Up to where the log has been followed."""
        self._since = position
        """Of what was read before this it is not known whether it has changed."""
        self._remembered = remembered
        self._changed: OrderedDict[str, int] = OrderedDict()
        """By id, the position of its last change; the latest at the end."""

    def note(self, change: Change) -> None:
        for id in concerned(change):
            self._changed[id] = change.position
            self._changed.move_to_end(id)
        while len(self._changed) > self._remembered:
            _, self._since = self._changed.popitem(last=False)
        self.position = change.position

    def stands(self, ids: Iterable[str], position: int) -> bool:
        """Whether none of them has changed behind the position, as far as the log was followed."""
        if position >= self.position:
            return True
        if position < self._since:
            return False
        changed = self._changed
        return all(changed.get(id, 0) <= position for id in ids)


def concerned(change: Change) -> Iterator[str]:
    """The ids of what may look different after it."""
    yield change.subject_id
    for name, fact in change.facts.items():
        if name in PLACES:
            continue
        for part in fact if isinstance(fact, list) else (fact,):
            if isinstance(part, str):
                yield part
