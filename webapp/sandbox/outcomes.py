"""What the sandbox plays for an address: ann+bounce@example.org is accepted, and then bounces.

A tag is looked up in a table; tags combine (ann+busy+bounce@…), one that changes the SMTP answer
with one that changes what is reported. Without a known tag a mail is delivered.
"""

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

ALWAYS = 1_000_000


@dataclass(frozen=True)
class Step:
    """One report: `after` is the span of seconds since the step before, `replies` the words of the
    receiving server, one of which is chosen by the address."""

    event: str
    after: tuple[float, float]
    replies: Sequence[str] = ("",)
    attempt: int = 1


@dataclass(frozen=True)
class Outcome:
    """What is answered and what is reported. `refusals`: how many times RCPT is refused, with one
    of `replies`; `hangs`: the first try is kept, but its final dot is never answered."""

    name: str
    steps: tuple[Step, ...]
    replies: Sequence[str] = ()
    refusals: int = 0
    hangs: bool = False


@dataclass(frozen=True)
class Manner:
    """How reports travel. Shares are from 0 to 1; every delay is multiplied by `pace`."""

    pace: float = 1.0
    twice: float = 0.05
    disordered: float = 0.08
    early: float = 0.03  # the first report arrives before the SMTP answer
    hang_seconds: float = 5.0
    retry_seconds: float = 0.5  # doubled at every failure


@dataclass(frozen=True)
class Planned:
    """A report to come: it happens at `at` and is due to be posted at `due_at` (Unix seconds)."""

    event: str
    at: float
    due_at: float
    smtp: str
    attempt: int


MISSING = (
    "550 5.1.1 The email account that you tried to reach does not exist. Check for typing errors.",
    "550 5.1.1 <%s>: Recipient address rejected: User unknown in virtual mailbox table",
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient %s not found by SMTP address lookup",
    "554 5.1.1 delivery error: this user doesn't have an account here [-5]",
)
REFUSED = (
    *MISSING,
    "550 5.1.2 Host or domain name not found. Name service error: domain not found",
    "552 5.3.4 Message size exceeds fixed limit of the mailbox",
    "550 5.7.1 Message rejected: the sending IP is on a block list. See your provider's help page",
    "550 5.7.26 Unauthenticated mail is prohibited: SPF and DKIM did not pass for this domain",
    "554 5.7.1 Message content rejected as spam by the recipient's filter (score 9.1)",
)
FULL = (
    "452 4.2.2 The recipient's mailbox is over quota and inactive. Please try again later.",
    "452 4.2.2 <%s>: Mailbox full",
    "450 4.4.1 Connection timed out while talking to the recipient's server",
)
SLOW_DOWN = (
    "451 4.7.1 Greylisting in action, please come back in a few minutes",
    "421 4.7.28 Unusual rate of mail from your IP address: too many messages, slow down",
    "450 4.2.1 The recipient is receiving mail at a rate that prevents more: rate limit reached",
)
CAME_LATE = (
    "550 5.1.1 <%s>: mailbox unavailable; the message was returned after it had been accepted",
    "554 5.7.1 Message content rejected as spam after the recipient's server had accepted it",
    "550 5.2.1 The mailbox has been disabled and does not accept messages",
)
BUSY = (
    "421 4.7.0 Too many connections from your host, try again later",
    "421 4.3.2 Service busy: too much mail at the moment, closing the channel",
)
DENIED_HERE = (
    "550 5.1.1 <%s>: Recipient address rejected: User unknown",
    "553 5.1.3 <%s>: the address is not valid in this domain; no such user",
    "550 5.2.1 <%s>: This account has been disabled",
)
TAKEN = (
    "250 2.0.0 OK",
    "250 2.6.0 Queued mail for delivery",
    "250 2.0.0 Ok: queued as 4XyZ1t6Kq2z",
)

PROCESSED = Step("processed", (0.05, 0.4))
DELIVERED = Step("delivered", (0.3, 4.0), TAKEN)
SUPPRESSED = ("Bounced Address", "Unsubscribed Address", "Spam Reporting Address")

OUTCOMES: dict[str, Outcome] = {
    outcome.name: outcome
    for outcome in (
        Outcome("bounce", (PROCESSED, Step("bounced", (0.3, 3.0), REFUSED))),
        Outcome(
            "softbounce",
            (
                PROCESSED,
                Step("deferred", (0.3, 1.5), FULL),
                Step("soft_bounced", (1.0, 4.0), FULL, 2),
            ),
        ),
        Outcome(
            "defer",
            (
                PROCESSED,
                Step("deferred", (0.3, 1.5), SLOW_DOWN),
                Step("deferred", (1.0, 3.0), SLOW_DOWN, 2),
                Step("delivered", (1.0, 4.0), TAKEN, 3),
            ),
        ),
        # a provider that will not try has processed nothing
        Outcome("drop", (Step("dropped", (0.1, 1.0), SUPPRESSED),)),
        Outcome("late-bounce", (PROCESSED, DELIVERED, Step("bounced", (1.5, 4.0), CAME_LATE))),
        Outcome("complain", (PROCESSED, DELIVERED, Step("complained", (1.0, 4.0)))),
        Outcome("autoreply", (PROCESSED, DELIVERED, Step("autoreplied", (0.5, 2.0)))),
        Outcome("refuse", (), DENIED_HERE, ALWAYS),
        Outcome("busy", (PROCESSED, DELIVERED), BUSY, 2),
        Outcome("hang", (Step("processed", (1.0, 2.0)), DELIVERED), hangs=True),
        Outcome("silent", ()),
    )
}
PLAIN = Outcome("delivered", (PROCESSED, DELIVERED))
KEPT = Outcome("kept", ())  # instance mail: read here, never reported
TAGS = tuple(OUTCOMES)


def find(address: str) -> Outcome:
    """What is played for `address`."""
    tags = address.rpartition("@")[0].lower().split("+")[1:]
    known = [OUTCOMES[tag] for tag in tags if tag in OUTCOMES]
    answering = next((each for each in known if each.refusals or each.hangs), None)
    reporting = next((each for each in known if not (each.refusals or each.hangs)), None)
    if answering is None or reporting is None:
        return answering or reporting or PLAIN
    name = f"{answering.name} + {reporting.name}"
    return replace(answering, name=name, steps=reporting.steps)


def choose(replies: Sequence[str], address: str) -> str:
    """The words for `address`: always the same ones."""
    reply = replies[zlib.crc32(address.lower().encode(errors="replace")) % len(replies)]
    return reply.replace("%s", address)


def plan(
    outcome: Outcome, address: str, began: float, manner: Manner, dice: random.Random
) -> list[Planned]:
    """The reports to come about a mail that was accepted at `began`; a disordered one tells the
    second thing before the first, with the times at which they happened."""
    planned, at = [], began
    for step in outcome.steps:
        at += dice.uniform(*step.after) * manner.pace
        planned.append(Planned(step.event, at, at, choose(step.replies, address), step.attempt))
    if len(planned) > 1 and dice.random() < manner.disordered:
        place = dice.randrange(len(planned) - 1)
        late = planned[place + 1].due_at + 0.5 * manner.pace
        planned[place] = replace(planned[place], due_at=late)
    return planned


def at_once(planned: Planned, now: float) -> Planned:
    """The same report, told immediately."""
    return replace(planned, at=now, due_at=now)
