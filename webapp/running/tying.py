"""A process that cannot outlive the one that started it, not even after kill -9."""

import ctypes
import os
import signal
import sys
import threading
import time

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <sys/prctl.h>
_LOOK_SECONDS = 0.5


def tie_to(parent: int) -> None:
    """End this process as soon as the process `parent`, which started it, is gone.

    On Linux the kernel does it, also for a program that takes this process's place by exec;
    elsewhere a thread looks, which exec would end: see `keep_beside`.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it died before we were ready to hear of it
        os._exit(1)


def become(command: list[str], parent: int) -> None:
    """Turn this process into `command`, tied to `parent` as before. Does not return."""
    if sys.platform == "linux":
        os.execv(command[0], command)
    keep_beside(command, parent)


def keep_beside(command: list[str], parent: int) -> None:
    """Run `command` as a child and kill it when `parent` is gone. Does not return."""
    child = os.posix_spawn(command[0], command, os.environ)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: os.kill(child, number))
    while os.getppid() == parent:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
        time.sleep(_LOOK_SECONDS)
    os.kill(child, signal.SIGKILL)
    os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)
