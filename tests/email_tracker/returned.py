"""Mails that come back, to any return path."""


def bounce(
    number: int = 1,
    recipient: str = "ann@x.test",
    to: str = "news@acme.test",
    status: str = "5.1.1",
    action: str = "failed",
    said: str = "550 5.1.1 User unknown",
) -> bytes:
    """A delivery report (RFC 3464) of one recipient; `number` makes it one of its own."""
    return f"""\
Return-Path: <>
From: MAILER-DAEMON@mx.x.test
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <{number}@mx.x.test>
Date: Mon, 2 Mar 2026 08:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It could not be delivered.
.a line that begins with a dot

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.x.test

Final-Recipient: rfc822; {recipient}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--b--
""".replace("\n", "\r\n").encode()
