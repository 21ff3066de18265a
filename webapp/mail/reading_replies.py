"""Auto-replies (RFC 3834) and complaints (RFC 5965): both prove that the copy arrived."""

import re

from webapp.mail import reading_dsn
from webapp.mail.findings import MAX_RECIPIENTS, Finding, Verdict
from webapp.mail.letters import Letter
from webapp.mail.notice_words import COMPLAINT_SUBJECTS, REPLY_HEADERS, REPLY_SUBJECTS

_COMPLAINED_OF = ("original-rcpt-to", "removal-recipient", "x-rcpt-to", "x-hmxmroriginalrecipient")


def is_auto_reply(letter: Letter) -> bool:
    """Whether a machine answers for a person. Ask only of what is no notice of a mail server."""
    if REPLY_SUBJECTS.search(letter.first("subject").lower()[:300]):
        return True
    return any(
        re.search(pattern, value.lower())
        for name, pattern in REPLY_HEADERS.items()
        for value in letter.headers.get(name, [])
    )


def is_complaint(letter: Letter) -> bool:
    """A feedback report, or one of the letters that came before there was a form for them."""
    if letter.feedback or letter.report_type == "feedback-report":
        return True
    subject = letter.first("subject").lower()[:300]
    return letter.attached and bool(COMPLAINT_SUBJECTS.search(subject))


def feedback_type(letter: Letter) -> str:
    """abuse, fraud, virus, not-spam, auth-failure, opt-out …; "abuse" where nothing is said."""
    return next(iter(letter.feedback.get("feedback-type", [])), "abuse").strip().lower()[:60]


def read_complaint(letter: Letter) -> list[Finding]:
    """Whose complaint it is; most providers take the address out."""
    said = [
        address
        for name in _COMPLAINED_OF
        for value in letter.feedback.get(name, []) + letter.headers.get(name, [])
        if (address := reading_dsn.address_in(value))
    ]
    said = said or [
        address
        for value in letter.original.get("to", [])
        for part in value.split(",")
        if (address := reading_dsn.address_in(part))
    ]
    return [_arrived(address) for address in dict.fromkeys(said)][:MAX_RECIPIENTS]


def read_auto_reply(letter: Letter) -> list[Finding]:
    """Who answers; often not the address that we wrote to."""
    return [_arrived(address)] if (address := reading_dsn.address_in(letter.first("from"))) else []


def _arrived(address: str) -> Finding:
    return Finding(address, Verdict.DELIVERED, "", None, None, "")
