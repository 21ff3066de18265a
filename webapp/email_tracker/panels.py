"""What the tracker puts on the pages of others: banner, Overview, Recipients, a person's emails."""

import zlib
from collections.abc import Sequence
from dataclasses import replace

from flask import current_app, render_template, request, url_for
from markupsafe import Markup
from sqlalchemy import select

from webapp import queue
from webapp.accounts.access import is_allowed
from webapp.accounts.models import Role, Workspace
from webapp.bulk_email import listing, watching
from webapp.bulk_email.listing import Glimpse
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.bulk_email.routes import traffic_context
from webapp.delivery import selecting, suppressing, tallying
from webapp.delivery.models import Connection, Recipient, Suppression, Tally
from webapp.delivery.models_return import ReturnWay
from webapp.email_tracker import (
    attention,
    drawing,
    explaining,
    jobs,
    paging,
    people,
    recipients,
    remedies,
    summing_up,
    unmatched,
    wording,
)
from webapp.email_tracker.attention import Attentions, Follows
from webapp.email_tracker.plugin import PLUGIN, stats_form
from webapp.email_tracker.recipients import RecipientQuery
from webapp.email_tracker.summing_up import Figures
from webapp.extensions import db
from webapp.forms import sorting
from webapp.forms.models import Record, RecordAddress, Sorting
from webapp.lib import clock
from webapp.plugins import installing

PART_WORDS = {
    "delivered": "delivered",
    "sent": "sent",
    "still_trying": "still trying",
    "bounced": "bounced",
    "dropped": "dropped",
    "failed": "failed",
    "unconfirmed": "cannot tell yet",
    "waiting": "waiting",
}
SHOWN_WORDS = {
    "opened": "opened by people",
    "opened-machine": "opened by machines only",
    "clicked": "clicked by people",
    "clicked-machine": "clicked by machines only",
}
MOST_BESIDE = 50  # emails beside a record


def return_link(connection: Connection) -> str:
    """Where what comes back over this Connection goes, on its page."""
    workspace = db.session.get_one(Workspace, connection.workspace_id)
    url = url_for("email_tracker.return_way", slug=workspace.slug, connection_id=connection.id)
    way = db.session.get(ReturnWay, connection.id)
    is_on = PLUGIN.name in installing.installed(workspace)
    tray = Markup(unmatched_link(workspace)) if is_on else ""
    return render_template("email_tracker/_return_link.html", way=way, url=url, unmatched=tray)


def banner(workspace: Workspace) -> str:
    """The invitation to install the tracker, until it is on."""
    if PLUGIN.name in installing.installed(workspace):
        return ""
    return render_template(
        "email_tracker/_banner.html", workspace=workspace, is_admin=is_allowed(Role.ADMIN)
    )


def unmatched_link(workspace: Workspace) -> str:
    """The way to the Unmatched tray, where anything is in it."""
    counts = unmatched.count(workspace)
    if not counts.open and not counts.unreadable:
        return ""
    show = "" if counts.open else "unreadable"
    url = url_for("email_tracker.tray", slug=workspace.slug, **({"show": show} if show else {}))
    return render_template("email_tracker/_unmatched_link.html", counts=counts, url=url)


def source_link(suppression: Suppression) -> str:
    """The way from a suppressed address to the copy whose report caused it."""
    if suppression.event_id is None:
        return ""
    slug = db.session.get_one(Workspace, suppression.workspace_id).slug
    url = url_for("email_tracker.source", slug=slug, suppression_id=suppression.id)
    return render_template("email_tracker/_source_link.html", url=url, address=suppression.address)


def overview(bulk_email: BulkEmail) -> str:
    """The balance, and failures grouped by cause with what to do."""
    if not bulk_email.tracked:
        return _not_tracked(bulk_email, **traffic_context(bulk_email))
    return sent_again(bulk_email) + render_template(
        "email_tracker/_overview.html", **overview_context(bulk_email)
    )


