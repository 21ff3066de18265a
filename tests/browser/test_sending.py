"""An email on its way: progress, the tab's title and the plot, seen while it is really sent."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.acting import (
    HOME,
    add_bulk_email,
    compose,
    import_people,
    install_tracker,
    send,
    sign_in,
    write_csv,
)
from tests.browser.conftest import Installation

DOMAINS = ("gmail.com", "outlook.com", "one.example", "two.example")
PEOPLE = [(f"P{n}", f"p{n}@{DOMAINS[n % 4]}") for n in range(240)]
GOING = re.compile(r"^\d\d? % · Spring grants – Email Tracker$")


@pytest.fixture(scope="module", autouse=True)
def _prepared(browser: Browser, installation: Installation, tmp_path_factory) -> None:
    """A connection that sends 15 mails a second, as its admin set it."""
    page = browser.new_page()
    path: Path = tmp_path_factory.mktemp("csv") / "many.csv"
    sign_in(page, installation)
    add_bulk_email(page)
    install_tracker(page)
    import_people(page, write_csv(path, PEOPLE), len(PEOPLE))
    page.goto(installation.path(HOME + "/connections/1"))
    page.get_by_label("Mails a second").fill("15")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("is saved")).to_be_visible()
    page.close()


def test_an_email_is_followed_to_its_end(page: Page, installation: Installation) -> None:
    sign_in(page, installation)
    compose(page, "Spring grants", "many")
    send(page)

    expect(page).to_have_title(GOING)
    expect(
        page.get_by_text(re.compile(r"of 240 gone · 1\d a second · about \d+ s left"))
    ).to_be_visible()
    expect(page.get_by_role("row", name=re.compile(r"^Google \d\S* a second"))).to_be_visible()
    numbers = page.locator("#traffic-numbers")
    numbers.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(numbers.get_by_role("cell").first).to_be_visible()
    assert [each["id"] for each in Axe().run(page).response["violations"]] == []

    renewed = page.locator("#overview").get_attribute("hx-get")
    expect(page.locator("#overview")).not_to_have_attribute("hx-get", renewed)
    expect(numbers).to_have_attribute("open", "")
    expect(page).to_have_title("Finished: Spring grants – Email Tracker", timeout=60_000)
    expect(page.get_by_role("heading", name="How it went out")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_what_is_left_of_it_fits_and_axe_finds_nothing(
    browser: Browser, installation: Installation, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    sign_in(page, installation)
    page.goto(installation.path(HOME + "/emails/1"))

    expect(page.get_by_role("img", name=re.compile("^Mails a second from"))).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [each["id"] for each in Axe().run(page).response["violations"]] == []
    context.close()
