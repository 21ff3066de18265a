"""What the pages say while an email is being sent, and why it stands still."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests import makers
from webapp.bulk_email import listing, sending, watching
from webapp.bulk_email.models import Stage
from webapp.delivery import pausing, raising, slowing
from webapp.delivery.models import Pulse, Recipient, Tally
from webapp.delivery.statuses import Status
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail.causes import Cause
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
PART = {"HX-Request": "true"}
LIST = "/w/acme/emails"
PEOPLE = [(f"P{n}", f"p{n}@{'outlook.com' if n < 10 else 'gmail.com'}") for n in range(100)]


@pytest.fixture
def connection(cast):
    return makers.make_connection(cast.workspace, name="Relay")


@pytest.fixture
def email(cast, connection):
    """Forty of a hundred are gone, at about 10 a second."""
    for name in ("bulk_email", "email_tracker"):
        installing.install(cast.workspace, catalogue.find(name), cast.alice)
    made = makers.make_email(
        makers.make_form(cast.workspace, PEOPLE), connection, subject="Spring grants"
    )
    makers.start(made)
    settle(made, 40, Status.SENT)
    made.started_at = clock.now() - timedelta(seconds=4.5)
    at = clock.now() - timedelta(seconds=4.5)
    db.session.add(Pulse(bulk_email_id=made.id, at=at, destination="Google", accepted=45))
    db.session.commit()
    return made


def settle(email, number: int, status: Status) -> None:
    ids = db.session.scalars(
        db.select(Recipient.id).where(
            Recipient.bulk_email_id == email.id, Recipient.status == Status.QUEUED
        ).order_by(Recipient.id.desc()).limit(number)
    ).all()  # fmt: skip
    raising.raise_statuses(raising.Change(each, status, Cause.TOO_FAST) for each in ids)
    db.session.commit()


def put_off(email, **by) -> None:
    """Nothing of what waits is due before then."""
    at = clock.now() + timedelta(**by)
    db.session.execute(
        update(Recipient).where(Recipient.status <= Status.RETRYING).values(next_try_at=at)
    )
    db.session.commit()


def words(text: str) -> str:
    said = text.split('class="progress-words"')[1].split("</p>")[0]
    return " ".join(re.sub(r"<[^>]+>", "", said.partition(">")[2]).split())


def test_progress_speed_and_time_left_on_page_part_list_and_tab(cast, email, sign_in) -> None:
    client = sign_in(cast.bob)
    page = client.get(f"{LIST}/{email.id}").text
    part = client.get(f"{LIST}/{email.id}/head", headers=PART).text
    listed = client.get(f"{LIST}/list", headers=PART).text

    for text in (page, part):
        assert re.match(r"40 of 100 gone · \d\S* a second · about \d+ s left", words(text))
        assert 'data-title="40 % · Spring grants"' in text
    assert "<title>40 % · Spring grants – Email Tracker</title>" in page
    assert re.search(r"\d a second · about \d+ s left</span>", listed)
    assert 'data-title="40 % · Spring grants"' in listed


def test_the_tabs_title_is_restored_at_the_end(cast, email, sign_in) -> None:
    settle(email, 60, Status.SENT)
    sending.finish_if_done(email.id)
    client = sign_in(cast.bob)

    assert "<title>Finished: Spring grants – Email Tracker" in client.get(f"{LIST}/{email.id}").text
    assert 'data-title="Bulk Email"' in client.get(f"{LIST}/list", headers=PART).text


def test_only_a_resting_destination_is_left(cast, connection, email, sign_in) -> None:
    now = clock.now()
    slowing.complain(connection.id, "Microsoft", now, "421 try again in 10 minutes", measured=5)
    put_off(email, minutes=10)
    db.session.execute(
        update(Recipient)
        .where(Recipient.address.endswith("gmail.com"))
        .values(next_try_at=now + timedelta(minutes=11))
    )
    text = sign_in(cast.bob).get(f"{LIST}/{email.id}").text

    assert re.search(
        r"40 of 100 gone · waiting for Microsoft until \d\d:\d\d:\d\d UTC", words(text)
    )
    assert "left" not in words(text)
    assert "paused until" in text
    assert "421 try again in 10 minutes" in text


def test_only_tries_are_left(cast, email, sign_in) -> None:
    settle(email, 60, Status.RETRYING)
    put_off(email, minutes=2)
    said = words(sign_in(cast.bob).get(f"{LIST}/{email.id}").text)

    assert re.search(r"40 of 100 gone · 60 to be tried again, next at \d\d:\d\d:\d\d UTC", said)


def test_a_wait_that_has_passed_is_shown_no_more(cast, email, sign_in) -> None:
    db.session.query(Pulse).delete()  # its speed changes with every second
    settle(email, 60, Status.RETRYING)
    put_off(email, minutes=2)
    client = sign_in(cast.bob)
    shown = client.get(f"{LIST}/{email.id}/head", headers=PART).text
    asked = re.search(r'hx-get="([^"]+/head\?version=[^"]+)"', shown)[1]
    assert client.get(asked, headers=PART).status_code == 204

    put_off(email, minutes=-1)  # its time has come, and nothing has happened yet

    assert "next at" not in words(client.get(asked, headers=PART).text)


def test_a_limit_is_shown_at_its_destination(cast, connection, email, sign_in) -> None:
    slowing.complain(connection.id, "Google", clock.now(), "450 4.7.1 slow down", measured=24)
    db.session.commit()
    overview = sign_in(cast.bob).get(f"{LIST}/{email.id}/live/overview", headers=PART).text

    assert "limited to 12 a second" in overview
    assert "450 4.7.1 slow down" in overview
    assert "45 accepted" in overview
    assert overview.count("<rect") > 3


def test_the_version_follows_what_goes_over_the_wire(email, connection) -> None:
    def version() -> str:
        db.session.commit()
        db.session.expire_all()
        return listing.version_of(email, db.session.get(Tally, email.id))

    seen = [version()]
    slowing.complain(connection.id, "Google", clock.now(), "450 4.7.1 slow down", measured=24)
    seen.append(version())
    db.session.execute(update(Pulse).values(accepted=4000))
    seen.append(version())
    pausing.rest(connection.id, "No answer.")
    seen.append(version())

    assert len(set(seen)) == 4


def test_a_daily_cap_ends_the_estimate(connection, email) -> None:
    connection.daily_cap, connection.cap_used = 50, 45
    connection.cap_day = clock.now().date().isoformat()
    db.session.commit()
    progress = watching.progress(email, db.session.get(Tally, email.id))

    assert (progress.left_today, progress.left) == (5, "")


@pytest.mark.parametrize("has_backup", [True, False])
def test_a_resting_connection_says_until_when(
    cast, connection, email, sign_in, has_backup: bool
) -> None:
    if has_backup:
        connection.backup_id = makers.make_connection(cast.workspace, name="Second relay").id
    pausing.rest(connection.id, "Today's limit of 50 mails of this connection is used up.")
    text = sign_in(cast.alice).get(f"{LIST}/{email.id}").text

    assert f'href="/w/acme/connections/{connection.id}">Relay</a> rests until' in text
    assert "limit of 50 mails of this connection is used up." in text
    assert ("Second relay" in text) is has_backup
    assert ("sending goes on by itself then" in text) is not has_backup


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_an_email_that_paused_itself_says_whose_turn_it_is(cast, email, sign_in, who) -> None:
    sending.pause(email, None, "The mail server refuses to send for us: 550 relay denied.")
    text = sign_in(getattr(cast, who)).get(f"{LIST}/{email.id}").text
    resume = f'{LIST}/{email.id}/do/resume"'

    assert "refuses to send for us: 550 relay denied." in text
    assert ("It is your turn" in text, "An admin has to mend" in text) == (
        who == "alice", who == "bob",
    )  # fmt: skip
    assert (resume in text) is (who == "alice")


def test_an_untracked_email_shows_its_traffic_too(cast, email, sign_in) -> None:
    email.tracked = False
    db.session.execute(update(Pulse).values(at=clock.now() - timedelta(seconds=30)))
    client = sign_in(cast.bob)
    page = client.get(f"{LIST}/{email.id}").text
    asked = re.search(r'id="traffic" hx-get="([^"]+)"', page)[1]

    assert "45 accepted" in page
    assert client.get(asked, headers=PART).status_code == 204
    settle(email, 5, Status.SENT)
    assert "45 accepted" in client.get(asked, headers=PART).text
    assert client.get(asked).status_code == 303


def test_a_name_of_a_destination_is_only_text(cast, email, sign_in) -> None:
    at = clock.now()
    db.session.add(
        Pulse(bulk_email_id=email.id, at=at, destination="<script>x</script>", accepted=1)
    )
    db.session.commit()

    assert "<script>x" not in sign_in(cast.bob).get(f"{LIST}/{email.id}").text
    assert email.stage == Stage.SENDING
