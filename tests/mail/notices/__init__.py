"""Mails that came back, written for the tests in the manner of many mail servers: no real ones.

Each file *.eml is a notice; its headers X-Expected say what must be read from it: address, class,
status ("-" for none), cause. Those named ordinary_ and auto_reply_ are no bounces.
"""

from email import message_from_bytes
from pathlib import Path

_ALL = sorted(Path(__file__).parent.glob("*.eml"))
ORDINARY = [path for path in _ALL if path.stem.startswith("ordinary_")]
AUTO_REPLIES = [path for path in _ALL if path.stem.startswith("auto_reply_")]
NOTICES = [path for path in _ALL if path not in ORDINARY + AUTO_REPLIES]
DAEMON = (
    b"From: Mail Delivery System <MAILER-DAEMON@mx.example.net>\n"
    b"To: news@sender.example\nSubject: Undelivered Mail\n"
)


def expected(raw: bytes) -> list[tuple[str, str, str, str]]:
    """(address, class, status, cause) of each recipient a notice names."""
    rows = [value.split() for value in message_from_bytes(raw).get_all("X-Expected", [])]
    return [(row[0], row[1], row[2].replace("-", ""), row[3]) for row in rows]


DSN = b"""\
From: MAILER-DAEMON@mx.example.net
To: bounces+7-deb6e8ccc1b2e9481176362b4ea92c@sender.example
Subject: Delivery Status Notification (Failure)
Message-ID: <n1@mx.example.net>
Date: Mon, 2 Mar 2026 08:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

See below.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Original-Envelope-Id: %(envid)s

Original-Recipient: rfc822;ann@example.org
Final-Recipient: rfc822; ann@inside.example.org
Action: %(action)s
Status: %(status)s
Diagnostic-Code: smtp; %(diagnostic)s

--b
Content-Type: text/rfc822-headers

Message-ID: <7-deb6e8ccc1b2e9481176362b4ea92c@sender.example>
From: news@sender.example
To: ann@example.org
Subject: Spring meeting

--b--
"""


def dsn(
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "550 5.1.1 User unknown",
    envid: str = "none",
) -> bytes:
    values = {"action": action, "status": status, "diagnostic": diagnostic, "envid": envid}
    return DSN % {name.encode(): value.encode() for name, value in values.items()}


COMPLAINT = b"""\
From: Feedback Loop <fbl@example.org>
To: news@sender.example
Subject: FW: Spring meeting
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: %s
User-Agent: Loop/1.0
Version: 1
Original-Rcpt-To: ann@example.org

--b
Content-Type: message/rfc822

Message-ID: <7-deb6e8ccc1b2e9481176362b4ea92c@sender.example>
From: news@sender.example
To: ann@example.org
Subject: Spring meeting

Dear Ann
--b--
"""
