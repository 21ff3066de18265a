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
    "You are sending too fast": Cause.TOO_FAST,
    "Sender verify failed": Cause.OUR_SERVER,
    "Internal resource is temporarily unavailable": Cause.UNREACHABLE,
    "votre serveur a un mauvais PTR": Cause.AUTH_POLICY,
    "Skrzynka odbiorcy jest przepełniona": Cause.MAILBOX_FULL,
}


@pytest.mark.parametrize("said", SAID)
def test_what_is_said_names_the_cause(said: str):
    assert reasons.cause_of(said, code=550) is SAID[said]
