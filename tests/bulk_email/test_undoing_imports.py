"""An import undone lifts who is on the list because of that file alone, and nobody else."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests import makers
from webapp.accounts.models import AuditEntry
from webapp.bulk_email import importing_addresses, undoing_imports
from webapp.bulk_email.importing_addresses import Why
from webapp.bulk_email.models_lists import AddressImport, OtherReason
from webapp.delivery import suppressing
from webapp.delivery.models import Suppression
from webapp.delivery.suppressing import Entry
from webapp.extensions import db
from webapp.lib import clock, stopping
from webapp.mail.causes import Cause
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database


def bring_in(cast, text: str, expires_in: int = 0) -> AddressImport:
    expires_at = clock.now() + timedelta(days=expires_in) if expires_in else None
    why = Why(Cause.SUPPRESSED, "Old list", expires_at)
    kept = importing_addresses.upload(cast.workspace, cast.alice, text.encode(), "old.csv", why)
    importing_addresses.run(kept.id)
    return db.session.get_one(AddressImport, kept.id)


def undo(cast, kept: AddressImport) -> AddressImport:
    assert undoing_imports.undo(kept, cast.alice, "Wrong file")
    importing_addresses.run(kept.id)
    return db.session.get_one(AddressImport, kept.id)


def by_hand(cast, address: str, days: int = 0) -> None:
    expires_at = clock.now() + timedelta(days=days) if days else None
    entry = Entry(address, Cause.COMPLAINED, "Called us", expires_at=expires_at)
    suppressing.suppress(cast.workspace.id, [entry])
    db.session.commit()


def test_it_lifts_what_the_file_added_and_says_so(cast) -> None:
    by_hand(cast, "before@x.test")
    kept = undo(cast, bring_in(cast, "ann@x.test\nbefore@x.test\nbo@x.test\n"))

    assert (kept.stage, kept.lifted, kept.undo_done) == ("finished", 2, 2)
    assert makers.suppressed_addresses(cast.workspace) == ["before@x.test"]
    lifted = db.session.scalar(select(Suppression).where(Suppression.address == "ann@x.test"))
    assert (lifted.lifted_by_id, lifted.lifted_reason) == (cast.alice.id, "Wrong file")
    noted = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert (noted.action, noted.details["reason"]) == ("addresses.import_undone", "Wrong file")


def test_who_has_another_reason_since_stays_with_that_reason(cast) -> None:
    kept = bring_in(cast, "ann@x.test\nbo@x.test\n")
    by_hand(cast, "ann@x.test")
    kept = undo(cast, kept)

    (left,) = db.session.scalars(select(Suppression).where(Suppression.lifted_at.is_(None)))
    assert (left.address, left.cause, left.reason) == ("ann@x.test", "complained", "Called us")
    assert (kept.undo_total, kept.lifted) == (1, 1)


def test_a_pause_does_not_shorten_what_a_file_put_there_for_good(cast) -> None:
    bring_in(cast, "ann@x.test\n")
    by_hand(cast, "ann@x.test", days=14)

    assert db.session.scalar(select(Suppression)).expires_at is None


def test_who_stands_in_two_files_stays_until_both_are_undone(cast) -> None:
    first = bring_in(cast, "ann@x.test\nbo@x.test\n")
    second = bring_in(cast, "ann@x.test\n")
    assert (undoing_imports.active(second), undoing_imports.shared(second)) == (0, 1)

    assert (undo(cast, first).lifted, first.undo_done) == (1, 2)
    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]
    assert undo(cast, second).lifted == 1
    assert makers.suppressed_addresses(cast.workspace) == []


def test_a_second_file_undone_first_leaves_the_first_as_it_was(cast) -> None:
    first = bring_in(cast, "ann@x.test\n")
    undo(cast, bring_in(cast, "ann@x.test\n"))

    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]
    assert db.session.scalars(select(OtherReason)).all() == []
    assert undo(cast, first).lifted == 1


def test_who_was_there_until_a_time_is_there_until_then_again(cast) -> None:
    by_hand(cast, "ann@x.test", days=14)
    kept = bring_in(cast, "ann@x.test\n")
    assert db.session.scalar(select(Suppression)).expires_at is None
    kept = undo(cast, kept)

    (left,) = db.session.scalars(select(Suppression).where(Suppression.lifted_at.is_(None)))
    assert (left.cause, left.import_id, kept.lifted) == ("complained", None, 0)
    assert left.expires_at - clock.now() < timedelta(days=14)


def test_a_time_that_is_over_by_then_keeps_nobody(cast, monkeypatch) -> None:
    by_hand(cast, "ann@x.test", days=14)
    kept = bring_in(cast, "ann@x.test\n")
    later = clock.now() + timedelta(days=15)
    monkeypatch.setattr(clock, "now", lambda: later)

    assert undo(cast, kept).lifted == 1


def test_it_is_begun_once_and_not_while_the_file_is_brought_in(cast) -> None:
    why = Why(Cause.SUPPRESSED, "Old list")
    kept = importing_addresses.upload(cast.workspace, cast.alice, b"a@x.test\n", "old.csv", why)
    assert not undoing_imports.undo(kept, cast.alice, "Wrong file")
    importing_addresses.run(kept.id)

    assert undoing_imports.undo(kept, cast.alice, "Wrong file")
    assert not undoing_imports.undo(kept, cast.alice, "Wrong file")


def test_a_worker_that_is_stopped_is_followed_by_one_that_goes_on(cast, monkeypatch) -> None:
    monkeypatch.setattr(undoing_imports, "CHUNK", 2)
    kept = bring_in(cast, "a@x.test\nb@x.test\nc@x.test\n")
    undoing_imports.undo(kept, cast.alice, "Wrong file")
    monkeypatch.setattr(stopping, "is_asked", lambda: True)
    importing_addresses.run(kept.id)
    db.session.refresh(kept)
    assert (kept.stage, kept.lifted) == ("running", 2)
    monkeypatch.undo()
    importing_addresses.run(kept.id)

    db.session.refresh(kept)
    assert (kept.stage, kept.lifted) == ("finished", 3)


def test_the_page_offers_it_asks_why_and_tells_what_became_of_it(cast, sign_in) -> None:
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    client = sign_in(cast.alice)
    page = f"/w/acme/suppressions/imports/{bring_in(cast, 'ann@x.test').id}"
    assert "1 address is on the list because of this file alone" in client.get(page).text
    assert "out of a file" in client.get("/w/acme/suppressions").text

    asked = client.post(page, data={"reason": " "})
    assert (asked.status_code, "Say why" in asked.text) == (422, True)
    done = client.get(client.post(page, data={"reason": "Wrong file"}).location)
    assert "Undone: 1 address can get mail again" in done.text
    assert "Wrong file" in done.text
    assert "undone" in client.get("/w/acme/suppressions/import").text
