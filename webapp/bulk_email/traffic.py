"""Where the copies of an email go: destinations that ask us to slow down get fewer, the others all
they can take; and how much went where is kept for the plot."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Row

from webapp.bulk_email.hastening import Hastening
from webapp.delivery import grouping, slowing
from webapp.delivery.attempting import Outcome
from webapp.delivery.models import PULSE_SECONDS, Pulse
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import addresses, clock
from webapp.mail import pacing
from webapp.mail.replies import Reply
from webapp.rows import insert_into

FLUSH_SECONDS = 2.0
NAMED_DESTINATIONS = 12  # the others are summed up
LATEST = timedelta(minutes=15)  # how far off a copy that must wait its turn is put
LONE = 20  # so many acceptances before it, and a complaint speaks of its own copy alone
MOST_DOMAINS = 50_000


@dataclass
class Notes:
    """What outcomes have said since the last look. `heard` of limited destinations, in its order:
    the complaint, or None where one was accepted; what is accepted twice is heard once."""

    heard: list[tuple[str, str | None]] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    pulses: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))


class Traffic:
    """Of one email over one Connection, in one worker. `note` and `cut` are called where outcomes
    come; `admit` and `store` join a transaction of the Hand's, in its thread."""

    def __init__(self, bulk_email_id: int, connection_id: int) -> None:
        self._bulk_email_id = bulk_email_id
        self._connection_id = connection_id
        self._destinations: dict[str, str] = {}
        self._limited: dict[str, pacing.Pace] = {}
        self._postponed_to: dict[str, datetime] = {}
        self._notes = Notes()
        self._accepted: list[str] = []  # destinations of mails taken, not counted yet
        self._totals: Counter = Counter()
        self._sent_lately: Counter = Counter()
        self._since_complaint: Counter = Counter()
        self._hastening = Hastening(bulk_email_id)
        self._cut_at = time.monotonic()
        self.has_unknown_domains = False

    def is_resting(self, destination: str, now: datetime) -> bool:
        """Whether it asked for a rest since its copies were admitted."""
        pace = self._limited.get(destination)
        return pace is not None and pace.is_paused(now)

    def later(self, destination: str, now: datetime) -> datetime:
        """When a copy that may not leave now is due again: spread, so that not all come at once."""
        pace = self._limited.get(destination, pacing.Pace())
        begin = max(now, self._postponed_to.get(destination, now))
        open_at = max(now, pace.paused_until or now)
        at = max(begin, open_at) + timedelta(seconds=1 / (pace.rate or 1))
        at = min(at, open_at + LATEST)
        self._postponed_to[destination] = at
        return at

    # ---- in a transaction

    def admit(
        self, rows: Sequence[Row]
    ) -> tuple[list[tuple[Row, str]], list[tuple[Row, datetime]]]:
        """(those that may leave now and where to, those that wait their turn and until when)."""
        names = self._destinations_of(rows)
        if not self._limited:
            return list(zip(rows, names, strict=True)), []
        now = clock.now()
        wanted = Counter(names)
        limited = {name: number for name, number in wanted.items() if name in self._limited}
        granted = slowing.grants(self._connection_id, limited, now) if limited else {}
        go, wait = [], []
        for row, name in zip(rows, names, strict=True):
            if name not in granted:
                go.append((row, name))
            elif granted[name]:
                granted[name] -= 1
                go.append((row, name))
            else:
                wait.append((row, self.later(name, now)))
        return go, wait

    def store(self, notes: Notes) -> None:
        """Complaints and counts."""
        now = clock.now()
        limited = slowing.paces(self._connection_id)
        names = {name for name, _ in notes.heard}
        easing = sorted((notes.accepted & limited.keys()) - names)
        if heard := [*notes.heard, *((name, None) for name in easing)]:
            measured = {name: self._rate_of(name) for name in names}
            limited = slowing.hear(self._connection_id, heard, now, measured)
        self._store_pulses(now, notes.pulses)
        self._limited = limited
        for name in self._hastening.notice(limited, now):
            self._postponed_to.pop(name, None)
        self._hastening.walk(self._destinations_of)
        self._sent_lately.clear()

    # ---- as outcomes come

    def cut(self, *, is_last: bool) -> Notes | None:
        """What is to be stored now: complaints at once, all else every other second, and at the
        end of a turn."""
        if not (self._notes.pulses or self._accepted):
            return None
        is_due = is_last or time.monotonic() - self._cut_at > FLUSH_SECONDS
        if not is_due and not self._notes.heard:
            return None
        self._count_accepted()
        notes, self._notes = self._notes, Notes()
        self._cut_at = time.monotonic()
        return notes

    def note(self, said: Outcome, destination: str, reply: Reply | None) -> None:
        if said.status is Status.SENT:
            self._accepted.append(destination)
            if destination in self._limited:
                self._note_acceptance(destination)
            return
        self._count_accepted()
        is_deferred = said.status in (Status.RETRYING, Status.BOUNCED_SOFT)
        self._notes.pulses[destination]["deferred" if is_deferred else "refused"] += 1
        if reply is not None and self._slows_others(said, reply, destination):
            self._notes.heard.append((destination, said.reply))
            self._notes.accepted.discard(destination)
            seen = self._limited.get(destination, pacing.Pace())
            self._limited[destination] = pacing.after_complaint(
                seen, clock.now(), said.reply[:500], self._rate_of(destination)
            )

    # ----

    def _count_accepted(self) -> None:
        """All at once: for every mail it would cost more than what it says."""
        accepted, self._accepted = Counter(self._accepted), []
        for destination, number in accepted.items():
            self._notes.pulses[destination]["accepted"] += number
        self._notes.accepted.update(accepted)
        self._since_complaint.update(accepted)
        self._sent_lately.update(accepted)

    def _note_acceptance(self, destination: str) -> None:
        if destination in self._notes.accepted:
            return
        self._notes.accepted.add(destination)
        if pace := self._limited.get(destination):
            if pace.complaints:  # the breaker counts what stands alone
                self._notes.heard.append((destination, None))
            self._limited[destination] = pacing.after_acceptance(pace, clock.now())

    def _slows_others(self, said: Outcome, reply: Reply, destination: str) -> bool:
        """Whether it asks the destination's other copies to wait: always if it says how long. Some
        mailboxes are always busy: a copy that was asked before, or one among many that are taken,
        speaks for itself alone."""
        if not pacing.is_complaint(reply, said.cause):
            return False
        if pacing.wait_asked(said.reply) is not None:
            return True
        if said.before is not Status.QUEUED:
            return False
        accepted, self._since_complaint[destination] = self._since_complaint[destination], 0
        return accepted < LONE

    def _rate_of(self, destination: str) -> float:
        seconds = max(time.monotonic() - self._cut_at, 0.5)
        return self._sent_lately[destination] / seconds

    def _destinations_of(self, rows: Sequence[Row]) -> list[str]:
        domains = [addresses.domain_of(row.address_key) for row in rows]
        self._learn_domains(set(domains))
        known = self._destinations
        return [known.get(domain, domain) for domain in domains]

    def _learn_domains(self, domains: set[str]) -> None:
        unknown = domains - self._destinations.keys()
        if not unknown:
            return
        if len(self._destinations) > MOST_DOMAINS:
            self._destinations.clear()
        found, stale = grouping.destinations_of(unknown)
        self._destinations |= found
        grouping.wanted(stale)
        self.has_unknown_domains = self.has_unknown_domains or bool(stale)

    def _store_pulses(self, now: datetime, pulses: Mapping[str, Counter]) -> None:
        for name, counts in pulses.items():
            self._totals[name] += counts.total()
        named = {name for name, _ in self._totals.most_common(NAMED_DESTINATIONS)}
        named |= self._limited.keys()
        summed: dict[str, Counter] = defaultdict(Counter)
        for name, counts in pulses.items():
            summed[name if name in named else ""].update(counts)
        at = datetime.fromtimestamp(now.timestamp() // PULSE_SECONDS * PULSE_SECONDS, now.tzinfo)
        _add_pulses(self._bulk_email_id, at, summed)


def _add_pulses(bulk_email_id: int, at: datetime, counts: dict[str, Counter]) -> None:
    if not counts:
        return
    insert = insert_into(Pulse)
    columns = ("accepted", "deferred", "refused")
    db.session.execute(
        insert.on_conflict_do_update(
            index_elements=["bulk_email_id", "at", "destination"],
            set_={name: getattr(Pulse, name) + insert.excluded[name] for name in columns},
        ),
        [
            {"bulk_email_id": bulk_email_id, "at": at, "destination": name}
            | {column: counts[name][column] for column in columns}
            for name in sorted(counts)
        ],
    )
