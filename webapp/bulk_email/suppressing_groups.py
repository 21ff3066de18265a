"""Whose copies failed alike is written to no more, together; and again, together.

Piece by piece, each a commit of its own: a worker that dies is followed by one that goes on there.
"""

import math
import time
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, func, literal, select, tuple_, update

from webapp.accounts import auditing
from webapp.accounts.models import User, Workspace
from webapp.bulk_email.models import BulkEmail
from webapp.bulk_email.models_groups import SuppressedGroup
from webapp.delivery import selecting, suppressing
from webapp.delivery.models import Recipient, Suppression
from webapp.delivery.statuses import StatusColumn
from webapp.extensions import db
from webapp.forms import claiming
from webapp.forms.models import TransferStage
from webapp.lib import clock, stopping
from webapp.mail.causes import WORDS, Cause

CHUNK = 1000
NAMED = 5
MOST_UNFINISHED = 5
# it is about the person's mailbox, not about what we sent, so that to write no more may be right
OFFERED = (
    Cause.MAILBOX_MISSING,
    Cause.DOMAIN_MISSING,
    Cause.MAILBOX_DISABLED,
    Cause.MAILBOX_FULL,
    Cause.UNREACHABLE,
    Cause.GAVE_UP,
    Cause.BLOCKED_REPUTATION,
    Cause.UNKNOWN,
)


def size(bulk_email: BulkEmail, cause: Cause) -> int:
    """How many copies have failed for the cause: an index tells."""
    return db.session.scalar(select(func.count()).where(*_failed(bulk_email.id, cause))) or 0


def listed(bulk_email: BulkEmail, cause: Cause) -> int:
    """Of how many of them the address is on the list already."""
    is_on = exists().where(
        Suppression.workspace_id == bulk_email.workspace_id,
        Suppression.address_key == Recipient.address_key,
        Suppression.lifted_at.is_(None),
    )
    found = select(func.count()).where(*_failed(bulk_email.id, cause), is_on)
    return db.session.scalar(found) or 0


def names(bulk_email: BulkEmail, cause: Cause) -> list[str]:
    """The first of them."""
    rows = db.session.execute(
        select(Recipient.name, Recipient.address)
        .where(*_failed(bulk_email.id, cause))
        .order_by(Recipient.status, Recipient.id)
        .limit(NAMED)
    )
    return [name or address for name, address in rows]


def begin(
    bulk_email: BulkEmail, cause: Cause, by: User, *, reason: str, expires_at: datetime | None
) -> SuppressedGroup:
    """Write to none of them any more. Commits; then run, or wake for it."""
    group = SuppressedGroup(
        workspace_id=bulk_email.workspace_id,
        bulk_email_id=bulk_email.id,
        user_id=by.id,
        cause=cause,
        reason=reason,
        expires_at=expires_at,
        rows_total=size(bulk_email, cause),
    )
    db.session.add(group)
    db.session.flush()
    _note("addresses.suppressed", group, by, copies=group.rows_total, reason=reason)
    db.session.commit()
    return group


def lift(group: SuppressedGroup, by: User, reason: str) -> None:
    """Write to all of them again who are on the list by this group. Commits; then run."""
    group.is_lifted, group.lifted_by_id, group.lifted_reason = True, by.id, reason[:300]
    group.stage, group.rows_done, group.rows_total = TransferStage.RUNNING, 0, active(group)
    group.lease_until, group.tries = None, 0
    _note("addresses.suppressions_lifted", group, by, addresses=group.rows_total, reason=reason)
    db.session.commit()


def run(group_id: int, seconds: float = math.inf) -> bool:
    """Do what is to be done, going on where the last worker was, for `seconds` and the piece that
    is begun then; whether there is more. Commits."""
    end = time.monotonic() + seconds
    fence = claiming.claim(SuppressedGroup, group_id)
    if fence is None:
        return False
    try:
        while _do_some(db.session.get_one(SuppressedGroup, group_id), fence):
            if time.monotonic() > end or stopping.is_asked():
                claiming.keep(SuppressedGroup, group_id, fence, lease_until=None)
                db.session.commit()
                return True
    except claiming.Lost:
        pass
    return False