def sent_again(bulk_email: BulkEmail) -> str:
    """The emails that sent this one again, and how many they reached; "" where there are none."""
    lines, reached = listing.sent_again(bulk_email)
    if not lines:
        return ""
    books = tallying.books(db.session.get(Tally, bulk_email.id))
    marks = [f"{each.bulk_email.id}-{each.state}-{each.books.parts}" for each in lines]
    return render_template(
        "email_tracker/_sent_again.html",
        workspace=bulk_email.workspace,
        email=bulk_email,
        lines=lines,
        reached=reached,
        lost=books.missed,
        version=f"{zlib.crc32(repr(marks).encode()):x}",
        is_live=any(each.is_live for each in lines),
    )


def overview_context(bulk_email: BulkEmail) -> dict:
    tally = db.session.get(Tally, bulk_email.id)
    figures, is_current = summing_up.figures(bulk_email, tally)
    return {
        "workspace": bulk_email.workspace,
        "email": bulk_email,
        "books": tallying.books(tally),
        "part_words": PART_WORDS,
        "figures": figures,
        "is_current": is_current,
        "groups": _groups(bulk_email, figures) if figures else [],
        "no_case": explaining.no_case(figures.failures) if figures else [],
        "may_send_again": _may_send_again(bulk_email, tally),
        "follows": attention.follows(bulk_email, figures.attention if figures else None),
        "sections": drawing.sections(figures.moments, bulk_email.started_at) if figures else [],
        "traffic": watching.traffic(bulk_email),
        "version": overview_version(listing.glimpse_of(bulk_email, tally)),
        "is_live": not (is_current and listing.is_settled(bulk_email, tally)),
    }


def overview_version(glimpse: Glimpse) -> str:
    """Changes with everything the Overview shows; no look at the copies. Where the counts of a
    large email are of yesterday, newer ones are asked for."""
    mark, is_current = summing_up.mark(glimpse)
    if not is_current:
        queue.wake(jobs.sum_up, glimpse.email_id)
    return glimpse.version + mark


def _groups(bulk_email: BulkEmail, figures: Figures) -> list[dict]:
    """The failures by cause, each with whose side it is and what to do."""
    form = stats_form(bulk_email.workspace)
    return [
        {
            "said": group,
            "side": remedies.SIDES[group.words.side],
            "remedy": remedies.remedy_for(bulk_email, group.cause, group.show, form),
            "beside": remedies.beside(bulk_email, group.cause, group.show),
        }
        for group in explaining.groups(figures.failures, explaining.NOTHING_TO_DO)
    ]


def _may_send_again(bulk_email: BulkEmail, tally: Tally | None) -> bool:
    """Whether there is anybody to look at, and the member may."""
    is_prepared = bulk_email.stage not in (Stage.DRAFT, Stage.SCHEDULED, Stage.PREPARING)
    return is_prepared and tallying.books(tally).missed > 0 and is_allowed(Role.EDITOR)


def recipients_panel(bulk_email: BulkEmail) -> str:
    """The grid of everybody selected."""
    if not bulk_email.tracked:
        return _not_tracked(bulk_email)
    return render_template("email_tracker/_recipients.html", **recipients_context(bulk_email))


