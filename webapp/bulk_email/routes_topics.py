"""Kinds of mail, and how the unsubscribe page looks; for admins."""

from collections.abc import Mapping

from flask import Response, abort, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp.accounts import access, auditing
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import branding
from webapp.bulk_email.access import enter
from webapp.bulk_email.routes import bulk_email
from webapp.delivery import opting_out
from webapp.delivery.models_topics import Topic
from webapp.extensions import db
from webapp.lib import pictures, texts
from webapp.lib.pictures import NoPicture
from webapp.web import notice, render, see_other

NAMELESS = "Give it a name that people understand, like “Newsletter”."
TAKEN = "There is a kind of that name already."


@bulk_email.route("/w/<slug>/topics", methods=["GET", "POST"])
@auth_required("session")
def topics(slug: str) -> Response:
    """Kinds of mail; a POST adds one."""
    workspace = enter(slug, Role.ADMIN)
    errors: dict[str, str] = {}
    if request.method == "POST":
        name = texts.one_line(request.form.get("name", ""), 60)
        if not name:
            errors = {"name": NAMELESS}
        elif not opting_out.add(workspace, name):
            errors = {"name": TAKEN}
        else:
            auditing.note("topic.added", workspace=workspace, by=current_user, name=name)
            db.session.commit()
            return _back(slug)
    return _page(workspace, errors)


def _page(workspace: Workspace, errors: Mapping[str, str]) -> Response:
    return render(
        "bulk_email/topics.html", status=422 if errors else 200, workspace=workspace,
        look=branding.look_of(workspace), topics=opting_out.topics(workspace),
        removed=opting_out.removed(workspace), counts=opting_out.counts(workspace), errors=errors,
        typed=request.form,
    )  # fmt: skip


@bulk_email.post("/w/<slug>/topics/<int:topic_id>/rename")
@auth_required("session")
def rename_topic(slug: str, topic_id: int) -> Response:
    """A better name: mails that were sent show it on their page too."""
    workspace = enter(slug, Role.ADMIN)
    found = access.find(Topic, topic_id, workspace)
    before, name = found.name, texts.one_line(request.form.get("name", ""), 60)
    if not name or (name != before and not opting_out.rename(found, name)):
        return _page(workspace, {f"name-{topic_id}": TAKEN if name else NAMELESS})
    if name != before:
        auditing.note(
            "topic.renamed", workspace=workspace, by=current_user, name=name, before=before
        )
        db.session.commit()
        notice(f"“{before}” is called “{name}” from now on.")
    return _back(slug)


@bulk_email.post("/w/<slug>/topics/<int:topic_id>/remove")
@auth_required("session")
def remove_topic(slug: str, topic_id: int) -> Response:
    """Offer a kind of mail no more."""
    workspace = enter(slug, Role.ADMIN)
    found = access.find(Topic, topic_id, workspace)
    auditing.note("topic.removed", workspace=workspace, by=current_user, name=found.name)
    opting_out.remove(found)
    notice(f"{found.name} is no longer offered. Mails sent as it keep their link.")
    return _back(slug)


@bulk_email.post("/w/<slug>/topics/<int:topic_id>/offer")
@auth_required("session")
def offer_topic(slug: str, topic_id: int) -> Response:
    """Take the removing back."""
    workspace = enter(slug, Role.ADMIN)
    found = access.find(Topic, topic_id, workspace)
    if not opting_out.offer_again(found):
        notice("There is another kind of that name by now. Rename that one first.", "danger")
        return _back(slug)
    auditing.note("topic.offered_again", workspace=workspace, by=current_user, name=found.name)
    db.session.commit()
    notice(f"{found.name} is offered again.")
    return _back(slug)


@bulk_email.post("/w/<slug>/topics/look")
@auth_required("session")
def public_look(slug: str) -> Response:
    """What people see above the question whether they want no more mail."""
    workspace = enter(slug, Role.ADMIN)
    file = request.files.get("logo")
    content = file.read(pictures.MAX_BYTES + 1) if file and file.filename else None
    wanted = branding.Wanted(
        name=request.form.get("public_name", ""),
        text=request.form.get("text", ""),
        colour=request.form.get("colour", "") if request.form.get("with_colour") else "",
        logo=content,
        is_without_logo=bool(request.form.get("without_logo")),
    )
    try:
        branding.change(workspace, wanted, current_user)
    except NoPicture as problem:
        db.session.rollback()
        return _page(workspace, {"logo": str(problem)})
    notice("Saved.")
    return _back(slug)


@bulk_email.get("/w/<slug>/topics/look")
@auth_required("session")
def show_look(slug: str) -> Response:
    """The page as people will see it, with nothing behind its button."""
    workspace = enter(slug, Role.ADMIN)
    look = branding.look_of(workspace)
    return render(
        "bulk_email/unsubscribe_test.html", workspace=workspace, look=look,
        workspace_name=look.name or workspace.name,
        logo_url=url_for("bulk_email.show_logo", slug=slug),
    )  # fmt: skip


@bulk_email.get("/w/<slug>/topics/logo")
@auth_required("session")
def show_logo(slug: str) -> Response:
    """The workspace's logo, to its admins."""
    return logo_answer(enter(slug, Role.ADMIN))


def logo_answer(workspace: Workspace) -> Response:
    """A picture that nothing can be made of but a picture."""
    look = branding.look_of(workspace)
    if not look.logo_type:
        abort(404)
    return Response(
        look.logo,
        mimetype=look.logo_type,
        headers={
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Content-Disposition": "inline; filename=logo",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, max-age=300",
        },
    )


def _back(slug: str) -> Response:
    return see_other(url_for("bulk_email.topics", slug=slug))
