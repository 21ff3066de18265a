"""Why a copy was not delivered, in one closed set."""

from enum import StrEnum


class Cause(StrEnum):
    MAILBOX_MISSING = "mailbox_missing"
    DOMAIN_MISSING = "domain_missing"
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
