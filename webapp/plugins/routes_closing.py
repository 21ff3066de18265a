"""Deleting a workspace, for owners."""

from flask import Response, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp import queue
from webapp.accounts import access, signing_in
from webapp.accounts.models import Role, Workspace
from webapp.extensions import limiter
from webapp.plugins import closing, installing, jobs, slots
from webapp.plugins.routes import plugins
from webapp.web import notice, render, see_other


@plugins.get("/w/<slug>/settings/delete")
@auth_required("session")
def ask_closing(slug: str) -> Response:
    """What will be gone, and what has to be typed."""
    return _page(access.enter(slug, Role.OWNER), {})


@plugins.post("/w/<slug>/settings/delete")
@auth_required("session")
@limiter.limit("20 per minute")
def close(slug: str) -> Response:
    workspace = access.enter(slug, Role.OWNER)
    name, errors = workspace.name, {}
    if " ".join(request.form.get("name", "").split()) != " ".join(name.split()):
        errors["name"] = f"Type the name as it stands here: {name}"
    if not signing_in.is_fresh() and not signing_in.confirm(request.form.get("password", "")):
        errors["password"] = "That is not your password."
    if errors:
        return _page(workspace, errors)
    try:
        closing.close(workspace, current_user)
    except installing.Refused as refusal:
        return _page(workspace, {"form": str(refusal)})
    queue.wake(jobs.purge)
    notice(f"{name} is deleted.")
    return see_other(url_for("accounts.home"))


def _page(workspace: Workspace, errors: dict[str, str]) -> Response:
    return render(
        "plugins/delete_workspace.html",
        status=422 if errors else 200,
        workspace=workspace,
        obstacle=closing.obstacle(workspace),
        stock=[line for count in slots.stocks for line in count(workspace)],
        is_fresh=signing_in.is_fresh(),
        typed=request.form.get("name", ""),
        errors=errors,
    )
