"""Sending an email again to those for whom that makes sense: looked at, then asked once."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from flask import Response, request, url_for
from flask_security.core import current_user
from flask_security.decorators import auth_required

from webapp import queue
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import eligibility, jobs, measuring, previewing, resending
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.bulk_email.models_looks import ResendLook
from webapp.bulk_email.previewing import Person, Preview
from webapp.bulk_email.resending import Wish
from webapp.bulk_email.routes_control import moment_typed, when_context
from webapp.bulk_email.routes_send import TYPE_THE_NUMBER_ABOVE
from webapp.delivery.selecting import MOST_IDS, Selection
from webapp.email_tracker import wording
from webapp.email_tracker.routes import email_tracker, enter_tracked
from webapp.extensions import db
from webapp.lib import clock
from webapp.web import notice, render, see_other

MOST_HOURS = 240


@email_tracker.route("/w/<slug>/emails/<int:email_id>/resend", methods=["GET", "POST"])
@auth_required("session")
def resend(slug: str, email_id: int) -> Response:
    """Who would get it again and who would not (GET, or a POST that only looks); a child of the
    email, sent, scheduled or as a draft (POST): the page's nonce makes a double click one."""
    workspace, email = enter_tracked(slug, email_id, Role.EDITOR)
    if email.stage in (Stage.DRAFT, Stage.SCHEDULED, Stage.PREPARING):
        return see_other(url_for("bulk_email.show", slug=slug, email_id=email.id))
    wish, errors = _wish()
    if "ticked" in request.args and not wish.selection.ids:
        notice("Tick whom you mean first.", "warning")
        return see_other(
            url_for("bulk_email.show", slug=slug, email_id=email.id, panel="recipients")
        )
    bad = resending.refuse_addresses(wish)
    found = _look(email, replace(wish, addresses=_good(wish, bad)))
    if not isinstance(found, Preview):
        return _counting(workspace, email, wish, found)
    then = request.form.get("then", "look") if request.method == "POST" else "look"
    if then in ("send", "draft"):
        errors |= _mistakes(found, then)
        if not errors and not bad:
            try:
                return _do(workspace, email, wish, then, found.number)
            except ValueError as error:  # MergeError
                db.session.rollback()
                errors = {"form": str(error)}
    return _page(workspace, email, wish, found, errors, bad)


def _look(email: BulkEmail, wish: Wish) -> Preview | ResendLook | None:
    """What is known. Of many copies a POST has a worker count it; a GET only reads."""
    if previewing.is_quick(email, wish):
        return previewing.preview(email, wish)
    found = previewing.find(email, wish)
    if request.method != "POST":
        return found
    if found is None or request.form.get("then") == "count":
        found = previewing.begin(email, wish)
    if isinstance(found, ResendLook):
        queue.wake(jobs.count_again, found.id)
    return found


def _counting(
    workspace: Workspace, email: BulkEmail, wish: Wish, look: ResendLook | None
) -> Response:
    """How far the counting is; the page asks again by itself, with all that was typed."""
    typed = [
        (name, text)
        for name, text in request.form.items(multi=True)
        if name not in ("csrf_token", "then", "number", "first")
    ]
    if wish.at and "when" not in request.form:  # the same moment, however long it is counted
        chosen = when_context(wish.at, None)
        typed += [("when", "later"), ("day", chosen["day"]), ("time", chosen["time_of_day"])]
        typed += [("zone", chosen["zone"])]
    return render(
        "email_tracker/resend.html", "email_tracker/_resend.html",
        workspace=workspace, email=email, wish=wish, look=look, typed=typed,
        here=request.full_path.rstrip("?"), is_first=_is_first(), left=_left(look),
        cause_words=wording.cause_sentence(wish.selection.cause),
    )  # fmt: skip


def _left(look: ResendLook | None) -> str:
    """ "about 15 s left", reckoned from what was done."""
    if look is None or not look.done or look.done >= look.total:
        return ""
    took = (clock.now() - look.began_at).total_seconds()
    return f"about {measuring.duration(took * (look.total - look.done) / look.done)} left"


def _is_first() -> bool:
    """Whether the form was not filled in yet, and so has its defaults."""
    return request.method != "POST" or "first" in request.form


def _wish() -> tuple[Wish, dict[str, str]]:
    """(what is asked for, {field: what is wrong with it})."""
    errors = {}
    selection = _selection()
    at, zone = None, current_user.time_zone or "UTC"
    if "when" not in request.form:
        at = _too_early_before(selection)
    elif request.form["when"] == "later":
        try:
            at, zone = moment_typed()
        except ValueError as error:  # MomentError
            errors["day"] = str(error)
    hours = request.form.get("hours", type=int, default=72)
    if not 1 <= hours <= MOST_HOURS:
        errors["hours"] = f"Choose from 1 to {MOST_HOURS} hours."
    wish = Wish(
        selection=selection,
        addresses=_addresses(),
        write_back="write_back" in request.form,
        at=at,
        zone=zone,
        try_for=timedelta(hours=min(max(hours, 1), MOST_HOURS)),
    )
    return wish, errors


