"""Kinds of mail, and how the unsubscribe page looks; for admins."""

import re

from flask import Response, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp.accounts import access, auditing
from webapp.accounts.models import Role
from webapp.bulk_email.access import enter
from webapp.bulk_email.models import PublicLook
from webapp.bulk_email.routes import bulk_email
from webapp.delivery import opting_out
from webapp.delivery.models_topics import Topic
from webapp.extensions import db
from webapp.lib import texts
from webapp.web import notice, render, see_other


@bulk_email.route("/w/<slug>/topics", methods=["GET", "POST"])
@auth_required("session")
def topics(slug: str) -> Response:
    """Kinds of mail; a POST adds one."""
    workspace = enter(slug, Role.ADMIN)
    errors: dict[str, str] = {}
    if request.method == "POST":
        name = texts.one_line(request.form.get("name", ""), 60)
        if not name:
            errors = {"name": "Give it a name that people understand, like “Newsletter”."}
        elif not opting_out.add(workspace, name):
            errors = {"name": "There is a kind of that name already."}
        else:
            auditing.note("topic.added", workspace=workspace, by=current_user, name=name)
            db.session.commit()
            return see_other(url_for("bulk_email.topics", slug=slug))
    look = db.session.get(PublicLook, workspace.id) or PublicLook(name="", text="", colour="")
    return render(
        "bulk_email/topics.html", status=422 if errors else 200, workspace=workspace, look=look,
        topics=opting_out.topics(workspace), counts=opting_out.counts(workspace), errors=errors,
        typed=request.form,
    )  # fmt: skip


@bulk_email.post("/w/<slug>/topics/<int:topic_id>/remove")
@auth_required("session")
def remove_topic(slug: str, topic_id: int) -> Response:
    """Offer a kind of mail no more."""
    workspace = enter(slug, Role.ADMIN)
    found = access.find(Topic, topic_id, workspace)
    auditing.note("topic.removed", workspace=workspace, by=current_user, name=found.name)
    opting_out.remove(found)
    notice(f"{found.name} is no longer offered. Mails sent as it keep their link.")
    return see_other(url_for("bulk_email.topics", slug=slug))


@bulk_email.post("/w/<slug>/topics/look")
@auth_required("session")
def public_look(slug: str) -> Response:
    """What people see above the question whether they want no more mail."""
    workspace = enter(slug, Role.ADMIN)
    colour = request.form.get("colour", "").strip().lower()
    look = db.session.get(PublicLook, workspace.id) or PublicLook(workspace_id=workspace.id)
    look.name = texts.one_line(request.form.get("public_name", ""), 120)
    look.text = texts.one_line(request.form.get("text", ""), 500)
    look.colour = colour if re.fullmatch(r"#[0-9a-f]{6}", colour) else ""
    if not request.form.get("with_colour"):
        look.colour = ""
    db.session.add(look)
    auditing.note(
        "workspace.changed", workspace=workspace, by=current_user, name="unsubscribe page"
    )
    db.session.commit()
    notice("Saved.")
    return see_other(url_for("bulk_email.topics", slug=slug))
