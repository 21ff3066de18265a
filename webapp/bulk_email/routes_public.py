"""Unsubscribing (RFC 8058): a POST acts at once and without signing in, a GET changes nothing."""

from flask import Blueprint, Response, abort, current_app, request
from sqlalchemy import select

from webapp.delivery import recording, suppressing, tokens
from webapp.delivery.models import Recipient, Suppression
from webapp.extensions import csrf, db, limiter
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.web import render

TEST = "test"  # what stands in a test mail

public = Blueprint("public", __name__)
csrf.exempt(public)  # mail programs post here by themselves; the token is the proof


@public.route("/u/<token>", methods=["GET", "POST"])
@limiter.limit("60 per minute", key_func=lambda: request.path)  # one address may post for millions
def unsubscribe(token: str) -> Response:
    if token == TEST:
        return render("bulk_email/unsubscribe_test.html")
    recipient = _find(token)
    if request.method != "POST":
        return _page(recipient, token)
    if request.form.get("again") == "yes":
        _resubscribe(recipient)
    elif _active(recipient) is None:
        recording.record_unsubscribe(recipient, clock.now())
        db.session.commit()
    return _page(recipient, token)


def _find(token: str) -> Recipient:
    key = current_app.config["TOKEN_KEY"]
    recipient = db.session.get(Recipient, tokens.read_unsubscribe_token(key, token) or 0)
    if recipient is None:
        abort(404)
    return recipient


def _active(recipient: Recipient) -> Suppression | None:
    return suppressing.suppressed(recipient.workspace_id, [recipient.address_key or ""]).get(
        recipient.address_key or ""
    )


def _resubscribe(recipient: Recipient) -> None:
    """That was a mistake: only what the person said can the person take back."""
    found = _active(recipient)
    if found is not None and found.cause == Cause.UNSUBSCRIBED:
        suppressing.lift(found, None, "The person took it back on the unsubscribe page")
        db.session.commit()


def _page(recipient: Recipient, token: str) -> Response:
    found = _active(recipient)
    name = db.session.scalar(
        select(db.metadata.tables["workspaces"].c.name).where(
            db.metadata.tables["workspaces"].c.id == recipient.workspace_id
        )
    )
    return render(
        "bulk_email/unsubscribe.html", workspace_name=name, address=recipient.address, token=token,
        is_unsubscribed=found is not None and found.cause == Cause.UNSUBSCRIBED,
    )  # fmt: skip
