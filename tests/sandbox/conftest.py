from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.playing import Playing, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sandbox.db"


@pytest.fixture
def sandbox(receiver: Receiver, path: Path) -> Iterator[Playing]:
    """A sandbox that plays quickly, in order and says everything once."""
    with Playing(path, receiver.url) as playing:
        yield playing
