"""The copies that a worker has in hand: taken and on the wire, and what became of them until it is
stored. Each exchange with the database is one transaction: outcomes in, the next copies out."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog
from sqlalchemy import ColumnElement
from sqlalchemy.exc import DBAPIError

from webapp.bulk_email.traffic import Notes, Traffic
from webapp.delivery import attempting, budgeting, leasing
from webapp.delivery.statuses import Status
from webapp.extensions import db

log = structlog.get_logger()

DATABASE_PATIENCE_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class Held:
    """A copy in flight, from the commit that says so to the one that says what became of it."""

    id: int
    name: str
    address: str
    address_key: str
    merge_values: Mapping
    status: Status
    generation: int
    attempt_count: int
    tried_at: datetime | None  # when it was in flight for the first time, if not now
    taken_at: datetime
    bulk_email_id: int
    fence: int
    destination: str
    began_at: datetime | None = None
    due_again: datetime | None = None  # of one that goes back: its turn comes later

    @property
    def date(self) -> datetime:
        """The mail's Date: that of the first try, kept for all later ones."""
        return self.tried_at or self.taken_at


@dataclass
class Hand:
    """At most `most` copies of one email. `also(outcomes)` joins each transaction that stores."""

    bulk_email_id: int
    connection_id: int
    traffic: Traffic
    owner: str
    lease_seconds: float
    most: int
    may_send: ColumnElement[bool]
    also: Callable[[Sequence[attempting.Outcome]], None]
    topic_id: int | None = None
    supply: deque[Held] = field(default_factory=deque)
    on_wire: int = 0
    outcomes: list[attempting.Outcome] = field(default_factory=list)
    returned: list[Held] = field(default_factory=list)
    _flights: Counter = field(default_factory=Counter)  # fence: copies not stored yet
    is_dry: bool = False  # the last look took all there was, or all that the Connection may send
    _cursor: leasing.Cursor | None = None
    _renewed_at: float = field(default_factory=time.monotonic)

    @property
    def is_empty(self) -> bool:
        return not (self.supply or self.on_wire or self.outcomes or self.returned)

    @property
    def is_worth_a_look(self) -> bool:
        """Half of it is used up and there is more to take, or all is answered."""
        left = len(self.supply) + self.on_wire
        return not left or (left * 2 <= self.most and not self.is_dry)

    @property
    def room(self) -> int:
        """How many more copies may be taken: none before half of the hand is free."""
        room = self.most - len(self.supply) - self.on_wire
        return room if room * 2 >= self.most else 0

    def put_back(self) -> None:
        """What is not on the wire is to be as if never taken."""
        self.returned += self.supply
        self.supply.clear()

    async def exchange(self, room: int) -> int:
        """Store what is known and take up to `room` copies; how many were taken. Commits.

        A database that is away is waited for, up to a minute; what is on the wire goes on
        meanwhile. Raises DBAPIError after that: the sweeper shows what is in doubt.
        """
        outcomes, self.outcomes = self.outcomes, []
        returned, self.returned = self.returned, []
        notes = self.traffic.cut(is_last=not (room or self.supply or self.on_wire))
        if not (outcomes or returned or room or notes or self._is_renewal_due()):
            return 0
        end, pause = time.monotonic() + DATABASE_PATIENCE_SECONDS, 0.1
        while True:
            try:
                taken = await asyncio.to_thread(self._commit, outcomes, returned, notes, room)
                break
            except DBAPIError as error:
                log.warning("outcomes_wait", copies=len(outcomes), error=str(error.orig))
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
        self.supply.extend(taken)
        return len(taken)

    def _commit(
        self,
        outcomes: Sequence[attempting.Outcome],
        returned: Sequence[Held],
        notes: Notes | None,
        room: int,
    ) -> list[Held]:
        """One transaction, in a thread of its own: the wire never waits for the disk."""
        flights = self._flights.copy()
        flights.subtract([said.fence for said in outcomes])
        flights.subtract([held.fence for held in returned])
        is_renewed = self._is_renewal_due()
        try:
            attempting.record(outcomes)
            leasing.take_back([(held.id, held.fence, held.due_again) for held in returned])
            self.also(outcomes)
            taken = self._take(room) if room else None
            if notes is not None:  # here: destinations are locked after their Connection
                self.traffic.store(notes)
            admitted = self._admit(taken) if taken and taken.rows else []
            flights.update([held.fence for held in admitted])
            leasing.land([fence for fence, left in flights.items() if fence and not left])
            if is_renewed:
                leasing.renew(self.owner, self.lease_seconds)
                budgeting.keep_seats(self.owner, self.lease_seconds)
            db.session.commit()
        except BaseException:
            db.session.rollback()
            raise
        self._flights = +flights
        if taken is not None:
            self._cursor, self.is_dry = taken.cursor, taken.is_all
        if is_renewed:
            self._renewed_at = time.monotonic()
        return admitted

    def _take(self, room: int) -> leasing.Taken:
        """As many as there is room for and the Connection may send."""
        allowed = budgeting.allowance(self.connection_id, room)
        if not allowed:
            return leasing.Taken(0, None, [], is_all=True, cursor=self._cursor)
        taken = leasing.take(
            self.bulk_email_id,
            owner=self.owner,
            count=allowed,
            seconds=self.lease_seconds,
            may_send=self.may_send,
            connection_id=self.connection_id,
            topic_id=self.topic_id,
            after=self._cursor,
        )
        return taken if allowed == room else replace(taken, is_all=True)

    def _admit(self, taken: leasing.Taken) -> list[Held]:
        """Those whose destination takes them now; the others go back until their turn."""
        go, wait = self.traffic.admit(taken.rows)  # (row, destination), (row, due again)
        leasing.take_back([(row.id, taken.fence, again) for row, again in wait])
        budgeting.spend(self.connection_id, len(go))
        common = (taken.at, self.bulk_email_id, taken.fence)
        return [Held(*row, *common, destination) for row, destination in go]

    def _is_renewal_due(self) -> bool:
        return bool(self._flights) and (
            time.monotonic() - self._renewed_at > self.lease_seconds / 8
        )
