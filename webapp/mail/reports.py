"""What an Arrival says of one copy, in our words."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from webapp.mail.causes import Cause


class ReportKind(StrEnum):
    """The vocabulary, after django-anymail's normalised event types."""

    PROCESSED = "processed"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    BOUNCED_SOFT = "bounced_soft"
    BOUNCED = "bounced"
    DROPPED = "dropped"
    AUTOREPLIED = "autoreplied"
    OPENED = "opened"
    CLICKED = "clicked"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    SUBSCRIBED = "subscribed"
    UNKNOWN = "unknown"


class Report(NamedTuple):
    """One thing that a provider or a mailbox says of one copy.

    `token` is the copy's own (it travelled in the message) and None when it did not come back;
    then `provider_message_id` or `address` must do. `happened_at` is the provider's time, None
    when it gave none that can be used. Texts are strangers': cleaned of NUL and capped, never
    trusted. `reply` is what a mail server said, `description` what the provider says itself.
    `native` is the provider's own word for the kind, `details` what has no field (url, user_agent,
    attempt, reason: the provider's own word for why). `names` are the addresses that a notice
    speaks of: where the copy's own is not among them, it speaks of whom the mail was passed on to.
    """

    kind: ReportKind
    token: str | None
    address: str | None
    happened_at: datetime | None
    provider_message_id: str | None = None
    provider_event_id: str | None = None
    cause: Cause | None = None
    reply: str = ""
    description: str | None = None
    native: str = ""
    details: dict = {}  # never changed, only replaced
    names: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The raw words that a person may read: the mail server's, else the provider's."""
        return self.reply or self.description or ""
