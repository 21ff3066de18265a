"""F1: nine crash points, each with a group of one and of twenty copies in hand."""

from collections.abc import Iterator

import pytest

from tests.chaos.harness import CHAOS_WORKER, Scene, Slow, kill
from tests.chaos.points import KEY, Point
from tests.smtp_server import Action

pytestmark = pytest.mark.chaos

# where the worker dies, and whether the copies in its hand are in doubt afterwards
DATABASE_POINTS = {
    Point.FROZEN: False,
    Point.PREPARED: False,
    Point.TAKEN: False,
    Point.MARKED: True,
    Point.ANSWERED: True,
    Point.RECORDED: False,  # but what was not answered yet
}
WIRE_POINTS = ["mail", "body", "dot"]  # of which none has been answered


class Striking:
    """Kills whoever talks, at the `armed` (step, part of an address), before it is answered."""

    def __init__(self) -> None:
        self.armed: tuple[str, str] | None = None
        self.stage: Scene | None = None

    def __call__(self, step: str, address: str) -> Action:
        if self.armed and step == self.armed[0] and (step == "mail" or self.armed[1] in address):
            self.armed = None
            for horse in self.stage.horses():
                kill(horse)
        return None


@pytest.fixture(scope="module")
def striking() -> Striking:
    return Striking()


@pytest.fixture
def stage(make_stage, striking: Striking) -> Iterator[Scene]:
    with make_stage(Slow(0, striking), max_connections=1) as made:
        striking.stage = made
        yield made


def test_dying_at_a_commit(stage: Scene) -> None:
    stage.start_worker(CHAOS_WORKER)
    for group in (1, 20):
        for point, is_doubtful in DATABASE_POINTS.items():
            stage.emails.clear()
            stage.redis().set(KEY, point)
            stage.send(group, prefix=f"{point.name.lower()}-{group}-")
            stage.wait_until_over()
            assert not stage.redis().exists(KEY), f"nobody came to {point}"
            doubtful = group if is_doubtful else 0
            if point is Point.RECORDED:
                doubtful = group - 1
            stage.conclude(f"F1 {point}, group {group}", 1, unconfirmed=doubtful)


def test_dying_on_the_wire(stage: Scene, striking: Striking) -> None:
    stage.start_worker(CHAOS_WORKER)
    for group in (1, 20):
        for step in WIRE_POINTS:
            stage.emails.clear()
            striking.armed = (step, f"{group // 2}@")
            stage.send(group, prefix=f"{step}-{group}-")
            stage.wait_until_over()
            assert striking.armed is None, f"nobody came to {step}"
            stage.conclude(f"F1 at {step}, group {group}", 1, unconfirmed=group)
