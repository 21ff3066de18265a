"""The test mail of a Connection: handed over by hand, then what the provider says of it."""

from datetime import datetime

from sqlalchemy import false, or_, select, true, update

from webapp.delivery.models import Connection, ConnectionTest
from webapp.extensions import db
from webapp.mail.reports import Report, ReportKind


def begin(connection: Connection, address: str) -> ConnectionTest:
    """A test that is about to be sent; commits, so that its event may come before its answer."""
    test = ConnectionTest(connection_id=connection.id, address=address)
    db.session.add(test)
    db.session.commit()
    return test


def finish(test: ConnectionTest, *, is_accepted: bool, reply: str) -> None:
    """What the relay answered. Commits."""
    test.is_accepted, test.reply = is_accepted, reply
    db.session.commit()


def note(number: int, connection_id: int | None, report: Report, at: datetime) -> None:
    """Keep what was said of test mail `number`, in the caller's transaction; that it was taken over
    does not cover up what is known already. Numbers of other test mails are nobody's."""
    is_first_word = report.kind is ReportKind.PROCESSED
    db.session.execute(
        update(ConnectionTest)
        .where(
            ConnectionTest.id == (number if number < 2**31 else 0),
            ConnectionTest.connection_id == connection_id,
            or_(ConnectionTest.kind.is_(None), false() if is_first_word else true()),
        )
        .values(kind=report.kind, event_reply=report.words, event_at=at)
        .execution_options(synchronize_session=False)
    )


def latest(connection: Connection) -> ConnectionTest | None:
    """The newest test over `connection`."""
    return db.session.scalar(
        select(ConnectionTest)
        .where(ConnectionTest.connection_id == connection.id)
        .order_by(ConnectionTest.id.desc())
        .limit(1)
    )