def _too_early_before(selection: Selection) -> datetime | None:
    """When those of a cause may get it, all of them; to the minute, as it is typed."""
    wait = eligibility.BACK_OFF.get(selection.cause)  # type: ignore[call-overload]
    if wait is None or selection.ids:
        return None
    return (clock.now() + wait + timedelta(minutes=5)).replace(second=0, microsecond=0)


def _selection() -> Selection:
    ids = [int(each) for each in request.args.getlist("id") if each.isdecimal()]
    return Selection(
        show=request.args.get("show", ""),
        cause=request.args.get("cause", "")[:30],
        search=request.args.get("q", "").strip()[:200],
        at=request.args.get("at", "")[:255],
        ids=tuple(each for each in ids if each < 2**63)[:MOST_IDS],
    )


def _addresses() -> dict[int, str]:
    """What was typed in the fields address-<record id>, by record id."""
    typed = {}
    for name, text in request.form.items():
        record_id = name.removeprefix("address-")
        if name != record_id and record_id.isdecimal() and int(record_id) < 2**63 and text.strip():
            typed[int(record_id)] = text.strip()[:320]
    return dict(list(typed.items())[:MOST_IDS])


def _good(wish: Wish, bad: dict[int, str]) -> dict[int, str]:
    return {each: text for each, text in wish.addresses.items() if each not in bad}


def _mistakes(found: Preview, then: str) -> dict[str, str]:
    """What keeps the answer from being taken as it stands."""
    if found.problems:
        return {"form": next(iter(found.problems.values()))}
    if then == "draft":
        return {}
    if found.number == 0:
        return {"form": "Nobody can get it again as things are."}
    if request.form.get("number") != str(found.number):
        return {"form": f"It would now go to {found.number:,}. Look once more, then send."}
    typed = "".join(request.form.get("typed", "").replace(",", "").split())
    if found.number > TYPE_THE_NUMBER_ABOVE and typed != str(found.number):
        return {"typed": f"Type {found.number} to say that you mean all of them."}
    return {}


def _do(workspace: Workspace, email: BulkEmail, wish: Wish, then: str, number: int) -> Response:
    nonce = request.form.get("nonce", "")[:40] or secrets.token_urlsafe(24)
    again = {"nonce": nonce, "by": current_user, "number": number}
    if then == "draft":
        child = resending.draft_again(email, wish, **again)
        notice("This draft goes only to those who did not get it. Change it, then send it.", "info")
        return see_other(url_for("bulk_email.compose", slug=workspace.slug, email_id=child.id))
    child = resending.send_again(email, wish, tracked=True, **again)
    queue.wake(jobs.prepare, child.id)
    return see_other(url_for("bulk_email.show", slug=workspace.slug, email_id=child.id))


def _page(
    workspace: Workspace,
    email: BulkEmail,
    wish: Wish,
    found: Preview,
    errors: dict[str, str],
    bad: dict[int, str],
) -> Response:
    later = wish.at or clock.now() + timedelta(days=1, minutes=5)
    is_refused = not _is_first() and bool(errors or bad)
    return render(
        "email_tracker/resend.html", "email_tracker/_resend.html",
        status=422 if is_refused else 200,
        workspace=workspace, email=email, wish=wish, found=found, errors=errors, bad=bad,
        here=request.full_path.rstrip("?"), correctable=_correctable(wish, found),
        nonce=request.form.get("nonce") or secrets.token_urlsafe(24),
        later=request.form.get("when", "later" if wish.at else "now") == "later",
        write_back=_is_first() or wish.write_back,
        hours=request.form.get("hours", 72),
        type_number=found.number > TYPE_THE_NUMBER_ABOVE,
        refusals=wording.REFUSALS, standing_words=wording.STANDING,
        cause_words=wording.cause_sentence(wish.selection.cause),
        **when_context(later, None),
    )  # fmt: skip


def _correctable(wish: Wish, found: Preview) -> list[Person]:
    """Who has a field for another address: whom it would help, who has got one here, and whoever
    was chosen one by one."""
    everybody = [person for people in found.people.values() for person in people]
    chosen = {person.record_id for person in found.correctable} | set(wish.addresses)
    if wish.selection.ids:
        chosen |= {person.record_id for person in found.people.get("", [])}
    return sorted(
        (person for person in everybody if person.record_id in chosen),
        key=lambda person: person.copy_id,
    )