def recipients_context(bulk_email: BulkEmail) -> dict:
    tally = db.session.get(Tally, bulk_email.id)
    query = recipients.read(request.args)
    wants_sorting = query.wants_sorting(tally.selected if tally else 0)
    order = sorting.find(recipients.asked(bulk_email.id, query)) if wants_sorting else None
    copies, cursor = _page_of(bulk_email, query, order, wants_sorting)
    product = current_app.config["SETTINGS"].product_name
    settled = listing.is_settled(bulk_email, tally)
    books = tallying.books(tally)
    seen = summing_up.attentions(bulk_email, tally)
    return {
        "workspace": bulk_email.workspace,
        "email": bulk_email,
        "query": query,
        "attention_filters": _attention_filters(seen, attention.follows(bulk_email, seen)),
        "books": books,
        "lines": [(copy, wording.say(copy, product), wording.next_try(copy)) for copy in copies],
        "cursor": cursor,
        "looked_at": paging.looked_at(cursor) if len(copies) < recipients.PAGE else 0,
        "sorts": recipients.SORTS,
        "wants_sorting": wants_sorting,
        "sorting": order,
        "is_in_order": not wants_sorting or (order is not None and order.is_done),
        "version": listing.version_of(bulk_email, tally),
        "is_live": not settled,
        "no_final_word": books.sent if settled else 0,
        "preparing": bulk_email.stage in (Stage.DRAFT, Stage.SCHEDULED, Stage.PREPARING),
        "part_words": PART_WORDS | SHOWN_WORDS | _link_words(query.show),
        "cause_words": wording.cause_sentence(query.cause),
        "form": stats_form(bulk_email.workspace),
        "can_edit": is_allowed(Role.EDITOR),
        "now": clock.now(),
    }


def _page_of(
    bulk_email: BulkEmail, query: RecipientQuery, order: Sorting | None, wants_sorting: bool
) -> tuple[Sequence[Recipient], str]:
    """Until a job has brought them into the order asked for, in that of the records."""
    if order is not None and order.is_done:
        return recipients.sorted_page(order, query.after)
    return recipients.page(bulk_email.id, replace(query, sort="") if wants_sorting else query)


def _attention_filters(seen: Attentions, follows: Follows) -> list[tuple[str, str, int]]:
    """(filter, its words, how many) of what is counted; machines where there are any."""
    found = []
    for name, counted in (("opened", follows.opens), ("clicked", follows.clicks)):
        if counted:
            found.append((name, name.capitalize(), seen.human[name]))
        if counted and seen.machines[name]:
            show = f"{name}-machine"
            found.append((show, f"{name.capitalize()} by machines only", seen.machine[name]))
    return found


def _link_words(show: str) -> dict[str, str]:
    number = selecting.link_of(show)
    return {} if number is None else {show: f"clicked link no. {number}"}


def emails_of(record: Record) -> str:
    """Every email ever sent to a record, or to an address of it."""
    keys = db.session.scalars(
        select(RecordAddress.address_key).where(
            RecordAddress.record_id == record.id, RecordAddress.address_key.is_not(None)
        )
    ).all()
    workspace = record.form.workspace
    lines = copy_lines(people.copies(workspace, keys, [record])[:MOST_BESIDE])
    return render_template("email_tracker/_emails_of.html", workspace=workspace, lines=lines)


def copy_lines(copies: Sequence[tuple[Recipient, BulkEmail]]) -> list[tuple]:
    """(copy, email, what is said of it) of each."""
    product = current_app.config["SETTINGS"].product_name
    return [(copy, email, wording.say(copy, product)) for copy, email in copies]


def people_found(asked: tuple[Workspace, str]) -> str:
    """Who was ever written to and has the words in name or address, each with their last email."""
    workspace, words = asked
    found = people.find(workspace, words)
    if not found:
        return ""
    shown = found[: people.FOUND]
    last = people.latest(shown)
    lines = {key: line for key, line in zip(last, copy_lines(list(last.values())), strict=True)}
    suppressed = suppressing.suppressed(workspace.id, [each.address_key for each in shown])
    return render_template(
        "email_tracker/_people_found.html",
        workspace=workspace,
        lines=[(each, lines.get(each.address_key)) for each in shown],
        suppressed=suppressed,
        has_more=len(found) > len(shown),
    )


def _not_tracked(bulk_email: BulkEmail, **traffic) -> str:
    return render_template(
        "email_tracker/_not_tracked.html",
        **{"email": bulk_email, "workspace": bulk_email.workspace} | traffic,
    )
