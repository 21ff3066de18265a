"""Suppressions, and what becomes of doubtful copies, for admins."""

import pytest
from sqlalchemy import select

from tests import makers
from webapp.accounts.models import AuditEntry
from webapp.extensions import db
from webapp.plugins import catalogue, installing

pytestmark = pytest.mark.database
SUPPRESSIONS = "/w/acme/suppressions"


@pytest.fixture
def client(cast, sign_in):
    installing.install(cast.workspace, catalogue.find("bulk_email"), cast.alice)
    return sign_in(cast.alice)


def actions() -> list[str]:
    return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_an_address_is_suppressed_by_hand_and_lifted_with_a_reason(cast, client) -> None:
    client.post(SUPPRESSIONS, data={"address": "ann@x.test", "reason": "asked by phone"})
    assert makers.suppressed_addresses(cast.workspace) == ["ann@x.test"]
    text = client.get(SUPPRESSIONS).text
    assert "asked by phone" in text
    assert "ann@x.test" not in client.get(f"{SUPPRESSIONS}?q=bo").text

    lift = f"{SUPPRESSIONS}/{db.session.scalar(db.text('SELECT id FROM suppressions'))}/lift"
    assert client.post(lift, data={"reason": " "}).status_code == 422
    assert client.post(lift, data={"reason": "asked to"}).status_code == 303
    assert makers.suppressed_addresses(cast.workspace) == []
    assert actions()[-2:] == ["address.suppressed", "address.suppression_lifted"]


def test_what_is_no_address_is_not_suppressed(cast, client) -> None:
    answer = client.post(SUPPRESSIONS, data={"address": "ann"})

    assert answer.status_code == 422
    assert 'id="address-error"' in answer.text


def test_the_policy_for_doubtful_copies_is_a_setting_and_audited(cast, client) -> None:
    data = {"name": "Acme Grants", "time_zone": "UTC", "unconfirmed_policy": "send_again"}

    client.post("/w/acme/settings", data=data)

    db.session.refresh(cast.workspace)
    assert cast.workspace.unconfirmed_policy == "send_again"
    entry = db.session.scalar(select(AuditEntry).order_by(AuditEntry.id.desc()))
    assert entry.details == {"unconfirmed_policy": ["hold", "send_again"]}
    assert (
        client.post("/w/acme/settings", data=data | {"unconfirmed_policy": "x"}).status_code == 422
    )
