"""What pages say of an email."""

from datetime import UTC, datetime

import pytest

from webapp.accounts.models import AuditEntry
from webapp.bulk_email import listing, wording
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import tallying
from webapp.delivery.models import Tally
from webapp.delivery.statuses import Status


def entry(action: str, name: str = "Alice", **details) -> AuditEntry:
    return AuditEntry(action=action, user_name=name, details=details)


@pytest.mark.parametrize(
    ("action", "details", "words"),
    [
        ("email.sent", {"selected": 3000}, "sent it to 3,000 records"),
        ("email.scheduled", {"at": "Fri, 08:00 (UTC)"}, "scheduled it for Fri, 08:00 (UTC)"),
        ("email.paused", {}, "paused it"),
        ("email.paused", {"reason": "535 denied"}, "paused it: 535 denied"),
        (
            "email.deadline_changed",
            {"from": "2026-12-01T12:00:00+00:00", "to": "2026-12-02T12:00:00+00:00"},
            "changed the end of the tries from 1 Dec 2026, 13:00 CET to 2 Dec 2026, 13:00 CET",
        ),
        ("email.of_later", {"x": 1}, "email.of_later, x: 1"),
        ("email.sent", {}, "email.sent"),
    ],
)
def test_what_was_done_is_a_sentence(action, details, words) -> None:
    assert wording.done(entry(action, **details), "Europe/Berlin") == words


def test_a_time_is_told_in_the_zone_it_was_said_in_and_in_ones_own() -> None:
    at = datetime(2026, 12, 4, 7, tzinfo=UTC)
    email = BulkEmail(stage=Stage.SCHEDULED, scheduled_at=at, schedule_zone="Europe/Berlin")

    assert wording.goes_out(email, "Europe/Paris") == "Fri 4 Dec 2026, 08:00 (Europe/Berlin)"
    assert wording.goes_out(email, None).endswith("; for you Fri 4 Dec 2026, 07:00 (UTC)")


def test_a_pause_says_why_and_what_to_do() -> None:
    email = BulkEmail(stage=Stage.PAUSED, pause_reason="")
    assert wording.pause(email, entry("email.paused")).startswith("Paused by Alice.")
    assert wording.pause(email, None).startswith("Paused by the program.")

    email.pause_reason = "The mail server refused our password."
    assert wording.pause(email, None) == "The mail server refused our password."
    assert wording.pause(BulkEmail(stage=Stage.SENDING, pause_reason="x"), None) == ""


@pytest.mark.parametrize(
    ("counts", "said", "tone"),
    [
        ({}, "Finished", "ok"),
        ({"bounced": 31, "failed": 1200}, "Finished, 1,231 not sent", "wait"),
        (
            {"bounced": 31, "withheld": 8, "doubles": 8},
            "Finished, 39 not sent (8 doubles)",
            "wait",
        ),
        (
            {"failed": 1, "withheld": 1, "doubles": 1},
            "Finished, 2 not sent (1 double)",
            "wait",
        ),
        ({"withheld": 8, "doubles": 8}, "Finished, 8 not sent (all doubles)", "ok"),
        ({"withheld": 1, "doubles": 1, "delivered": 3}, "Finished, 1 not sent (1 double)", "ok"),
        (
            {"withheld": 1, "doubles": 1, "unconfirmed": 2},
            "Finished, 1 not sent (1 double), 2 unknown",
            "wait",
        ),
    ],
)
def test_people_without_the_email_are_told_from_doubles(counts, said, tone) -> None:
    nothing = dict.fromkeys(["doubles", *(status.value for status in Status)], 0)
    books = tallying.books(Tally(**nothing | counts))

    assert listing.state_of(BulkEmail(stage=Stage.FINISHED), books) == (said, tone)
