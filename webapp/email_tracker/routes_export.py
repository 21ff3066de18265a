"""What the Recipients tab shows, as a file."""

from flask import Response, abort, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp import queue
from webapp.email_tracker import recipients, stats_rows
from webapp.email_tracker.plugin import stats_form
from webapp.email_tracker.routes import email_tracker, enter_tracked
from webapp.forms import exporting, grid, jobs
from webapp.web import see_other


@email_tracker.post("/w/<slug>/emails/<int:email_id>/recipients/export")
@auth_required("session")
def export(slug: str, email_id: int) -> Response:
    """Ask for a file of the copies that the tab's filter and search leave."""
    workspace, email = enter_tracked(slug, email_id)
    form = stats_form(workspace)
    if form is None:
        abort(404)
    asked = recipients.read(request.args).url_values(sort="")
    chosen = {"field": stats_rows.OF_EMAIL, "op": "is", "value": f"{email.id}?{asked}"}
    columns = tuple(column.key for column in stats_rows.COLUMNS)
    made = exporting.begin(
        form,
        grid.Query(filter={"all": [chosen]}, columns=columns),
        current_user,
        kind=request.form.get("kind", "csv"),
        title=email.subject or "Recipients",
        back=url_for("bulk_email.show", slug=slug, email_id=email.id, panel="recipients"),
    )
    queue.wake(jobs.run_export, made.id)
    return see_other(url_for("forms.export_report", slug=slug, form_id=form.id, export_id=made.id))
