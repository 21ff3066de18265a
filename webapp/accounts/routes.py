"""Home, workspaces, and a person's own account."""

from zoneinfo import available_timezones

from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from flask_security.utils import logout_user

from webapp.accounts import access, auditing, inviting, signing_in, telling
from webapp.accounts.models import Role, UnconfirmedPolicy, Workspace
from webapp.extensions import db
from webapp.lib import browsers
from webapp.web import notice, render, see_other

accounts = Blueprint("accounts", __name__)


@accounts.get("/")
@auth_required("session")
def home() -> Response:
    """The only workspace, or the list of them."""
    members = current_user.members
    if len(members) == 1:
        return redirect(url_for("accounts.workspace", slug=members[0].workspace.slug))
    return render("accounts/home.html", members=members)


@accounts.get("/w/<slug>/")
@auth_required("session")
def workspace(slug: str) -> Response:
    """Where a workspace begins: its data."""
    access.enter(slug)
    endpoint = "forms.index" if "forms.index" in current_app.view_functions else "plugins.index"
    return redirect(url_for(endpoint, slug=slug))


@accounts.route("/workspaces/new", methods=["GET", "POST"])
@auth_required("session")
def new_workspace() -> Response:
    name = request.form.get("name", "").strip()
    if request.method != "POST" or not name or len(name) > 120:
        errors = {"name": "Give it a name of at most 120 characters."} if request.form else {}
        status = 422 if errors else 200
        return render("accounts/new_workspace.html", errors=errors, name=name, status=status)
    made = inviting.create_workspace(name, current_user)
    notice(f"{made.name} is ready. The Marketplace has what it can do.")
    return see_other(url_for("accounts.workspace", slug=made.slug))


@accounts.route("/w/<slug>/settings", methods=["GET", "POST"])
@auth_required("session")
def settings(slug: str) -> Response:
    """The workspace's name, time zone, postal address, and what becomes of doubtful copies."""
    found = access.enter(slug, Role.ADMIN)
    errors = _change_settings(found) if request.method == "POST" else {}
    if request.method == "POST" and not errors:
        notice("Saved.")
        return see_other(url_for("accounts.settings", slug=slug))
    return render(
        "accounts/settings.html",
        status=422 if errors else 200,
        workspace=found,
        errors=errors,
        time_zones=[(zone, zone) for zone in sorted(available_timezones())],
        values={
            "name": found.name,
            "time_zone": found.time_zone,
            "postal_address": found.postal_address,
            "unconfirmed_policy": found.unconfirmed_policy,
        } | request.form.to_dict(),
    )  # fmt: skip


def _change_settings(workspace: Workspace) -> dict[str, str]:
    name = request.form.get("name", "").strip()
    zone = request.form.get("time_zone", "")
    errors = {}
    if not 1 <= len(name) <= 120:
        errors["name"] = "Give it a name of at most 120 characters."
    if zone not in available_timezones():
        errors["time_zone"] = "Choose a time zone from the list."
    policy = request.form.get("unconfirmed_policy", UnconfirmedPolicy.HOLD)
    if policy not in list(UnconfirmedPolicy):
        errors["unconfirmed_policy"] = "Choose one of the two."
    if errors:
        return errors
    wanted = {
        "name": name,
        "time_zone": zone,
        "postal_address": " ".join(request.form.get("postal_address", "").split())[:300],
        "unconfirmed_policy": policy,
    }
    for key, value in wanted.items():
        setattr(workspace, key, value)
    auditing.note(
        "workspace.changed",
        workspace=workspace,
        by=current_user,
        subject=workspace,
        name=workspace.name,
        **auditing.changes(workspace, *wanted),
    )
    db.session.commit()
    return {}


@accounts.route("/account", methods=["GET", "POST"])
@auth_required("session")
def profile() -> Response:
    """Name, time zone, password, and where one is signed in."""
    if request.method == "POST":
        zone = request.form.get("time_zone", "")
        if zone in available_timezones():
            current_user.name = request.form.get("name", "").strip()[:200]
            current_user.time_zone = zone
            db.session.commit()
            notice("Saved.")
            return see_other(url_for("accounts.profile"))
    return render(
        "accounts/profile.html",
        time_zones=[(zone, zone) for zone in sorted(available_timezones())],
        sign_ins=signing_in.active(current_user),
        is_this=signing_in.is_this,
        describe=browsers.describe,
        kinds=telling.KINDS,
        muted=telling.muted(current_user),
    )


@accounts.post("/account/sign-out-everywhere")
@auth_required("session")
def sign_out_everywhere() -> Response:
    signing_in.end_all(current_user, but_this=True)
    notice("Signed out everywhere else.")
    return see_other(url_for("accounts.profile"))


@accounts.post("/account/sign-out")
def sign_out() -> Response:
    if current_user.is_authenticated:
        logout_user()
    return see_other(url_for("security.login"))


@accounts.get("/healthz")
def health() -> Response:
    """For a proxy: the web server answers and reaches its database."""
    if db.session.scalar(db.select(db.literal(1))) != 1:
        abort(503)
    return Response("ok", mimetype="text/plain")
