"""The links and the picture of a real mail, asked for as people and machines ask for them."""

import email
import email.policy
import re
from dataclasses import dataclass

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from tests import makers
from tests.cast import signed_in_client
from tests.email_tracker.posting import count
from tests.smtp_server import SmtpServer
from webapp import providers
from webapp.delivery import tokens
from webapp.delivery.models import Arrival, Event, Recipient
from webapp.delivery.models_following import Attention, LinkClick
from webapp.email_tracker import digesting, noticing
from webapp.extensions import db

pytestmark = pytest.mark.database
BODY = (
    "Dear {{ name }}, [apply](https://x.test/a?b=1&c=2) or [yours](https://x.test/?n={{ name }})."
    " [Write](mailto:a@x.test) [out]({{ unsubscribe_url }})"
)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass
class Mail:
    """What Ann's mailbox got: where its links lead, its picture, and our copy of it."""

    copy: Recipient
    hrefs: list[str]
    picture: str
    html: str
    text: str


@pytest.fixture
def mail(app, cast, connection) -> Mail:
    """An email with both switches on, sent over SMTP long ago."""
    with SmtpServer() as server:
        connection.port = server.port
        form = makers.make_form(cast.workspace, [("Ann", "ann@x.test")])
        made = makers.make_email(form, connection, body=BODY, track_opens=True, track_clicks=True)
        makers.send(made, token_key=app.config["TOKEN_KEY"], base_url="http://localhost")
        [content] = server.ledger.of("ann@x.test")
    copy = db.session.scalar(select(Recipient))
    copy.first_tried_at = copy.created_at.replace(year=2020)
    db.session.commit()
    parsed = email.message_from_bytes(content, policy=email.policy.default)
    html = parsed.get_body(("html",)).get_content()
    hrefs = re.findall('href="([^"]+)"', html)
    [picture] = re.findall('src="([^"]+)"', html)
    return Mail(copy, hrefs, picture, html, parsed.get_body(("plain",)).get_content())


def follow(client, url: str, agent: str = FIREFOX, **kwargs):
    return client.open(url, headers={"User-Agent": agent}, **({"method": "GET"} | kwargs))


def digest(app) -> Attention | None:
    while digesting.digest_some(providers.READERS, app.config["TOKEN_KEY"]):
        pass
    db.session.expire_all()
    return db.session.scalar(select(Attention))


def test_links_of_the_mail_lead_over_us_and_others_stay(mail) -> None:
    ours = [href for href in mail.hrefs if href.startswith("http://localhost/c/")]

    assert [href.split("/")[4] for href in ours] == ["1", "2", "0"]
    assert "mailto:a@x.test" in mail.hrefs
    assert sum("/u/" in href for href in mail.hrefs) == 2
    assert "https://x.test/a?b=1&c=2" in mail.text
    assert "/c/" not in mail.text


def test_a_click_leads_on_and_proves_the_mail_delivered(app, client, mail) -> None:
    answer = follow(client, mail.hrefs[0])

    assert (answer.status_code, answer.location) == (302, "https://x.test/a?b=1&c=2")
    seen = digest(app)
    assert (seen.clicked_by, mail.copy.status, mail.copy.click_count) == ("human", "delivered", 1)
    click = db.session.scalar(select(LinkClick))
    assert (click.number, click.is_human) == (1, True)


def test_a_merged_link_leads_where_the_frozen_values_say(client, mail) -> None:
    assert follow(client, mail.hrefs[1]).location == "https://x.test/?n=Ann"


def test_a_flipped_bit_is_no_page(client, mail) -> None:
    [path] = re.findall("/c/.*", mail.hrefs[0])
    start = path.index("/", 3) + 1
    wrong = []
    for place in range(3, len(path)):
        if path[place] not in "/-":
            changed = path[:place] + chr(ord(path[place]) ^ 1) + path[place + 1 :]
            wrong += [changed] if follow(client, changed).status_code != 404 else []
    other = path[:3] + "2/" + path[start:]

    assert wrong == []
    assert follow(client, other).status_code == 404
    assert follow(client, mail.picture[:-1] + "x").status_code == 404
    assert count(Arrival) == 0


def test_absent_copies_and_forged_ones_get_the_same_answer(app, client, mail) -> None:
    absent = tokens.click_token(app.config["TOKEN_KEY"], 999, 1)

    answers = [follow(client, f"/c/1/{token}") for token in (absent, "1-abc", "none")]

    assert len({(each.status_code, each.data, str(each.headers)) for each in answers}) == 1


def test_the_picture_is_one_point_and_sets_no_cookie(app, client, mail) -> None:
    for url in (mail.picture, mail.hrefs[0]):
        answer = follow(client, url)
        assert "Set-Cookie" not in answer.headers
        assert answer.headers["Cache-Control"].startswith("no-store")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
    picture = follow(client, mail.picture)

    assert picture.mimetype == "image/gif"
    assert picture.data.startswith(b"GIF89a")
    assert digest(app).opened_by == "human"


