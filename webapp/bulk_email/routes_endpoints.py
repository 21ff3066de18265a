"""Webhooks to other systems; for admins."""

from flask import Response, abort, current_app, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required
from sqlalchemy import select

from webapp import queue
from webapp.accounts import access
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import dispatching, jobs, packing, subscribing
from webapp.bulk_email.access import enter
from webapp.bulk_email.routes import bulk_email
from webapp.delivery.models_endpoints import Endpoint, Parcel, ParcelState, ParcelTry
from webapp.extensions import db
from webapp.lib import clock
from webapp.web import notice, render, see_other

SHOWN = 50  # Parcels
ACTS = ("on", "off", "test", "replay", "remove")


@bulk_email.route("/w/<slug>/webhooks", methods=["GET", "POST"])
@auth_required("session")
def endpoints(slug: str) -> Response:
    """All of them; a POST adds one and shows its secret, this once."""
    workspace = enter(slug, Role.ADMIN)
    errors = _problems() if request.method == "POST" else {}
    if request.method == "POST" and not errors:
        made = subscribing.add(workspace, _url(), request.form.getlist("kind"), current_user)
        if made is not None:
            return _page(workspace, made, secret=made.secret)
        errors = {"url": f"There are {subscribing.MOST} already. Remove one first."}
    return render(
        "bulk_email/endpoints.html",
        status=422 if errors else 200,
        workspace=workspace,
        endpoints=_all(workspace),
        kinds=subscribing.KINDS,
        errors=errors,
        url=_url(),
        chosen=request.form.getlist("kind") if errors else list(subscribing.KINDS),
    )


@bulk_email.route("/w/<slug>/webhooks/<int:endpoint_id>", methods=["GET", "POST"])
@auth_required("session")
def endpoint(slug: str, endpoint_id: int) -> Response:
    """One of them, with the log of its tries; a POST changes it."""
    workspace, found = _enter(slug, endpoint_id)
    errors = _problems() if request.method == "POST" else {}
    if request.method == "POST" and not errors:
        kinds = request.form.getlist("kind")
        subscribing.change(workspace, found, _url(), kinds, current_user)
        notice("Saved.")
        return see_other(_address(slug, found))
    return _page(workspace, found, errors=errors)


@bulk_email.get("/w/<slug>/webhooks/<int:endpoint_id>/log")
@auth_required("session")
def endpoint_log(slug: str, endpoint_id: int) -> Response:
    """The log alone, for a page that is open."""
    workspace, found = _enter(slug, endpoint_id)
    return render("bulk_email/_parcels.html", workspace=workspace, **_log(found))


@bulk_email.post("/w/<slug>/webhooks/<int:endpoint_id>/secret")
@auth_required("session")
def change_endpoint_secret(slug: str, endpoint_id: int) -> Response:
    """A new secret, shown this once."""
    workspace, found = _enter(slug, endpoint_id)
    subscribing.change_secret(workspace, found, current_user)
    return _page(workspace, found, secret=found.secret)


@bulk_email.post("/w/<slug>/webhooks/<int:endpoint_id>/<act>")
@auth_required("session")
def act_on_endpoint(slug: str, endpoint_id: int, act: str) -> Response:
    """Switch it on or off, send a test or what failed once more, remove it."""
    workspace, found = _enter(slug, endpoint_id)
    if act not in ACTS:
        abort(404)
    if act == "remove":
        subscribing.remove(workspace, found, current_user)
        notice("The webhook is removed.")
        return see_other(url_for("bulk_email.endpoints", slug=slug))
    if act in ("on", "off"):
        subscribing.switch(workspace, found, current_user, on=act == "on")
    elif found.off_at:
        notice("It is switched off. Switch it on first.", "warning")
    elif act == "test":
        packing.pack_test(found)
        found.rests_until = None
        db.session.commit()
        notice("A test is on its way: its answer stands in the log below.")
    else:
        _say_again(dispatching.send_again(found, request.form.get("parcel", type=int)))
    queue.wake(jobs.dispatch, found.id)
    return see_other(_address(slug, found))


def _enter(slug: str, endpoint_id: int) -> tuple[Workspace, Endpoint]:
    workspace = enter(slug, Role.ADMIN)
    return workspace, access.find(Endpoint, endpoint_id, workspace)


def _address(slug: str, found: Endpoint) -> str:
    return url_for("bulk_email.endpoint", slug=slug, endpoint_id=found.id)


def _url() -> str:
    return request.form.get("url", "").strip()


def _problems() -> dict[str, str]:
    allow = current_app.config["SETTINGS"].allow_private_webhooks
    return subscribing.problems(_url(), request.form.getlist("kind"), allow_private=allow)


def _say_again(number: int) -> None:
    if not number:
        notice("There is nothing to send again.", "info")
        return
    notice("One is sent again." if number == 1 else f"{number:,} are sent again.")


def _all(workspace: Workspace) -> list[tuple[Endpoint, dict[str, int]]]:
    rows = db.session.scalars(
        select(Endpoint).where(Endpoint.workspace_id == workspace.id).order_by(Endpoint.id)
    )
    return [(each, dispatching.counts(each)) for each in rows]


def _page(workspace: Workspace, found: Endpoint, *, errors=None, secret: str = "") -> Response:
    errors = errors or {}
    return render(
        "bulk_email/endpoint.html",
        status=422 if errors else 200,
        workspace=workspace,
        kinds=subscribing.KINDS,
        errors=errors,
        url=_url() if errors else found.url,
        chosen=request.form.getlist("kind") if errors else found.kinds.split(),
        secret=secret,
        now=clock.now(),
        **_log(found),
    )


def _log(found: Endpoint) -> dict:
    parcels = db.session.scalars(
        select(Parcel).where(Parcel.endpoint_id == found.id).order_by(Parcel.id.desc()).limit(SHOWN)
    ).all()
    tries: dict[int, list[ParcelTry]] = {parcel.id: [] for parcel in parcels}
    for each in db.session.scalars(
        select(ParcelTry).where(ParcelTry.parcel_id.in_(tries)).order_by(ParcelTry.id)
    ):
        tries[each.parcel_id].append(each)
    return {
        "endpoint": found,
        "parcels": parcels,
        "tries": tries,
        "counts": dispatching.counts(found),
        "states": ParcelState,
    }
