"""F16: the host's clock jumps back an hour, and forward two."""

import time
from pathlib import Path

import pytest

from tests.chaos.conftest import only_long
from tests.chaos.harness import CHAOS_WORKER, Scene, some_are_sent
from tests.chaos.worker import SHIFT
from webapp.delivery.statuses import Status

pytestmark = pytest.mark.chaos
HOUR = 3600


@only_long
@pytest.mark.parametrize("hours", [(-1, 1), (1, -1, 1)])
def test_a_clock_that_jumps(stage: Scene, hours: tuple[int, ...]) -> None:
    """On PostgreSQL only the workers' clocks do, as those of many hosts may differ."""
    path = Path(stage.environment["DATA_DIR"]) / SHIFT
    stage.send(1_500)
    for _ in range(2):
        stage.start_worker(CHAOS_WORKER)
    stage.wait_for(some_are_sent)
    for shift in hours:
        before = stage.counts()[Status.SENT]
        path.write_text(str(shift * HOUR))
        time.sleep(1.5)
        if shift > 0:
            stage.wait_for(
                lambda counts, before=before: (
                    counts[Status.SENT] > before + 50 or not counts[Status.QUEUED]
                )
            )
    stage.wait_until_over()
    stage.wait_for(lambda counts: not stage.horses())
    # a lease ends early when the clock jumps: the copies in hand are in doubt until they are told
    stage.conclude(f"F16 clock jumps {hours} h", 0, unconfirmed=2 * 64 * len(hours))
