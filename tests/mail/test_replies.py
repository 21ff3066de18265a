"""What servers say, and why: one table for SMTP replies, reports and notices."""

import pytest

from webapp.mail import codes, findings, reasons, replies
from webapp.mail.causes import WORDS, Cause, Side
from webapp.mail.replies import Outcome, Reply

SAID = [
    ("550 5.1.1 <ann@example.org>: Recipient address rejected: User unknown", "mailbox_missing"),
    ("550 No such user here", "mailbox_missing"),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", "mailbox_missing"),
    ("550 5.4.1 Recipient address rejected: Access denied", "mailbox_missing"),
    ("550 5.1.2 bad destination system: no such domain", "domain_missing"),
    ("554 5.4.4 Unable to route: no mail hosts for domain", "domain_missing"),
    ("552 5.2.2 Mailbox full", "mailbox_full"),
    ("452 4.2.2 The email account is over quota", "mailbox_full"),
    ("550 5.2.1 The account has been disabled", "mailbox_disabled"),
    ("550 5.2.1 <ann@example.org>... User unknown", "mailbox_disabled"),
    ("450 4.7.1 Greylisted, please come back in 300 seconds", "greylisted"),
    ("421 4.7.0 too many connections from your host", "too_fast"),
    ("451 4.7.500 Server busy, please slow down", "too_fast"),
    ("550 5.7.1 Service unavailable; client [192.0.2.1] blocked using x", "blocked_reputation"),
    ("554 5.7.1 Message rejected as spam", "blocked_content"),
    ("550 5.7.26 This mail is unauthenticated (SPF, DKIM)", "auth_policy"),
    ("552 5.3.4 Message size exceeds fixed limit", "too_large"),
    ("550 5.7.1 Relaying denied", "our_server"),
    ("451 4.4.1 connection timed out", "unreachable"),
    ("550 4.4.7 message expired", "gave_up"),
    ("550 Benutzer unbekannt", "mailbox_missing"),
    ("550 Utilisateur inconnu", "mailbox_missing"),
    ("552 Boîte aux lettres pleine", "mailbox_full"),
    ("550 宛先不明", "mailbox_missing"),
    ("501 5.1.3 Bad recipient address syntax", "mailbox_missing"),
    ("550 5.7.133 SenderNotAuthenticatedForGroup; authentication required", "mailbox_disabled"),
    ("550 5.4.310 DNS domain example.org does not exist", "domain_missing"),
    ("550 5.7.1 No such user!", "mailbox_missing"),
    ("550 #5.1.0 Address rejected.", "mailbox_missing"),
    ("553 5.3.0 <ann@example.org>... Addressee unknown", "mailbox_missing"),
    ("550 5.1.1 Recipient account is dormant/disabled", "mailbox_disabled"),
    ("550 5.1.1 Mail from your network refused", "blocked_reputation"),
    ("554 mx.example.net block for spam", "blocked_reputation"),
    ("550 5.7.1 Messages missing a valid Message-ID header are not accepted", "blocked_content"),
    ("432 4.3.2 Concurrent connections limit exceeded", "too_fast"),
    ("451 4.3.0 Mail server temporarily rejected message", "unreachable"),
    ("451 4.3.0 Error: queue file write error", "unreachable"),
    ("421 4.7.29 Rate limited: this message was not sent over a TLS connection", "auth_policy"),
    ("454 4.7.0 TLS not available due to local problem", "unreachable"),
    ("550 Modtageren findes ikke", "mailbox_missing"),
    ("550 I do not want to talk about it", "unknown"),
]  # fmt: skip


def reply_of(text: str) -> Reply:
    return Reply(int(text[:3]), text[4:])


@pytest.mark.parametrize(("text", "cause"), SAID)
def test_sayings_name_their_cause(text: str, cause: str):
    assert replies.cause_of(reply_of(text)) == cause


@pytest.mark.parametrize(
    "text",
    [
        "550 5.7.1 User unknown",
        "550 5.0.0 Unknown user",
        "554 5.7.1 Message from user-unknown.example.org rejected as spam",
        "450 4.1.1 User unknown, try again",
        "550 Administrative prohibition",
        "mx said: 550 Unknown user (in reply to end of DATA command)",
        "192.0.2.1 failed after I sent the message. Remote host said: 550 No such user",
    ],
)
def test_doubtful_refusals_do_not_end_our_writing(text: str):
    assert not findings.judge("ann@example.org", text).is_nobody


def test_before_the_recipient_a_refusal_speaks_of_us():
    verdict = replies.judge(Reply(550, "5.7.1 go away"), at_recipient=False)
    assert (verdict.outcome, verdict.cause) == (Outcome.DENIED, Cause.OUR_SERVER)


@pytest.mark.parametrize(
    ("text", "outcome", "cause"),
    [
        ("501 5.1.3 bad recipient syntax", Outcome.REFUSED, Cause.MAILBOX_MISSING),
        ("501 5.1.7 Bad sender address syntax", Outcome.DENIED, Cause.OUR_SERVER),
        ("501 Syntax error in parameters", Outcome.DENIED, Cause.OUR_SERVER),
        ("555 5.5.4 RCPT TO parameters not recognized", Outcome.DENIED, Cause.OUR_SERVER),
    ],
)
def test_bad_syntax_is_ours_unless_it_is_the_address_s(text: str, outcome: Outcome, cause: Cause):
    verdict = replies.judge(reply_of(text), at_recipient=True)
    assert (verdict.outcome, verdict.cause) == (outcome, cause)


def test_a_recipient_refused_for_now_is_tried_again():
    verdict = replies.judge(Reply(450, "4.2.0 mailbox busy"), at_recipient=True)
    assert verdict.outcome is Outcome.REFUSED_FOR_NOW


def test_from_afar_relaying_denied_is_not_our_server():
    assert findings.judge("", "550 5.7.1 relaying denied").cause is Cause.BLOCKED_REPUTATION


def test_every_cause_has_words_for_people():
    assert set(WORDS) == set(Cause)
    for words in WORDS.values():
        assert words.side in Side
        assert words.sentence.endswith(".")
        assert words.remedy.endswith(".")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("smtp;550 5.1.1 unknown", ["5.1.1"]),
        ("said: 550-5.07.026 no (#5.7.26)", ["5.7.26", "5.7.26"]),
        ("Exim 4.92.3.1 at 5.10.0.1", []),
    ],
)
def test_enhanced_codes_are_told_from_versions_and_hosts(text: str, found: list[str]):
    assert codes.enhanced_codes(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("550 no", [550]),
        ("550-no 451: yes", [550, 451]),
        ("port 465 after 550 hours, 421 MB at 192.0.2.550", []),
    ],
)
def test_reply_codes_are_told_from_other_numbers(text: str, found: list[int]):
    assert codes.reply_codes(text) == found


def test_long_words_cost_no_time():
    """Bounded by design; the cap is what keeps it so."""
    assert len(reasons.words_of("user " * 100_000)) <= reasons.MAX_WORDS
