"""Plugins go on and off: in order, once, and with what they keep."""

import threading

import pytest
from flask import Flask
from sqlalchemy import func, select

from webapp.accounts.models import AuditEntry, Workspace
from webapp.extensions import db
from webapp.forms.models import Form
from webapp.plugins import catalogue, installing
from webapp.plugins.installing import Refused

pytestmark = pytest.mark.database
MAIL, TRACKER = "bulk_email", "email_tracker"


def install(cast, name: str) -> bool:
    return installing.install(cast.workspace, catalogue.find(name), cast.alice)


def uninstall(cast, name: str) -> bool:
    return installing.uninstall(cast.workspace, catalogue.find(name), cast.alice)


def stats_forms() -> list[tuple[str, bool]]:
    forms = db.session.scalars(select(Form).where(Form.source.is_not(None)))
    return [(form.name, form.hidden_at is None) for form in forms]


def test_what_it_requires_comes_first(cast) -> None:
    with pytest.raises(Refused, match="Email Tracker requires Bulk Email"):
        install(cast, TRACKER)
    assert install(cast, MAIL)
    assert install(cast, TRACKER)
    assert installing.installed(cast.workspace) == {MAIL, TRACKER}


def test_twice_is_once_and_noted_once(cast) -> None:
    install(cast, MAIL)
    assert [install(cast, TRACKER), install(cast, TRACKER)] == [True, False]
    assert stats_forms() == [("Email Tracker Stats", True)]
    assert db.session.scalar(select(func.count(AuditEntry.id))) == 2


def test_what_others_need_stays(cast) -> None:
    install(cast, MAIL)
    install(cast, TRACKER)
    with pytest.raises(Refused, match="Remove Email Tracker first"):
        uninstall(cast, MAIL)


def test_off_and_on_again_brings_the_same_form_back(cast) -> None:
    install(cast, MAIL)
    install(cast, TRACKER)
    assert [uninstall(cast, TRACKER), uninstall(cast, TRACKER)] == [True, False]
    assert stats_forms() == [("Email Tracker Stats", False)]
    install(cast, TRACKER)
    assert stats_forms() == [("Email Tracker Stats", True)]


def test_one_workspace_says_nothing_of_another(cast) -> None:
    install(cast, MAIL)
    assert installing.installed(cast.charlie.members[0].workspace) == set()


def test_eight_at_once_make_one_form(app: Flask, cast) -> None:
    install(cast, MAIL)
    workspace_id, results = cast.workspace.id, []
    db.session.rollback()  # reading took SQLite's lock

    def work() -> None:
        with app.app_context():
            workspace = db.session.get(Workspace, workspace_id)
            tracker = catalogue.find(TRACKER)
            results.append(installing.install(workspace, tracker, workspace.members[0].user))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == [False] * 7 + [True]
    assert len(stats_forms()) == 1
