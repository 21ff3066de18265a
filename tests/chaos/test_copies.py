"""F17: a database is copied in mid-send, and a host sets out to send from the copy."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chaos.conftest import only_long
from tests.chaos.harness import ROOT, Scene, some_are_sent
from tests.delivery.test_adopting import copied_database
from webapp.delivery import adopting

pytestmark = pytest.mark.chaos


@only_long
def test_a_copied_database_asks_before_it_sends(stage: Scene, tmp_path: Path) -> None:
    stage.send(600)
    stage.stop_worker(stage_with_some_sent(stage))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with copied_database(elsewhere) as copy:
        url = copy.config["SQLALCHEMY_DATABASE_URI"]
        stage.environment |= {"DATABASE_URL": url, "DATA_DIR": str(elsewhere)}
        before = len(stage.server.ledger.mails)
        stage.start_worker()
        with copy.app_context():
            stage.wait_for(lambda counts: adopting.questions())
            time.sleep(4)
            assert len(stage.server.ledger.mails) == before, "it sent before anybody was asked"
            adopt(stage)
            stage.wait_until_over()
            stage.conclude("F17 a copied database asks", 0)
            stage.stop_all()


def stage_with_some_sent(stage: Scene):
    worker = stage.start_worker()
    stage.wait_for(some_are_sent)
    return worker


def adopt(stage: Scene) -> None:
    script = Path(sys.executable).parent / "email-tracker"
    subprocess.run(
        [script, "adopt"], env=os.environ | stage.environment, check=True, cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
