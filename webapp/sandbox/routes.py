"""The kept mails, for admins of the workspace whose Connections handed them in."""

from contextlib import AbstractContextManager
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, make_response, request, url_for
from flask_security.decorators import auth_required

from webapp.accounts import access
from webapp.accounts.models import Role, Workspace
from webapp.sandbox import reading
from webapp.sandbox.browsing import INSTANCE, Browser, Line, browse
from webapp.sandbox.serving import file_of
from webapp.web import notice, render, see_other, wants_part

sandbox = Blueprint("sandbox", __name__)

TABS = {"html": "HTML", "text": "Text", "source": "Source", "headers": "Headers"}
# the mail is a stranger's: nothing in it runs, loads or leads anywhere
MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)


@sandbox.before_request
def only_where_it_runs() -> None:
    if not current_app.config["SETTINGS"].sandbox:
        abort(404)


@sandbox.get("/w/<slug>/sandbox")
@auth_required("session")
def index(slug: str) -> Response:
    """The newest mails; the page asks again with its version, 204: it still looks like that."""
    workspace = access.enter(slug, Role.ADMIN)
    box = "instance" if request.args.get("box") == "instance" else ""
    search = request.args.get("q", "").strip()[:200]
    before = request.args.get("before", type=int)
    with _browse_box(workspace, box) as browser:
        version = browser.version()
        if wants_part() and request.args.get("version") == version:
            return make_response("", 204)
        lines, older = browser.page(search, before)
        total = browser.count()
    context = {"box": box, "search": search, "before": before, "version": version}
    context |= {"lines": lines, "older": older, "total": total, "workspace": workspace}
    return render("sandbox/index.html", "sandbox/_mails.html", **context)


@sandbox.post("/w/<slug>/sandbox/clear")
@auth_required("session")
def clear(slug: str) -> Response:
    workspace = access.enter(slug, Role.ADMIN)
    box = "instance" if request.form.get("box") == "instance" else ""
    with _browse_box(workspace, box) as browser:
        gone = browser.clear()
    notice(f"{gone:,} mails are gone from the sandbox. What was sent stays as it is.")
    return see_other(url_for("sandbox.index", slug=slug, box=box or None))


@sandbox.get("/w/<slug>/sandbox/<int:mail_id>")
@sandbox.get("/w/<slug>/sandbox/<int:mail_id>/<any(html, text, source, headers):tab>")
@auth_required("session")
def show(slug: str, mail_id: int, tab: str = "") -> Response:
    workspace = access.enter(slug, Role.ADMIN)
    with _browse_all(workspace) as browser:
        mail = _find(browser, mail_id)
        raw, told = browser.raw(mail), browser.told(mail)
    content = reading.read(raw)
    return render(
        "sandbox/mail.html",
        workspace=workspace,
        mail=mail,
        content=content,
        source=reading.source(raw) if tab == "source" else "",
        told=told,
        tab=tab or ("html" if content.html else "text"),
        looks=TABS,
    )


@sandbox.get("/w/<slug>/sandbox/<int:mail_id>/reports")
@auth_required("session")
def reports(slug: str, mail_id: int) -> Response:
    workspace = access.enter(slug, Role.ADMIN)
    with _browse_all(workspace) as browser:
        mail = _find(browser, mail_id)
        told = browser.told(mail)
    if not wants_part():
        return see_other(url_for("sandbox.show", slug=slug, mail_id=mail_id))
    return render(
        "sandbox/_reports.html", "sandbox/_reports.html", workspace=workspace, mail=mail, told=told
    )


@sandbox.get("/w/<slug>/sandbox/<int:mail_id>/frame")
@auth_required("session")
def frame(slug: str, mail_id: int) -> Response:
    """The mail's HTML as it is, under a policy of its own."""
    workspace = access.enter(slug, Role.ADMIN)
    with _browse_all(workspace) as browser:
        raw = browser.raw(_find(browser, mail_id))
    return Response(
        reading.read(raw).html,
        content_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": MAIL_POLICY, "Referrer-Policy": "no-referrer"},
    )


def _browse_box(workspace: Workspace, box: str) -> AbstractContextManager[Browser]:
    return browse(_file(), INSTANCE if box == "instance" else _tokens(workspace))


def _browse_all(workspace: Workspace) -> AbstractContextManager[Browser]:
    """One mail may be of this workspace, or the instance's own."""
    return browse(_file(), _tokens(workspace) | INSTANCE)


def _tokens(workspace: Workspace) -> set[str]:
    """The hook tokens of the workspace's Connections: create_app knows who knows them."""
    return current_app.extensions["sandbox_tokens"](workspace)


def _file() -> Path:
    return file_of(current_app.config["SETTINGS"].data_dir)


def _find(browser: Browser, mail_id: int) -> Line:
    mail = browser.find(mail_id)
    if mail is None:
        abort(404)
    return mail
