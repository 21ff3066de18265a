"""The copies of a deleted workspace go, with all that was said of them."""

from sqlalchemy import delete, select

from webapp.delivery.models import Arrival, Attempt, Event, Recipient
from webapp.delivery.models_following import Attention, LinkClick
from webapp.delivery.models_people import OtherName, Person
from webapp.extensions import db

CHUNK = 2_000
_BY_COPY = (
    Attempt,
    Event,
    Attention,
    LinkClick,
)  # without a foreign key that would take them along


def purge_some(workspace_id: int) -> bool:
    """Delete some copies, then Arrivals and people; whether there were any. Not committed."""
    ids = db.session.scalars(
        select(Recipient.id).where(Recipient.workspace_id == workspace_id).limit(CHUNK)
    ).all()
    for model in _BY_COPY:
        db.session.execute(delete(model).where(model.recipient_id.in_(ids)))
    db.session.execute(delete(Recipient).where(Recipient.id.in_(ids)))
    if ids:
        return True
    for model in (Arrival, Person, OtherName):
        ids = db.session.scalars(
            select(model.id).where(model.workspace_id == workspace_id).limit(CHUNK)
        ).all()
        db.session.execute(delete(model).where(model.id.in_(ids)))
        if ids:
            return True
    return False
