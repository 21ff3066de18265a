"""Asking long work to end at its next safe point (SIGTERM in a worker)."""

import threading

_asked = threading.Event()


def ask(*_: object) -> None:
    """Usable as a signal handler."""
    _asked.set()


def is_asked() -> bool:
    return _asked.is_set()


def forget() -> None:
    """A new process (or test) begins unasked."""
    _asked.clear()
