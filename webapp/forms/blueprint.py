"""The Blueprint of the Data tab, shared by its route files."""

from flask import Blueprint, abort

from webapp.accounts import access
from webapp.accounts.models import Workspace
from webapp.forms.models import Form

forms = Blueprint("forms", __name__)


def find_form(
    form_id: int, workspace: Workspace, *, editable: bool = False, beginning: bool = False
) -> Form:
    """The workspace's form, else 404; `editable`: one with records of its own, else 404.

    `beginning`: also one that nobody sees yet, because its first import has not begun.
    """
    form = access.find(Form, form_id, workspace)
    is_hidden = form.hidden_at is not None and not (beginning and form.staged_for_id is None)
    if is_hidden or (editable and form.source):
        abort(404)
    return form
