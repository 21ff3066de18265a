"""A mail that came back becomes Reports of our copies."""

import pytest

from tests.mail.notices import AUTO_REPLIES, COMPLAINT, DAEMON, ORDINARY, dsn
from webapp.mail import bounce_reports
from webapp.mail.causes import Cause
from webapp.mail.reports import ReportKind

TOKEN = "7-deb6e8ccc1b2e9481176362b4ea92c"
OTHER = "7-f14250cba60c111561993d362731ce"


def only(raw: bytes, envelope_to: str = ""):
    (report,) = bounce_reports.read(raw, envelope_to)
    return report


def test_a_refusal_is_a_bounce_with_cause_words_and_names():
    report = only(dsn())
    assert (report.kind, report.cause) == (ReportKind.BOUNCED, Cause.MAILBOX_MISSING)
    assert report.reply == "550 5.1.1 User unknown"
    assert report.names == ("ann@example.org", "ann@inside.example.org")
    assert report.happened_at.isoformat() == "2026-03-02T08:00:00+00:00"


@pytest.mark.parametrize(
    ("said", "cause"),
    [("451 4.3.0 something", Cause.GAVE_UP), ("452 4.2.2 mailbox full", Cause.MAILBOX_FULL)],
)
def test_where_time_ran_out_and_nobody_said_why_it_was_given_up(said: str, cause: Cause):
    assert only(dsn("failed", said[4:9], said)).cause is cause
    assert only(dsn("delayed", said[4:9], said)).cause is not Cause.GAVE_UP


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (dsn("delayed", "4.4.1", "timed out"), ReportKind.DEFERRED),
        (dsn("failed", "4.4.7", "expired"), ReportKind.BOUNCED_SOFT),
        (dsn("failed", "4.2.2", "mailbox full"), ReportKind.BOUNCED_SOFT),
        (dsn("delivered", "2.1.5", "ok"), ReportKind.DELIVERED),
        (COMPLAINT % b"abuse", ReportKind.COMPLAINED),
        (COMPLAINT % b"opt-out", ReportKind.UNSUBSCRIBED),
        (COMPLAINT % b"not-spam", ReportKind.UNKNOWN),
        (COMPLAINT % b"auth-failure", ReportKind.UNKNOWN),
        (AUTO_REPLIES[0].read_bytes(), ReportKind.AUTOREPLIED),
        (ORDINARY[0].read_bytes(), ReportKind.UNKNOWN),
        (DAEMON + b"\ngave up after 5 days: no answer\n", ReportKind.BOUNCED_SOFT),
    ],
)
def test_each_kind_of_mail_is_its_kind_of_report(raw: bytes, kind: ReportKind):
    assert only(raw).kind is kind


@pytest.mark.parametrize(
    ("raw", "envelope_to", "token"),
    [
        (dsn(), f"bounces+{OTHER}@sender.example", OTHER),
        (dsn(), f"BOUNCES+{OTHER.upper()}@SENDER.EXAMPLE", OTHER),
        (dsn(envid=OTHER).replace(b"bounces+" + TOKEN.encode(), b"bounces"), "", OTHER),
        (dsn().replace(b"bounces+" + TOKEN.encode(), b"bounces"), "", TOKEN),
        (COMPLAINT % b"abuse", "", TOKEN),
        (AUTO_REPLIES[2].read_bytes(), "", TOKEN),
        (ORDINARY[0].read_bytes(), "", None),
    ],
)
def test_the_token_is_found_where_it_travels(raw: bytes, envelope_to: str, token: str | None):
    assert only(raw, envelope_to).token == token


def test_two_recipients_are_two_reports():
    block = b"Final-Recipient: rfc822; bob@example.com\nAction: failed\nStatus: 5.2.2\n\n"
    raw = dsn().replace(b"Original-Recipient", block + b"Original-Recipient")
    reports = bounce_reports.read(raw)
    assert [(report.address, report.cause) for report in reports] == [
        ("bob@example.com", Cause.MAILBOX_FULL),
        ("ann@example.org", Cause.MAILBOX_MISSING),
    ]


def test_strangers_texts_are_cleaned():
    report = only(dsn(diagnostic="550 5.1.1 \x00\x1b[31mno\x7f" + "x" * 9000))
    assert report.reply.isprintable()
    assert len(report.reply) <= 2000
