"""Pages and parts of one email at 1,000 and at 1,000,000 copies: the large to the small, which is
the limit. An unchanged poll to a route that only looks its session up. In this process, without a
server, so that nothing but the app is measured."""

import contextvars
import statistics
import sys
import time
from argparse import Namespace
from collections.abc import Callable

from flask import Flask
from flask_security.core import current_user
from flask_security.decorators import auth_required
from sqlalchemy import case, func, insert, literal, select, text, update

from tests.bench import ours, reporting
from tests.bench.places import Place
from tests.cast import signed_in_client
from webapp.accounts.models import User, Workspace
from webapp.bulk_email import listing
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery.attending import HUMAN, MACHINE
from webapp.delivery.models import Recipient, Tally
from webapp.delivery.models_following import Attention
from webapp.delivery.statuses import Status
from webapp.email_tracker import introducing, summing_up, surveying
from webapp.email_tracker.plugin import stats_form
from webapp.extensions import db, limiter
from webapp.forms import indexing
from webapp.lib import clock
from webapp.mail.attention import Why
from webapp.mail.causes import Cause
from webapp.plugins import catalogue, installing

UNIT = "answers/s"
SMALL, LARGE = 1_000, 1_000_000
EMPTY = "/bench/empty"
PART = {"HX-Request": "true"}
PROVIDER = "d77.example.org"
STATS_FILTER = "field=name&op=contains&value=zzz"
# of a hundred copies, by what their number ends in
STATUSES = {Status.BOUNCED: 2, Status.DEFERRED: 5, Status.SENT: 8, Status.DELIVERED: 85}


def run(place: Place, args: Namespace) -> list[reporting.Result]:
    results = []
    for database in args.databases:
        found: dict[str, reporting.Result] = {}
        for number in range(1, args.rounds + 1):
            _play(place, database, number, args, found)
            print(f"round {number}  {database}", file=sys.stderr, flush=True)
        results += found.values()
    return [result for result in results if reporting.is_wanted(result, args.only)]


def _play(place: Place, database: str, number: int, args: Namespace, found: dict) -> None:
    for copies in (SMALL, args.mails or LARGE):
        with ours.ours(place, database, "reading") as app:
            for name, seconds in _measured(app.app, copies, args.seconds).items():
                who = f"{name}, {copies:,} copies, {database}"
                result = found.setdefault(who, reporting.Result("reading", who, UNIT))
                limit = found[f"{name}, {SMALL:,} copies, {database}"]
                if name == POLL:
                    limit = found[f"{ROUTE}, {copies:,} copies, {database}"]
                result.limit = limit
                result.rates[number] = 1 / seconds


ROUTE, POLL = "an empty route with its session", "an unchanged poll"


