"""Unsubscribing (RFC 8058): a POST acts at once and without signing in, a GET changes nothing."""

from flask import Blueprint, Response, abort, current_app, request

from webapp.bulk_email import unsubscribing
from webapp.delivery import tokens
from webapp.delivery.models import Recipient
from webapp.extensions import csrf, db, limiter
from webapp.web import render

TEST = "test"  # what stands in a test mail

public = Blueprint("public", __name__)
csrf.exempt(public)  # mail programs post here by themselves; the token is the proof


@public.route("/u/<token>", methods=["GET", "POST"])
@limiter.limit("60 per minute", key_func=lambda: request.path)  # one address may post for millions
def unsubscribe(token: str) -> Response:
    """One click ends the kind of mail that it was, or all where it was of none; on the page the
    person chooses, and may take it back."""
    if token == TEST:
        return render("bulk_email/unsubscribe_test.html")
    recipient = _find(token)
    if request.method == "POST" and request.form.get("again") == "yes":
        unsubscribing.take_back(recipient)
    elif request.method == "POST":
        unsubscribing.unsubscribe(recipient, from_all=request.form.get("what") == "all")
    return render("bulk_email/unsubscribe.html", **unsubscribing.context(recipient))


def _find(token: str) -> Recipient:
    key = current_app.config["TOKEN_KEY"]
    recipient = db.session.get(Recipient, tokens.read_unsubscribe_token(key, token) or 0)
    if recipient is None:
        abort(404)
    return recipient
