"""When Python looks for garbage: seldom, and not through what is there to stay."""

import gc

OBJECTS = 20_000
"""After how many more than before the youngest are looked through."""


def look_seldom() -> None:
    """Once everything that stays has been made.

    The schema is some hundred thousand objects: looking through all of them would keep every
    request waiting, now and then. And what a request makes is let go of when it is over; looking
    for what is not, hundreds of times a second and in the middle of requests, finds next to
    nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS, 20, 20)
