"""Custom domains at the same mailbox provider share a destination."""

import pytest

from webapp.delivery import grouping
from webapp.extensions import db

pytestmark = pytest.mark.database

HOSTS = {
    "acme.test": ["aspmx.l.google.com.", "alt1.aspmx.l.google.com."],
    "uni.test": ["mx1.mail.uni.test."],
    "none.test": [],
}


def resolve(domain: str) -> list[str]:
    if domain not in HOSTS:
        raise OSError("nobody can tell")
    return HOSTS[domain]


@pytest.mark.parametrize(
    ("hosts", "operator"),
    [
        (["aspmx.l.google.com."], "Google"),
        (["acme-org.mail.protection.outlook.com"], "Microsoft"),
        (["MX01.uni.edu."], "uni.edu"),
        (["notgoogle.com"], "notgoogle.com"),
        ([], None),
    ],
)
def test_the_mx_tells_who_runs_the_mailboxes(hosts: list[str], operator: str | None) -> None:
    assert grouping.operator_of(hosts) == operator


def test_a_domain_stands_for_itself_until_it_was_looked_up(app) -> None:
    found, stale = grouping.destinations_of(["acme.test", "gmail.com"])
    assert found == {"acme.test": "acme.test", "gmail.com": "Google"}
    assert stale == ["acme.test"]

    grouping.wanted(stale)
    db.session.commit()
    assert grouping.look_up_some(resolve) == 1

    assert grouping.destinations_of(["acme.test"]) == ({"acme.test": "Google"}, [])


def test_what_nobody_can_tell_is_not_asked_again_at_once(app) -> None:
    grouping.wanted(["gone.test", "none.test"])
    db.session.commit()

    grouping.look_up_some(resolve)

    assert grouping.look_up_some(resolve) == 0
    assert grouping.destinations_of(["gone.test"]) == ({"gone.test": "gone.test"}, [])
