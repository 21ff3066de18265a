"""Why did Anna not get it? One person's page."""

from flask import Response
from flask_security.decorators import auth_required

from webapp.accounts import access
from webapp.bulk_email.access import enter
from webapp.delivery.models_people import Person
from webapp.email_tracker import panels, people, wording
from webapp.email_tracker.routes import email_tracker
from webapp.web import render


@email_tracker.get("/w/<slug>/people/<int:person_id>")
@auth_required("session")
def person(slug: str, person_id: int) -> Response:
    """Every email to a person, or to records that have their address now; what stands in the way
    of the next one, and what is planned."""
    workspace = enter(slug)
    found = access.find(Person, person_id, workspace)
    records = people.records_of(workspace, found.address_key)
    copies = people.copies(workspace, [found.address_key], records)
    said = people.suppressions(workspace, found.address_key)
    return render(
        "email_tracker/person.html", "email_tracker/_person.html",
        workspace=workspace, person=found, records=records,
        lines=panels.copy_lines(copies), is_cut=len(copies) == people.MOST_COPIES,
        suppression=next((each for each in said if each.lifted_at is None), None),
        lifted=[each for each in said if each.lifted_at],
        planned=people.planned(workspace, records), cause_sentence=wording.cause_sentence,
    )  # fmt: skip
