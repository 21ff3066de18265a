"""Happenings become Parcels: what another system gets to read."""

import json
import secrets
from collections.abc import Sequence

from sqlalchemy import delete, select

from webapp.accounts.models import Workspace
from webapp.bulk_email.models import BulkEmail
from webapp.delivery.models import Recipient, Tally
from webapp.delivery.models_endpoints import Endpoint, Happening, HappeningKind, Parcel
from webapp.delivery.tallying import books
from webapp.extensions import db
from webapp.lib import clock

MOST_HAPPENINGS = 200  # in one POST


def pack(endpoint: Endpoint, base_url: str) -> Parcel | None:
    """A Parcel of the oldest happenings, which are gone with it; None where there are none. In the
    caller's transaction; one worker at a time is at an Endpoint."""
    rows = db.session.scalars(
        select(Happening)
        .where(Happening.endpoint_id == endpoint.id)
        .order_by(Happening.id)
        .limit(MOST_HAPPENINGS)
    ).all()
    if not rows:
        return None
    parcel = _parcel(endpoint, _said(endpoint, rows, base_url), len(rows))
    db.session.execute(delete(Happening).where(Happening.id.in_([row.id for row in rows])))
    return parcel


def pack_test(endpoint: Endpoint) -> Parcel:
    """A Parcel that says nothing but that it is a test. In the caller's transaction."""
    said = [{"type": "test", "timestamp": clock.now().isoformat(), "text": "It works."}]
    return _parcel(endpoint, said, 0)


def _parcel(endpoint: Endpoint, said: Sequence[dict], size: int) -> Parcel:
    body = {"type": "happenings", "timestamp": clock.now().isoformat(), "data": said}
    parcel = Parcel(
        endpoint_id=endpoint.id,
        key=f"msg_{secrets.token_hex(16)}",
        body=json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
        size=size,
    )
    db.session.add(parcel)
    return parcel


def _said(endpoint: Endpoint, rows: Sequence[Happening], base_url: str) -> list[dict]:
    """Each happening in plain JSON, with its email and copy as they are now."""
    workspace = db.session.get_one(Workspace, endpoint.workspace_id)
    emails = _by_id(BulkEmail, {row.bulk_email_id for row in rows})
    copies = _by_id(Recipient, {row.recipient_id for row in rows if row.recipient_id})
    said = []
    for row in rows:
        found = emails.get(row.bulk_email_id)
        url = f"{base_url}/w/{workspace.slug}/emails/{row.bulk_email_id}"
        each = {"type": row.kind, "timestamp": row.at.isoformat()}
        each["email"] = {
            "id": row.bulk_email_id,
            "subject": found.subject if found else "",
            "url": url,
        }
        if row.recipient_id is None and found is not None:
            each["email"] |= _state(found, row.kind)
        elif (copy := copies.get(row.recipient_id or 0)) is not None:
            each["copy"] = _copy(copy, url)
        said.append(each)
    return said


def _by_id(model, ids: set[int]) -> dict:
    rows = db.session.scalars(select(model).where(model.id.in_(ids)))
    return {row.id: row for row in rows}


def _state(bulk_email: BulkEmail, kind: str) -> dict:
    found = books(db.session.get(Tally, bulk_email.id))
    state = {"counts": {"selected": found.selected, **found.parts}}
    if kind == HappeningKind.EMAIL_STOPPED:
        state["reason"] = bulk_email.pause_reason
    return state


def _copy(copy: Recipient, url: str) -> dict:
    return {
        "id": copy.id,
        "record_id": copy.record_id,
        "name": copy.name,
        "address": copy.address,
        "status": copy.status.value,
        "cause": copy.cause,
        "reply": copy.reply[:500],
        "url": f"{url}/recipients/{copy.id}",
    }
