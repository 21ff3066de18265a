"""The page of a connection's bounce address and mailbox, for admins."""

from flask import Response, current_app, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp import queue
from webapp.accounts.models import Role
from webapp.bulk_email.access import enter, find_connection
from webapp.bulk_email.routes_connections import refuse_host
from webapp.delivery.models import Connection
from webapp.email_tracker import jobs, polling, setting_up_return
from webapp.email_tracker.routes import email_tracker
from webapp.email_tracker.setting_up_return import ReturnInput
from webapp.mail.conversation import ConnectError
from webapp.web import notice, render, see_other


@email_tracker.route("/w/<slug>/connections/<int:connection_id>/bounces", methods=["GET", "POST"])
@auth_required("session")
def return_way(slug: str, connection_id: int) -> Response:
    """Where mail that comes back goes to, and how it is fetched from there."""
    workspace = enter(slug, Role.ADMIN)
    found = find_connection(connection_id, workspace)
    way = setting_up_return.way_of(found)
    errors: dict[str, str] = {}
    if request.method == "POST":
        typed = ReturnInput(
            **{name: request.form.get(name, "") for name in ReturnInput.__dataclass_fields__}
        )
        errors = setting_up_return.save(way, typed, workspace, current_user, refuse_host)
        if not errors:
            notice("Saved.")
            return see_other(_url(slug, found))
    return render(
        "email_tracker/return_way.html", status=422 if errors else 200, workspace=workspace,
        connection=found, way=way, errors=errors, typed=request.form,
        kinds=setting_up_return.KINDS, securities=setting_up_return.SECURITIES,
        receiver=current_app.config["SETTINGS"].bounce_port,
    )  # fmt: skip


@email_tracker.post("/w/<slug>/connections/<int:connection_id>/bounces/look")
@auth_required("session")
def look_into_mailbox(slug: str, connection_id: int) -> Response:
    """Sign in at the mailbox now, and have it looked into."""
    workspace = enter(slug, Role.ADMIN)
    found = find_connection(connection_id, workspace)
    way = setting_up_return.way_of(found)
    try:
        refuse_host(way.host)
        verify = not current_app.config["SETTINGS"].allow_private_smtp
        error = polling.try_out(polling.mailbox_of(way, verify=verify))
    except ConnectError as problem:
        error = str(problem)
    polling.note_trial(way, error)
    if error:
        notice(error, "danger")
    else:
        queue.wake(jobs.look_into_mailbox, found.id)
        notice(f"{way.host} let us in. What has come back is being fetched.")
    return see_other(_url(slug, found))


def _url(slug: str, found: Connection) -> str:
    return url_for("email_tracker.return_way", slug=slug, connection_id=found.id)
