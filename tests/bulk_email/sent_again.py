"""An email that not everybody got, and sending it again."""

from tests import makers
from webapp.bulk_email import preparing, resending
from webapp.bulk_email.models import BulkEmail
from webapp.bulk_email.resending import Wish
from webapp.delivery import raising, suppressing
from webapp.delivery.models import Recipient
from webapp.delivery.selecting import Selection
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.mail.causes import Cause
from webapp.plugins import catalogue, installing

SETTLED = {
    "has": (Status.DELIVERED, None),
    "may": (Status.SENT, None),
    "trying": (Status.DEFERRED, Cause.GREYLISTED),
    "doubt": (Status.UNCONFIRMED, Cause.UNKNOWN),
    "missing": (Status.BOUNCED, Cause.MAILBOX_MISSING),
    "gaveup": (Status.BOUNCED_SOFT, Cause.GAVE_UP),
    "full": (Status.BOUNCED_SOFT, Cause.MAILBOX_FULL),
    "left": (Status.BOUNCED, Cause.BLOCKED_REPUTATION),
    "spam": (Status.BOUNCED, Cause.BLOCKED_CONTENT),
    "server": (Status.FAILED, Cause.OUR_SERVER),
}
ALL = Wish(Selection())


def make_parent(cast) -> BulkEmail:
    """One person in each state of SETTLED, one without an address and one double."""
    for plugin in ("bulk_email", "email_tracker"):
        installing.install(cast.workspace, catalogue.find(plugin), cast.alice)
    rows = [(name, f"{name}@x.test") for name in SETTLED] + [("blank", ""), ("twin", "has@x.test")]
    form = makers.make_form(cast.workspace, rows)
    email = makers.make_email(form, makers.make_connection(cast.workspace), cast.alice)
    makers.start(email)
    raising.raise_statuses(
        raising.Change(copy.id, *SETTLED[copy.name])
        for copy in copies(email).values()
        if copy.name in SETTLED
    )
    suppressing.suppress(cast.workspace.id, [suppressing.Entry("left@x.test", Cause.UNSUBSCRIBED)])
    db.session.commit()
    return email


def copies(email: BulkEmail) -> dict[str, Recipient]:
    rows = db.session.query(Recipient).filter_by(bulk_email_id=email.id).order_by(Recipient.id)
    return {row.name: row for row in rows}


def prepare(child: BulkEmail) -> BulkEmail:
    while preparing.prepare_some(child.id):
        pass
    return child


def send(parent: BulkEmail, cast, wish: Wish = ALL, nonce: str = "n") -> BulkEmail:
    made = {"nonce": nonce, "by": cast.alice, "tracked": True, "number": 0}
    return prepare(resending.send_again(parent, wish, **made))
