"""The Marketplace: what a workspace can be made to do."""

from flask import Blueprint, Response, abort, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp.accounts import access, signing_in
from webapp.accounts.models import Role, Workspace
from webapp.extensions import limiter
from webapp.plugins import catalogue, installing
from webapp.plugins.catalogue import Plugin
from webapp.web import notice, render, render_parts, see_other, wants_part

plugins = Blueprint("plugins", __name__)


@plugins.get("/w/<slug>/marketplace")
@auth_required("session")
def index(slug: str) -> Response:
    workspace = access.enter(slug)
    return render("plugins/marketplace.html", **_cards(workspace))


@plugins.get("/w/<slug>/marketplace/<name>/install")
@auth_required("session")
def ask(slug: str, name: str) -> Response:
    """The dialog: what the plugin will be able to do, and the password if it is not fresh."""
    workspace = access.enter(slug, Role.ADMIN)
    plugin = _find(name)
    if name in installing.installed(workspace):
        return _after(workspace, plugin, False)
    return _dialog(workspace, plugin, {})


@plugins.post("/w/<slug>/marketplace/<name>/install")
@auth_required("session")
@limiter.limit("20 per minute")
def install(slug: str, name: str) -> Response:
    workspace = access.enter(slug, Role.ADMIN)
    plugin = _find(name)
    if not signing_in.is_fresh() and not signing_in.confirm(request.form.get("password", "")):
        sentence = "That is not your password."
        if not request.form.get("password"):
            sentence = "Type your password to confirm that it is you."
        return _dialog(workspace, plugin, {"password": sentence})
    try:
        is_new = installing.install(workspace, plugin, current_user)
    except installing.Refused as refusal:
        return _dialog(workspace, plugin, {"form": str(refusal)})
    return _after(workspace, plugin, is_new)


@plugins.get("/w/<slug>/marketplace/<name>/remove")
@auth_required("session")
def ask_removal(slug: str, name: str) -> Response:
    workspace = access.enter(slug, Role.ADMIN)
    context = {"workspace": workspace, "plugin": _find(name), "refusal": ""}
    return render("plugins/remove.html", "plugins/_remove.html", **context)


@plugins.post("/w/<slug>/marketplace/<name>/remove")
@auth_required("session")
def remove(slug: str, name: str) -> Response:
    workspace = access.enter(slug, Role.ADMIN)
    plugin = _find(name)
    try:
        installing.uninstall(workspace, plugin, current_user)
    except installing.Refused as refusal:
        context = {"workspace": workspace, "plugin": plugin, "refusal": str(refusal)}
        return render("plugins/remove.html", "plugins/_remove.html", status=422, **context)
    notice(f"{plugin.title} has been removed. What it has stored is kept.")
    return see_other(url_for("plugins.index", slug=slug))


def _after(workspace: Workspace, plugin: Plugin, is_new: bool) -> Response:
    """What an installation shows: nothing moves but what it changed."""
    after = plugin.after_install(workspace) if plugin.after_install else None
    if after:
        notice(after.text, link=after.link, link_text=after.link_text)
    else:
        notice(f"{plugin.title} is on. You find it in the bar at the top.")
    if not wants_part():
        return see_other(url_for("plugins.index", slug=workspace.slug))
    return render_parts(
        "plugins/_installed.html", "_navigation.html", navigation_oob=True, **_cards(workspace)
    )


def _dialog(workspace: Workspace, plugin: Plugin, errors: dict[str, str]) -> Response:
    missing = installing.missing(workspace, plugin)
    return render(
        "plugins/install.html",
        "plugins/_install.html",
        status=422 if errors else 200,
        workspace=workspace,
        plugin=plugin,
        missing=missing,
        is_fresh=signing_in.is_fresh(),
        errors=errors,
    )


def _cards(workspace: Workspace) -> dict:
    on = installing.installed(workspace)
    return {
        "workspace": workspace,
        "plugins": catalogue.all_plugins(),
        "on": on,
        "titles": {plugin.name: plugin.title for plugin in catalogue.all_plugins()},
        "is_admin": access.is_allowed(Role.ADMIN),
    }


def _find(name: str) -> Plugin:
    plugin = catalogue.find(name)
    if plugin is None:
        abort(404)
    return plugin
