"""Unsubscribing (RFC 8058): a POST acts at once and without signing in, a GET changes nothing."""

from flask import Blueprint, Response, abort, current_app, request, url_for

from webapp.accounts.models import Workspace
from webapp.bulk_email import unsubscribing
from webapp.bulk_email.routes_topics import logo_answer
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
        return render("bulk_email/unsubscribe_test.html", look=None)
    recipient = _find(token)
    if request.method == "POST" and request.form.get("again") == "yes":
        unsubscribing.take_back(recipient)
    elif request.method == "POST":
        unsubscribing.unsubscribe(recipient, from_all=request.form.get("what") == "all")
    logo_url = url_for("public.logo", token=token)
    context = unsubscribing.context(recipient)
    return render("bulk_email/unsubscribe.html", logo_url=logo_url, **context)


@public.get("/u/<token>/logo")
def logo(token: str) -> Response:
    """The logo of the workspace that wrote."""
    return logo_answer(db.session.get_one(Workspace, _find(token).workspace_id))


def _find(token: str) -> Recipient:
    key = current_app.config["TOKEN_KEY"]
    recipient = db.session.get(Recipient, tokens.read_unsubscribe_token(key, token) or 0)
    if recipient is None:
        abort(404)
    return recipient
