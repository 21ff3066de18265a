"""Out over a real Postfix and back to our receiver: what our copies say is what its log says.

COPIES=2000 makes it larger, and pytest -s shows the table.
"""

import os

import pytest

from tests.email_tracker.circle import circle
from tests.postfix import need_postfix
from webapp.extensions import db

pytestmark = [pytest.mark.database, pytest.mark.redis]
COPIES = int(os.environ.get("COPIES", 200))
EXPECTED = {
    "taken.test": ("delivered", None),
    "silent.test": ("sent", None),  # the next server was asked to tell of it, and does not
    "grey.test": ("delivered", None),
    "moved.test": ("delivered", None),
    "unknown.test": ("bounced", "mailbox_missing"),
    "astray.test": ("bounced", "mailbox_missing"),
    "full.test": ("bounced", "mailbox_full"),
    "blocked.test": ("bounced", "blocked_content"),
    "nowhere.test": ("bounced", "domain_missing"),
    "refused.test": ("bounced", "mailbox_missing"),
    "putoff.test": ("retrying", "greylisted"),
    "busy.test": ("bounced_soft", "too_fast"),
    "closed.test": ("bounced_soft", "unreachable"),
    "late.test": ("bounced_soft", "gave_up"),
}
LATE = ("busy.test", "closed.test", "late.test")


def test_every_copy_says_what_the_relays_log_says(app, cast) -> None:
    need_postfix()
    is_lmtp = db.engine.dialect.name == "sqlite"  # so both ways back are tried
    times = {"delay_warning": 3, "lifetime": 12 + COPIES // 50}
    with circle(app, cast, COPIES, is_lmtp=is_lmtp, **times) as made:
        made.wait_for_the_end()
        print(f"\n{made.table()}")

        assert made.disagreements() == []
        assert {domain: list(said) for domain, said in made.by_domain().items()} == {
            domain: [said] for domain, said in EXPECTED.items()
        }
        late = made.told_late()
        assert {domain: late[domain] for domain in LATE} == {
            domain: made.by_domain()[domain].total() for domain in LATE
        }
