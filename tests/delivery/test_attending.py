"""The judgement of opens and clicks is kept, and made anew when the rules have changed."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from tests import makers
from webapp.delivery import attending, locating, recording, selecting, tokens
from webapp.delivery.models import Recipient, Tally
from webapp.delivery.models_following import Attention, FollowedLink, LinkClick
from webapp.delivery.selecting import Selection
from webapp.extensions import db
from webapp.lib import clock
from webapp.mail import attention
from webapp.mail.reports import Report, ReportKind

pytestmark = pytest.mark.database
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def copies(cast) -> list[Recipient]:
    people = [("Ann", "ann@x.test"), ("Bo", "bo@x.test"), ("Cy", "cy@x.test")]
    form = makers.make_form(cast.workspace, people)
    bulk_email = makers.make_email(form, makers.make_connection(cast.workspace))
    makers.start(bulk_email)
    db.session.add(FollowedLink(bulk_email_id=bulk_email.id, number=1, target="https://x.test/a"))
    db.session.commit()
    return list(db.session.scalars(select(Recipient).order_by(Recipient.id)))


def say(copy: Recipient, kind: ReportKind, seconds: int = 0, **details) -> None:
    """A provider reports an open or click."""
    at = clock.now() - timedelta(hours=1) + timedelta(seconds=seconds)
    token = tokens.copy_token(makers.TOKEN_KEY, copy.id)
    report = Report(kind, token, None, at, details={"user_agent": FIREFOX} | details)
    said = recording.Said(report, None, 0, None, copy.workspace_id, clock.now())
    assert recording.record([said], makers.TOKEN_KEY) == []
    db.session.commit()


def judged(copy: Recipient) -> tuple[str, str, str]:
    db.session.expire_all()
    found = db.session.get(Attention, copy.id)
    return (found.opened_by, found.opened_why, found.clicked_by)


def shown(copy: Recipient, show: str) -> list[str]:
    found = db.session.scalars(
        select(Recipient.name)
        .where(Recipient.bulk_email_id == copy.bulk_email_id)
        .where(*selecting.conditions(Selection(show)))
        .order_by(Recipient.id)
    )
    return list(found)


def test_a_providers_opens_are_judged_by_the_same_rules(copies) -> None:
    ann, bo, cy = copies
    say(ann, ReportKind.OPENED)
    say(bo, ReportKind.OPENED, machine="true")
    say(cy, ReportKind.OPENED, user_agent="Mozilla/5.0")

    assert [judged(copy)[:2] for copy in copies] == [
        ("human", ""), ("machine", "provider"), ("machine", "apple"),
    ]  # fmt: skip
    assert shown(ann, "opened") == ["Ann"]
    assert shown(ann, "opened-machine") == ["Bo", "Cy"]


def test_an_open_through_gmails_proxy_is_a_persons_and_says_so(copies) -> None:
    say(copies[0], ReportKind.OPENED, user_agent="(via ggpht.com GoogleImageProxy)")
    assert judged(copies[0]) == ("human", "gmail", "")

    say(copies[0], ReportKind.CLICKED, 60, url="https://x.test/a")
    assert judged(copies[0]) == ("human", "", "human")


def test_who_clicks_has_opened_it(copies) -> None:
    say(copies[0], ReportKind.OPENED, user_agent="Mozilla/5.0")
    say(copies[0], ReportKind.CLICKED, 60, url="https://x.test/a")

    assert judged(copies[0]) == ("human", "", "human")
    assert shown(copies[0], "clicked-1") == ["Ann"]
    assert shown(copies[0], "clicked-2") == []


def test_what_comes_later_changes_what_was_before(copies) -> None:
    say(copies[0], ReportKind.CLICKED, 0, url="https://x.test/a")
    assert judged(copies[0])[2] == "human"

    say(copies[0], ReportKind.CLICKED, 1, url="https://x.test/b")

    assert judged(copies[0])[2] == "machine"
    assert not db.session.scalar(select(LinkClick.is_human))


def test_history_is_judged_anew_in_chunks_when_the_rules_change(copies, monkeypatch) -> None:
    for copy in copies:
        say(copy, ReportKind.OPENED, user_agent="NewProxy/1")
    version = db.session.scalar(select(Tally.version))
    assert not attending.are_old()
    monkeypatch.setattr(attention, "RULES_VERSION", attention.RULES_VERSION + 1)
    monkeypatch.setattr(attention, "judge", lambda seen, *_: [attention.Why.SCANNER] * len(seen))

    assert attending.are_old()
    assert [attending.judge_old(2), attending.judge_old(2), attending.judge_old(2)] == [2, 1, 0]
    assert {judged(copy)[:2] for copy in copies} == {("machine", "scanner")}
    assert not attending.are_old()
    assert db.session.scalar(select(Tally.version)) > version


def test_history_is_judged_anew_when_a_data_centre_becomes_known_and_forgotten(copies) -> None:
    say(copies[0], ReportKind.OPENED, network="192.0.2.0/24")
    say(copies[1], ReportKind.OPENED, network="198.51.100.0/24")
    assert not attending.are_old()

    locating.keep("a cloud", ["192.0.2.0/23"])
    assert attending.are_old()
    while attending.judge_old():
        pass
    assert judged(copies[0])[:2] == ("machine", "data_centre")
    assert judged(copies[1])[:2] == ("human", "")

    assert locating.forget("a cloud")
    while attending.judge_old():
        pass
    assert judged(copies[0])[:2] == ("human", "")
    assert not attending.are_old()


def test_the_same_list_read_again_changes_nothing(copies) -> None:
    locating.keep("a cloud", ["192.0.2.0/23"])
    say(copies[0], ReportKind.OPENED, network="192.0.2.0/24")
    locating.keep("a cloud", ["192.0.2.0/23"])

    assert judged(copies[0])[:2] == ("machine", "data_centre")
    assert not attending.are_old()


def test_what_is_left_of_a_copy_that_is_gone_holds_nothing_up(copies, monkeypatch) -> None:
    say(copies[0], ReportKind.OPENED)
    db.session.execute(delete(Recipient).where(Recipient.id == copies[0].id))
    db.session.commit()
    monkeypatch.setattr(attention, "RULES_VERSION", attention.RULES_VERSION + 1)

    assert [attending.judge_old(), attending.judge_old()] == [1, 0]
