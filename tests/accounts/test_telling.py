"""A Tiding for each, a Letter for those who did not say no, and never a storm of them."""

import pytest

from webapp.accounts import telling
from webapp.accounts.models import Letter
from webapp.accounts.models_telling import Tiding, TidingKind
from webapp.accounts.telling import Means, News
from webapp.extensions import db

pytestmark = pytest.mark.database
KEY = b"k" * 32
MEANS = Means("https://app.test", KEY, has_mail_server=True)
NEWS = News(TidingKind.FINISHED, "Finished: Hello", "3 of 3 delivered.", "/w/acme/emails/1", "All!")


def tell(cast, *people, means: Means = MEANS) -> list[int]:
    letters = telling.tell(cast.workspace, people, NEWS, means)
    db.session.commit()
    return letters


def test_it_is_told_in_the_app_and_by_mail_with_a_way_out(cast) -> None:
    [letter_id] = tell(cast, cast.alice)

    letter = db.session.get(Letter, letter_id)
    token = telling.mute_token(KEY, TidingKind.FINISHED, cast.alice.id)
    assert letter.unsubscribe_url == f"https://app.test/no-mails/finished/{token}"
    assert letter.unsubscribe_url in letter.text
    assert "https://app.test/w/acme/emails/1" in letter.text
    assert telling.unread(cast.workspace.id, cast.alice.id) == 1


def test_who_said_no_to_a_kind_is_told_in_the_app_only(cast) -> None:
    telling.mute(cast.alice, [TidingKind.FINISHED, TidingKind.FINISHED])

    assert len(tell(cast, cast.alice, cast.bob)) == 1
    telling.unmute(cast.alice, [TidingKind.FINISHED])
    assert len(tell(cast, cast.alice)) == 1
    assert telling.unread(cast.workspace.id, cast.alice.id) == 2


def test_nobody_gets_more_than_so_many_mails_a_day(cast, monkeypatch) -> None:
    monkeypatch.setattr(telling, "MOST_MAILS_A_DAY", 2)

    assert [len(tell(cast, cast.alice)) for _ in range(4)] == [1, 1, 0, 0]
    assert telling.unread(cast.workspace.id, cast.alice.id) == 4


def test_without_a_mail_server_no_letter_is_written(cast) -> None:
    assert tell(cast, cast.alice, means=Means("https://app.test", KEY, False)) == []
    assert db.session.query(Tiding).count() == 1


def test_a_token_of_one_kind_opens_no_other(cast) -> None:
    token = telling.mute_token(KEY, TidingKind.FINISHED, 7)

    assert telling.read_mute_token(KEY, TidingKind.FINISHED, token) == 7
    assert telling.read_mute_token(KEY, TidingKind.STOPPED, token) is None


def test_only_members_and_admins_are_found(cast) -> None:
    ids = [cast.bob.id, cast.charlie.id, None]

    assert telling.members(cast.workspace, ids) == [cast.bob]
    assert telling.admins(cast.workspace) == [cast.alice]
