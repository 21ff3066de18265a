"""Jobs for real workers; they tell by Redis what became of them."""

import os
import time

from webapp import queue
from webapp.lib import stopping


@queue.job(queue.Lane.CHORES)
def tell(number: int) -> None:
    queue.connection().set(f"told:{number}", os.getpid())


@queue.job(queue.Lane.CHORES)
def linger(number: int) -> None:
    """Work until asked to stop, like a long send."""
    queue.connection().set(f"began:{number}", os.getpid())
    while not stopping.is_asked():
        time.sleep(0.05)
    queue.connection().set(f"ended:{number}", 1)
