"""What a try's result means for its copy: sent, refused, tried again later, or nobody can tell."""

import random
from datetime import datetime, timedelta

from webapp.bulk_email.in_hand import Held
from webapp.delivery.attempting import Outcome
from webapp.delivery.statuses import Status
from webapp.mail import replies
from webapp.mail.causes import Cause
from webapp.mail.transactions import Phase, Result
from webapp.providers.contract import Provider

FIRST_BACK_OFF = timedelta(minutes=1)
LONGEST_BACK_OFF = timedelta(hours=2)
IN_DOUBT = "The line broke after the mail was handed over, before the answer."
NOT_HANDED_OVER = "The line broke before the mail was handed over."


def judge(
    held: Held, result: Result, *, now: datetime, deadline: datetime | None, provider: Provider
) -> Outcome:
    """The outcome of one try, known `now`. What was refused for now is tried again until
    `deadline`; what was accepted may have an id of the provider's own in the answer."""
    reply = result.reply
    if reply is None:
        if result.is_ambiguous:
            return outcome(held, result, now, IN_DOUBT, Status.UNCONFIRMED, Cause.UNKNOWN)
        return _later(held, result, now, NOT_HANDED_OVER, Cause.UNREACHABLE, deadline)

    text = reply.line
    if 200 <= reply.code < 400:  # nearly always
        own = provider.message_id_in(text)
        return outcome(held, result, now, text, Status.SENT, None, own=own[:255] if own else None)
    verdict = replies.judge(reply, at_recipient=result.phase is not Phase.MAIL)
    if verdict.outcome is replies.Outcome.REFUSED_FOR_NOW:
        return _later(held, result, now, text, verdict.cause, deadline)
    if verdict.outcome is replies.Outcome.REFUSED:
        return outcome(held, result, now, text, Status.BOUNCED, verdict.cause)
    if held.attempt_count == 0:  # they speak of us: the email pauses, and nobody has failed yet
        return outcome(held, result, now, text, Status.RETRYING, verdict.cause, now)
    return outcome(held, result, now, text, Status.FAILED, verdict.cause)


def speaks_of_us(said: Outcome) -> bool:
    """Whether a try shows that nobody can be sent to before a person has mended something."""
    return said.status is Status.RETRYING and said.cause is Cause.OUR_SERVER and said.code >= 500


def merge_failed(held: Held, why: str, now: datetime) -> Outcome:
    """The mail could not even be made."""
    result = Result(Phase.CONNECT, None)
    return outcome(held, result, now, why, Status.FAILED, Cause.MERGE_FAILED)


def outcome(
    held: Held,
    result: Result,
    now: datetime,
    text: str,
    status: Status,
    cause: Cause | None,
    again: datetime | None = None,
    own: str | None = None,
) -> Outcome:
    return Outcome(
        held.id, held.bulk_email_id, held.address, held.fence, held.generation, held.status,
        result.phase, result.reply.code if result.reply else None, text, status, cause,
        held.began_at or now, now, again, own,
    )  # fmt: skip


def _later(
    held: Held,
    result: Result,
    now: datetime,
    text: str,
    cause: Cause | None,
    deadline: datetime | None,
) -> Outcome:
    """Try again 1, 2, 4 … minutes later, until the sender's deadline; then it is settled."""
    wait = min(FIRST_BACK_OFF * 2**held.attempt_count, LONGEST_BACK_OFF)
    again = now + wait * random.uniform(0.9, 1.2)
    if deadline and again > deadline:
        status = Status.FAILED if cause is Cause.OUR_SERVER else Status.BOUNCED_SOFT
        return outcome(held, result, now, text, status, cause)
    return outcome(held, result, now, text, Status.RETRYING, cause, again)
