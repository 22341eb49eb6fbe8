"""How a process is told to end: SIGTERM and a closed terminal count as Ctrl-C does, so that what it
has started ends with it."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def leave(number: int) -> None:
    """With the status that shells give to whoever a signal has ended."""
    raise SystemExit(128 + number)


def end_when_told(end: Callable[[int], None] = leave) -> None:
    """SIGTERM, and SIGHUP unless whoever started us had it ignored (`nohup`), call `end` in the
    main thread; its exception runs every `finally` on its way out. Told again, it goes on ending.
    """

    def told(number: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, lambda *_: None)
        end(number)

    signal.signal(signal.SIGTERM, told)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        # Whoever takes SIGTERM by then, a server that lets its clients finish, is told as well.
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))


@contextmanager
def undisturbed() -> Iterator[None]:
    """For what must not be done by half: what is told inside the block counts after it."""
    if threading.current_thread() is not threading.main_thread():
        # No signal is handled in another one.
        yield
        return
    told: list[int] = []
    before = {number: signal.signal(number, lambda it, _: told.append(it)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for each in told:
            signal.raise_signal(each)
