"""The audit log reads as sentences: labels, old → new, nothing raw."""

import re
from pathlib import Path

import pytest

import webapp
from webapp.accounts import auditing, wording
from webapp.accounts.models import AuditEntry

AT = "2026-03-01T09:00:00+00:00"


@pytest.mark.parametrize(
    ("details", "lines"),
    [
        ({"rate": [2.0, None], "daily_cap": [None, 10000]},
         ["Mails a second: 2 → no limit", "Mails a day: no limit → 10,000"]),
        ({"from": None, "to": AT}, ["Until: none → 1 Mar 2026, 10:00 CET"]),
        ({"at": AT}, ["For: 1 Mar 2026, 10:00 CET"]),
        ({"before": "News", "after": "Letters"}, ["Name: News → Letters"]),
        ({"security": ["starttls", "none"]}, ["Security: STARTTLS → not encrypted"]),
        ({"username": [None, "ann"]}, ["User name: none → ann"]),
        ({"hosts": ["a", "b"], "why": ["moved"]},
         ["Hosts: a, b", "Because: the database stood in another place"]),
        ({"records": 3000, "reason": ""}, ["Records: 3,000"]),
        ({"something_new": True}, ["Something new: yes"]),
    ],
)  # fmt: skip
def test_details_are_labelled_and_what_changed_reads_old_to_new(details, lines) -> None:
    entry = AuditEntry(action="connection.saved", details=details)

    assert wording.details(entry, "Europe/Paris") == lines


def test_every_act_that_is_noted_has_words() -> None:
    root = Path(webapp.__file__).parent
    source = "".join(
        path.read_text() for path in root.rglob("*.py") if "providers" not in str(path)
    )
    rooms = {action.split(".")[0] for action in auditing.WORDS}
    noted = set(re.findall(rf'(?:[nN]ote)\(\s*"((?:{"|".join(rooms)})\.[a-z_]+)"', source))

    assert len(noted) > 20
    assert noted <= set(auditing.WORDS)


@pytest.mark.database
def test_what_changed_is_told_from_the_row_itself(cast) -> None:
    workspace = cast.workspace
    before = workspace.name
    workspace.name, workspace.time_zone, workspace.postal_address = "New", "Europe/Paris", "1 Quay"

    changed = auditing.changes(workspace, "name", "time_zone", "slug")

    assert changed == {"called": [before, "New"], "time_zone": ["UTC", "Europe/Paris"]}
    assert auditing.changes(type(workspace)(name="x", slug="x"), "name") == {}
