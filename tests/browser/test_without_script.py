"""The main job with JavaScript switched off: forms and links do it all."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.acting import choose_form, sign_in, write_csv
from tests.browser.conftest import Installation

PEOPLE = [("Ann", "ann@example.org"), ("Bo", "bo+bounce@example.org"), ("Nobody", "")]


@pytest.fixture
def plain_page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def reload_until(page: Page, text: str) -> None:
    """As a person would: press reload until it is there."""
    for _ in range(60):
        if page.get_by_text(text).count():
            return
        page.wait_for_timeout(500)
        page.reload()
    raise AssertionError(f"{text} never appeared: {page.inner_text('main')}")


def test_from_the_marketplace_to_a_name_and_a_reason(
    plain_page: Page, installation: Installation, tmp_path: Path
) -> None:
    page = plain_page
    sign_in(page, installation)
    _install(page)
    _import(page, write_csv(tmp_path / "few.csv", PEOPLE))
    _write_and_send(page)

    reload_until(page, "1/3 delivered")
    page.get_by_role("tab", name="Recipients").click()
    reload_until(page, "Not Sent 2")
    page.get_by_label("Search name or address").fill("bo+")
    page.get_by_role("button", name="Search", exact=True).last.click()
    page.get_by_role("link", name="Bo", exact=True).click()
    page.get_by_role("button", name="Status: Bounced").click()
    expect(page.get_by_text("The recipient's server refused it, at once or later.")).to_be_visible()
    expect(page.get_by_role("heading", name="Timeline")).to_be_visible()


def _install(page: Page) -> None:
    page.get_by_role("link", name="Marketplace").click()
    page.get_by_role("link", name="Add Bulk Email").click()
    page.get_by_role("button", name="Install").click()
    page.get_by_role("link", name="Bulk Email", exact=True).click()
    page.get_by_role("button", name="Install the Email Tracker Plugin").click()
    page.get_by_role("button", name="Install").click()
    page.get_by_role("link", name="Open Email Tracker Stats").click()
    expect(page.get_by_role("heading", name="Email Tracker Stats")).to_be_visible()


def _import(page: Page, path: Path) -> None:
    page.get_by_role("link", name="Import a CSV").click()
    page.get_by_label("CSV file").set_input_files(path)
    page.get_by_role("button", name="Upload").click()
    page.get_by_role("button", name="Import").click()
    reload_until(page, "3 records imported")


def _write_and_send(page: Page) -> None:
    page.get_by_role("link", name="Bulk Email", exact=True).click()
    page.get_by_role("button", name="Write the first email").click()
    choose_form(page, "few")
    page.get_by_role("button", name="Save").click()
    page.get_by_label("Subject").fill("Hello")
    page.get_by_label("Text", exact=True).fill('Dear {{ name | default: "friend" }},')
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Check everything").click()
    expect(page.get_by_text("3 records:")).to_be_visible()
    page.get_by_role("link", name="Back to the email").click()
    page.get_by_role("button", name="Send …").click()
    page.get_by_role("button", name=re.compile("^Send to 2")).click()
