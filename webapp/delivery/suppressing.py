"""Addresses that a workspace no longer writes to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from webapp.delivery.models import Suppression
from webapp.extensions import db
from webapp.lib import addresses, clock
from webapp.mail.causes import Cause
from webapp.rows import insert_each

# providers.md: only these say that nobody is there; any other 5xx is right one time in three
SUPPRESSING = (
    Cause.MAILBOX_MISSING,
    Cause.DOMAIN_MISSING,
    Cause.COMPLAINED,
    Cause.UNSUBSCRIBED,
)

EXPIRED = "Its time was over"


@dataclass(frozen=True)
class Entry:
    """An address to suppress, and why. `event_id` is what proved it; without `expires_at` it is for
    good. `group_id` is that of those who are lifted together, `import_id` that of a file. `key` is
    that of a copy, whose address was checked before."""

    address: str
    cause: Cause
    reason: str = ""
    event_id: int | None = None
    created_by_id: int | None = None
    expires_at: datetime | None = None
    group_id: int | None = None
    import_id: int | None = None
    key: str | None = None


def suppress(workspace_id: int, entries: Iterable[Entry]) -> None:
    """Suppress addresses, in the caller's transaction; those on the list stay as they are, but one
    that would expire gives way to what is for good, and one out of a file to any other reason that
    lasts as long: to undo the import does not lift it then."""
    rows: dict[str, tuple] = {}
    now = clock.now()
    for entry in entries:
        address, key = entry.address, entry.key
        if key is None:
            checked = addresses.check(address)
            address, key = checked.address, checked.key
        if key and key not in rows:
            rows[key] = (
                *(workspace_id, key, address, entry.cause, entry.reason[:500]),
                *(entry.event_id, entry.created_by_id, now, entry.expires_at),
                *(entry.group_id, entry.import_id, ""),
            )
    insert_each(
        db.session.connection(),
        Suppression.__table__,
        _COLUMNS,
        [rows[key] for key in sorted(rows)],
        _UNLESS_THERE,
    )


_SAID = (
    *("address", "cause", "reason", "event_id", "created_by_id", "created_at", "expires_at"),
    *("group_id", "import_id"),
)
_COLUMNS = ("workspace_id", "address_key", *_SAID, "lifted_reason")
_UNLESS_THERE = (
    "ON CONFLICT (workspace_id, address_key) WHERE lifted_at IS NULL DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _SAID)
    + " WHERE suppressions.expires_at IS NOT NULL AND excluded.expires_at IS NULL"
    + " OR suppressions.import_id IS NOT NULL AND excluded.import_id IS NULL"
    + " AND (excluded.expires_at IS NULL OR excluded.expires_at >= suppressions.expires_at)"
)


def lift_expired(most: int = 1000) -> int:
    """Lift what has expired; how many. Commits."""
    ids = db.session.scalars(
        select(Suppression.id)
        .where(Suppression.expires_at <= clock.now(), Suppression.lifted_at.is_(None))
        .limit(most)
    ).all()
    if ids:
        db.session.execute(
            update(Suppression)
            .where(Suppression.id.in_(ids), Suppression.lifted_at.is_(None))
            .values(lifted_at=clock.now(), lifted_reason=EXPIRED)
            .execution_options(synchronize_session=False)
        )
    db.session.commit()
    return len(ids)


def suppressed(workspace_id: int, keys: Sequence[str]) -> dict[str, Suppression]:
    """The active suppressions among address keys."""
    found: dict[str, Suppression] = {}
    for start in range(0, len(keys), 500):
        rows = db.session.scalars(
            select(Suppression).where(
                Suppression.workspace_id == workspace_id,
                Suppression.address_key.in_(keys[start : start + 500]),
                Suppression.lifted_at.is_(None),
            )
        )
        found |= {row.address_key: row for row in rows}
    return found


def withholding_cause(suppression_cause: str) -> Cause:
    """Why a copy to a suppressed address is withheld, as the copy shows it."""
    if suppression_cause in (Cause.UNSUBSCRIBED, Cause.COMPLAINED):
        return Cause(suppression_cause)
    return Cause.SUPPRESSED


def lift(suppression: Suppression, by_id: int | None, reason: str) -> bool:
    """Write to the address again. False: somebody lifted it before."""
    done = db.session.execute(
        update(Suppression)
        .where(Suppression.id == suppression.id, Suppression.lifted_at.is_(None))
        .values(lifted_at=clock.now(), lifted_by_id=by_id, lifted_reason=reason[:300])
        .execution_options(synchronize_session=False)
    )
    return done.rowcount == 1
