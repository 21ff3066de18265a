"""Every page: axe finds nothing in either theme, nothing is wider than the window, and the keyboard
reaches everything."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.acting import (
    HOME,
    add_bulk_email,
    compose,
    dialog,
    import_people,
    install_tracker,
    send,
    sign_in,
    write_csv,
)
from tests.browser.conftest import Installation

PEOPLE = [("Ann", "ann@example.org"), ("Bo", "bo+bounce@example.org"), ("Nobody", "")]
PAGES = [
    "/account",
    HOME + "/notifications",
    HOME + "/webhooks",
    "/change-password",
    "/workspaces/new",
    "/w/none/data",
    HOME + "/people-search?q=ann",
    HOME + "/people-search?q=nothing-like-this",
    HOME + "/people/1",
    HOME + "/data/1",
    HOME + "/data/1?q=nothing-like-this",
    HOME + "/data/1/records/1",
    HOME + "/data/1/records/1/edit",
    HOME + "/data/1/records/1/delete",
    HOME + "/data/1/edit",
    HOME + "/data/1/delete",
    HOME + "/data/2",
    HOME + "/data/import",
    HOME + "/data/new",
    HOME + "/marketplace",
    HOME + "/marketplace/email_tracker/remove",
    HOME + "/people",
    HOME + "/settings",
    HOME + "/audit",
    HOME + "/help/statuses",
    HOME + "/emails",
    HOME + "/emails/trends",
    HOME + "/emails/1",
    HOME + "/emails/1/print",
    HOME + "/emails/1/recipients",
    HOME + "/emails/1/recipients/2",
    HOME + "/emails/1/resend",
    HOME + "/emails/1/resend?cause=mailbox_full",
    HOME + "/emails/1/resend?id=2",
    HOME + "/emails/1/content",
    HOME + "/emails/1/activity",
    HOME + "/emails/2/compose",
    HOME + "/emails/2/check",
    HOME + "/emails/2/send",
    HOME + "/connections",
    HOME + "/connections/1",
    HOME + "/connections/1/bounces",
    HOME + "/suppressions",
    HOME + "/suppressions/import",
    HOME + "/topics",
    HOME + "/topics/look",
    HOME + "/emails/1/doubtful",
    HOME + "/unmatched",
    HOME + "/emails/2/send",
    HOME + "/adopt",
    HOME + "/sandbox",
    HOME + "/sandbox/1",
]
# what opens on a page: where, and the words on what opens it
OPENED = [
    (HOME + "/data/1", "Filter"),
    (HOME + "/data/1", "Columns"),
    (HOME + "/emails/1/recipients/2", "Status: "),
    (HOME + "/emails/2/compose", "Send …"),
    (HOME + "/emails/2/compose", "Preview"),
    (HOME + "/emails/2/compose", "Merge field"),
]


@pytest.fixture(scope="module", autouse=True)
def filled(browser: Browser, installation: Installation, tmp_path_factory) -> None:
    """One email sent and one draft."""
    page = browser.new_page()
    page.set_default_timeout(30_000)
    path: Path = tmp_path_factory.mktemp("csv") / "few.csv"
    sign_in(page, installation)
    add_bulk_email(page)
    install_tracker(page)
    import_people(page, write_csv(path, PEOPLE), len(PEOPLE))
    compose(page, "Hello", "few")
    send(page)
    expect(page.get_by_text("1/3 delivered")).to_be_visible()
    compose(page, "A draft", "few")
    page.close()


@pytest.fixture(
    scope="module", params=[(1280, "light"), (390, "dark")], ids=lambda p: f"{p[0]}-{p[1]}"
)
def window(request, browser: Browser, installation: Installation) -> Iterator[Page]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(30_000)
    sign_in(page, installation)
    yield page
    context.close()


def findings(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [each["id"] + " " + each["nodes"][0]["html"][:160] for each in found]


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(window: Page, installation: Installation, path: str) -> None:
    refused: list[str] = []
    window.on("console", lambda m: refused.append(m.text) if "Content Security" in m.text else None)
    window.goto(installation.path(path))

    assert findings(window) == []
    assert refused == []
    overflow = window.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert overflow <= 0, f"{overflow} px wider than the window"


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_the_report_is_one_page(window: Page, installation: Installation, paper: str) -> None:
    window.goto(installation.path(HOME + "/emails/1/print"))
    expect(window.get_by_role("article")).to_contain_text("1 of 3 delivered")

    printed = window.pdf(format=paper)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1


@pytest.mark.parametrize(("path", "name"), OPENED, ids=[each[1] for each in OPENED])
def test_axe_finds_nothing_in_what_opens(
    window: Page, installation: Installation, path: str, name: str
) -> None:
    window.goto(installation.path(path))
    window.get_by_role("main").get_by_text(re.compile(rf"^\s*{name}")).first.click()
    expect(window.locator("dialog[open], .menu[open]")).to_be_visible()

    assert findings(window) == []


def test_axe_finds_nothing_for_strangers(page: Page, installation: Installation) -> None:
    for path in ("/sign-in", "/reset"):
        page.goto(installation.path(path))
        assert findings(page) == []


def test_the_keyboard_walks_in_the_order_of_the_page(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/emails"))
    walked = []
    for _ in range(12):
        page.keyboard.press("Tab")
        walked.append(
            page.evaluate(
                "(it => it.ariaLabel || it.innerText.trim())(document.activeElement)"
            ).split("\n")[0]
        )

    assert walked[:6] == [
        "Skip to the content", "Harbour Grants", "Data", "Bulk Email", "Marketplace", "Sandbox",
    ]  # fmt: skip
    assert re.match(r"Notifications(, \d+ unread)?$", walked.pop(8))
    assert walked[6:10] == [
        "Search people", "What the statuses mean", "Switch between light and dark",
        "Alice Moreau: your account",
    ]  # fmt: skip
    assert walked[10] == "Connections"


def test_a_dialog_keeps_the_keyboard_and_gives_it_back(
    page: Page, installation: Installation
) -> None:
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/marketplace"))
    opener = page.get_by_role("link", name="Remove Email Tracker")
    opener.focus()
    page.keyboard.press("Enter")
    expect(dialog(page)).to_be_visible()

    for _ in range(5):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    page.keyboard.press("Escape")

    expect(dialog(page)).to_have_count(0)
    expect(opener).to_be_focused()


def test_a_menu_opens_and_closes_by_keyboard(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/emails/1/recipients/2"))
    menu = page.get_by_role("button", name=re.compile("^Status: "))
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("For reading.")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.get_by_text("For reading.")).to_be_hidden()
    expect(menu).to_be_focused()


def test_arrows_walk_a_menu_and_the_tabs(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/emails/1"))
    page.get_by_label("Alice Moreau: your account").focus()
    for key in ("Enter", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="Sign out")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()

    page.get_by_role("tab", name="Overview").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Activity")).to_be_focused()
