"""Which history a place in the change log is from: after a backup was restored, other changes have
the positions of those that were lost.

A mark is the position of a row of the log and the tag that was drawn for it: `48211-3f9a2c1b`.
Rows that are older than tags have none: `17-`. Before anything was logged it is `0-`.
"""

from sqlalchemy import BigInteger, ColumnElement, Select, Text, and_, any_, cast, func, or_, select

from loaders.page import KEYED, Marked
from models.account import ChangeLog
from runtime.batch import KEYS, Columns, Read, value
from runtime.page import History, Values

NOTHING = "0-"
MARK = func.concat(ChangeLog.position, "-", ChangeLog.tag, type_=Text)
HEAD = func.coalesce(
    select(MARK).order_by(ChangeLog.position.desc()).limit(1).scalar_subquery(), NOTHING
)


def is_at(mark: ColumnElement[str]) -> ColumnElement[bool]:
    position = cast(func.split_part(mark, "-", 1), BigInteger)
    return and_(ChangeLog.position == position, mark == MARK)


def at_keys() -> ColumnElement[bool]:
    """The rows of the log that keys are the marks of."""
    positions = select(cast(func.split_part(KEYED.c.key, "-", 1), BigInteger))
    return and_(ChangeLog.position.in_(positions), any_(KEYS) == MARK)


def change_at(position: int, tag: str) -> Select[ChangeLog]:
    return select(ChangeLog).where(
        ChangeLog.position == position, func.coalesce(ChangeLog.tag, "") == tag
    )


@value(absent=False)
def of_this_history(columns: Columns) -> Read:
    """Of marks that were told by us, or made up."""
    there = select(ChangeLog.position).where(is_at(KEYED.c.key)).correlate(KEYED).exists()
    return select(KEYED.c.key, or_(KEYED.c.key == NOTHING, there))


def unmarked(values: Values) -> str:
    """Of cursors that begin with a position."""
    return f"{values[0]}-"


MARKED = Marked(HEAD, History(of_this_history, unmarked))
