"""The audit log is read by people, not by programs."""

import re
from pathlib import Path

import webapp
from webapp.accounts import auditing


def test_everything_noted_has_words() -> None:
    sources = "".join(path.read_text() for path in Path(webapp.__file__).parent.rglob("*.py"))
    noted = set(re.findall(r'[nN]ote\(\s*"([a-z_]+\.[a-z_]+)"', sources))

    assert noted
    assert noted - set(auditing.WORDS) == set()
