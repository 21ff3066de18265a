"""A whole installation, as `make run` starts it, and a Chromium before it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


expect.set_options(timeout=20_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)


@dataclass
class Installation:
    address: str
    data: Path
    process: subprocess.Popen
    cookies: dict[str, list] = field(default_factory=dict)

    def path(self, path: str) -> str:
        return self.address + path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_installation(data: Path, **environment: str) -> Installation:
    """`email-tracker up --demo` in a folder of its own, on free ports; returns when it answers."""
    port = free_port()
    settings = {
        "PORT": str(port),
        "BASE_URL": f"http://127.0.0.1:{port}",
        "SANDBOX_SMTP_PORT": str(free_port()),
        "DATA_DIR": str(data),
        "PYTHONUNBUFFERED": "1",
    } | environment
    with (data / "up.log").open("w") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "email-tracker"), "up", "--demo"],
            env=os.environ | settings,
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    installation = Installation(settings["BASE_URL"], data, process)
    for _ in range(240):
        assert process.poll() is None, (data / "up.log").read_text()
        try:
            urllib.request.urlopen(installation.path("/sign-in"), timeout=1).read()
            return installation
        except OSError:
            time.sleep(0.25)
    raise AssertionError((data / "up.log").read_text())


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    running = start_installation(tmp_path_factory.mktemp("up"))
    yield running
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(60)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed after each file: while it is open, its event loop runs in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A person's window; a script error, a blocked resource or a 500 fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    page.on(
        "console",
        lambda message: (
            problems.append(message.text) if "Content Security Policy" in message.text else None
        ),
    )
    page.on(
        "response",
        lambda answer: (
            problems.append(f"{answer.status} {answer.url}")
            if answer.status in (500, 503)
            else None
        ),
    )
    yield page
    context.close()
    assert problems == []