def _measured(app: Flask, copies: int, seconds: float) -> dict[str, float]:
    """{what: seconds of one answer, the median}"""
    workspace, email, alice = _finished_email(copies)
    _add_empty_route(app)
    slug, email_id, form_id = workspace.slug, email.id, email.form_id
    stats_id = stats_form(workspace).id
    version = listing.version_of(email, db.session.get(Tally, email_id))
    middle = db.session.scalar(select(Recipient.id).order_by(Recipient.id).offset(copies // 2))
    summing_up.count(email_id)  # as the background does for a large email
    surveying.count(workspace.id)
    db.session.commit()
    app.config["WTF_CSRF_ENABLED"] = limiter.enabled = False
    client = signed_in_client(app, alice)
    db.session.remove()

    def get(url: str, expected: int = 200, headers: dict | None = None) -> Callable[[], None]:
        def ask() -> None:
            # a context of its own, as a server gives each request
            answer = contextvars.Context().run(client.get, url, headers=headers)
            if answer.status_code != expected:
                raise SystemExit(f"{url} was answered {answer.status_code}")

        return ask

    asked = {
        name: get(url, headers=headers)
        for name, url, headers in _pages(slug, email_id, form_id, stats_id, middle)
    }
    found = _medians(asked, seconds)
    live = f"/w/{slug}/emails/{email_id}/live/recipients?version={version}"
    polls = {ROUTE: get(EMPTY), POLL: get(live, 204, PART)}
    return found | _medians(polls, seconds / 3)


def _pages(
    slug: str, email_id: int, form_id: int, stats_id: int, copy_id: int
) -> list[tuple[str, str, dict | None]]:
    email = f"/w/{slug}/emails/{email_id}"
    grid = f"{email}/live/recipients"
    records, search = f"/w/{slug}/data/{form_id}", f"/w/{slug}/people-search"
    return [
        ("the list of emails", f"/w/{slug}/emails", None),
        ("the email's page", email, None),
        ("its overview", f"{email}/live/overview", PART),
        ("its recipients", f"{grid}?", PART),
        ("its recipients, Not Sent", f"{grid}?show=not-sent", PART),
        ("its recipients, Bounced", f"{grid}?show=bounced", PART),
        ("its recipients by status", f"{grid}?sort=status", PART),
        ("its recipients by last change", f"{grid}?sort=-changed", PART),
        ("its recipients of one cause", f"{grid}?show=not-sent&cause=mailbox_missing", PART),
        ("its recipients, Opened", f"{grid}?show=opened", PART),
        ("its recipients, Opened by machines only", f"{grid}?show=opened-machine", PART),
        ("its recipients, not sent, at one provider", f"{grid}?show=ended&at={PROVIDER}", PART),
        ("its recipients, one looked for", f"{grid}?q=person77@", PART),
        ("its recipients, nobody found", f"{grid}?q=zzz", PART),
        ("its report", f"{email}/print", None),
        ("the trends", f"/w/{slug}/emails/trends", None),
        ("a copy in place", f"{email}/recipients/{copy_id}", PART),
        ("the data grid", records, None),
        ("the data grid, one looked for", f"{records}?q=hg-00000077", None),
        ("the data grid, nobody found", f"{records}?q=zzz", None),
        ("the data grid, two letters that nobody has", f"{records}?q=qq", None),
        ("the data grid, filtered", f"{records}?field=email&op=is&value=zzz", None),
        ("the search of the bar, one found", f"{search}?q=person77@", None),
        ("the search of the bar, nobody found", f"{search}?q=zzz", None),
        ("the Stats form", f"/w/{slug}/data/{stats_id}", None),
        ("the Stats form, filtered", f"/w/{slug}/data/{stats_id}?{STATS_FILTER}", None),
    ]


def _medians(asked: dict[str, Callable[[], None]], seconds: float) -> dict[str, float]:
    """Asked in turns, so that noise of the machine hits all of them alike."""
    took: dict[str, list[float]] = {name: [] for name in asked}
    turns, end = 0, time.perf_counter() + seconds
    while turns < 3 or time.perf_counter() < end:
        for name, ask in asked.items():
            begin = time.perf_counter()
            ask()
            if turns:  # the first fills caches
                took[name].append(time.perf_counter() - begin)
        turns += 1
    return {name: statistics.median(each) for name, each in took.items()}


def _add_empty_route(app: Flask) -> None:
    @auth_required("session")
    def empty() -> str:
        return str(current_user.id)

    if "bench_empty" not in app.view_functions:
        app.add_url_rule(EMPTY, "bench_empty", empty)


def _finished_email(copies: int) -> tuple[Workspace, BulkEmail, User]:
    """An email of which most copies are delivered, and somebody who may read it."""
    workspace, form = ours.make_people(copies)
    indexing.note_all(form.id)
    while indexing.index_some():
        pass
    alice = db.session.scalars(select(User).where(User.name == "Alice")).one()
    for name in ("bulk_email", "email_tracker"):
        installing.install(workspace, catalogue.find(name), alice)
    email = ours.make_email(workspace, form, 25, provider="sendgrid")
    ours.start(email, paused=True)
    ours.prepare(email)
    end, bounds = 0, []
    for status, share in STATUSES.items():
        end += share
        bounds.append((Recipient.id % 100 < end, literal(status, Recipient.status.type)))
    is_bounced = Recipient.id % 100 < STATUSES[Status.BOUNCED]
    values = {"status": case(*bounds), "cause": case((is_bounced, Cause.MAILBOX_MISSING.value))}
    now = clock.now()
    db.session.execute(update(Recipient).values(**values, sent_at=now, changed_at=now))
    counted = select(Recipient.status, func.count()).group_by(Recipient.status)
    tally = {status.value: number for status, number in db.session.execute(counted)}
    db.session.execute(update(Tally).values(queued=0, **tally))
    db.session.execute(update(BulkEmail).values(stage=Stage.FINISHED, finished_at=now))
    db.session.commit()
    _open(email.id)
    while introducing.introduce_some(email.id):
        pass
    db.session.execute(text("ANALYZE"))
    db.session.commit()
    return workspace, email, alice


def _open(email_id: int) -> None:
    """Of the copies that were delivered people open every third, only machines every ninth."""
    is_machine = Recipient.id % 9 == 1
    values = {
        "recipient_id": Recipient.id,
        "bulk_email_id": Recipient.bulk_email_id,
        "opened_by": case((is_machine, MACHINE), else_=HUMAN),
        "opened_why": case((is_machine, Why.APPLE.value), else_=""),
        "clicked_by": literal(""),
        "clicked_why": literal(""),
        "rules": literal(0),
    }
    delivered = select(*(value.label(name) for name, value in values.items())).where(
        Recipient.bulk_email_id == email_id,
        Recipient.status == Status.DELIVERED,
        (Recipient.id % 3 == 0) | is_machine,
    )
    db.session.execute(insert(Attention).from_select(list(values), delivered))
