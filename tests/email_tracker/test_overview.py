"""The Overview: numbers are links, causes say who, whose side and one remedy, plots are tables."""

import re

import pytest

from tests import makers
from webapp.bulk_email.models import BulkEmail
from webapp.delivery import raising
from webapp.delivery.models import Recipient
from webapp.delivery.statuses import Status
from webapp.email_tracker import jobs, summing_up
from webapp.extensions import db
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database
PART = {"HX-Request": "true"}
REMEDIES = {
    Cause.MAILBOX_MISSING: "Correct addresses",
    Cause.MAILBOX_FULL: "Send again tomorrow …",
    Cause.GAVE_UP: "Send again …",
    Cause.BLOCKED_CONTENT: "Change the text …",
    Cause.AUTH_POLICY: "Open the connection",
    Cause.COMPLAINED: "Export the list",
    Cause.UNKNOWN: "See them",
}


@pytest.fixture
def email(cast, connection) -> BulkEmail:
    """One person for each remedy, and Zoe, who has it."""
    rows = [(cause.value.title(), f"{cause}@x.test") for cause in REMEDIES]
    form = makers.make_form(cast.workspace, [*rows, ("Zoe", "zoe@x.test")])
    made = makers.make_email(form, connection, cast.alice)
    makers.start(made)
    ids = [copy.id for copy in db.session.query(Recipient).order_by(Recipient.id)]
    raising.raise_statuses(
        raising.Change(each, Status.BOUNCED, cause)
        for each, cause in zip(ids, REMEDIES, strict=False)
    )
    raising.raise_statuses([raising.Change(ids[-1], Status.DELIVERED)])
    db.session.commit()
    return made


def overview(email: BulkEmail, client, part: str = "") -> str:
    if part:
        return client.get(f"/w/acme/emails/{email.id}/live/overview", headers=PART).text
    return client.get(f"/w/acme/emails/{email.id}").text


@pytest.mark.parametrize("part", ["", "part"])
def test_each_cause_says_how_many_who_whose_side_and_one_remedy(cast, email, sign_in, part) -> None:
    text = overview(email, sign_in(cast.alice), part)
    items = re.split(r"<li>", text[text.index("What to do now") :].split("</ul>")[0])[1:]

    assert len(items) == len(REMEDIES)
    for cause, label in REMEDIES.items():
        (item,) = [each for each in items if f"cause={cause}" in each]
        assert cause.value.title() in item
        assert len(re.findall(r'class="btn', item)) == 1
        assert f"{label}</" in item
        assert re.search(r'class="side">(their side|our side|nobody)', item)


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_every_remedy_leads_somewhere(cast, email, sign_in, name) -> None:
    client = sign_in(getattr(cast, name))
    text = overview(email, client)
    links = re.findall(r'<a class="btn btn-sm" href="([^"]+)" aria-label', text)

    assert len(links) >= 6
    for link in links:
        assert client.get(link.replace("&amp;", "&")).status_code == 200, link


def test_all_can_be_sent_it_again_from_here_and_doubles_are_told_apart(
    cast, email, sign_in
) -> None:
    again = f'href="/w/acme/emails/{email.id}/resend">'
    double = db.session.query(Recipient).order_by(Recipient.id).first()
    raising.set_statuses({double.id: (Status.WITHHELD, Cause.DUPLICATE, "")})
    db.session.commit()

    assert again in overview(email, sign_in(cast.alice))
    seen = overview(email, sign_in(cast.bob))
    assert again not in seen
    assert "show=ended&cause=duplicate" in seen


def test_the_parts_of_the_bar_and_the_numbers_are_links(cast, email, sign_in) -> None:
    text = overview(email, sign_in(cast.bob))

    for part in ("delivered", "bounced"):
        assert text.count(f"/recipients?show={part}") >= 2
    assert "show=ended&amp;at=x.test" in text
    assert "7 of 8" in text
    assert "When it arrived, as numbers" in text


def test_a_large_one_is_never_counted_while_somebody_waits(
    app, cast, email, sign_in, monkeypatch
) -> None:
    monkeypatch.setattr(summing_up, "COUNTED_AT_ONCE", 3)
    client = sign_in(cast.bob)

    text = overview(email, client)
    assert "Counting the causes of 8 copies" in text
    version = re.search(r"live/overview\?version=([^\"]+)\"", text)[1].replace("&amp;", "&")
    live = f"/w/acme/emails/{email.id}/live/overview?version={version}"
    assert client.get(live, headers=PART).status_code == 204

    jobs.sum_up(email.id)
    answer = client.get(live, headers=PART)
    assert answer.status_code == 200
    assert "The mailbox does not exist." in answer.text
