"""Where the links and the picture of a mail lead whose clicks and opens are counted.

Nobody signs in here and no cookie is set. The addresses are signed, so a changed one is no page;
where a link leads stands in the database, so this is no open redirect. While the database is away
the picture comes all the same, and a link says that it will lead on in a minute.
"""

import base64

from flask import Blueprint, Response, current_app, render_template, request

from webapp import queue
from webapp.email_tracker import jobs, noticing
from webapp.email_tracker.noticing import Found, Visitor

GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_HEADERS = {
    "Cache-Control": "no-store, max-age=0",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}

links = Blueprint("links", __name__)


@links.get("/c/<int:number>/<token>")
def click(number: int, token: str) -> Response:
    """On to where the link leads, at once."""
    try:
        found = noticing.find_link(_key(), token, number)
    except noticing.AwayError:
        page = render_template("email_tracker/link_away.html")
        return Response(page, 503, _HEADERS | {"Retry-After": "60"})
    if found is None:
        return _nothing()
    _note(found)
    if found.target is None:
        return Response("", 204, _HEADERS)
    return Response("", 302, _HEADERS | {"Location": found.target})


@links.get("/o/<token>")
def opened(token: str) -> Response:
    """A picture of one point, clear."""
    try:
        found = noticing.find_picture(_key(), token)
    except noticing.AwayError:
        return Response(GIF, 200, _HEADERS, mimetype="image/gif")
    if found is None:
        return _nothing()
    _note(found)
    return Response(GIF, 200, _HEADERS, mimetype="image/gif")


def _note(found: Found) -> None:
    agent = request.headers.get("User-Agent", "")
    visitor = Visitor(request.remote_addr, agent, request.method)
    if noticing.note(found, visitor, _key()):
        queue.wake(jobs.digest)


def _nothing() -> Response:
    return Response("There is no such page.\n", 404, _HEADERS, mimetype="text/plain")


def _key() -> bytes:
    return current_app.config["TOKEN_KEY"]
