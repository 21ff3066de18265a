"""People, looked for in all forms of the workspace at once."""

from flask import Response, request
from flask_security.decorators import auth_required
from markupsafe import Markup

from webapp.accounts import access
from webapp.forms import sources
from webapp.forms.blueprint import forms
from webapp.forms.grid import Query
from webapp.forms.routes_grid import forms_of
from webapp.plugins import installing, slots
from webapp.web import render

SHOWN = 10


@forms.get("/w/<slug>/people-search")
@auth_required("session")
def search(slug: str) -> Response:
    """Whom plugins know, and the first rows of every form that have the words in them, by the
    grids' own search."""
    workspace = access.enter(slug)
    words = request.args.get("q", "").strip()[:200]
    found = []
    for form in forms_of(workspace) if words else []:
        source = sources.source_of(form)
        if not source.is_searched:
            continue
        page = source.page(form, Query(search=words))
        if page.rows or page.looked_at:
            columns = [column for column in source.columns(form) if column.is_shown][:5]
            found.append((form, columns, page))
    on = installing.installed(workspace)
    panels = [
        Markup(html)
        for panel in (slots.search_panels if words else [])
        if panel.plugin in on and (html := panel.render((workspace, words)))
    ]
    return render(
        "forms/search.html",
        workspace=workspace,
        words=words,
        found=found,
        panels=panels,
        most=SHOWN,
    )
