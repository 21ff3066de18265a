"""The tracker's pages over plain HTTP: each as a page, and as the part that htmx asks for."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests import makers
from tests.statements import said_while
from webapp.bulk_email.models import BulkEmail, Stage
from webapp.delivery import recording, tokens
from webapp.delivery.models import Recipient
from webapp.delivery.recording import Said
from webapp.email_tracker import paging
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.mail.reports import Report, ReportKind
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
PART = {"HX-Request": "true"}
SIX = [
    "Not Sent (Zengine Failure)",
    "Not Sent (Deferred)",
    "Not Sent (Dropped)",
    "Sent",
    "Delivered",
    "Bounced",
]
PEOPLE = [
    ("Ann", "ann@x.test"),
    ("Bo", "bo@x.test"),
    ("Cy", "cy@x.test"),
    ("Nobody", ""),
    ("Ann again", "ANN@x.test"),
]


@pytest.fixture
def email(cast) -> BulkEmail:
    """Five records, everybody prepared and nobody sent to yet."""
    for name in ("bulk_email", "email_tracker"):
        installing.install(cast.workspace, catalogue.find(name), cast.alice)
    form = makers.make_form(cast.workspace, PEOPLE)
    made = makers.make_email(form, makers.make_connection(cast.workspace), subject="Hello")
    makers.start(made)
    return made


def say(app, name: str, kind: ReportKind, **values) -> Recipient:
    """The provider reports of the copy of `name`."""
    copy = db.session.scalar(select(Recipient).where(Recipient.name == name))
    token = tokens.copy_token(app.config["TOKEN_KEY"], copy.id)
    now = datetime.now(UTC)
    report = Report(kind, token, copy.address, now, **values)
    said = Said(report, None, 0, copy.connection_id, copy.workspace_id, now)
    recording.record([said], app.config["TOKEN_KEY"])
    db.session.commit()
    db.session.expire_all()
    return copy


def page_of(email: BulkEmail, rest: str = "") -> str:
    return f"/w/acme/emails/{email.id}{rest}"


def live_address(text: str, part: str) -> str:
    """The address that the live part asks; "" where it asks no more."""
    found = re.search(rf'<div[^>]* id="{part}" hx-get="([^"]+)" hx-trigger="every 2s"', text)
    return found[1].replace("&amp;", "&") if found else ""


def rows(text: str) -> int:
    return len(re.findall(r'<tr id="copy-', text))


@pytest.mark.parametrize("rest", ["", "/recipients", "/content", "/activity"])
def test_each_tab_is_a_page_beside_the_list_and_a_part_without_it(
    email, cast, sign_in, rest
) -> None:
    client = sign_in(cast.bob)

    page = client.get(page_of(email, rest)).text
    part = client.get(page_of(email, rest), headers=PART).text

    assert "<html" in page
    assert 'id="email-list"' in page
    assert "<html" not in part
    assert 'id="email-list"' not in part
    assert 'id="email"' in page
    assert part.startswith('<section id="email"')


def test_the_recipients_say_three_words_and_why(app, email, cast, sign_in) -> None:
    say(app, "Ann", ReportKind.DELIVERED)
    say(app, "Bo", ReportKind.BOUNCED, cause=Cause.MAILBOX_MISSING)
    say(app, "Cy", ReportKind.PROCESSED)

    text = sign_in(cast.bob).get(page_of(email, "/recipients")).text

    table = text.split('id="recipients-table"')[1]
    words = re.findall(r'<span class="status [^"]+">.*?</svg> ([^<]+)</span>', table)
    assert words == ["Delivered", "Not Sent", "Sent", "Not Sent", "Not Sent"]
    for reason in ("The mailbox does not exist.", "There is no address."):
        assert reason in table
    for tab in ("All 5", "Delivered 1", "Sent 1", "Not Sent 3"):
        assert f">{tab}</a>" in text


@pytest.mark.parametrize("part", ["recipients", "overview", "copy"])
def test_a_live_part_is_renewed_only_when_something_has_changed(
    app, email, cast, sign_in, part
) -> None:
    client = sign_in(cast.bob)
    ann = db.session.scalar(select(Recipient).where(Recipient.name == "Ann"))
    rest = {"recipients": "/recipients", "overview": "", "copy": f"/recipients/{ann.id}"}[part]
    asked = live_address(client.get(page_of(email, rest)).text, part)

    unchanged = client.get(asked, headers=PART)
    say(app, "Ann", ReportKind.DELIVERED)
    changed = client.get(asked, headers=PART)

    assert (unchanged.status_code, unchanged.data) == (204, b"")
    assert changed.status_code == 200
    assert "Delivered" in changed.text or "1 delivered" in changed.text
    assert live_address(changed.text, part) not in ("", asked)


@pytest.mark.parametrize("part", ["recipients", "overview", "copy"])
def test_unchanged_is_told_by_one_statement_that_looks_at_no_copies(
    email, cast, sign_in, part
) -> None:
    email.stage = Stage.PAUSED
    client = sign_in(cast.bob)
    ann = db.session.scalar(select(Recipient).where(Recipient.name == "Ann"))
    rest = {"recipients": "/recipients", "overview": "", "copy": f"/recipients/{ann.id}"}[part]
    asked = live_address(client.get(page_of(email, rest)).text, part)

    said = said_while(lambda: client.get(asked, headers=PART))

    assert len(said) == 3  # who is it, are they still signed in, and the email with all the rest
    assert "tallies" in said[2]
    assert not re.search("recipients|password|body", said[2])


def test_the_right_version_opens_nothing_to_strangers_or_without_the_plugin(
    email, cast, sign_in
) -> None:
    email.stage = Stage.PAUSED
    bob, charlie = sign_in(cast.bob), sign_in(cast.charlie)
    asked = live_address(bob.get(page_of(email)).text, "overview")
    assert bob.get(asked, headers=PART).status_code == 204

    assert charlie.get(asked, headers=PART).status_code == 404
    installing.uninstall(cast.workspace, catalogue.find("email_tracker"), cast.alice)
    assert bob.get(asked, headers=PART).status_code == 404


def test_the_end_of_a_rest_is_news_though_nothing_is_written(
    email, cast, sign_in, monkeypatch
) -> None:
    now = clock.now()
    email.stage, email.connection.paused_until = Stage.PAUSED, now + timedelta(hours=1)
    client = sign_in(cast.bob)
    asked = live_address(client.get(page_of(email)).text, "overview")
    assert client.get(asked, headers=PART).status_code == 204

    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=2))

    renewed = client.get(asked, headers=PART)
    assert renewed.status_code == 200
    assert client.get(live_address(renewed.text, "overview"), headers=PART).status_code == 204


def test_what_is_settled_asks_no_more(app, email, cast, sign_in) -> None:
    for name in ("Ann", "Bo", "Cy"):
        copy = say(app, name, ReportKind.DELIVERED)
    db.session.get(BulkEmail, email.id).stage = Stage.FINISHED
    client = sign_in(cast.bob)

    for rest in ("", "/recipients", f"/recipients/{copy.id}"):
        page = client.get(page_of(email, rest)).text.partition("<main")[2]  # the bell asks on
        assert email.subject in page
        assert "every " not in page


def test_a_live_address_opened_as_a_page_leads_to_the_page(email, cast, sign_in) -> None:
    client = sign_in(cast.bob)
    copy = db.session.scalar(select(Recipient))
    for live, shown in (
        ("/live/recipients?show=sent", "/recipients?show=sent"),
        ("/live/overview", ""),
        (f"/live/recipients/{copy.id}", f"/recipients/{copy.id}"),
    ):
        answer = client.get(page_of(email, live))
        assert (answer.status_code, answer.location) == (303, page_of(email, shown))


def test_the_books_balance_and_each_number_leads_to_its_rows(app, email, cast, sign_in) -> None:
    say(app, "Ann", ReportKind.DELIVERED)
    say(app, "Bo", ReportKind.BOUNCED, cause=Cause.MAILBOX_MISSING)
    client = sign_in(cast.bob)

    text = client.get(page_of(email)).text
    balance = text.split('<p class="balance">')[1].split("</p>")[0]
    numbers = {
        href.replace("&amp;", "&"): int(number)
        for href, number in re.findall(r'<a href="([^"]+)">[^0-9]*?(\d+) [a-z ]+</a>', balance)
    }
    selected, *parts = numbers.values()

    assert selected == sum(parts) == 5
    assert "1/5 delivered" in text
    assert {href: rows(client.get(href).text) for href in numbers} == numbers


def test_the_groups_of_failures_lead_to_their_rows(app, email, cast, sign_in) -> None:
    say(app, "Ann", ReportKind.DEFERRED, cause=Cause.UNREACHABLE)
    say(app, "Bo", ReportKind.BOUNCED, cause=Cause.MAILBOX_MISSING)
    say(app, "Cy", ReportKind.BOUNCED_SOFT, cause=Cause.UNREACHABLE)
    client = sign_in(cast.bob)

    text = client.get(page_of(email)).text
    groups = [
        (href.replace("&amp;", "&"), int(number))
        for href, number in re.findall(r'class="cause-count" href="([^"]+)">(\d+) ×', text)
    ]

    assert len(groups) == 4
    assert [rows(client.get(href).text) for href, _ in groups] == [number for _, number in groups]
    assert text.count("Nothing: we try again by ourselves.") == 1
    assert text.count("It is not tried any more.") == 1
    shown = client.get(page_of(email, "/recipients?cause=mailbox_missing")).text
    assert '<span aria-current="true">The mailbox does not exist.</span>' in shown


def test_the_status_list_has_six_and_marks_the_one_reached(app, email, cast, sign_in) -> None:
    bo = say(app, "Bo", ReportKind.BOUNCED, cause=Cause.MAILBOX_MISSING, reply="550 5.1.1 no")

    text = sign_in(cast.bob).get(page_of(email, f"/recipients/{bo.id}")).text
    lines = re.findall(r"<li( aria-current=\"true\")?><b>(?:<svg.*?</svg> )?([^<]+)</b>", text)

    assert [title for _, title in lines] == SIX
    assert [title for is_current, title in lines if is_current] == ["Bounced"]
    assert "Status: Bounced" in text
    for fact in ("Reason class", "Server reply", "Sent at", "Attempts", "Reply-to", "Message id"):
        assert f"<dt>{fact}</dt>" in text
    assert "550 5.1.1 no" in text
    assert "Their server refused it" in text


def test_a_copy_without_a_status_yet_says_so_above_the_six(email, cast, sign_in) -> None:
    ann = db.session.scalar(select(Recipient).where(Recipient.name == "Ann"))

    text = sign_in(cast.bob).get(page_of(email, f"/recipients/{ann.id}")).text
    titles = re.findall(r"<li[^>]*><b>(?:<svg.*?</svg> )?([^<]+)</b>", text)

    assert titles == ["Waiting", *SIX]


def test_an_email_from_before_the_tracker_is_not_tracked(cast, sign_in, email) -> None:
    email.tracked = False
    client = sign_in(cast.bob)

    for rest in ("", "/recipients"):
        text = client.get(page_of(email, rest)).text
        assert "Not tracked" in text
        assert "0/5" not in text
    assert client.get(page_of(email, "/live/overview")).status_code == 404


def test_without_the_tracker_its_pages_are_gone_and_come_back(email, cast, sign_in) -> None:
    tracker = catalogue.find("email_tracker")
    client = sign_in(cast.alice)

    installing.uninstall(cast.workspace, tracker, cast.alice)
    assert client.get(page_of(email, "/recipients")).status_code == 404
    installing.install(cast.workspace, tracker, cast.alice)

    assert rows(client.get(page_of(email, "/recipients")).text) == 5


def test_a_person_s_record_lists_every_email_to_them(app, email, cast, sign_in) -> None:
    copy = say(app, "Ann", ReportKind.DELIVERED)

    text = sign_in(cast.bob).get(f"/w/acme/data/{email.form_id}/records/{copy.record_id}").text

    panel = text.split("Emails to this person")[1]
    assert f'href="{page_of(email, f"/recipients/{copy.id}")}"' in panel
    assert "Delivered" in panel


def test_the_words_are_explained(email, cast, sign_in) -> None:
    client = sign_in(cast.bob)
    assert 'href="/w/acme/help/statuses"' in client.get("/w/acme/emails").text

    text = client.get("/w/acme/help/statuses").text

    assert [word for word in SIX if word in text] == SIX
    assert "That is not a promise that it was" in text


def test_who_looks_for_a_rare_name_is_led_further(cast, sign_in, email, monkeypatch) -> None:
    monkeypatch.setattr(paging, "LOOK", 1)
    client, page, seen = sign_in(cast.bob), page_of(email, "/live/recipients?q=ag"), []
    while page:
        html = client.get(page, headers=PART).text
        seen += re.findall(r"Looked through (\d) recipients so far", html)
        found = re.search(r'hx-get="([^"]+)"[^>]*>Look further', html)
        page = found and found[1].replace("&amp;", "&")

    assert seen == ["1", "3"]
    assert "ANN@x.test" in html
