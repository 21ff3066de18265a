"""What a person has been told, and which of it comes by mail, too."""

from flask import Blueprint, Response, abort, current_app, g, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp.accounts import access, telling
from webapp.accounts.models import User
from webapp.accounts.models_telling import Tiding, TidingKind
from webapp.extensions import csrf, db, limiter
from webapp.web import notice, render, see_other

tidings = Blueprint("tidings", __name__)


@tidings.get("/w/<slug>/notifications")
@auth_required("session")
def index(slug: str) -> Response:
    """Everything the person was told in this workspace, newest first."""
    workspace = access.enter(slug)
    found = telling.page(workspace.id, current_user.id, request.args.get("before", type=int))
    return render(
        "accounts/tidings.html",
        "accounts/_tidings.html",
        workspace=workspace,
        tidings=found[: telling.PAGE],
        has_more=len(found) > telling.PAGE,
    )


@tidings.get("/w/<slug>/notifications/bell")
@auth_required("session")
def bell(slug: str) -> Response:
    """How many are unread, for the bar at the top."""
    access.enter(slug)
    return render("accounts/_bell.html", member=g.member, unread=unread)


@tidings.post("/w/<slug>/notifications/read")
@auth_required("session")
def read_all(slug: str) -> Response:
    workspace = access.enter(slug)
    number = telling.mark_read(workspace.id, current_user.id)
    notice(f"{number:,} marked as read." if number else "There was nothing unread.")
    return see_other(url_for("tidings.index", slug=slug))


@tidings.post("/w/<slug>/notifications/<int:tiding_id>/read")
@auth_required("session")
def read(slug: str, tiding_id: int) -> Response:
    workspace = access.enter(slug)
    found = access.find(Tiding, tiding_id, workspace)
    if found.user_id != current_user.id:
        abort(404)
    telling.mark_read(workspace.id, current_user.id, tiding_id)
    return see_other(url_for("tidings.index", slug=slug))


@tidings.post("/account/mails")
@auth_required("session")
def choose() -> Response:
    """Which kinds come by mail, said in the person's account."""
    wanted = set(request.form.getlist("mail"))
    telling.unmute(current_user, [kind for kind in TidingKind if kind in wanted])
    telling.mute(current_user, [kind for kind in TidingKind if kind not in wanted])
    notice("Saved.")
    return see_other(url_for("accounts.profile"))


@tidings.route("/no-mails/<kind>/<token>", methods=["GET", "POST"])
@csrf.exempt  # mail programs post here by themselves (RFC 8058); the token is the proof
@limiter.limit("60 per minute", key_func=lambda: request.path)
def no_mails(kind: str, token: str) -> Response:
    """The link in every mail: a GET asks, a POST switches mails of its kind off, or on again."""
    user, about = _reader(kind, token)
    if request.method == "POST" and request.form.get("again") == "yes":
        telling.unmute(user, [about])
    elif request.method == "POST":
        telling.mute(user, [about])
    return render(
        "accounts/no_mails.html",
        what=telling.KINDS[about],
        address=user.email,
        is_muted=about in telling.muted(user),
    )


def unread() -> int:
    """Of the member whose request this is."""
    return telling.unread(g.member.workspace_id, g.member.user_id)


def _reader(kind: str, token: str) -> tuple[User, TidingKind]:
    if kind not in list(TidingKind):
        abort(404)
    about = TidingKind(kind)
    user_id = telling.read_mute_token(current_app.config["TOKEN_KEY"], about, token)
    user = db.session.get(User, user_id) if user_id else None
    if user is None:
        abort(404)
    return user, about
