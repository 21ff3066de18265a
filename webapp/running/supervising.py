"""Starts processes, starts again what ended by itself, and stops them in order."""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from webapp.running import tying

log = structlog.get_logger()

_LOOK_SECONDS = 0.1
_LONGEST_PAUSE = 10.0
_SETTLED_SECONDS = 20.0  # what ran that long did not fail at its start
_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass
class Part:
    """One process: `run` is called in a fork of ours, and its end is the process's end.

    Parts of a lower `layer` are started before, and stopped after, those of a higher one.
    """

    name: str
    run: Callable[[], object]
    layer: int = 1
    patience: float = 10.0  # seconds between asking it to stop and killing it
    wait: Callable[[], object] = lambda: None  # returns when what is above may start
    pid: int = 0
    started_at: float = 0.0
    failures: int = 0
    rest_until: float = 0.0


class _Stop:
    """Set by the signals that ask for the end; the second one of the same kind is impatient."""

    def __init__(self) -> None:
        self.asked = 0
        self.before = {number: signal.signal(number, self._ask) for number in _STOPS}

    def _ask(self, number: int, frame: object) -> None:
        self.asked += 1

    def restore(self) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def supervise(parts: Sequence[Part], on_start: Callable[[], object] = lambda: None) -> None:
    """Keep all `parts` running until this process gets SIGTERM, SIGINT or SIGHUP; then stop them.

    Call it from the main thread of a process without other threads: the parts are forks of it.
    """
    stop = _Stop()
    try:
        for part in sorted(parts, key=lambda part: part.layer):
            _start(part)
            part.wait()
        on_start()
        while not stop.asked:
            _notice_ends(parts)
            _start_again(parts)
            time.sleep(_LOOK_SECONDS)
    finally:
        _stop_all(parts, stop)
        stop.restore()


def _start(part: Part) -> None:
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    part.started_at = time.monotonic()
    part.pid = os.fork()
    if part.pid == 0:
        _be(part, parent)


def _be(part: Part, parent: int) -> None:
    """The life of the child. Never returns into the parent's code."""
    code = 1
    try:
        for number in _STOPS:
            signal.signal(number, signal.SIG_DFL)
        os.setpgid(0, 0)  # Ctrl-C reaches the parent alone, which stops us in order
        tying.tie_to(parent)
        part.run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _notice_ends(parts: Sequence[Part]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for part in parts:
            if part.pid == pid:
                _note_end(part, os.waitstatus_to_exitcode(status))


def _note_end(part: Part, code: int) -> None:
    lived = time.monotonic() - part.started_at
    part.pid = 0
    part.failures = 0 if lived > _SETTLED_SECONDS else part.failures + 1
    pause = min(_LONGEST_PAUSE, 0.2 * 2**part.failures) if part.failures else 0
    part.rest_until = time.monotonic() + pause
    log.warning("ended_by_itself", part=part.name, exit_code=code, again_in_seconds=pause)


def _start_again(parts: Sequence[Part]) -> None:
    for part in parts:
        if part.pid == 0 and time.monotonic() >= part.rest_until:
            _start(part)


def _stop_all(parts: Sequence[Part], stop: _Stop) -> None:
    for layer in sorted({part.layer for part in parts}, reverse=True):
        _stop_layer([part for part in parts if part.layer == layer and part.pid], stop)


def _stop_layer(parts: list[Part], stop: _Stop) -> None:
    for part in parts:
        os.kill(part.pid, signal.SIGTERM)
    asked, since = stop.asked, time.monotonic()
    while any(part.pid for part in parts):
        for part in parts:
            is_overdue = time.monotonic() - since > part.patience or stop.asked > asked
            if part.pid and is_overdue:
                os.kill(part.pid, signal.SIGKILL)
        for part in parts:
            if part.pid and os.waitpid(part.pid, os.WNOHANG)[0]:
                part.pid = 0
        time.sleep(_LOOK_SECONDS / 2)
