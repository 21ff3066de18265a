"""Addresses that get no more mail: once each, per workspace, and liftable."""

import pytest
from sqlalchemy import func, select

from tests import makers
from webapp.accounts.models import Workspace
from webapp.delivery import suppressing
from webapp.delivery.models import Suppression
from webapp.delivery.suppressing import Entry
from webapp.extensions import db
from webapp.mail.causes import Cause

pytestmark = pytest.mark.database


def suppress(workspace: Workspace, *addresses: str, cause: Cause = Cause.UNSUBSCRIBED) -> None:
    suppressing.suppress(workspace.id, [Entry(address, cause, "said so") for address in addresses])
    db.session.commit()


def test_one_address_in_many_spellings_stands_there_once(cast) -> None:
    suppress(cast.workspace, "Ann@X.test", "ann@x.TEST")
    suppress(cast.workspace, "ann@x.test", cause=Cause.MAILBOX_MISSING)

    assert db.session.scalar(select(func.count(Suppression.id))) == 1
    assert db.session.scalar(select(Suppression.cause)) == Cause.UNSUBSCRIBED


def test_what_is_no_address_is_passed_over(cast) -> None:
    suppress(cast.workspace, "", "nobody", "a@@b", "ann@x.test")

    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]


def test_one_workspace_s_list_is_not_another_s(cast) -> None:
    suppress(cast.workspace, "ann@x.test")
    other = db.session.scalar(select(Workspace).where(Workspace.id != cast.workspace.id))

    assert suppressing.suppressed(other.id, ["ann@x.test"]) == {}
    assert set(suppressing.suppressed(cast.workspace.id, ["ann@x.test", "bo@x.test"])) == {
        "ann@x.test"
    }


def test_a_lifted_address_may_be_suppressed_again(cast) -> None:
    suppress(cast.workspace, "ann@x.test")
    found = db.session.scalar(select(Suppression))

    assert suppressing.lift(found, cast.alice.id, "she asked")
    assert not suppressing.lift(found, cast.alice.id, "twice")
    db.session.commit()
    assert makers.suppressed_addresses(cast.workspace) == []
    suppress(cast.workspace, "ann@x.test")
    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]


def test_thousands_are_looked_up_together(cast) -> None:
    addresses = [f"p{number}@x.test" for number in range(1_200)]
    suppress(cast.workspace, *addresses)

    assert set(suppressing.suppressed(cast.workspace.id, addresses)) == set(addresses)


@pytest.mark.parametrize(
    ("why", "shown"),
    [
        (Cause.UNSUBSCRIBED, Cause.UNSUBSCRIBED),
        (Cause.COMPLAINED, Cause.COMPLAINED),
        (Cause.MAILBOX_MISSING, Cause.SUPPRESSED),
    ],
)
def test_a_withheld_copy_says_what_concerns_the_person(why: Cause, shown: Cause) -> None:
    assert suppressing.withholding_cause(why) is shown
