"""Why a copy was not delivered: one closed set, and its words, which a translator could edit."""

from dataclasses import dataclass
from enum import StrEnum


class Cause(StrEnum):
    MAILBOX_MISSING = "mailbox_missing"
    DOMAIN_MISSING = "domain_missing"
    MAILBOX_DISABLED = "mailbox_disabled"
    MAILBOX_FULL = "mailbox_full"
    TOO_FAST = "too_fast"
    BLOCKED_REPUTATION = "blocked_reputation"
    BLOCKED_CONTENT = "blocked_content"
    TOO_LARGE = "too_large"
    AUTH_POLICY = "auth_policy"
    GREYLISTED = "greylisted"
    UNREACHABLE = "unreachable"
    GAVE_UP = "gave_up"
    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    DUPLICATE = "duplicate"
    INVALID_ADDRESS = "invalid_address"
    MERGE_FAILED = "merge_failed"
    OUR_SERVER = "our_server"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Side(StrEnum):
    """Who can do something about it."""

    THEIRS = "theirs"
    OURS = "ours"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Words:
    """A Cause for people: whose side, what happened, what to do."""

    side: Side
    sentence: str
    remedy: str


WORDS: dict[Cause, Words] = {
    Cause.MAILBOX_MISSING: Words(
        Side.THEIRS,
        "The mailbox does not exist.",
        "Look for a typing error in the address, or ask the person for a new one.",
    ),
    Cause.DOMAIN_MISSING: Words(
        Side.THEIRS,
        "There is no such mail domain.",
        "Look for a typing error after the @, or ask the person for a new address.",
    ),
    Cause.MAILBOX_DISABLED: Words(
        Side.THEIRS,
        "The mailbox is switched off, or does not take this mail.",
        "Look for a typing error in the address, or ask the person for another one.",
    ),
    Cause.MAILBOX_FULL: Words(
        Side.THEIRS,
        "The mailbox is full.",
        "Send it again in a few days, or reach the person another way.",
    ),
    Cause.TOO_FAST: Words(
        Side.THEIRS,
        "Their server asked us to slow down.",
        "Nothing: we try again by ourselves.",
    ),
    Cause.BLOCKED_REPUTATION: Words(
        Side.OURS,
        "Their server does not accept mail from our server.",
        "Ask whoever runs the mail server to look at its reputation and block lists.",
    ),
    Cause.BLOCKED_CONTENT: Words(
        Side.OURS,
        "Their server took the mail for spam.",
        "Change the text: fewer links, no attachments, a plain subject.",
    ),
    Cause.TOO_LARGE: Words(
        Side.OURS,
        "The mail is too large for their server.",
        "Make it smaller, or link to what is large.",
    ),
    Cause.AUTH_POLICY: Words(
        Side.OURS,
        "Their server could not verify that the mail is from us (SPF, DKIM or DMARC).",
        "Have the sender's domain set up for this mail server.",
    ),
    Cause.GREYLISTED: Words(
        Side.THEIRS,
        "Their server asks every new sender to come back later.",
        "Nothing: we try again by ourselves.",
    ),
    Cause.UNREACHABLE: Words(
        Side.NOBODY,
        "Their mail server could not be reached, hung up, or had trouble of its own.",
        "Nothing: we try again by ourselves.",
    ),
    Cause.GAVE_UP: Words(
        Side.NOBODY,
        "It was tried again and again until time ran out, without success.",
        "Send it again, or reach the person another way.",
    ),
    Cause.SUPPRESSED: Words(
        Side.NOBODY,
        "Mail to this address failed before, so it was not tried.",
        "Correct the address, or lift the suppression if the address works again.",
    ),
    Cause.UNSUBSCRIBED: Words(
        Side.NOBODY,
        "The person has unsubscribed.",
        "Respect it, or reach the person another way.",
    ),
    Cause.COMPLAINED: Words(
        Side.NOBODY,
        "The person marked an earlier mail as spam.",
        "Respect it, or reach the person another way.",
    ),
    Cause.DUPLICATE: Words(
        Side.NOBODY,
        "The same address got this email by another record.",
        "Nothing: they have it.",
    ),
    Cause.INVALID_ADDRESS: Words(
        Side.OURS,
        "There is no valid address in the record.",
        "Fill in or correct the address in the record.",
    ),
    Cause.MERGE_FAILED: Words(
        Side.OURS,
        "The text could not be merged for this person.",
        "Fill in the field in the record, or give the merge field a fall-back.",
    ),
    Cause.OUR_SERVER: Words(
        Side.OURS,
        "Our own mail server refused to send it.",
        "Ask an admin to look at the connection, then send it again.",
    ),
    Cause.CANCELLED: Words(
        Side.OURS,
        "The email was cancelled before this copy left.",
        "Duplicate the email to send it after all.",
    ),
    Cause.UNKNOWN: Words(
        Side.NOBODY,
        "The reason was not said in words we know.",
        "Read what the server said under Details.",
    ),
}
