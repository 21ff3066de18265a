"""An email as one sheet of paper."""

from flask import Response
from flask_security.decorators import auth_required

from webapp.bulk_email import listing
from webapp.delivery.models import Tally
from webapp.email_tracker import panels, printing
from webapp.email_tracker.routes import email_tracker, enter_tracked
from webapp.extensions import db
from webapp.lib import clock
from webapp.web import render


@email_tracker.get("/w/<slug>/emails/<int:email_id>/print")
@auth_required("session")
def print_out(slug: str, email_id: int) -> Response:
    """The report for those who ask whether everybody got it."""
    workspace, email = enter_tracked(slug, email_id)
    tally = db.session.get(Tally, email.id)
    panels.overview_version(listing.glimpse_of(email, tally))  # has a large one counted anew
    return render(
        "email_tracker/printed.html", "email_tracker/_printed.html",
        workspace=workspace, email=email, sheet=printing.sheet(email, tally),
        part_words=panels.PART_WORDS, now=clock.now(),
    )  # fmt: skip
