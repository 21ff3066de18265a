"""What a person says on the page behind the link in their mail: no more of this kind, or of all."""

from webapp.accounts.models import Workspace
from webapp.bulk_email import branding
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import opting_out, recording, suppressing
from webapp.delivery.models import Recipient, Suppression
from webapp.delivery.models_topics import Topic
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause


def unsubscribe(recipient: Recipient, *, from_all: bool) -> None:
    """End the topic of the copy's email, or all mail where it has none or all is meant. Twice is
    once. Commits."""
    topic = _topic(recipient)
    if topic is None or from_all:
        if _active(recipient) is None:
            recording.record_unsubscribe(recipient, clock.now())
    elif recipient.address_key and not _has_opted_out(topic, recipient):
        opting_out.opt_out(topic.id, recipient.address_key, recipient.id)
        recording.record_unsubscribe(recipient, clock.now(), topic.name)
    db.session.commit()


def take_back(recipient: Recipient) -> None:
    """That was a mistake: only what the person said can the person take back. Commits."""
    found, topic = _active(recipient), _topic(recipient)
    if found is not None and found.cause == Cause.UNSUBSCRIBED:
        suppressing.lift(found, None, "The person took it back on the unsubscribe page")
    if topic is not None and recipient.address_key:
        opting_out.opt_in(topic.id, recipient.address_key)
    db.session.commit()


def context(recipient: Recipient) -> dict:
    """What the page shows."""
    workspace = db.session.get_one(Workspace, recipient.workspace_id)
    look = branding.look_of(workspace)
    found, topic = _active(recipient), _topic(recipient)
    return {
        "workspace_name": look.name or workspace.name,
        "look": look,
        "address": recipient.address,
        "topic": topic,
        "is_unsubscribed": found is not None and found.cause == Cause.UNSUBSCRIBED,
        "is_without_topic": topic is not None and _has_opted_out(topic, recipient),
    }


def _topic(recipient: Recipient) -> Topic | None:
    return db.session.get_one(BulkEmail, recipient.bulk_email_id).topic


def _active(recipient: Recipient) -> Suppression | None:
    key = recipient.address_key or ""
    return suppressing.suppressed(recipient.workspace_id, [key]).get(key)


def _has_opted_out(topic: Topic, recipient: Recipient) -> bool:
    return bool(opting_out.opted_out(topic.id, [recipient.address_key or ""]))
