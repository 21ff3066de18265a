"""Templates: what the eye overlooks and the content security policy or htmx 4 does not forgive."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHECK = ROOT / "build/npm/node_modules/htmx.org/dist/scripts/upgrade-check.py"
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def check(*paths: Path) -> list[str]:
    """What htmx's own check says against them: lines "file:line: [kind] …"."""
    assert CHECK.exists(), "run `make .venv/.installed`: the check comes with htmx"
    words = [sys.executable, CHECK, "--no-color", *paths]
    ended = subprocess.run(words, capture_output=True, text=True)
    report = ended.stdout + ended.stderr
    assert "Scanning" in report, report
    return [line for line in report.splitlines() if ": [" in line and not is_own(line)]


def is_own(line: str) -> bool:
    """Whether it takes for meant to be inherited what stands on an element with a request of its
    own: that is how a live part carries its own polling."""
    path, number, kind = line.split(":")[:3]
    text = Path(path).read_text().splitlines()[int(number) - 1]
    return "[inheritance]" in kind and ("hx-get" in text or "hx-post" in text)


def test_nothing_is_written_for_htmx_2():
    assert check(ROOT / "templates", ROOT / "static" / "app.js") == []


def test_the_check_sees_what_is_written_for_htmx_2(tmp_path: Path):
    (tmp_path / "old.html").write_text('<div hx-ext="sse" hx-params="none"></div>')
    assert len(check(tmp_path)) == 2


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_inline(path: Path):
    """The content security policy would drop it: style, script and on… attributes."""
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(r"\s(style|on[a-z]+)\s*=", text)
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)", text)
    assert "hx-on" not in text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_unknown_text_is_always_escaped(path: Path):
    assert "|safe" not in path.read_text().replace(" ", "")
    assert "autoescape false" not in path.read_text()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_icon_is_in_the_sprite(path: Path):
    names = {name.split("/")[1] for name in (ROOT / "static" / "icons.txt").read_text().split()}
    used = set(re.findall(r"""\bicon\(["']([a-z0-9-]+)["']""", path.read_text()))
    assert used <= names
