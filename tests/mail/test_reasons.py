"""Why a server refused: what is said outweighs that it refused."""

import pytest

from webapp.mail import reasons
from webapp.mail.causes import Cause

SAID = {
    "Mail not accepted: the mailbox is unavailable, user not found": Cause.MAILBOX_MISSING,
    "no valid recipients for this picture message": Cause.MAILBOX_MISSING,
    "Access denied for now": Cause.BLOCKED_REPUTATION,
    "Administrative prohibition": Cause.BLOCKED_REPUTATION,
    "Mails from this network weren't sent to us": Cause.BLOCKED_REPUTATION,
    "(RTR:BL) see our postmaster pages": Cause.BLOCKED_REPUTATION,
    "High probability of spam": Cause.BLOCKED_CONTENT,
    "IP frequency limited": Cause.TOO_FAST,
    "Client host blocked; listed at Spamhaus": Cause.BLOCKED_REPUTATION,
    "Mail rejected due to listing in Spamhaus": Cause.BLOCKED_REPUTATION,
    "Host found on one or more DNSBLs": Cause.BLOCKED_REPUTATION,
    "It names a link that SURBL lists": Cause.BLOCKED_CONTENT,
    "Rejected by our anti-spoofing policy": Cause.AUTH_POLICY,
    "Number of messages exceeds the limit of the mailbox": Cause.MAILBOX_FULL,
    "Insufficient system storage": Cause.UNREACHABLE,
    "Mailbox unavailable or access denied": Cause.MAILBOX_DISABLED,
    "The group only accepts messages from its members": Cause.MAILBOX_DISABLED,
    "ann@example.org:blocked": Cause.BLOCKED_REPUTATION,
    "The sender's mailbox was not found": Cause.OUR_SERVER,
    "Return path domain does not exist": Cause.OUR_SERVER,
    "The sender's account is closed": Cause.OUR_SERVER,
    "Client has no permissions to submit": Cause.OUR_SERVER,
    "Invalid host name in HELO": Cause.BLOCKED_REPUTATION,
    "Harvest attack: unknown recipients": Cause.BLOCKED_REPUTATION,
    "Too many unknown users from your host": Cause.TOO_FAST,
    "The user was not found in your allow list": Cause.MAILBOX_DISABLED,
    "User takes no mail from unknown senders": Cause.MAILBOX_DISABLED,
    "The user does not accept mail from abroad": Cause.BLOCKED_REPUTATION,
    "Mailbox not available due to maintenance": Cause.UNREACHABLE,
    "User database unavailable": Cause.UNREACHABLE,
    "LDAP lookup failure: user not found": Cause.UNREACHABLE,
    "Recipient server unavailable": Cause.UNREACHABLE,
    "DNS lookup failure: host not found": Cause.DOMAIN_MISSING,
    "This domain does not accept mail": Cause.DOMAIN_MISSING,
    "You reached your daily limit": Cause.TOO_FAST,
    "You are sending too fast": Cause.TOO_FAST,
    "Sender verify failed": Cause.OUR_SERVER,
    "Internal resource is temporarily unavailable": Cause.UNREACHABLE,
    "votre serveur a un mauvais PTR": Cause.AUTH_POLICY,
    "Skrzynka odbiorcy jest przepełniona": Cause.MAILBOX_FULL,
}


@pytest.mark.parametrize("said", SAID)
def test_what_is_said_names_the_cause(said: str):
    assert reasons.cause_of(said, code=550) is SAID[said]


def test_a_refusal_for_now_without_a_reason_asks_to_slow_down():
    assert reasons.cause_of("Service refused, come back later", code=421) is Cause.TOO_FAST


def test_of_two_names_for_nobody_the_words_choose():
    assert reasons.cause_of("Host unknown", code=550, status="5.1.1") is Cause.DOMAIN_MISSING


def test_what_is_said_of_our_own_sign_in_is_ours():
    assert reasons.cause_of("Bad credentials", code=535, status="5.7.8") is Cause.OUR_SERVER