@pytest.mark.parametrize(
    ("agent", "method", "why"),
    [
        ("Mozilla/5.0", "GET", "apple"),
        ("Mozilla/5.0 Edge/12.246 Mozilla/5.0", "GET", "ahead"),
        (FIREFOX, "HEAD", "head"),
        ("", "GET", "no_agent"),
    ],
)
def test_an_open_by_a_machine_says_how_it_is_known(app, client, mail, agent, method, why) -> None:
    assert follow(client, mail.picture, agent, method=method).status_code == 200

    seen = digest(app)
    assert (seen.opened_by, seen.opened_why) == ("machine", why)


def test_who_follows_the_hidden_link_is_a_machine_in_all_it_did(app, client, mail) -> None:
    follow(client, mail.hrefs[0])
    assert digest(app).clicked_by == "human"

    hidden = next(href for href in mail.hrefs if "/c/0/" in href)
    assert follow(client, hidden).status_code == 204

    assert digest(app).clicked_by == "machine"
    assert not db.session.scalar(select(LinkClick.is_human))


def test_only_the_network_of_an_address_is_stored(app, client, mail) -> None:
    for address in ("203.0.113.77", "2001:db8:1:2:3::4"):
        agent = "x" * 999 + "<script>"
        follow(client, mail.picture, agent, environ_base={"REMOTE_ADDR": address})
    digest(app)

    rows = db.session.scalars(select(Event).order_by(Event.happened_at))
    found = [event.details for event in rows]
    assert [each["network"] for each in found] == ["203.0.113.0/24", "2001:db8:1::/48"]
    assert len(found[0]["user_agent"]) == noticing.MAX_AGENT
    stored = b"".join(db.session.scalars(select(Arrival.body)))
    assert b"203.0.113.77" not in stored
    assert b":3::4" not in stored


def test_a_click_leads_on_though_it_cannot_be_stored(client, mail) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE arrivals RENAME TO away")
    try:
        answer = follow(client, mail.hrefs[0])
    finally:
        with db.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO arrivals")

    assert answer.status_code == 302


def test_both_numbers_are_shown_and_lead_to_their_rows(app, cast, client, mail) -> None:
    follow(client, mail.picture, "Mozilla/5.0")
    follow(client, mail.hrefs[0])
    digest(app)
    alice = signed_in_client(app, cast.alice)
    page = f"/w/acme/emails/{mail.copy.bulk_email_id}"

    overview = alice.get(page).text
    assert "1</b> person</a> clicked a link" in overview
    assert "show=clicked-1" in overview
    assert "ann@x.test" in alice.get(f"{page}/recipients?show=clicked-1").text
    assert "ann@x.test" not in alice.get(f"{page}/recipients?show=opened-machine").text
    assert "1: 1</b></a>" in alice.get(f"{page}/links/frame").text


def test_the_timeline_gives_the_evidence(app, cast, client, mail) -> None:
    follow(client, mail.picture, "Mozilla/5.0 <b>")
    follow(client, mail.picture, "Mozilla/5.0")
    digest(app)
    alice = signed_in_client(app, cast.alice)

    text = alice.get(f"/w/acme/emails/{mail.copy.bulk_email_id}/recipients/{mail.copy.id}").text
    assert "Opened by a machine" in text
    assert "Apple&#39;s Mail Privacy Protection" in text
    assert "Program: Mozilla/5.0 &lt;b&gt;" in text


def test_a_copy_is_not_asked_about_for_ever(client, mail) -> None:
    mail.copy.open_count = noticing.MOST_KEPT
    db.session.commit()

    assert follow(client, mail.hrefs[0]).status_code == 302
    assert count(Arrival) == 0


def test_the_recipients_tab_has_buttons_for_who_opened_and_who_clicked(
    app, client, cast, mail
) -> None:
    follow(client, mail.hrefs[0])
    follow(client, mail.picture, "Mozilla/5.0")
    digest(app)
    alice = signed_in_client(app, cast.alice)
    page = f"/w/acme/emails/{mail.copy.bulk_email_id}/recipients"

    html = alice.get(page).text
    assert re.findall('id="show-(opened|clicked)[^>]*>([^<]+)<', html) == [
        ("opened", "Opened 1"),
        ("clicked", "Clicked 1"),
    ]
    assert "Ann" in alice.get(f"{page}?show=clicked").text
    assert "Nobody here" in alice.get(f"{page}?show=opened-machine").text


def test_while_the_database_is_away_a_link_asks_for_a_minute_and_forged_ones_are_no_page(
    client, mail, monkeypatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise OperationalError("SELECT", {}, Exception("server closed the connection"))

    monkeypatch.setattr(db.session, "execute", away)
    link, picture = follow(client, mail.hrefs[0]), follow(client, mail.picture)

    assert (link.status_code, link.headers["Retry-After"], link.location) == (503, "60", None)
    assert "This link needs a minute" in link.text
    assert (picture.status_code, picture.mimetype) == (200, "image/gif")
    assert follow(client, "/c/1/1-abc").status_code == 404
