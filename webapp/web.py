"""How every answer is made: the part for htmx, the page otherwise; error pages; filters."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import (
    Flask,
    Response,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_limiter.errors import RateLimitExceeded
from flask_security.core import current_user
from flask_wtf.csrf import CSRFError
from jinja2 import StrictUndefined
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import BadRequest, HTTPException, InternalServerError, NotFound
from werkzeug.routing import IntegerConverter, Map

from webapp.extensions import db
from webapp.lib import clock

DISK_FULL = "53100"  # of PostgreSQL's error codes
Navigation = Callable[[], dict]

# Nothing inline, nothing from elsewhere. Mail bodies stand in frames with a policy of their own.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'; frame-src 'self'"
)


def init_app(app: Flask, navigation: Navigation) -> None:
    """Make `app` answer in pages and parts. `navigation()` gives the base page its variables."""
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(moment=moment, brief_moment=brief_moment, ago=ago, count=count)
    app.jinja_env.globals.update(wants_part=wants_part, shown_path=shown_path, now_ms=now_ms)
    app.context_processor(navigation)
    app.register_error_handler(HTTPException, _error)
    app.register_error_handler(CSRFError, _error)
    app.register_error_handler(RateLimitExceeded, _error)
    app.register_error_handler(DataError, _refuse_value)
    app.register_error_handler(OverflowError, _refuse_value)
    app.after_request(_finish)


def wants_part() -> bool:
    """Whether htmx asked for a piece of the page it already has."""
    return bool(request.htmx) and not request.htmx.history_restore_request  # type: ignore[attr-defined]


def shown_path() -> str:
    """The path of the page the person is looking at, also while htmx asks for a piece of it."""
    if wants_part():
        return urlsplit(request.htmx.current_url or "").path or "/"  # type: ignore[attr-defined]
    return request.path


def render(page: str, part: str | None = None, /, *, status: int = 200, **context) -> Response:
    """`part` for htmx, `page` for everybody else (and where there is no part).

    Notices flashed meanwhile ride along with a part, out of band.
    """
    if part and wants_part():
        body = render_template(part, **context) + render_template("_notices.html", oob=True)
        return make_response(body, status)
    return make_response(render_template(page, **context), status)


def render_parts(*parts: str, status: int = 200, **context) -> Response:
    """Several parts in one answer to htmx; all but the first must carry hx-swap-oob."""
    bodies = [render_template(part, **context) for part in (*parts, "_notices.html")]
    return make_response("\n".join(bodies), status)


def see_other(location: str) -> Response:
    """After a POST: go and look there (303); htmx is told to load it as a page."""
    if wants_part():
        return make_response("", 204, {"HX-Redirect": location})
    return redirect(location, 303)  # type: ignore[return-value]


def notice(text: str, kind: str = "success", link: str = "", link_text: str = "") -> None:
    """A sentence shown once at the top of the next page or part: success, info, warning, danger."""
    flash({"text": text, "link": link, "link_text": link_text}, kind)  # type: ignore[arg-type]


def local_path(target: str | None, otherwise: str) -> str:
    """`target` if it is a path of this site, else `otherwise`: `next=` never leads away."""
    if not target or not target.startswith("/") or target.startswith(("//", "/\\")):
        return otherwise
    parts = urlsplit(target)
    is_local = not parts.scheme and not parts.netloc and "\\" not in target
    return target if is_local and target.isprintable() else otherwise


def moment(value: datetime | None, form: str = "%-d %b %Y, %H:%M %Z") -> str:
    """A time in the viewer's zone, the zone named."""
    if value is None:
        return "–"
    return value.astimezone(_zone()).strftime(form)


def brief_moment(value: datetime) -> str:
    """The same without what is the same today: the day of today, the year of this year."""
    there, today = value.astimezone(_zone()), clock.now().astimezone(_zone())
    if there.date() == today.date():
        return there.strftime("%H:%M:%S %Z")
    return there.strftime("%-d %b, %H:%M %Z" if there.year == today.year else "%-d %b %Y")


def _zone() -> ZoneInfo:
    return ZoneInfo(getattr(current_user, "time_zone", None) or "UTC")


def now_ms() -> int:
    """Our clock in milliseconds, so that a browser with a wrong one counts rightly."""
    return int(clock.now().timestamp() * 1000)


def ago(value: datetime | None) -> str:
    """A time as a distance: "3 min ago", "in 2 h"."""
    if value is None:
        return "–"
    seconds = (clock.now() - value).total_seconds()
    distance = abs(seconds)
    if distance < 10:
        return "now"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if distance >= size:
            text = f"{int(distance // size)} {unit}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return "now"


def count(value: int) -> str:
    """A number with thousands separated: 3,000."""
    return f"{value:,}"


class RowId(IntegerConverter):
    """A number in a URL that can be the id of a row; others are no page."""

    def __init__(self, map: Map, max: int = 2**63 - 1, **options) -> None:
        super().__init__(map, max=max, **options)


def _refuse_value(error: Exception) -> Response:
    """What no database keeps: a NUL in a text, a number too large. Such an id is no page."""
    db.session.rollback()
    ids = [value for value in (request.view_args or {}).values() if isinstance(value, int)]
    return _error(NotFound() if any(value >= 2**31 for value in ids) else BadRequest())


def _error(error: HTTPException) -> Response:
    known = {400, 401, 403, 404, 409, 413, 415, 419, 422, 429, 500, 503, 507}
    status = 419 if isinstance(error, CSRFError) else (error.code or 500)
    if error.response is not None:
        return error.response  # type: ignore[return-value]
    if isinstance(error, InternalServerError):
        db.session.rollback()  # else the page could not even say who is signed in
        status = _status_of_trouble(error.original_exception)
    other = 404 if status == 405 else 500  # no page stands where a form is sent to
    template = status if status in known else other
    try:
        answer = render("errors/page.html", _part_of_error(), status=status, code=template)
        if wants_part() and request.method == "POST":
            answer.headers["HX-Reswap"] = "innerHTML"  # the next answer finds the same target
        return answer
    except OperationalError:
        db.session.rollback()
        alone = current_app.jinja_env.get_template("errors/alone.html")
        return make_response(alone.render(code=template), status)


def _status_of_trouble(error: BaseException | None) -> int:
    """A full disk is for an administrator to mend, a database that is away comes back by itself."""
    if not isinstance(error, OperationalError):
        return 500
    is_full = "disk is full" in str(error.orig) or getattr(error.orig, "sqlstate", "") == DISK_FULL
    return 507 if is_full else 503


def _part_of_error() -> str:
    target = request.htmx.target or "" if wants_part() else ""  # type: ignore[attr-defined]
    if "dialog" in target:
        return "errors/_dialog.html"
    return "errors/_unsaved.html" if "saved" in target else "errors/_part.html"


def _finish(response: Response) -> Response:
    response.vary.add("HX-Request")
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if request.endpoint != "static" and response.mimetype == "text/html":
        response.headers.setdefault("Cache-Control", "private, no-store")
    return response


def address_of(endpoint: str, **values) -> str:
    """The full address of a page, for use outside the site (mails, hooks).

    By BASE_URL and never by the request, whose Host anybody can write.
    """
    return current_app.config["SETTINGS"].base_url + url_for(endpoint, **values)