def waiting() -> list[int]:
    """Groups that a worker should be at."""
    return claiming.waiting(SuppressedGroup)


def give_up_hopeless() -> None:
    """End what was tried often and never got further; what is done by then stays. Commits."""
    for group_id in claiming.hopeless(SuppressedGroup):
        db.session.get_one(SuppressedGroup, group_id).stage = TransferStage.FAILED
    db.session.commit()


def try_again(group: SuppressedGroup) -> None:
    """Go on with one that was given up, where it stopped. Commits; then run, or wake for it."""
    group.stage, group.tries, group.lease_until = TransferStage.RUNNING, 0, None
    db.session.commit()


def unfinished(workspace: Workspace) -> Sequence[SuppressedGroup]:
    """Groups that are being worked at, or were given up; the newest of them."""
    return db.session.scalars(
        select(SuppressedGroup)
        .where(
            SuppressedGroup.workspace_id == workspace.id,
            SuppressedGroup.stage != TransferStage.FINISHED,
        )
        .order_by(SuppressedGroup.id.desc())
        .limit(MOST_UNFINISHED)
    ).all()


def active(group: SuppressedGroup) -> int:
    """How many addresses are on the list by this group now."""
    found = select(func.count()).where(*_active(group.id))
    return db.session.scalar(found) or 0


def _do_some(group: SuppressedGroup, fence: int) -> bool:
    """One piece; whether there is more. Commits. Raises claiming.Lost."""
    done, values = _lift_some(group) if group.is_lifted else _suppress_some(group)
    values |= {"rows_done": SuppressedGroup.rows_done + done}
    if not done:
        values |= {"stage": TransferStage.FINISHED}
        if not group.is_lifted:
            values |= {"added": active(group)}
    claiming.keep(SuppressedGroup, group.id, fence, **values)
    db.session.commit()
    return done > 0


def _suppress_some(group: SuppressedGroup) -> tuple[int, dict]:
    """(how many copies, which is the last of them), in the order of the index on causes."""
    place = tuple_(literal(group.done_status, StatusColumn()), literal(group.done_to))
    rows = db.session.execute(
        select(Recipient.status, Recipient.id, Recipient.address)
        .where(
            *_failed(group.bulk_email_id, Cause(group.cause)),
            tuple_(Recipient.status, Recipient.id) > place,
        )
        .order_by(Recipient.status, Recipient.id)
        .limit(CHUNK)
    ).all()
    if not rows:
        return 0, {}
    said = f"“{group.bulk_email.subject[:80]}”: {WORDS[Cause(group.cause)].sentence}"
    why = {
        "reason": f"{said} {group.reason}".strip(),
        "created_by_id": group.user_id,
        "expires_at": group.expires_at,
        "group_id": group.id,
    }
    suppressing.suppress(
        group.workspace_id,
        [suppressing.Entry(row.address, Cause.SUPPRESSED, **why) for row in rows],
    )
    return len(rows), {"done_status": rows[-1].status, "done_to": rows[-1].id}


def _lift_some(group: SuppressedGroup) -> tuple[int, dict]:
    ids = db.session.scalars(select(Suppression.id).where(*_active(group.id)).limit(CHUNK)).all()
    db.session.execute(
        update(Suppression)
        .where(Suppression.id.in_(ids), Suppression.lifted_at.is_(None))
        .values(
            lifted_at=clock.now(),
            lifted_by_id=group.lifted_by_id,
            lifted_reason=group.lifted_reason,
        )
        .execution_options(synchronize_session=False)
    )
    return len(ids), {}


def _failed(bulk_email_id: int, cause: Cause) -> tuple:
    return (
        Recipient.bulk_email_id == bulk_email_id,
        Recipient.cause == cause.value,
        Recipient.status.in_(selecting.ENDED),
    )


def _active(group_id: int) -> tuple:
    return Suppression.group_id == group_id, Suppression.lifted_at.is_(None)


def _note(action: str, group: SuppressedGroup, by: User, **details) -> None:
    bulk_email = group.bulk_email
    details |= {"cause": group.cause}
    auditing.note(
        action, workspace=bulk_email.workspace, by=by, subject=bulk_email, name=bulk_email.subject,
        **details,
    )  # fmt: skip
