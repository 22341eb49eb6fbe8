"""Several processes that serve on one socket: begun, replaced when they die, and ended together."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

import structlog

log = structlog.get_logger()

LOOK_SECONDS = 0.2
YOUNG_SECONDS = 10.0
"""Whoever gives up sooner than this after a start would give up again."""


@dataclass
class Worker:
    command: Sequence[str]
    process: "subprocess.Popen[bytes]"
    started: float

    @property
    def is_young(self) -> bool:
        return time.monotonic() - self.started < YOUNG_SECONDS


class Workers:
    """Each runs a command. They have the sockets that `descriptors` name."""

    def __init__(
        self,
        commands: Sequence[Sequence[str]],
        environment: Mapping[str, str],
        descriptors: Sequence[int],
        ended: Callable[[int], None] = lambda pid: None,
    ) -> None:
        """`ended` is told the id of each that is replaced."""
        self._ended = ended
        self._environment = environment
        self._descriptors = descriptors
        self._told: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        self._workers = [self._start(command) for command in commands]

    def run(self) -> int:
        """Until told to end, or until one of them cannot even start; the exit code."""
        try:
            while not self._told:
                time.sleep(LOOK_SECONDS)
                for index, worker in enumerate(self._workers):
                    code = worker.process.poll()
                    if code is None or self._told:
                        continue
                    log.error("worker", pid=worker.process.pid, ended=code)
                    if code > 0 and worker.is_young:
                        return code
                    self._ended(worker.process.pid)
                    self._workers[index] = self._start(worker.command)
            return 0
        finally:
            self._end()

    def _start(self, command: Sequence[str]) -> Worker:
        # In a group of its own: Ctrl-C is told to us, and by us to them, once.
        process = subprocess.Popen(
            command, env=self._environment, pass_fds=self._descriptors, process_group=0
        )
        return Worker(command, process, time.monotonic())

    def _end(self) -> None:
        told = 0
        while any(worker.process.poll() is None for worker in self._workers):
            if told < max(len(self._told), 1):
                told += 1
                for worker in self._workers:
                    if worker.process.poll() is None:
                        worker.process.send_signal(signal.SIGTERM)
            time.sleep(LOOK_SECONDS)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._told.append(number)
