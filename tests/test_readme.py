"""What the README says of settings and commands is so."""

import re
from pathlib import Path

from tests.test_architecture import ARROWS
from webapp import settings
from webapp.cli import commands

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def table() -> str:
    """The settings as the README must have them."""
    lines = ["| Variable | Default | What it says |", "| --- | --- | --- |"]
    for variable in settings.VARIABLES.values():
        default = f"`{variable.default}`" if variable.default else ""
        lines.append(f"| `{variable.name}` | {default} | {variable.help} |")
    return "\n".join(lines)


def test_the_table_of_settings_is_the_one_of_the_program():
    written = README.split("test_readme.py -->\n")[1].split("\n<!-- /settings")[0]
    assert written == table()


def test_every_room_is_on_the_map():
    assert all(re.search(rf"^  {room}/ ", README, re.MULTILINE) for room in ARROWS)


def test_every_command_that_is_named_exists():
    named = set(re.findall(r"email-tracker ([a-z][a-z-]*)", README))
    assert named <= set(commands.commands)
