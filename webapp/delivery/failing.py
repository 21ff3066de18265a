"""Why copies of one email failed, and whose they are."""

from sqlalchemy import func, select

from webapp.delivery import selecting
from webapp.delivery.models import Recipient
from webapp.delivery.selecting import Selection
from webapp.delivery.statuses import Status
from webapp.extensions import db

NAMED = 3  # people named for each cause


def failures(bulk_email_id: int) -> list[list]:
    """[status, cause, how many, first names] of those that failed or are still tried, the largest
    first: plain JSON. Looks at all copies."""
    rows = db.session.execute(
        select(Recipient.status, Recipient.cause, func.count())
        .where(
            Recipient.bulk_email_id == bulk_email_id,
            Recipient.status.not_in((Status.DELIVERED, Status.SENT)),
            Recipient.cause.is_not(None),
        )
        .group_by(Recipient.status, Recipient.cause)
        .order_by(func.count().desc(), Recipient.cause)
    ).all()
    return [
        [status.value, cause, number, _first_names(bulk_email_id, status, cause)]
        for status, cause, number in rows
    ]


def _first_names(bulk_email_id: int, status: Status, cause: str) -> list[str]:
    group = Selection(cause=cause)
    rows = db.session.execute(
        select(Recipient.name, Recipient.address)
        .where(
            Recipient.bulk_email_id == bulk_email_id,
            Recipient.status == status,
            *selecting.conditions(group),
        )
        .order_by(Recipient.id)
        .limit(NAMED)
    )
    return [name or address or "(blank)" for name, address in rows]
