"""Writing no more to people whose copies failed alike, and writing to them again."""

from flask import Response, abort, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp import queue
from webapp.accounts import access
from webapp.accounts.models import Role
from webapp.bulk_email import jobs, suppressing_groups
from webapp.bulk_email.access import enter, enter_email
from webapp.bulk_email.models_groups import SuppressedGroup
from webapp.bulk_email.routes import bulk_email
from webapp.bulk_email.suppression_list import PERIODS, until
from webapp.lib import texts
from webapp.mail.causes import WORDS, Cause
from webapp.web import notice, render, see_other

MOST_LOOKED_UP = 20_000  # above, nobody is kept waiting for how many are on the list already


@bulk_email.route("/w/<slug>/emails/<int:email_id>/suppress", methods=["GET", "POST"])
@auth_required("session")
def suppress_group(slug: str, email_id: int) -> Response:
    """Ask, with the count, whether to write no more to those whose copy failed for one cause."""
    workspace, email = enter_email(slug, email_id, Role.ADMIN)
    said = request.args.get("cause", "")
    if said not in suppressing_groups.OFFERED:
        abort(404)
    cause = Cause(said)
    number = suppressing_groups.size(email, cause)
    error = ""
    if request.method == "POST":
        if request.form.get("number") == str(number) != "0":
            return _begin(slug, email, cause)
        error = f"It would now be {number:,} people. Look once more."
    listed = suppressing_groups.listed(email, cause) if number <= MOST_LOOKED_UP else None
    return render(
        "bulk_email/suppress_group.html", status=422 if error else 200, workspace=workspace,
        email=email, number=number, listed=listed, names=suppressing_groups.names(email, cause),
        words=WORDS[cause], error=error, periods=PERIODS, typed=request.form,
    )  # fmt: skip


@bulk_email.route("/w/<slug>/suppressions/groups/<int:group_id>", methods=["GET", "POST"])
@auth_required("session")
def suppressed_group(slug: str, group_id: int) -> Response:
    """Who was put on the list together, how far that is; a POST lifts all of them, or goes on with
    what was given up."""
    workspace = enter(slug, Role.ADMIN)
    group = access.find(SuppressedGroup, group_id, workspace)
    errors = {}
    if request.method == "POST" and group.is_given_up and request.form.get("then") == "again":
        suppressing_groups.try_again(group)
        queue.wake(jobs.go_on_with_group, group.id)
        return see_other(request.path)
    if request.method == "POST" and group.is_over and not group.is_lifted:
        reason = texts.one_line(request.form.get("reason", ""), 300)
        if reason:
            suppressing_groups.lift(group, current_user, reason)
            return _go_on(slug, group)
        errors = {"reason": "Say why; it is kept in the audit log."}
    return render(
        "bulk_email/suppressed_group.html", "bulk_email/_suppressed_group.html",
        status=422 if errors else 200, workspace=workspace, group=group, errors=errors,
        active=suppressing_groups.active(group), words=WORDS[Cause(group.cause)],
    )  # fmt: skip


def _begin(slug: str, email, cause: Cause) -> Response:
    period = request.form.get("period", "")
    group = suppressing_groups.begin(
        email,
        cause,
        current_user,
        reason=texts.one_line(request.form.get("reason", ""), 300),
        expires_at=until(period if period in PERIODS else ""),
    )
    return _go_on(slug, group)


def _go_on(slug: str, group: SuppressedGroup) -> Response:
    """A few at once, many by a worker."""
    if group.rows_total <= suppressing_groups.CHUNK:
        suppressing_groups.run(group.id)
        notice("They can get mail again." if group.is_lifted else "They get no more mail.")
    else:
        queue.wake(jobs.go_on_with_group, group.id)
    return see_other(url_for("bulk_email.suppressed_group", slug=slug, group_id=group.id))
